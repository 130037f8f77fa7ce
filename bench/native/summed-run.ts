import { INSERT, QUERY } from "../workloads.ts";
import type { Operation, Span } from "./side.ts";
import type { PreparedWorkload } from "./workload-file.ts";

/** The operations of one set, for a run whose every answer is looked at: those that it has. */
export interface Answers {
  insert?(start: number, last: number): number;
  remove?(handle: number): void;
  /** The handles of the hits. */
  enumerate?(start: number, last: number): Uint32Array;
  invalidate?(start: number, last: number): Uint32Array;
  /** The handles of the hits of queries number `from` to `to`, exclusive, in one call. */
  batch?(from: number, to: number): Uint32Array;
}

/** Queries in one batch; the native peers go by the same. */
export const BATCH_QUERIES = 8192;
/** The part of a handle that says where it is kept. */
const SLOT_MASK = 0xffffff;

/**
 * Runs queries or churn operations and adds up the ids of all hits, modulo 2^32. `handles` has the
 * handle of each id and is kept up to date.
 */
export function runSumming(
  operation: Operation,
  { from, to }: Span,
  workload: PreparedWorkload,
  handles: Uint32Array,
  set: Answers,
): { hits: number; ids: number } {
  const idOfSlot = new Uint32Array(SLOT_MASK + 1);
  for (const id of workload.insertionOrder) {
    idOfSlot[(handles[id] as number) & SLOT_MASK] = id;
  }
  let hits = 0;
  let ids = 0;
  const add = (found: Uint32Array | undefined): void => {
    if (found === undefined) throw new Error(`this side has no ${operation}`);
    hits += found.length;
    for (const handle of found) ids = (ids + (idOfSlot[handle & SLOT_MASK] as number)) >>> 0;
  };
  if (operation === "batch") {
    for (let at = from; at < to; at += BATCH_QUERIES) {
      add(set.batch?.(at, Math.min(to, at + BATCH_QUERIES)));
    }
    return { hits, ids };
  }
  const queries = operation === "invalidate" ? set.invalidate : set.enumerate;
  if (operation !== "churn") {
    for (let q = from; q < to; q += 1) {
      add(queries?.(workload.queryStarts[q] as number, workload.queryLasts[q] as number));
    }
    return { hits, ids };
  }
  for (let k = from; k < to; k += 1) {
    const start = workload.churnStarts[k] as number;
    const last = workload.churnLasts[k] as number;
    const id = workload.churnIds[k] as number;
    const opcode = workload.churnOpcodes[k];
    if (opcode === QUERY) {
      add(set.enumerate?.(start, last));
    } else if (opcode === INSERT) {
      const handle = set.insert?.(start, last) ?? 0;
      handles[id] = handle;
      idOfSlot[handle & SLOT_MASK] = id;
    } else {
      set.remove?.(handles[id] as number);
    }
  }
  return { hits, ids };
}
