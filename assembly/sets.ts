// A set's record, 256 bytes:
//
//    0  size  heldLocks  lent  borrowed
//   16  flags  reserved  firstChunk  chunk          firstChunk, chunk: number + 1, 0 for none
//   32  fresh  freeHead  freeTail  freeCount
//   48  treeCount  lastChunk  (8 bytes spare)
//   64  tree 0: root  height  low  high
//   ..  tree 1 to 7
//  192  spare
//
// One tree per class of lengths. Queries walk all of them, so which tree an interval is put into
// is a matter of speed alone: a long interval among short ones would cost a leaf for each hit.

import { header } from "./header";
import { takeBlock } from "./pools";

const SET_SIZE: usize = 256;
const TREES: usize = 64;
export const TREE_COUNT_MAX: u32 = 8;
/** Lengths up to 2^10 times each other share a tree. */
const CLASS_SPAN_MAX: u32 = 10;

/** The set is gone, but ids of its chunks are still in use in other sets. */
export const DISPOSED: u32 = 1;
/** The set was cleared, and its ids restart once those in other sets have come back. */
export const RESTART_DUE: u32 = 2;

@unmanaged
export class Tree {
  root: usize = 0;
  /** Levels of inner nodes above the leaves. */
  height: u32 = 0;
  /** Least and greatest floor(log2(length)) put into this tree since it was empty. */
  low: u32 = 0;
  high: u32 = 0;
}

@unmanaged
export class IntervalSet {
  size: u32 = 0;
  heldLocks: u32 = 0;
  /** Ids of this set's chunks whose intervals live in other sets. */
  lent: u32 = 0;
  /** Intervals of this set whose ids belong to other sets. */
  borrowed: u32 = 0;
  flags: u32 = 0;
  reserved: u32 = 0;
  /** The chain of id chunks; the one that fresh ids come from now; and the chain's end. */
  firstChunk: u32 = 0;
  chunk: u32 = 0;
  /** Index in that chunk of the first id not used since the last restart. */
  fresh: u32 = 0;
  /** Ids free for reuse, first in first out. */
  freeHead: u32 = 0;
  freeTail: u32 = 0;
  freeCount: u32 = 0;
  /** No tree from this index on has a root. */
  treeCount: u32 = 0;
  lastChunk: u32 = 0;

  tree(index: u32): Tree {
    return changetype<Tree>(changetype<usize>(this) + TREES + index * offsetof<Tree>());
  }

  /** The tree for a length, given as floor(log2), up to 64. Changes nothing. */
  treeFor(log: u32): u32 {
    let bestSpan: u32 = 0xffffffff;
    let best: u32 = 0;
    let empty: u32 = TREE_COUNT_MAX;
    for (let i: u32 = 0; i < this.treeCount; i += 1) {
      const tree = this.tree(i);
      if (tree.root === 0) {
        if (empty === TREE_COUNT_MAX) empty = i;
        continue;
      }
      if (tree.low <= log && log <= tree.high) return i;
      const span = max(tree.high, log) - min(tree.low, log);
      if (span < bestSpan) {
        bestSpan = span;
        best = i;
      }
    }
    if (bestSpan <= CLASS_SPAN_MAX) return best;
    if (empty === TREE_COUNT_MAX) empty = this.treeCount;
    return empty < TREE_COUNT_MAX ? empty : best;
  }

  /** Notes that the tree has lost its root. */
  dropTree(index: u32): void {
    this.tree(index).root = 0;
    this.tree(index).height = 0;
    while (this.treeCount > 0 && this.tree(this.treeCount - 1).root === 0) this.treeCount -= 1;
  }
}

/** floor(log2(last - start + 1)), 64 for the whole space. */
export function logOfLength(start: i64, last: i64): u32 {
  const length = <u64>(last - start) + 1;
  return length === 0 ? 64 : 63 - <u32>clz(length);
}

export function takeSet(): IntervalSet {
  const h = header();
  if (h.freeSet === 0) {
    const block = takeBlock();
    for (let i: usize = 4; i > 0; i -= 1) giveSet(block + (i - 1) * SET_SIZE);
  }
  const record = h.freeSet;
  h.freeSet = load<usize>(record);
  memory.fill(record, 0, SET_SIZE);
  h.setCount += 1;
  return changetype<IntervalSet>(record);
}

export function giveSet(record: usize): void {
  const h = header();
  store<usize>(record, h.freeSet);
  h.freeSet = record;
}
