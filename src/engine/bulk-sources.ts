import type { Engine } from "./engine.ts";
import type { Column } from "./pairs.ts";
import type { Records } from "./snapshot.ts";
import { wordsOf } from "./words.ts";

/**
 * An interval on its way into a leaf, as `assembly/bulk.ts` has it: start and last, u64 each, then
 * handle and sequence.
 */
export const BULK_ROW_BYTES = 24;

/** Columns of the exchange buffer from which the engine makes rows; `assembly/bulk.ts`. */
const COLUMN = 768;

const TWO_32 = 2 ** 32;

/** Which floor(log2(length)) occur among intervals: bits for 0 to 31, for 32 to 63, and for 64. */
export type Logs = readonly [low: number, high: number, whole: number];

/** The intervals of a bulk load. */
export interface BulkSource {
  readonly logs: Logs;
  readonly count: number;
  /** Whether starts ascend already. */
  readonly isSorted: boolean;
  /**
   * Writes the rows of intervals whose length has a logarithm from `low` to `high` into the engine's
   * memory, in order and so that the last ends at `end`. Returns where the first begins.
   */
  write(engine: Engine, end: number, low: number, high: number): number;
}

/**
 * The logarithms of half-open ranges' lengths; undefined if the columns are not both of numbers, or if
 * there is a range that `closedLast` refuses.
 */
export function logsOfNumbers(starts: Column, ends: Column): Logs | undefined {
  if (!(starts instanceof Float64Array && ends instanceof Float64Array)) return undefined;
  let low = 0;
  let high = 0;
  for (let i = 0; i < starts.length; i += 1) {
    const start = starts[i] as number;
    const end = ends[i] as number;
    if (!(start >= 0 && start < end && end <= Number.MAX_SAFE_INTEGER)) return undefined;
    if (start !== Math.floor(start) || end !== Math.floor(end)) return undefined;
    const length = end - start;
    if (length < TWO_32) low |= 1 << (31 - Math.clz32(length));
    else high |= 1 << (31 - Math.clz32(length / TWO_32));
  }
  return [low, high, 0];
}

/** The source for columns that have been checked, or of whose lengths the logarithms are known. */
export function sourceOf(
  starts: Column,
  ends: Column,
  logs: Logs | undefined,
  handles: Uint32Array<ArrayBuffer>,
  sequence: number,
): BulkSource {
  if (logs !== undefined) {
    return new NumberSource(logs, starts as Float64Array, ends as Float64Array, handles, sequence);
  }
  const records = {
    starts: longsOf(starts, 0n),
    lasts: longsOf(ends, 1n),
    handles,
    sequences: new Uint32Array(handles.length).fill(sequence),
  };
  return new RecordSource(records, false);
}

/** A column as u64, each of them less by as much. */
function longsOf(column: Column, less: bigint): BigUint64Array<ArrayBuffer> {
  const longs = new BigUint64Array(column.length);
  for (let i = 0; i < column.length; i += 1) {
    longs[i] = BigInt.asUintN(64, BigInt(column[i] as number | bigint) - less);
  }
  return longs;
}

/** Half-open ranges of numbers that have been checked. */
class NumberSource implements BulkSource {
  readonly logs: Logs;
  readonly isSorted = false;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #handles: Uint32Array;
  readonly #sequence: number;

  constructor(
    logs: Logs,
    starts: Float64Array,
    ends: Float64Array,
    handles: Uint32Array,
    sequence: number,
  ) {
    this.logs = logs;
    this.#starts = starts;
    this.#ends = ends;
    this.#handles = handles;
    this.#sequence = sequence;
  }

  get count(): number {
    return this.#handles.length;
  }

  write({ exports, words, numbers }: Engine, end: number, low: number, high: number): number {
    let rows = end;
    for (let upTo = this.count; upTo > 0; upTo -= COLUMN) {
      const from = Math.max(0, upTo - COLUMN);
      numbers.set(this.#starts.subarray(from, upTo));
      numbers.set(this.#ends.subarray(from, upTo), COLUMN);
      words.set(this.#handles.subarray(from, upTo), 4 * COLUMN);
      rows = exports.makeRows(rows, upTo - from, low, high, this.#sequence) >>> 0;
    }
    return rows;
  }
}

/** The columns of records, or what has the form of them. */
export class RecordSource implements BulkSource {
  readonly isSorted: boolean;
  readonly logs: Logs;
  readonly #starts: Uint32Array;
  readonly #lasts: Uint32Array;
  readonly #handles: Uint32Array;
  readonly #sequences: Uint32Array;
  readonly #logOf: Uint8Array;

  constructor({ starts, lasts, handles, sequences }: Omit<Records, "locks">, isSorted: boolean) {
    this.isSorted = isSorted;
    this.#starts = wordsOf(starts);
    this.#lasts = wordsOf(lasts);
    this.#handles = handles;
    this.#sequences = sequences;
    this.#logOf = new Uint8Array(handles.length);
    this.logs = this.#look();
  }

  get count(): number {
    return this.#handles.length;
  }

  #look(): Logs {
    const starts = this.#starts;
    const lasts = this.#lasts;
    const logs: [number, number, number] = [0, 0, 0];
    for (let i = 0; i < starts.length; i += 2) {
      const low = starts[i] as number;
      const high = starts[i + 1] as number;
      const log = logOfLength(low, high, lasts[i] as number, lasts[i + 1] as number);
      this.#logOf[i >> 1] = log;
      logs[(log >> 5) as 0 | 1 | 2] |= 1 << log;
    }
    return logs;
  }

  write({ exports }: Engine, end: number, low: number, high: number): number {
    const logs = this.#logOf;
    const size = BULK_ROW_BYTES * logs.length;
    const room = new Uint32Array(exports.memory.buffer, end - size, size >> 2);
    let at = room.length;
    for (let i = logs.length - 1; i >= 0; i -= 1) {
      const log = logs[i] as number;
      if (log < low || log > high) continue;
      at -= BULK_ROW_BYTES >> 2;
      room[at] = this.#starts[2 * i] as number;
      room[at + 1] = this.#starts[2 * i + 1] as number;
      room[at + 2] = this.#lasts[2 * i] as number;
      room[at + 3] = this.#lasts[2 * i + 1] as number;
      room[at + 4] = this.#handles[i] as number;
      room[at + 5] = this.#sequences[i] as number;
    }
    return end - 4 * (room.length - at);
  }
}

/** floor(log2(length)) of a closed interval, 64 for the whole space. Words are u32. */
export function logOfLength(
  startLow: number,
  startHigh: number,
  lastLow: number,
  lastHigh: number,
): number {
  const low = lastLow - startLow;
  const high = lastHigh - startHigh - (low < 0 ? 1 : 0);
  // The length is one more than this difference, which may carry.
  const nextLow = ((low >>> 0) + 1) >>> 0;
  const nextHigh = nextLow === 0 ? high + 1 : high;
  if (nextHigh === TWO_32) return 64;
  return nextHigh > 0 ? 63 - Math.clz32(nextHigh) : 31 - Math.clz32(nextLow);
}
