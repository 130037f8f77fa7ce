import type { Column } from "./pairs.ts";
import type { Records } from "./snapshot.ts";
import { wordsOf } from "./words.ts";

/**
 * An interval on its way into a leaf, 6 words:
 *
 *     0  start, low and high word    last, low and high word
 *     4  handle    sequence
 *
 * The layout is that of `assembly/bulk.ts`.
 */
export const BULK_ROW_WORDS = 6;

const TWO_32 = 2 ** 32;

/** What a bulk load has to know of its intervals before it begins. */
export interface Survey {
  /** Which floor(log2(length)) occur: bits for 0 to 31, for 32 to 63, and for 64. */
  readonly logs: readonly [low: number, high: number, whole: number];
  /** The bits of the starts that are not the same in all. */
  readonly differingLow: number;
  readonly differingHigh: number;
}

/** The intervals of a bulk load. */
export interface BulkSource {
  readonly survey: Survey;
  readonly count: number;
  /** Whether starts ascend already. */
  readonly isSorted: boolean;
  /**
   * Writes the rows of intervals whose length has a logarithm from `low` to `high`, in order, so that they
   * end where the room does; returns how many they are.
   */
  write(room: Uint32Array, low: number, high: number): number;
}

/**
 * What there is to know of half-open ranges; undefined if the columns are not both of numbers, or if
 * there is a range that `closedLast` refuses.
 */
export function surveyNumbers(starts: Column, ends: Column): Survey | undefined {
  if (!(starts instanceof Float64Array && ends instanceof Float64Array)) return undefined;
  let logsLow = 0;
  let logsHigh = 0;
  let differingLow = 0;
  let differingHigh = 0;
  const first = starts[0] as number;
  const firstLow = first >>> 0;
  const firstHigh = (first / TWO_32) >>> 0;
  for (let i = 0; i < starts.length; i += 1) {
    const start = starts[i] as number;
    const end = ends[i] as number;
    if (!(start >= 0 && start < end && end <= Number.MAX_SAFE_INTEGER)) return undefined;
    if (start !== Math.floor(start) || end !== Math.floor(end)) return undefined;
    const length = end - start;
    if (length < TWO_32) logsLow |= 1 << (31 - Math.clz32(length));
    else logsHigh |= 1 << (31 - Math.clz32(length / TWO_32));
    differingLow |= (start >>> 0) ^ firstLow;
    differingHigh |= ((start / TWO_32) >>> 0) ^ firstHigh;
  }
  return { logs: [logsLow, logsHigh, 0], differingLow, differingHigh };
}

/** The source for columns that have been checked, or of which there is a survey. */
export function sourceOf(
  starts: Column,
  ends: Column,
  survey: Survey | undefined,
  handles: Uint32Array<ArrayBuffer>,
  sequence: number,
): BulkSource {
  if (survey !== undefined) {
    return new NumberSource(
      survey,
      starts as Float64Array,
      ends as Float64Array,
      handles,
      sequence,
    );
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

/** Half-open ranges of numbers that have been surveyed. */
class NumberSource implements BulkSource {
  readonly survey: Survey;
  readonly isSorted = false;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #handles: Uint32Array;
  readonly #sequence: number;

  constructor(
    survey: Survey,
    starts: Float64Array,
    ends: Float64Array,
    handles: Uint32Array,
    sequence: number,
  ) {
    this.survey = survey;
    this.#starts = starts;
    this.#ends = ends;
    this.#handles = handles;
    this.#sequence = sequence;
  }

  get count(): number {
    return this.#handles.length;
  }

  write(room: Uint32Array, low: number, high: number): number {
    const starts = this.#starts;
    const ends = this.#ends;
    const handles = this.#handles;
    const sequence = this.#sequence;
    const least = 2 ** low;
    const most = 2 ** (high + 1);
    let at = room.length;
    for (let i = handles.length - 1; i >= 0; i -= 1) {
      const start = starts[i] as number;
      const end = ends[i] as number;
      const length = end - start;
      if (length < least || length >= most) continue;
      const last = end - 1;
      at -= BULK_ROW_WORDS;
      room[at] = start;
      room[at + 1] = start / TWO_32;
      room[at + 2] = last;
      room[at + 3] = last / TWO_32;
      room[at + 4] = handles[i] as number;
      room[at + 5] = sequence;
    }
    return (room.length - at) / BULK_ROW_WORDS;
  }
}

/** The columns of records, or what has the form of them. */
export class RecordSource implements BulkSource {
  readonly isSorted: boolean;
  readonly survey: Survey;
  readonly #starts: Uint32Array;
  readonly #lasts: Uint32Array;
  readonly #handles: Uint32Array;
  readonly #sequences: Uint32Array;
  readonly #logs: Uint8Array;

  constructor({ starts, lasts, handles, sequences }: Omit<Records, "locks">, isSorted: boolean) {
    this.isSorted = isSorted;
    this.#starts = wordsOf(starts);
    this.#lasts = wordsOf(lasts);
    this.#handles = handles;
    this.#sequences = sequences;
    this.#logs = new Uint8Array(handles.length);
    this.survey = this.#look();
  }

  get count(): number {
    return this.#handles.length;
  }

  #look(): Survey {
    const starts = this.#starts;
    const lasts = this.#lasts;
    const logs: [number, number, number] = [0, 0, 0];
    let differingLow = 0;
    let differingHigh = 0;
    for (let i = 0; i < starts.length; i += 2) {
      const low = starts[i] as number;
      const high = starts[i + 1] as number;
      const log = logOfLength(low, high, lasts[i] as number, lasts[i + 1] as number);
      this.#logs[i >> 1] = log;
      logs[(log >> 5) as 0 | 1 | 2] |= 1 << log;
      differingLow |= low ^ (starts[0] as number);
      differingHigh |= high ^ (starts[1] as number);
    }
    return { logs, differingLow, differingHigh };
  }

  write(room: Uint32Array, low: number, high: number): number {
    const logs = this.#logs;
    let at = room.length;
    for (let i = logs.length - 1; i >= 0; i -= 1) {
      const log = logs[i] as number;
      if (log < low || log > high) continue;
      at -= BULK_ROW_WORDS;
      room[at] = this.#starts[2 * i] as number;
      room[at + 1] = this.#starts[2 * i + 1] as number;
      room[at + 2] = this.#lasts[2 * i] as number;
      room[at + 3] = this.#lasts[2 * i + 1] as number;
      room[at + 4] = this.#handles[i] as number;
      room[at + 5] = this.#sequences[i] as number;
    }
    return (room.length - at) / BULK_ROW_WORDS;
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
