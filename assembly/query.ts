// Queries and invalidations: walks over all trees of a set, and what is done at a leaf.
//
// Every child visited but those on the right edge holds a hit, so a walk costs O(log n + hits). A
// count takes whole children by their sizes, and costs O(log n) where lengths are alike.

import { header } from "./header";
import { Inner } from "./inner";
import { Leaf, SINK } from "./leaf";
import { IntervalSet } from "./sets";

/** What a walk does with the hits of a leaf. */
export const COLLECT: u32 = 0;
export const COLLECT_LOCKED: u32 = 1;
export const INVALIDATE: u32 = 2;
export const INVALIDATE_UNLOCKED: u32 = 3;

/** Whether an interval overlaps. */
export function some(set: IntervalSet, start: i64, last: i64): bool {
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root !== 0 && someBelow(tree.root, tree.height, start, last)) return true;
  }
  return false;
}

function someBelow(node: usize, level: u32, start: i64, last: i64): bool {
  while (level > 0) {
    level -= 1;
    const inner = Inner.at(node);
    let children = inner.hits(start, last);
    if (children === 0) return false;
    let i = <u32>ctz(children);
    // The interval that gives the child this bound overlaps.
    if (inner.leastStart(i) >= start || inner.greatestLast(i) <= last) return true;
    for (children &= children - 1; children !== 0; children &= children - 1) {
      if (someBelow(inner.child(i), level, start, last)) return true;
      i = <u32>ctz(children);
    }
    node = inner.child(i);
  }
  return Leaf.at(node).hits(start, last) !== 0;
}

/** The least start in a set that is not empty. */
export function leastStart(set: IntervalSet): i64 {
  let least = i64.MAX_VALUE;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    const root = tree.root;
    if (root === 0) continue;
    least = min(least, tree.height > 0 ? Inner.at(root).leastStart(0) : Leaf.at(root).leastStart());
  }
  return least;
}

/** The greatest last in a set that is not empty. */
export function greatestLast(set: IntervalSet): i64 {
  let greatest = i64.MIN_VALUE;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    const root = tree.root;
    if (root === 0) continue;
    greatest = max(
      greatest,
      tree.height > 0 ? Inner.at(root).greatest : Leaf.at(root).greatestLast(),
    );
  }
  return greatest;
}

/** Whether an interval overlaps whose lock bit is held; to be asked only while any lock of the set is. */
export function someLocked(set: IntervalSet, start: i64, last: i64): bool {
  aim(SINK, 0, 0);
  return walk(set, start, last, COLLECT_LOCKED) !== 0;
}

/** How many intervals overlap. */
export function count(set: IntervalSet, start: i64, last: i64): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root !== 0) total += countBelow(tree.root, tree.height, start, last);
  }
  return total;
}

function countBelow(node: usize, level: u32, start: i64, last: i64): u32 {
  let total: u32 = 0;
  while (level > 0) {
    level -= 1;
    const inner = Inner.at(node);
    let children = inner.hits(start, last);
    if (children === 0) return total;
    let i = <u32>ctz(children);
    for (children &= children - 1; children !== 0; children &= children - 1) {
      if (inner.isWhole(i, start, last)) total += inner.size(i);
      else total += countBelow(inner.child(i), level, start, last);
      i = <u32>ctz(children);
    }
    if (inner.isWhole(i, start, last)) return total + inner.size(i);
    node = inner.child(i);
  }
  return total + <u32>popcnt(Leaf.at(node).hits(start, last));
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

/** Walks what is below a node and adds its hits to the total. */
export function walkBelow(
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
  const leaf = Leaf.at(node);
  let hits = leaf.hits(start, last);
  if (operation !== COLLECT) {
    if (operation === COLLECT_LOCKED) hits &= leaf.locks;
    else if (operation === INVALIDATE_UNLOCKED) hits &= ~leaf.locks;
  }
  const found = <u32>popcnt(hits);
  if (operation >= INVALIDATE) leaf.stamp(hits, found, header().sequence);
  const h = header();
  if (total >= h.skip && total - h.skip + found <= h.capacity) {
    leaf.list(hits, found, h.out + ((total - h.skip) << 2));
  } else {
    listInRange(leaf, hits, total);
  }
  return total + found;
}

/** Lists hits number `total` and up, as far as the caller wants them and has room. */
function listInRange(leaf: Leaf, hits: u64, total: u32): void {
  const h = header();
  const skip = h.skip;
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
