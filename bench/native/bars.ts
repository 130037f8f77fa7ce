import { MAIN, nameOf } from "./cells.ts";
import type { CellResult } from "./comparison.ts";

/** Something that was promised of a group of cells. */
export interface Verdict {
  readonly rule: string;
  readonly side: string;
  readonly cells: number;
  /** Cells that miss it, the worst first. */
  readonly missed: readonly { readonly cell: string; readonly ratio: number }[];
}

interface Rule {
  readonly text: string;
  /** The ratio that a cell must reach; undefined for cells that the rule does not speak of. */
  readonly required: (cell: CellResult) => number | undefined;
}

const LARGE = 1e5;
const isMain = (cell: CellResult): boolean => MAIN.has(cell.operation) && !cell.held;
const RULES: readonly Rule[] = [
  {
    text: "bar: enumerate, invalidate, churn ahead from 10^5, at least 0.9 below",
    required: (cell) => (isMain(cell) ? (cell.count >= LARGE ? 1 : 0.9) : undefined),
  },
  { text: "goal: ahead everywhere", required: () => 1 },
  {
    text: "goal: enumerate, invalidate, churn on W2 (dense) and W3 (nested) 20 times from 10^5",
    required: (cell) =>
      isMain(cell) && cell.count >= LARGE && (cell.workload === "W2" || cell.workload === "W3")
        ? 20
        : undefined,
  },
];

/** Holds the results of one side against what was promised; rules without a cell are left out. */
export function judge(results: readonly CellResult[], side: string): Verdict[] {
  return RULES.map(({ text, required }): Verdict => {
    const missed: { cell: string; ratio: number; share: number }[] = [];
    let cells = 0;
    for (const result of results) {
      const ratio = result.sides.find((candidate) => candidate.side === side)?.ratio;
      const least = required(result);
      if (ratio === undefined || least === undefined) continue;
      cells += 1;
      if (ratio < least) missed.push({ cell: nameOf(result), ratio, share: ratio / least });
    }
    missed.sort((a, b) => a.share - b.share);
    return { rule: text, side, cells, missed: missed.map(({ cell, ratio }) => ({ cell, ratio })) };
  }).filter(({ cells }) => cells > 0);
}
