/**
 * Intervals with their state, as they cross between the engine and its host: 8 words each,
 *
 *     0  start, low and high word    last, low and high word
 *     4  handle    sequence    lock bit    (spare)
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
