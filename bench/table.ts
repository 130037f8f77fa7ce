import Table from "cli-table3";
import { OPERATIONS } from "./cells.ts";
import { CONTENDERS } from "./contenders.ts";
import type { Best, CellReport, Report } from "./report.ts";
import type { Bar, Mean } from "./standings.ts";
import type { Verdict } from "./verdict.ts";

const NAMES = CONTENDERS.map(({ name }) => name);

/** What is being measured, on what. */
export function heading({ machine, engineSha256, workloads, contenders }: Report): string {
  const hashes = Object.entries(workloads).map(([name, hash]) => `${name} ${hash}`);
  const versions = contenders.map(
    ({ name, version }) => `${name}${version === null ? "" : ` ${version}`}`,
  );
  return [
    `cpu        ${machine.cpu}, ${machine.cores} cores`,
    `runtime    node ${machine.node}, V8 ${machine.v8}`,
    `engine     sha256 ${engineSha256}`,
    `contenders ${versions.join(", ")}`,
    `workloads  ${hashes.join(", ")}`,
    "",
  ].join("\n");
}

/** Nanoseconds per operation, a table for each operation. */
export function cellTables(cells: readonly CellReport[]): string {
  return OPERATIONS.flatMap((operation) => {
    const rows = cells.filter((cell) => cell.operation === operation);
    if (rows.length === 0) return [];
    const table = newTable([operation, ...NAMES, "best dynamic", "flatbush"]);
    for (const { workload, count, unit, verdicts, ratios } of rows) {
      table.push([
        `${workload} ${count} ${unit}`,
        ...NAMES.map((name) => verdictText(verdicts[name])),
        ratios.dynamic === null ? "-" : `${ratios.dynamic.contender} ${times(ratios.dynamic)}`,
        ratios.flatbush === null ? "-" : times(ratios.flatbush),
      ]);
    }
    return [`${table.toString()}\n`];
  }).join("\n");
}

export function summary({ cells, means, bars }: Report): string {
  const parts = [meanTable(means), bars.map(barText).join("\n")];
  const failures = cells.flatMap(({ name, verdicts }) =>
    Object.entries(verdicts).flatMap(([contender, verdict]) =>
      verdict.verdict === "wrong" ? [`wrong: ${contender} in ${name}: ${verdict.detail}`] : [],
    ),
  );
  if (failures.length > 0) parts.push(failures.join("\n"));
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function meanTable(means: readonly Mean[]): string {
  if (means.length === 0) return "";
  const operations = OPERATIONS.filter((name) => means.some(({ operation }) => operation === name));
  const table = newTable(["times as long as ours, geometric mean from 10,000", ...operations]);
  for (const name of NAMES) {
    const row = means.filter(({ contender }) => contender === name);
    if (row.length === 0) continue;
    table.push([
      name,
      ...operations.map((operation) => {
        const mean = row.find((each) => each.operation === operation);
        return mean === undefined ? "-" : `${digits(mean.ratio)}x (${mean.cells})`;
      }),
    ]);
  }
  return table.toString();
}

function barText({ name, ratio, met, worst, cells, withoutPeer }: Bar): string {
  const without =
    withoutPeer === 0 ? "" : `; in ${withoutPeer} more cells none of them was right in time`;
  if (ratio === null || worst === null) return `not measured  ${name}${without}`;
  return (
    `${met ? "met   " : "MISSED"}  ${name}: ${digits(ratio)}x in ${cells} cells, ` +
    `least ${digits(worst.ratio)}x (${worst.contender}, ${worst.cell})${without}`
  );
}

function verdictText(verdict: Verdict): string {
  if (verdict.verdict === "measured") return digits(verdict.nanoseconds);
  return verdict.verdict === "lacking" ? "-" : verdict.verdict;
}

function times({ ratio }: Best): string {
  return `${digits(ratio)}x`;
}

/** Three digits that matter, thousands as k and millions as M. */
function digits(value: number): string {
  if (value >= 999_500) return `${(value / 1e6).toPrecision(3)}M`;
  if (value >= 9_995) return `${(value / 1e3).toPrecision(3)}k`;
  return value >= 99.5 ? value.toFixed(0) : value.toPrecision(3);
}

function newTable(head: string[]): Table.Table {
  return new Table({
    head,
    colAligns: head.map((_, i) => (i === 0 ? "left" : "right")),
    chars: PLAIN,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
}

/** No frame: the columns alone. */
const PLAIN = Object.fromEntries(
  ["top", "mid", "bottom"]
    .flatMap((row) => [row, `${row}-mid`])
    .concat(["top-left", "top-right", "bottom-left", "bottom-right"])
    .concat(["left", "left-mid", "mid-mid", "right", "right-mid", "middle"])
    .map((part) => [part, ""]),
);
