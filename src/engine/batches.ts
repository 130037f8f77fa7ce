import type { Address } from "./addresses.ts";
import type { Engine } from "./engine.ts";
import { type Column, type PairTarget, writePairs } from "./pairs.ts";
import { copyWords, withRoom } from "./words.ts";

/** The parts of the exchange buffer in a batch of queries, in words; `assembly/batch.ts`. */
const BATCH_QUERIES = 128;
const BATCH_COUNTS = 512;
const BATCH_HANDLES = 640;
/** Batches with long answers are given a buffer of so many words. */
const BATCH_WORDS_MAX = 65_536;

/** The answers to many queries: those to query i are `handles.subarray(offsets[i], offsets[i + 1])`. */
export interface HitLists {
  readonly offsets: Uint32Array;
  readonly handles: Uint32Array;
}

/** What answers many ranges in the exchange buffer, and what answers one with its hits counted. */
export interface Answerer {
  /** Returns how many of the ranges were answered before the buffer was full. */
  many(count: number): number;
  count(start: bigint, last: bigint): number;
  one(start: bigint, last: bigint, into: Uint32Array): void;
}

/** Goes through half-open `[starts[i], ends[i])`, checked, many at a time. */
export function answerBatches(
  engine: Engine,
  starts: Column,
  ends: Column,
  answerer: Answerer,
): HitLists {
  const offsets = new Uint32Array(starts.length + 1);
  let handles = new Uint32Array(Math.max(16, starts.length));
  let used = 0;
  let done = 0;
  while (done < starts.length) {
    const wanted = Math.min(starts.length - done, BATCH_QUERIES);
    writePairs(pairsIn(engine), starts, ends, done, wanted);
    const answered = answerer.many(wanted);
    const { words } = engine;
    let found = 0;
    for (let i = 0; i < answered; i += 1) {
      found += words[BATCH_COUNTS + i] as number;
      offsets[done + i + 1] = used + found;
    }
    if (answered > 0) {
      handles = withRoom(handles, used, found);
      copyWords(words, BATCH_HANDLES, handles, used, found);
      done += answered;
    } else {
      // One answer alone is longer than the buffer.
      const start = BigInt(starts[done] as Address);
      const last = BigInt.asUintN(64, BigInt(ends[done] as Address) - 1n);
      found = answerer.count(start, last);
      handles = withRoom(handles, used, found);
      answerer.one(start, last, handles.subarray(used, used + found));
      done += 1;
      offsets[done] = used + found;
    }
    if (answered < wanted) engine.growExchange(BATCH_WORDS_MAX);
    used += found;
  }
  return { offsets, handles: handles.slice(0, used) };
}

/** Whether a test of many ranges in the exchange buffer is true of any batch of them. */
export function someBatch(
  engine: Engine,
  starts: Column,
  ends: Column,
  test: (count: number) => boolean,
): boolean {
  for (let done = 0; done < starts.length; done += BATCH_QUERIES) {
    const count = Math.min(starts.length - done, BATCH_QUERIES);
    writePairs(pairsIn(engine), starts, ends, done, count);
    if (test(count)) return true;
  }
  return false;
}

/** The exchange buffer as a place for pairs. */
export function pairsIn(engine: Engine): PairTarget {
  return { words: engine.words, longs: engine.longs };
}
