import type { Engine } from "./engine.ts";
import { createRows, logOfLength, ROW_WORDS, type Rows, START_HIGH, START_LOW } from "./rows.ts";
import { sortedOrder } from "./sorted-order.ts";

/** Intervals whose lengths lie within 2^10 of each other share a tree; `assembly/sets.ts`. */
const CLASS_SPAN_MAX = 10;
const LOG_COUNT = 65;
/** Rows of about this number are sorted at a time: they fit into a core's own cache. */
const BUCKET_ROWS = 2048;
const BUCKET_BITS_MAX = 10;

/** Intervals that share a tree. */
interface LengthClass {
  /** Least and greatest floor(log2(length)). */
  low: number;
  high: number;
}

/** Rows by class and, within a class, by their starts' leading bits: run b ends at `ends[b]`. */
interface Buckets {
  readonly words: Uint32Array;
  readonly ends: Uint32Array;
  readonly perClass: number;
}

/**
 * Fills an empty set from the bottom up; the rows' handles are the set's own and have no interval yet.
 * False if there is no memory for the nodes: then nothing has changed.
 */
export function bulkLoad(engine: Engine, record: number, rows: Rows): boolean {
  const { exports } = engine;
  const logs = new Uint8Array(rows.count);
  const classes: LengthClass[] = [];
  const classOfLog = lengthClasses(rows, logs, classes);
  if (exports.provideNodes(rows.count, classes.length) === 0) return false;
  const buckets = partition(rows, logs, classOfLog, classes.length);
  for (const [tree, { low, high }] of classes.entries()) {
    // Rows at the head of the exchange buffer that do not fill a leaf yet.
    let pending = 0;
    const append = (count: number, final: boolean): void => {
      const used = exports.appendLeaves(record, tree, low, high, count, final);
      engine.words.copyWithin(0, ROW_WORDS * used, ROW_WORDS * count);
      pending = count - used;
    };
    const room = Math.floor(engine.exchangeCapacity / ROW_WORDS);
    for (let b = tree * buckets.perClass; b < (tree + 1) * buckets.perClass; b += 1) {
      const first = b === 0 ? 0 : (buckets.ends[b - 1] as number);
      const count = (buckets.ends[b] as number) - first;
      const bucket = buckets.words.subarray(ROW_WORDS * first, ROW_WORDS * (first + count));
      const order = sortedOrder(bucket, ROW_WORDS, [START_HIGH, START_LOW], count);
      for (let done = 0; done < count; ) {
        const taken = Math.min(count - done, room - pending);
        gather(bucket, order, done, taken, engine.words, pending);
        append(pending + taken, false);
        done += taken;
      }
    }
    append(pending, true);
  }
  return true;
}

/** Groups the lengths that occur; notes each row's logarithm and returns the class of each. */
function lengthClasses(rows: Rows, logs: Uint8Array, classes: LengthClass[]): Uint8Array {
  const counts = new Uint32Array(LOG_COUNT);
  for (let i = 0; i < rows.count; i += 1) {
    const log = logOfLength(rows.words, i);
    logs[i] = log;
    counts[log] = (counts[log] as number) + 1;
  }
  const classOfLog = new Uint8Array(LOG_COUNT);
  for (let log = 0; log < LOG_COUNT; log += 1) {
    if (counts[log] === 0) continue;
    let last = classes.at(-1);
    if (last === undefined || log - last.low > CLASS_SPAN_MAX) {
      last = { low: log, high: log };
      classes.push(last);
    }
    last.high = log;
    classOfLog[log] = classes.length - 1;
  }
  return classOfLog;
}

/** Brings rows that will be neighbours near to each other, so that sorting them stays in the cache. */
function partition(
  rows: Rows,
  logs: Uint8Array,
  classOfLog: Uint8Array,
  classCount: number,
): Buckets {
  const { words, count } = rows;
  const wanted = Math.ceil(Math.log2(Math.max(1, count / BUCKET_ROWS)));
  const bits = Math.min(wanted, BUCKET_BITS_MAX);
  const perClass = 1 << bits;
  const shift = Math.max(0, differingBits(rows) - bits);
  const ends = new Uint32Array(classCount * perClass);
  if (ends.length === 1) {
    ends[0] = count;
    return { words, ends, perClass };
  }
  const bucketOf = new Uint16Array(count);
  for (let i = 0; i < count; i += 1) {
    const low = words[ROW_WORDS * i + START_LOW] as number;
    const high = words[ROW_WORDS * i + START_HIGH] as number;
    const lead =
      shift >= 32
        ? high >>> (shift - 32)
        : shift === 0
          ? low
          : (low >>> shift) | (high << (32 - shift));
    const bucket = perClass * (classOfLog[logs[i] as number] as number) + (lead & (perClass - 1));
    bucketOf[i] = bucket;
    ends[bucket] = (ends[bucket] as number) + 1;
  }
  let place = 0;
  for (let b = 0; b < ends.length; b += 1) {
    const size = ends[b] as number;
    ends[b] = place;
    place += size;
  }
  const sorted = createRows(count).words;
  for (let i = 0; i < count; i += 1) {
    const bucket = bucketOf[i] as number;
    const target = ends[bucket] as number;
    // A place that has been filled is the end of what is filled.
    ends[bucket] = target + 1;
    copyRow(words, ROW_WORDS * i, sorted, ROW_WORDS * target);
  }
  return { words: sorted, ends, perClass };
}

/** How many bits of the starts, from the lowest, are not the same in all rows. */
function differingBits({ words, count }: Rows): number {
  let low = 0;
  let high = 0;
  for (let i = 0; i < count; i += 1) {
    low |= (words[ROW_WORDS * i + START_LOW] as number) ^ (words[START_LOW] as number);
    high |= (words[ROW_WORDS * i + START_HIGH] as number) ^ (words[START_HIGH] as number);
  }
  return high !== 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low);
}

/** Copies rows in order, from number `done` on, behind `pending` rows. */
function gather(
  from: Uint32Array,
  order: Uint32Array,
  done: number,
  count: number,
  into: Uint32Array,
  pending: number,
): void {
  for (let i = 0; i < count; i += 1) {
    copyRow(from, ROW_WORDS * (order[done + i] as number), into, ROW_WORDS * (pending + i));
  }
}

/** Unrolled: twice as fast as an inner loop. The spare word is not copied. */
function copyRow(from: Uint32Array, a: number, into: Uint32Array, b: number): void {
  into[b] = from[a] as number;
  into[b + 1] = from[a + 1] as number;
  into[b + 2] = from[a + 2] as number;
  into[b + 3] = from[a + 3] as number;
  into[b + 4] = from[a + 4] as number;
  into[b + 5] = from[a + 5] as number;
  into[b + 6] = from[a + 6] as number;
}
