// Neighbours of a point, and the gaps between intervals.

import { header } from "./header";
import { Inner } from "./inner";
import { Leaf } from "./leaf";
import { IntervalSet } from "./sets";

/** The first interval in (start, last, handle) order that starts at or after the key, or 0. */
export function firstAfter(set: IntervalSet, key: i64): u32 {
  const h = header();
  h.best = 0;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root !== 0) searchAfter(tree.root, tree.height, key);
  }
  return h.best;
}

function searchAfter(node: usize, level: u32, key: i64): void {
  const h = header();
  if (level === 0) {
    const leaf = Leaf.at(node);
    for (let i: u32 = 0; i < leaf.count; i += 1) {
      const start = leaf.startAt(i);
      if (start < key || (h.best !== 0 && start > h.bestStart)) continue;
      offer(start, leaf.lastAt(i), leaf.idAt(i), false);
    }
    return;
  }
  const inner = Inner.at(node);
  for (let i: u32 = 0; i < inner.count; i += 1) {
    if (h.best !== 0 && inner.leastStart(i) > h.bestStart) return;
    // No start below this child is above the least start of the next one.
    if (i + 1 < inner.count && inner.leastStart(i + 1) < key) continue;
    searchAfter(inner.child(i), level - 1, key);
  }
}

/**
 * The interval with the greatest last that is at or before the key, of several the one with the
 * greatest start, of several the one with the least handle; or 0.
 */
export function firstBefore(set: IntervalSet, key: i64): u32 {
  const h = header();
  h.best = 0;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root !== 0) searchBefore(tree.root, tree.height, key);
  }
  return h.best;
}

function searchBefore(node: usize, level: u32, key: i64): void {
  const h = header();
  if (level === 0) {
    const leaf = Leaf.at(node);
    for (let i: u32 = 0; i < leaf.count; i += 1) {
      const last = leaf.lastAt(i);
      if (last > key || (h.best !== 0 && last < h.bestLast)) continue;
      offer(leaf.startAt(i), last, leaf.idAt(i), true);
    }
    return;
  }
  const inner = Inner.at(node);
  for (let i = inner.rank(key); i > 0; i -= 1) {
    if (inner.leastLast(i - 1) > key) continue;
    if (h.best !== 0 && inner.greatestLast(i - 1) < h.bestLast) continue;
    searchBefore(inner.child(i - 1), level - 1, key);
  }
}

function offer(start: i64, last: i64, id: u32, before: bool): void {
  const h = header();
  if (h.best !== 0) {
    if (before) {
      if (last === h.bestLast && (start < h.bestStart || (start === h.bestStart && id > h.best))) {
        return;
      }
    } else if (
      start === h.bestStart &&
      (last > h.bestLast || (last === h.bestLast && id > h.best))
    ) {
      return;
    }
  }
  h.best = id;
  h.bestStart = start;
  h.bestLast = last;
}

/**
 * Finds the first gap in `[from, limit]` and leaves its closed bounds in `bestStart` and
 * `bestLast`; false if all of the range is covered.
 */
export function nextGap(set: IntervalSet, from: i64, limit: i64): bool {
  const h = header();
  let at = from;
  while (true) {
    const reach = reachOf(set, at);
    if (h.best === 0 || reach < at) break;
    if (reach >= limit) return false;
    at = reach + 1;
  }
  let end = limit;
  if (firstAfter(set, at) !== 0 && h.bestStart <= limit) end = h.bestStart - 1;
  h.bestStart = at;
  h.bestLast = end;
  return true;
}

/** The greatest last among intervals that start at or before the key; `best` is 0 if none does. */
function reachOf(set: IntervalSet, key: i64): i64 {
  const h = header();
  let reach = i64.MIN_VALUE;
  h.best = 0;
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    let node = tree.root;
    if (node === 0) continue;
    let level = tree.height;
    while (level > 0) {
      const inner = Inner.at(node);
      const begun = inner.rank(key);
      if (begun === 0) break;
      for (let j: u32 = 0; j + 1 < begun; j += 1) {
        // All below these starts at or before the last child's least start.
        reach = max(reach, inner.greatestLast(j));
        h.best = 1;
      }
      node = inner.child(begun - 1);
      level -= 1;
    }
    if (level > 0) continue;
    const leaf = Leaf.at(node);
    for (let j: u32 = 0; j < leaf.count; j += 1) {
      if (leaf.startAt(j) > key) continue;
      reach = max(reach, leaf.lastAt(j));
      h.best = 1;
    }
  }
  return reach;
}
