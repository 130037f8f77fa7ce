import { WORKLOAD_NAMES, type WorkloadName } from "../workloads.ts";
import { INVALIDATIONS, type Operation, QUERIES, UPDATES } from "./side.ts";

/** One operation on one workload. */
export interface Cell {
  readonly operation: Operation;
  readonly workload: WorkloadName;
  readonly count: number;
  /** 1 for keys in pages, 4096 for byte addresses. */
  readonly unit: number;
  /** Whether one mirror, which no query hits, is locked. */
  readonly held: boolean;
}

export const PAGES = 1;
const BYTES = 4096;
export const SIZES: readonly number[] = [1e3, 1e4, 1e5, 1e6];

/** The operations that the bars are about. */
export const MAIN: ReadonlySet<Operation> = new Set<Operation>([
  "enumerate",
  "invalidate",
  "churn",
]);
/** One of each kind: sparse, dense, nested, clustered. */
const KINDS: ReadonlySet<WorkloadName> = new Set<WorkloadName>(["W1", "W2", "W3", "W5"]);

/** Every cell there is: by workload, and those that change the sets last. */
export function allCells(sizes: readonly number[] = SIZES): Cell[] {
  const cells: Cell[] = [];
  for (const workload of WORKLOAD_NAMES) {
    for (const count of sizes) {
      for (const unit of [PAGES, BYTES]) {
        const add = (operation: Operation, held = false): void => {
          cells.push({ operation, workload, count, unit, held });
        };
        for (const operation of QUERIES) add(operation);
        for (const operation of INVALIDATIONS) add(operation, true);
        for (const operation of UPDATES) add(operation);
      }
    }
  }
  return cells;
}

/**
 * Whether a cell is among those measured if nothing is asked for: the operations of the bars
 * everywhere, the others where they tell something.
 */
export function isTelling({ operation, workload, count, unit, held }: Cell): boolean {
  if (unit === BYTES) return count === 1e5 && MAIN.has(operation) && KINDS.has(workload) && !held;
  if (MAIN.has(operation) && !held) return true;
  if (held) return operation === "invalidate" && (workload === "W1" || workload === "W2");
  if (operation === "invalidate-unlisted") return workload === "W1";
  if (operation === "insert" || operation === "remove") {
    return workload === "W1" || (workload === "W5" && count < 1e6);
  }
  return count === 1e5 && KINDS.has(workload);
}

/** How a cell is called, and what `--filter` is compared with. */
export function nameOf({ operation, workload, count, unit, held }: Cell): string {
  const keys = unit === PAGES ? "pages" : "bytes";
  return `${operation} ${workload} ${count} ${keys}${held ? " held" : ""}`;
}
