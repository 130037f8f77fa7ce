import { REFERENCES } from "./reference.ts";
import { WORKLOAD_NAMES, type WorkloadName } from "./workloads.ts";

/** What is measured; README.md says what each one does. */
export const OPERATIONS = [
  "enumerate",
  "count",
  "any",
  "batch",
  "invalidate",
  "insert",
  "remove",
  "churn",
  "build",
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The operations that need a structure of which single intervals can be inserted and removed. */
export const UPDATES: ReadonlySet<Operation> = new Set(["insert", "remove", "churn"]);

export const PAGE_BYTES = 4096;
/** Keys are numbers of pages, or of bytes: the same times `PAGE_BYTES`. */
const UNITS = ["pages", "bytes"] as const;
export type Unit = (typeof UNITS)[number];

/** What is measured in one process for each contender: one set of intervals. */
export interface Setting {
  readonly workload: WorkloadName;
  readonly count: number;
  readonly unit: Unit;
}

export interface Cell extends Setting {
  readonly operation: Operation;
}

/** As in `enumerate/W1/100000/pages`. */
export function nameOf({ operation, ...setting }: Cell): string {
  return `${operation}/${nameOfSetting(setting)}`;
}

function nameOfSetting({ workload, count, unit }: Setting): string {
  return `${workload}/${count}/${unit}`;
}

export const COUNTS: readonly number[] = [...new Set(REFERENCES.map(({ count }) => count))];

export const ALL_CELLS: readonly Cell[] = OPERATIONS.flatMap((operation) =>
  WORKLOAD_NAMES.flatMap((workload) =>
    COUNTS.flatMap((count) => UNITS.map((unit) => ({ operation, workload, count, unit }))),
  ),
);

/** The default: enough to see every operation, every workload, every size and both units. */
const TELLING: Readonly<Record<Operation, readonly string[]>> = {
  enumerate: [
    ...sizes("W1", 1e3, 1e4, 1e5, 1e6),
    ...sizes("W2", 1e4, 1e5, 1e6),
    ...sizes("W3", 1e4, 1e5, 1e6),
    ...sizes("W4e", 1e4),
    ...sizes("W4s", 1e4, 1e5),
    ...sizes("W5", 1e3, 1e4, 1e5),
    "W1/100000/bytes",
    "W5/1000000/bytes",
  ],
  count: [...sizes("W2", 1e5), ...sizes("W5", 1e4, 1e5)],
  any: [...sizes("W1", 1e5), ...sizes("W4e", 1e4), ...sizes("W5", 1e5), "W5/1000000/bytes"],
  batch: [...sizes("W1", 1e4, 1e5), ...sizes("W2", 1e5), ...sizes("W5", 1e5)],
  invalidate: [
    ...sizes("W1", 1e5),
    ...sizes("W2", 1e5),
    ...sizes("W3", 1e4),
    ...sizes("W5", 1e4, 1e5),
    "W5/1000000/bytes",
  ],
  insert: [...sizes("W1", 1e3, 1e4, 1e5), ...sizes("W5", 1e4, 1e5)],
  remove: [...sizes("W1", 1e3, 1e4, 1e5), ...sizes("W5", 1e4, 1e5)],
  churn: [
    ...sizes("W1", 1e3, 1e4, 1e5, 1e6),
    ...sizes("W2", 1e5),
    ...sizes("W3", 1e5),
    ...sizes("W4s", 1e5),
    ...sizes("W5", 1e4, 1e5),
    "W5/1000000/bytes",
  ],
  build: [...sizes("W1", 1e3, 1e4, 1e5), ...sizes("W5", 1e5)],
};

function sizes(workload: WorkloadName, ...counts: number[]): string[] {
  return counts.map((count) => `${workload}/${count}/pages`);
}

export const TELLING_CELLS: readonly Cell[] = ALL_CELLS.filter((cell) =>
  TELLING[cell.operation].includes(nameOfSetting(cell)),
);

/** Every operation on every workload at its smallest, and on one with byte addresses. */
export const SMOKE_CELLS: readonly Cell[] = ALL_CELLS.filter(
  ({ workload, count, unit }) =>
    count === Math.min(...COUNTS) && (unit === "pages" || workload === "W5"),
);

/** Cells by what is measured together, in the order of the cells. */
export function settingsOf(cells: readonly Cell[]): { setting: Setting; cells: Cell[] }[] {
  const groups = new Map<string, { setting: Setting; cells: Cell[] }>();
  for (const cell of cells) {
    const { workload, count, unit } = cell;
    const setting = { workload, count, unit };
    const name = nameOfSetting(setting);
    const group = groups.get(name) ?? { setting, cells: [] };
    group.cells.push(cell);
    groups.set(name, group);
  }
  return [...groups.values()].sort((a, b) => a.setting.count - b.setting.count);
}
