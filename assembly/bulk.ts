// Filling an empty set from the bottom up: leaves are made from runs of sorted records and hung on the
// right edge of their tree. No splits, no descents, and fuller leaves.

import { header } from "./header";
import {
  attachChunk,
  chunkNeeded,
  directoryGrowth,
  isBeyondCapacity,
  NO_CHUNK,
  takeId,
  untakeId,
} from "./ids";
import { CHILDREN_MAX, Inner } from "./inner";
import { Leaf, NARROW_SLOTS, WIDE_SLOTS } from "./leaf";
import { provide } from "./pools";
import { ROW_SIZE, readRow } from "./rows";
import { Extent } from "./scratch";
import { IntervalSet, Tree } from "./sets";
import { growRoot, plant } from "./tree";

/** Some room is left, so that the first insertions do not split every node. */
const NARROW_FILL: u32 = (NARROW_SLOTS * 7) / 8;
const WIDE_FILL: u32 = (WIDE_SLOTS * 7) / 8;
const CHILDREN_FILL: u32 = (CHILDREN_MAX * 7) / 8;

/** Takes ids for new intervals and writes them to the exchange buffer; returns how many there were. */
export function takeIds(set: IntervalSet, count: u32): u32 {
  const h = header();
  for (let i: u32 = 0; i < count; i += 1) {
    const number = chunkNeeded(set);
    if (number !== NO_CHUNK) {
      if (isBeyondCapacity(number)) return i;
      if (!provide(number === h.chunkCount ? 1 : 0, directoryGrowth(number))) return i;
      attachChunk(set, number);
    }
    store<u32>(h.exchange + ((<usize>i) << 2), takeId(set));
    h.batchTaken += 1;
  }
  return count;
}

/** Gives ids in the exchange buffer back, newest last, as if they had never been taken. */
export function giveBackIds(set: IntervalSet, count: u32): void {
  const h = header();
  for (let i = count; i > 0; i -= 1) {
    h.batchTaken -= 1;
    const handle = load<u32>(h.exchange + ((<usize>(i - 1)) << 2));
    untakeId(set, handle, h.batchTaken < h.batchFree);
  }
}

/** Makes sure that nodes for so many intervals in so many trees can be had. */
export function provideNodes(count: u32, trees: u32): bool {
  const leaves = count / WIDE_FILL + trees;
  return provide(leaves + leaves / (CHILDREN_FILL - 1) + 8 * trees, 0);
}

/**
 * Makes leaves from records in the exchange buffer, ascending by start and all after those of the tree,
 * whose intervals' lengths have logarithms from `low` to `high`. Leaves are filled equally: what is
 * less than a leaf is left unless it is `final`. Returns how many records were used. Nodes have been
 * provided.
 */
export function appendLeaves(
  set: IntervalSet,
  index: u32,
  low: u32,
  high: u32,
  count: u32,
  final: bool,
): u32 {
  const tree = set.tree(index);
  let done: u32 = 0;
  while (done < count) {
    let taken = min(count - done, NARROW_FILL);
    if (taken < NARROW_FILL && !final) break;
    const rows = header().exchange + <usize>done * ROW_SIZE;
    for (let i: u32 = 0; i < taken; i += 1) readRow(rows + <usize>i * ROW_SIZE, i);
    let extent = Extent.of(0, taken);
    if (!extent.isNarrow && taken > WIDE_FILL) {
      taken = WIDE_FILL;
      extent = Extent.of(0, taken);
    }
    const leaf = Leaf.create(changetype<usize>(set), index);
    leaf.encode(0, taken, extent);
    leaf.repoint();
    if (tree.root === 0) plant(set, index, leaf, low, high);
    else appendChild(tree, 1, leaf.address);
    set.size += taken;
    set.heldLocks += <u32>popcnt(leaf.locks);
    done += taken;
  }
  return done;
}

/** Hangs a node on the right edge of the tree, below an inner node of the given level. */
function appendChild(tree: Tree, level: u32, child: usize): void {
  if (tree.height < level) growRoot(tree);
  let inner = Inner.at(tree.root);
  while (inner.level > level) inner = Inner.at(inner.child(inner.count - 1));
  if (inner.count >= CHILDREN_FILL) {
    const right = Inner.create(level);
    right.insert(0, child);
    appendChild(tree, level + 1, right.address);
    return;
  }
  inner.insert(inner.count, child);
  while (inner.parent !== 0) {
    inner = Inner.at(inner.parent);
    inner.measure(inner.count - 1);
  }
}
