// Checks every structural invariant of a set. The codes are named in src/engine/invariants.ts.

import { header } from "./header";
import { countFreeIds, countLiveIds, leafOf } from "./ids";
import { CHILDREN_MAX, Inner } from "./inner";
import { Leaf, NARROW_SLOTS, WIDE_SLOTS } from "./leaf";
import { aim, COLLECT, walkBelow } from "./query";
import { IntervalSet, logOfLength, RESTART_DUE, TREE_COUNT_MAX, Tree } from "./sets";

/** What a check of a set has counted so far. */
@unmanaged
class Tally {
  size: u32 = 0;
  locks: u32 = 0;
}

const TALLY: usize = memory.data(8, 4);

export function verify(set: IntervalSet): u32 {
  const tally = changetype<Tally>(TALLY);
  tally.size = 0;
  tally.locks = 0;
  if (set.treeCount > TREE_COUNT_MAX) return 1;
  for (let i: u32 = 0; i < TREE_COUNT_MAX; i += 1) {
    const tree = set.tree(i);
    if (i >= set.treeCount) {
      if (tree.root !== 0) return 1;
      continue;
    }
    if (tree.root === 0) continue;
    const fault = verifyNode(set, i, tree.root, 0, tree.height);
    if (fault !== 0) return fault;
  }
  if (set.treeCount > 0 && set.tree(set.treeCount - 1).root === 0) return 1;
  if (tally.size !== set.size) return 2;
  if (tally.locks !== set.heldLocks) return 3;
  if (countFreeIds(set) !== set.freeCount) return 4;
  if (countLiveIds(set) !== set.size - set.borrowed + set.lent) return 5;
  if ((set.flags & RESTART_DUE) !== 0 && set.lent === 0) return 6;
  return verifyPools();
}

function verifyNode(set: IntervalSet, tree: u32, node: usize, parent: usize, level: u32): u32 {
  return level === 0
    ? verifyLeaf(set, tree, Leaf.at(node), parent)
    : verifyInner(set, tree, Inner.at(node), parent, level);
}

function verifyInner(set: IntervalSet, tree: u32, inner: Inner, parent: usize, level: u32): u32 {
  if (inner.count === 0 || inner.count > CHILDREN_MAX) return 10;
  if (parent === 0 && inner.count === 1) return 11;
  if (inner.parent !== parent) return 12;
  if (inner.level !== level) return 13;
  for (let i: u32 = 0; i < inner.count; i += 1) {
    const child = inner.child(i);
    const before = changetype<Tally>(TALLY).size;
    const fault = verifyNode(set, tree, child, inner.address, level - 1);
    if (fault !== 0) return fault;
    const isLeaf = level === 1;
    const least = isLeaf ? Leaf.at(child).leastStart() : Inner.at(child).leastStart(0);
    const greatest = isLeaf ? Leaf.at(child).greatestLast() : Inner.at(child).greatest;
    const leastLast = isLeaf ? Leaf.at(child).leastLast() : Inner.at(child).leastOfLasts;
    if (inner.leastStart(i) !== least) return 14;
    if (inner.greatestLast(i) !== greatest) return 15;
    if (i > 0 && greatestStart(inner.child(i - 1), level - 1) > least) return 16;
    if (inner.leastLast(i) !== leastLast) return 17;
    if (inner.size(i) !== changetype<Tally>(TALLY).size - before) return 18;
  }
  return 0;
}

function greatestStart(node: usize, level: u32): i64 {
  // Starts ascend from child to child, so the last one has the greatest.
  while (level > 0) {
    const inner = Inner.at(node);
    node = inner.child(inner.count - 1);
    level -= 1;
  }
  const leaf = Leaf.at(node);
  let greatest = i64.MIN_VALUE;
  for (let i: u32 = 0; i < leaf.count; i += 1) greatest = max(greatest, leaf.startAt(i));
  return greatest;
}

function verifyLeaf(set: IntervalSet, index: u32, leaf: Leaf, parent: usize): u32 {
  const tally = changetype<Tally>(TALLY);
  const tree: Tree = set.tree(index);
  if (leaf.count === 0 || leaf.count > (leaf.wide ? WIDE_SLOTS : NARROW_SLOTS)) return 20;
  if (leaf.parent !== parent) return 21;
  if (leaf.set !== changetype<usize>(set) || leaf.tree !== <u8>index) return 22;
  if (leaf.locks >> leaf.count !== 0) return 23;
  for (let i: u32 = 0; i < leaf.count; i += 1) {
    const start = leaf.startAt(i);
    const last = leaf.lastAt(i);
    if (start > last) return 24;
    const log = logOfLength(start, last);
    if (log < tree.low || log > tree.high) return 25;
    if (leafOf(set, leaf.idAt(i)) !== leaf.address) return 26;
    if (leaf.slotOf(leaf.idAt(i)) !== i) return 27;
    if (!isFound(leaf, i, start) || !isFound(leaf, i, last)) return 28;
  }
  tally.size += leaf.count;
  tally.locks += <u32>popcnt(leaf.locks);
  return 0;
}

/** Whether a query of one point lists the interval in this slot. */
function isFound(leaf: Leaf, slot: u32, key: i64): bool {
  const out = header().exchange;
  aim(out, 0, NARROW_SLOTS);
  const found = walkBelow(leaf.address, 0, key, key, COLLECT, 0);
  const id = leaf.idAt(slot);
  for (let i: u32 = 0; i < found; i += 1) {
    if (load<u32>(out + ((<usize>i) << 2)) === id) return true;
  }
  return false;
}

function verifyPools(): u32 {
  const h = header();
  if (h.topBlock > (<u32>memory.size()) << 6) return 30;
  let count: u32 = 0;
  for (let block = h.freeBlock; block !== 0 && count <= h.freeBlockCount; count += 1) {
    block = load<usize>(block);
  }
  if (count !== h.freeBlockCount) return 31;
  return 0;
}
