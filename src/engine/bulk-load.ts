import { BULK_ROW_BYTES, type BulkSource, type Logs } from "./bulk-sources.ts";
import type { Engine } from "./engine.ts";

/** Intervals whose lengths lie within 2^10 of each other share a tree; `assembly/sets.ts`. */
const CLASS_SPAN_MAX = 10;
const LOG_MAX = 64;

/** Intervals that share a tree. */
interface LengthClass {
  /** Least and greatest floor(log2(length)). */
  low: number;
  high: number;
}

/**
 * Fills an empty set from the bottom up; the intervals' handles are the set's own and have none yet.
 * False if there is no memory for the nodes: then nothing has changed.
 */
export function bulkLoad(engine: Engine, record: number, source: BulkSource): boolean {
  const { exports } = engine;
  const classes = lengthClasses(source.logs);
  const end = exports.provideNodes(source.count, classes.length, !source.isSorted) >>> 0;
  if (end === 0) return false;
  for (const [tree, { low, high }] of classes.entries()) {
    const rows = source.write(engine, end, low, high);
    const count = (end - rows) / BULK_ROW_BYTES;
    if (!source.isSorted) exports.sortRows(rows, count);
    exports.appendLeaves(record, tree, low, high, rows, count);
  }
  return true;
}

/** Groups the lengths that occur. */
function lengthClasses(logs: Logs): LengthClass[] {
  const classes: LengthClass[] = [];
  for (let log = 0; log <= LOG_MAX; log += 1) {
    if ((((logs[(log >> 5) as 0 | 1 | 2] as number) >>> log) & 1) === 0) continue;
    const last = classes.at(-1);
    if (last === undefined || log - last.low > CLASS_SPAN_MAX) {
      classes.push({ low: log, high: log });
    } else {
      last.high = log;
    }
  }
  return classes;
}
