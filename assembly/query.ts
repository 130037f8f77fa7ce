// Queries and invalidations: one walk over all trees of a set, and what is done at a leaf.
//
// Every child visited but those on the right edge holds a hit, so a walk costs O(log n + hits).

import { header } from "./header";
import { Inner } from "./inner";
import { Leaf } from "./leaf";
import { IntervalSet } from "./sets";

/** What a walk does with the hits of a leaf. */
export const COUNT: u32 = 0;
export const COLLECT: u32 = 1;
export const COLLECT_LOCKED: u32 = 2;
export const INVALIDATE: u32 = 3;
export const INVALIDATE_UNLOCKED: u32 = 4;

/** Whether an interval overlaps; with `lockedOnly`, one whose lock bit is held. */
export function some(set: IntervalSet, start: i64, last: i64, lockedOnly: bool): bool {
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root === 0) continue;
    if (someBelow(tree.root, tree.height, start, last, lockedOnly)) return true;
  }
  return false;
}

function someBelow(node: usize, level: u32, start: i64, last: i64, lockedOnly: bool): bool {
  if (level === 0) {
    const leaf = Leaf.at(node);
    if (lockedOnly && leaf.locks === 0) return false;
    const hits = leaf.hits(start, last);
    return (lockedOnly ? hits & leaf.locks : hits) !== 0;
  }
  const inner = Inner.at(node);
  let children = inner.hits(start, last);
  while (children !== 0) {
    if (someBelow(inner.child(<u32>ctz(children)), level - 1, start, last, lockedOnly)) return true;
    children &= children - 1;
  }
  return false;
}

/** Walks all trees; returns the number of hits that the operation took. */
export function walk(set: IntervalSet, start: i64, last: i64, operation: u32): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root === 0) continue;
    total = walkBelow(tree.root, tree.height, start, last, operation, total);
  }
  return total;
}

function walkBelow(
  node: usize,
  level: u32,
  start: i64,
  last: i64,
  operation: u32,
  total: u32,
): u32 {
  while (level > 0) {
    level -= 1;
    const inner = Inner.at(node);
    let children = inner.hits(start, last);
    if (children === 0) return total;
    let rest = children & (children - 1);
    while (rest !== 0) {
      const child = inner.child(<u32>ctz(children));
      total = walkBelow(child, level, start, last, operation, total);
      children = rest;
      rest = children & (children - 1);
    }
    // The last child in this frame: most walks are one path.
    node = inner.child(<u32>ctz(children));
  }
  return atLeaf(Leaf.at(node), start, last, operation, total);
}

function atLeaf(leaf: Leaf, start: i64, last: i64, operation: u32, total: u32): u32 {
  let hits = leaf.hits(start, last);
  if (operation === COLLECT_LOCKED) hits &= leaf.locks;
  else if (operation === INVALIDATE_UNLOCKED) hits &= ~leaf.locks;
  if (hits === 0) return total;
  if (operation >= INVALIDATE) leaf.stamp(hits, header().sequence);
  const found = <u32>popcnt(hits);
  if (operation !== COUNT) list(leaf, hits, total, found);
  return total + found;
}

/** Lists hits number `total` and up, as far as the caller wants them and has room. */
function list(leaf: Leaf, hits: u64, total: u32, found: u32): void {
  const h = header();
  const skip = h.skip;
  if (total >= skip && total - skip + found <= h.capacity) {
    leaf.list(hits, h.out + ((total - skip) << 2));
    return;
  }
  const end = skip + h.capacity;
  for (let rank = total; hits !== 0 && rank < end; rank += 1) {
    if (rank >= skip) {
      store<u32>(h.out + ((rank - skip) << 2), leaf.idAt(<u32>ctz(hits)));
    }
    hits &= hits - 1;
  }
}

/** Says what the next walk may write: hits from `skip` on, at most `capacity` of them, to `out`. */
export function aim(out: usize, skip: u32, capacity: u32): void {
  const h = header();
  h.out = out;
  h.skip = skip;
  h.capacity = capacity;
}
