import Table from "cli-table3";
import type { ReplayMeasurements, ReplayReport } from "../replay/index.ts";

export interface ProcessMeasurements extends ReplayMeasurements {
  /** Milliseconds from the first byte read to the report. */
  readonly wallMs: number;
  /** The largest resident set of the process, bytes. */
  readonly maxRssBytes: number;
}

/** The report of a replay for people. */
export function replayTables(
  name: string,
  report: ReplayReport,
  measured: ProcessMeasurements,
): string {
  const { log, mirrors, invalidations, hits, oomReaper, entries, readSide, options } = report;
  const rows: [string, string][] = [
    [
      "log",
      `${name}: ${n(log.lines)} lines, ${n(log.tasks)} tasks, ${n(log.addressSpaces)} address spaces`,
    ],
    ["pieces", `${n(log.peakPieces)} at the peak, ${n(log.finalPieces)} at the end`],
    [
      "mirrors",
      `${n(mirrors.peak)} live at the peak, ${n(mirrors.atEnd)} at the end, ${n(mirrors.inserted)} inserted`,
    ],
    ["invalidations", `${n(invalidations.total)}${staleText(invalidations)}`],
    ...Object.entries(invalidations.byEvent).map(([event, count]): [string, string] => [
      `  ${event}`,
      n(count),
    ]),
    [
      "hits per invalidation",
      `median ${n(hits.median)}, p99 ${n(hits.p99)}, max ${n(hits.max)}, ${n(hits.total)} in all`,
    ],
    ["secondary entries", `${n(entries.installed)} installed, ${n(entries.tornDown)} torn down`],
    [
      "read side",
      `${n(readSide.reads)} reads, ${n(readSide.collisions)} collisions, ${n(readSide.waits)} waits`,
    ],
    [
      "owner's waits",
      `${n(waited(report, "owner: mirror lock"))} for a mirror's lock, ${n(waited(report, "owner: mmap lock (write)"))} for the mmap lock`,
    ],
    ["OOM reaper", reaperText(oomReaper)],
    ["process_mrelease", `${n(report.processMrelease.refusals)} refusals`],
    ["profile", options.profile],
    ["seed", String(options.seed)],
    [
      "engine",
      `${Math.round(measured.engineNsPerInvalidation)} ns per invalidation, ${share(measured)} of ${(measured.wallMs / 1000).toFixed(1)} s`,
    ],
    ["memory", `engine ${mib(measured.engineBytes)}, process ${mib(measured.maxRssBytes)} at most`],
    ["coherent", verdict(report)],
  ];
  const table = new Table({
    chars: PLAIN,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  table.push(...rows);
  return `${table.toString()}\n`;
}

/** No frame: the columns alone. */
export const PLAIN = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
};

function verdict(report: ReplayReport): string {
  if (!report.ok) return `NO: ${n(report.violationCount)} violations`;
  const how = report.options.verify ? "every hit list equals a scan of all mirrors, " : "";
  return `yes: ${how}no mirror kept a stale entry`;
}

function staleText(invalidations: ReplayReport["invalidations"]): string {
  const parts: string[] = [];
  if (invalidations.staleRemovals > 0)
    parts.push(`${n(invalidations.staleRemovals)} for removals that the log does not show`);
  if (invalidations.unrepresentable > 0)
    parts.push(`${n(invalidations.unrepresentable)} left out, beyond 2^64`);
  return parts.length === 0 ? "" : `; ${parts.join("; ")}`;
}

function reaperText(reaper: ReplayReport["oomReaper"]): string {
  if (reaper.strikes === 0) return "no strike";
  const exited = reaper.exitedFirst > 0 ? `, ${n(reaper.exitedFirst)} exited first` : "";
  return `${n(reaper.strikes)} strikes, ${n(reaper.attempts)} attempts, ${n(reaper.refusals)} refusals; ${n(reaper.reaped)} reaped (${n(reaper.reapedAfterRetry)} after a retry), ${n(reaper.gaveUp)} given up${exited}`;
}

function waited(report: ReplayReport, wait: string): number {
  return report.waits[wait] ?? 0;
}

function share(measured: ProcessMeasurements): string {
  return `${((100 * measured.engineMs) / measured.wallMs).toFixed(0)} %`;
}

function n(value: number): string {
  return value.toLocaleString("en-US");
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
