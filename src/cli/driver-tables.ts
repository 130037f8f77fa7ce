import Table from "cli-table3";
import type { DriverReplayReport, DriverReport } from "../replay/drivers/index.ts";
import { PLAIN } from "./replay-tables.ts";

const STYLE = { head: [], border: [], "padding-left": 0, "padding-right": 2 };

/** The report of a replay against drivers, for people. */
export function driverTables(name: string, report: DriverReplayReport): string {
  return [summary(name, report), perDriver(report), verdict(report)].join("\n");
}

function summary(name: string, report: DriverReplayReport): string {
  const { log, invalidations, oomReaper, processMrelease, options } = report;
  const left = [
    ...(invalidations.skipped > 0 ? [`${n(invalidations.skipped)} of hung processes`] : []),
    ...(invalidations.unrepresentable > 0
      ? [`${n(invalidations.unrepresentable)} beyond 2^64`]
      : []),
  ];
  const rows: [string, string][] = [
    [
      "log",
      `${name}: ${n(log.lines)} lines, ${n(log.tasks)} tasks, ${n(log.addressSpaces)} address spaces`,
    ],
    [
      "invalidations",
      `${n(invalidations.blockable)}${left.length > 0 ? `; left out ${left.join(", ")}` : ""}`,
    ],
    [
      "OOM reaper",
      `${n(oomReaper.strikes)} strikes, ${n(oomReaper.attempts)} attempts, ${n(oomReaper.approvals)} approvals, ${n(oomReaper.refusals)} refusals; ${n(oomReaper.reaped)} reaped (${n(oomReaper.reapedAfterRetry)} after a retry), ${n(oomReaper.gaveUp)} given up, ${n(oomReaper.exitedFirst)} exited first, ${n(oomReaper.hung)} hung`,
    ],
    [
      "memory",
      `${mib(oomReaper.bytesReaped)} reaped, ${mib(oomReaper.bytesRefused)} refused, by the last attempts`,
    ],
    [
      "process_mrelease",
      `${n(processMrelease.calls)} calls, ${n(processMrelease.refusals)} refusals`,
    ],
    ["mirrors", "none beside the drivers"],
    ["profile", options.profile],
    ["seed", String(options.seed)],
  ];
  const table = new Table({ chars: PLAIN, style: STYLE });
  table.push(...rows);
  return `${table.toString()}\n`;
}

const HEAD = [
  "driver",
  "approved",
  "refused",
  "spurious",
  "slept",
  "waits",
  "held us",
  "never ended",
  "installed",
  "torn down",
  "faults",
];

function perDriver({ drivers }: DriverReplayReport): string {
  const table = new Table({
    chars: PLAIN,
    style: STYLE,
    colAligns: HEAD.map((_, at) => (at === 0 || at === HEAD.length - 1 ? "left" : "right")),
  });
  table.push(HEAD);
  for (const driver of drivers) {
    const { name, nonblocking, callbackWaits, held, entries } = driver;
    table.push([
      name,
      n(nonblocking.approvals),
      n(nonblocking.refusals),
      n(nonblocking.spurious),
      n(nonblocking.sleeps),
      n(callbackWaits.count),
      n(held.total),
      n(held.neverEnded),
      n(entries.installed),
      n(entries.tornDown),
      faultsText(driver),
    ]);
  }
  return `${table.toString()}\n`;
}

/** `V01 x 16, hung x 3`; spurious refusals are no fault, and have a column of their own. */
function faultsText({ violations, staleEntries, kernelBugs, hung }: DriverReport): string {
  const faults = [
    ...Object.entries(violations).filter(([id]) => id !== "V31"),
    ["stale", staleEntries] as const,
    ["bug", kernelBugs] as const,
    ["hung", hung] as const,
  ];
  const text = faults.filter(([, count]) => count > 0).map(([id, count]) => `${id} x ${n(count)}`);
  return text.length === 0 ? "-" : text.join(", ");
}

function verdict({ ok, violationCount, drivers, findings }: DriverReplayReport): string {
  if (ok) return "coherent  yes: no driver kept a stale entry or broke a rule\n";
  const lines = findings.map(
    ({ driver, kind, title, count }) =>
      `  ${driver ?? "(nobody)"}: ${kind} x ${n(count)}, ${title}`,
  );
  const stale = drivers.reduce((sum, { staleEntries }) => sum + staleEntries, 0);
  return `coherent  NO: ${n(violationCount)} violations, ${n(stale)} of them stale entries\n${lines.sort().join("\n")}\n`;
}

function n(value: number): string {
  return value.toLocaleString("en-US");
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
