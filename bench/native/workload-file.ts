import {
  churnOf,
  intervalsOf,
  queriesOf,
  queryCountOf,
  removalOrderOf,
  type WorkloadName,
} from "../workloads.ts";

/** A workload as both sides take it: bounds closed, in the unit of the keys. */
export interface PreparedWorkload {
  readonly name: WorkloadName;
  readonly count: number;
  /** What a page is in keys: 1, or 4096 for keys that are byte addresses. */
  readonly unit: number;
  readonly starts: Float64Array;
  readonly lasts: Float64Array;
  readonly queryStarts: Float64Array;
  readonly queryLasts: Float64Array;
  readonly churnStarts: Float64Array;
  readonly churnLasts: Float64Array;
  readonly insertionOrder: Uint32Array;
  readonly removalOrder: Uint32Array;
  readonly churnIds: Uint32Array;
  readonly churnOpcodes: Uint32Array;
  /** One more than the largest id, those of the churn included. */
  readonly idCount: number;
  /** An address above every interval and query. */
  readonly spareAddress: number;
}

const MAGIC = 0x4c57564e;
const VERSION = 1;
const HEADER_BYTES = 32;
/** Enough for every pass; the longest lists of queries are cut here. */
const QUERY_COUNT_MAX = 200_000;
/** The spare address lies this many pages above everything else. */
const SPARE_PAGES = 4096;
const TWO_32 = 2 ** 32;

/** Generates a workload and brings it into keys. */
export function prepareWorkload(name: WorkloadName, count: number, unit: number): PreparedWorkload {
  const workload = intervalsOf(name, count);
  const queries = queriesOf(workload, Math.min(queryCountOf(name, count), QUERY_COUNT_MAX));
  const churn = churnOf(workload);
  const scaled = (pages: Float64Array, less: number): Float64Array =>
    pages.map((page) => page * unit - less);
  const highest = (pages: Float64Array): number => pages.reduce((a, b) => Math.max(a, b), 0);
  return {
    name,
    count,
    unit,
    starts: scaled(workload.starts, 0),
    lasts: scaled(workload.ends, 1),
    queryStarts: scaled(queries.starts, 0),
    queryLasts: scaled(queries.ends, 1),
    churnStarts: scaled(churn.starts, 0),
    churnLasts: scaled(churn.ends, 1),
    insertionOrder: workload.order,
    removalOrder: removalOrderOf(count),
    churnIds: churn.ids,
    churnOpcodes: Uint32Array.from(churn.opcodes),
    idCount: Math.max(count, churn.ids.reduce((a, b) => Math.max(a, b), 0) + 1),
    spareAddress:
      (Math.max(highest(workload.ends), highest(queries.ends), highest(churn.ends)) + SPARE_PAGES) *
      unit,
  };
}

/**
 * The workload as a file for the native peers, little-endian: a header of 32 bytes, the columns of
 * u64, the columns of u32. `workload.h` describes and reads it.
 */
export function encodeWorkload(workload: PreparedWorkload): Uint8Array {
  const { starts, lasts, queryStarts, queryLasts, churnStarts, churnLasts } = workload;
  const { insertionOrder, removalOrder, churnIds, churnOpcodes } = workload;
  const longs = [starts, lasts, queryStarts, queryLasts, churnStarts, churnLasts];
  const words = [insertionOrder, removalOrder, churnIds, churnOpcodes];
  const lengthOf = (columns: readonly { readonly length: number }[]): number =>
    columns.reduce((sum, column) => sum + column.length, 0);
  const bytes = new Uint8Array(HEADER_BYTES + 8 * lengthOf(longs) + 4 * lengthOf(words));
  const view = new DataView(bytes.buffer);
  let at = 0;
  const addWord = (word: number): void => {
    view.setUint32(at, word, true);
    at += 4;
  };
  const addLong = (long: number): void => {
    addWord(long % TWO_32);
    addWord(Math.floor(long / TWO_32));
  };
  for (const word of [MAGIC, VERSION, starts.length, queryStarts.length, churnStarts.length]) {
    addWord(word);
  }
  addWord(workload.idCount);
  addLong(workload.spareAddress);
  for (const column of longs) column.forEach(addLong);
  for (const column of words) column.forEach(addWord);
  return bytes;
}
