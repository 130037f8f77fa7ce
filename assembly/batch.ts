// Many queries or invalidations in one call.
//
//   exchange buffer   | start, last: u64 pairs[128] | counts u32[128] | handles ... |
//                     0                          2048              2560
//
// A walk through cold memory waits for one node after the other. So where the nodes do not fit into
// the caches, the paths of eight queries are first gone down together, touching the lines that their
// walks will read: eight waits at a time instead of one.

import { BLOCK, header, keyOf } from "./header";
import { Inner } from "./inner";
import { aim, someLocked, walk } from "./query";
import { IntervalSet } from "./sets";

export const BATCH_QUERIES: u32 = 128;
const COUNTS: usize = 16 * BATCH_QUERIES;
const HANDLES: usize = COUNTS + 4 * BATCH_QUERIES;

const LANES: u32 = 8;
const LANE_NODES: usize = memory.data(4 * LANES, 16);
/** Below so many nodes they are taken to be in the caches. */
const COLD_NODES: u32 = 4096;
/** With so many hits a query, reading the leaves is what takes the time, not finding them. */
const SPARSE_HITS: u32 = 24;

/**
 * Answers up to 128 queries, each by a walk with the operation. Returns how many were answered before
 * the room for handles ran out.
 */
export function batch(set: IntervalSet, queryCount: u32, operation: u32): u32 {
  const h = header();
  const at = h.exchange;
  const room = h.exchangeCapacity - <u32>HANDLES / 4;
  const isCold = h.leafCount + h.innerCount > COLD_NODES;
  let used: u32 = 0;
  for (let i: u32 = 0; i < min(queryCount, BATCH_QUERIES); i += 1) {
    if (isCold && i % LANES === 0 && used <= i * SPARSE_HITS) touch(set, i, queryCount);
    aim(at + HANDLES + ((<usize>used) << 2), 0, room - used);
    const found = walk(set, startOf(i), lastOf(i), operation);
    if (found > room - used) return i;
    store<u32>(at + ((<usize>i) << 2), found, COUNTS);
    used += found;
  }
  return queryCount;
}

/** Whether one of the ranges overlaps an interval whose lock bit is held. */
export function someLockedMany(set: IntervalSet, queryCount: u32): bool {
  for (let i: u32 = 0; i < queryCount; i += 1) {
    if (someLocked(set, startOf(i), lastOf(i))) return true;
  }
  return false;
}

function startOf(i: u32): i64 {
  return keyOf(load<u64>(header().exchange + ((<usize>i) << 4)));
}

function lastOf(i: u32): i64 {
  return keyOf(load<u64>(header().exchange + ((<usize>i) << 4), 8));
}

/** Brings the paths of the queries from `from` on closer, eight at most. */
function touch(set: IntervalSet, from: u32, queryCount: u32): void {
  const lanes = min(LANES, queryCount - from);
  let sum: u32 = 0;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root === 0) continue;
    for (let lane: u32 = 0; lane < lanes; lane += 1) {
      store<usize>(LANE_NODES + ((<usize>lane) << 2), tree.root);
    }
    for (let level = tree.height; level > 0; level -= 1) {
      for (let lane: u32 = 0; lane < lanes; lane += 1) {
        const place = LANE_NODES + ((<usize>lane) << 2);
        const inner = Inner.at(load<usize>(place));
        const child = inner.child(max<u32>(inner.rank(startOf(from + lane)), 1) - 1);
        store<usize>(place, child);
        // The lines of a node that a query reads: bounds, and some of the ids.
        for (let line: usize = 0; line < BLOCK - 256; line += 64) sum += load<u32>(child + line);
      }
    }
  }
  // Kept, so that the loads are.
  header().touched = sum;
}
