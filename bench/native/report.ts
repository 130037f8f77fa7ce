import Table from "cli-table3";
import type { Verdict } from "./bars.ts";
import type { CallResult } from "./calls.ts";
import { PAGES } from "./cells.ts";
import type { CellResult } from "./comparison.ts";

/** How many of the cells that miss a rule are named. */
const WORST = 6;
const NO_COLOURS = { head: [], border: [] };

/** A table for each operation: times per operation, and how many times as long the native side took. */
export function cellTables(results: readonly CellResult[]): string {
  const groups = new Map<string, CellResult[]>();
  for (const result of results) {
    const title = titleOf(result);
    groups.set(title, [...(groups.get(title) ?? []), result]);
  }
  return [...groups].map(([title, cells]) => `${title}\n${cellTable(cells)}`).join("\n\n");
}

function titleOf({ operation, unit, held }: CellResult): string {
  const keys = unit === PAGES ? "keys in pages" : "keys in bytes";
  return `${operation}, ${keys}${held ? ", one lock held elsewhere" : ""}`;
}

function cellTable(cells: readonly CellResult[]): string {
  const sides = [...new Set(cells.flatMap((cell) => cell.sides.map(({ side }) => side)))];
  const [native] = sides;
  const table = new Table({
    head: [
      "",
      "N",
      "per pass",
      ...sides.flatMap((side) => (side === native ? [side] : [side, "x"])),
    ],
    colAligns: ["left", ...Array<"right">(2 + 2 * sides.length - 1).fill("right")],
    style: { ...NO_COLOURS, compact: true },
  });
  for (const cell of cells) {
    const columns = sides.flatMap((name) => {
      const result = cell.sides.find(({ side }) => side === name);
      const time = result === undefined ? "" : `${nanoseconds(result.nanoseconds)} ns`;
      if (name === native) return [time];
      return [time, result === undefined ? "" : ratio(result.ratio)];
    });
    const count = cell.count.toLocaleString("en-US");
    table.push([cell.workload, count, cell.amount.toLocaleString("en-US"), ...columns]);
  }
  return table.toString();
}

export function callTable(calls: readonly CallResult[]): string {
  const table = new Table({
    head: ["calls from JavaScript into WebAssembly", "CPU time"],
    colAligns: ["left", "right"],
    style: { ...NO_COLOURS, compact: true },
  });
  for (const { call, nanoseconds: time } of calls) table.push([call, `${time.toFixed(1)} ns`]);
  return table.toString();
}

/** One line for each rule and side, with the worst cells that miss it. */
export function verdictLines(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ rule, side, cells, missed }) => {
      const met = `${cells - missed.length} of ${cells} cells`;
      if (missed.length === 0) return `met     ${side}: ${rule} (${met})`;
      const worst = missed
        .slice(0, WORST)
        .map(({ cell, ratio: value }) => `${cell}: ${ratio(value)}`)
        .join("; ");
      return `MISSED  ${side}: ${rule} (${met})\n        worst: ${worst}`;
    })
    .join("\n");
}

function nanoseconds(time: number): string {
  return time < 100 ? time.toFixed(1) : Math.round(time).toLocaleString("en-US");
}

function ratio(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}
