import { allocateRecords, type Records } from "./snapshot.ts";

/**
 * Intervals with their state, as they cross between the engine and its host: 8 words each,
 *
 *     0  start, low and high word    last, low and high word
 *     4  handle    sequence    lock bit    (spare)
 *
 * The layout is that of `assembly/rows.ts`.
 */
export interface Rows {
  readonly count: number;
  readonly words: Uint32Array;
  /** The same memory: four u64 a row. */
  readonly longs: BigUint64Array;
}

export const ROW_WORDS = 8;
export const START_LOW = 0;
export const START_HIGH = 1;
export const LAST_LOW = 2;
export const LAST_HIGH = 3;
export const HANDLE = 4;
export const SEQUENCE = 5;
const LOCK = 6;

export function createRows(count: number): Rows {
  const words = new Uint32Array(ROW_WORDS * count);
  return { count, words, longs: new BigUint64Array(words.buffer) };
}

/** floor(log2(length)) of a row's interval, 64 for the whole space. */
export function logOfLength(words: Uint32Array, row: number): number {
  const at = ROW_WORDS * row;
  const low = (words[at + LAST_LOW] as number) - (words[at + START_LOW] as number);
  const high =
    (words[at + LAST_HIGH] as number) - (words[at + START_HIGH] as number) - (low < 0 ? 1 : 0);
  // The length is one more than this difference, which may carry.
  const nextLow = ((low >>> 0) + 1) >>> 0;
  const nextHigh = nextLow === 0 ? high + 1 : high;
  if (nextHigh === 2 ** 32) return 64;
  return nextHigh > 0 ? 63 - Math.clz32(nextHigh) : 31 - Math.clz32(nextLow);
}

/** The records of rows, in the given order. */
export function recordsOf({ count, words }: Rows, order: Uint32Array): Records {
  const records = allocateRecords(count);
  const starts = wordsOf(records.starts);
  const lasts = wordsOf(records.lasts);
  const { handles, sequences, locks } = records;
  for (let i = 0; i < count; i += 1) {
    const at = ROW_WORDS * (order[i] as number);
    starts[2 * i] = words[at + START_LOW] as number;
    starts[2 * i + 1] = words[at + START_HIGH] as number;
    lasts[2 * i] = words[at + LAST_LOW] as number;
    lasts[2 * i + 1] = words[at + LAST_HIGH] as number;
    handles[i] = words[at + HANDLE] as number;
    sequences[i] = words[at + SEQUENCE] as number;
    locks[i >> 3] = (locks[i >> 3] as number) | ((words[at + LOCK] as number) << (i & 7));
  }
  return records;
}

/** The rows of records, in their order. */
export function rowsOf({ starts, lasts, handles, sequences, locks }: Records): Rows {
  const rows = createRows(handles.length);
  const { words } = rows;
  const startWords = wordsOf(starts);
  const lastWords = wordsOf(lasts);
  for (let i = 0; i < rows.count; i += 1) {
    const at = ROW_WORDS * i;
    words[at + START_LOW] = startWords[2 * i] as number;
    words[at + START_HIGH] = startWords[2 * i + 1] as number;
    words[at + LAST_LOW] = lastWords[2 * i] as number;
    words[at + LAST_HIGH] = lastWords[2 * i + 1] as number;
    words[at + HANDLE] = handles[i] as number;
    words[at + SEQUENCE] = sequences[i] as number;
    words[at + LOCK] = ((locks[i >> 3] as number) >> (i & 7)) & 1;
  }
  return rows;
}

/** A u64 column as words, the low one first. */
function wordsOf(column: BigUint64Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, 2 * column.length);
}
