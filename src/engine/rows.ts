import { allocateRecords, type Records } from "./snapshot.ts";
import { wordsOf } from "./words.ts";

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
}

export const ROW_WORDS = 8;
export const START_LOW = 0;
export const START_HIGH = 1;
export const LAST_LOW = 2;
export const LAST_HIGH = 3;
export const HANDLE = 4;
const SEQUENCE = 5;
const LOCK = 6;

export function createRows(count: number): Rows {
  return { count, words: new Uint32Array(ROW_WORDS * count) };
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
