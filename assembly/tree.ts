// Insertion into and removal from a tree: B+-tree mechanics. What they need has been provided.

import { header } from "./header";
import { pointTo } from "./ids";
import { CHILDREN_MAX, Inner, setParent } from "./inner";
import { Leaf, NARROW_SLOTS, WIDE_SLOTS } from "./leaf";
import { Extent, Scratch } from "./scratch";
import { IntervalSet, logOfLength, Tree } from "./sets";

/** Below so many children an inner node looks for a neighbour to merge with. */
const CHILDREN_MIN: u32 = 4;
const CHILDREN_MERGED_MAX: u32 = 12;

/** Puts the interval of a live id into the right tree of the set. */
export function place(
  set: IntervalSet,
  start: i64,
  last: i64,
  id: u32,
  sequence: u32,
  locked: u32,
): void {
  const log = logOfLength(start, last);
  const index = set.treeFor(log);
  const tree = set.tree(index);
  if (tree.root === 0) {
    Scratch.set(0, start, last, id, sequence, locked);
    plant(set, index, log);
    pointTo(id, tree.root);
    return;
  }
  tree.low = min(tree.low, log);
  tree.high = max(tree.high, log);
  const leaf = descend(tree, start, last);
  if (leaf.add(start, last, id, sequence, locked)) {
    pointTo(id, leaf.address);
    return;
  }
  const half = splitLeaf(tree, leaf, start, last);
  const added = half.add(start, last, id, sequence, locked);
  assert(added, "half a leaf is full");
  pointTo(id, half.address);
}

/** Gives an empty tree its first leaf, with the first scratch entry in it. */
function plant(set: IntervalSet, index: u32, log: u32): void {
  const leaf = Leaf.create(changetype<usize>(set), index);
  leaf.encode(0, 1, Extent.of(0, 1));
  const tree = set.tree(index);
  tree.root = leaf.address;
  tree.height = 0;
  tree.low = log;
  tree.high = log;
  set.treeCount = max(set.treeCount, index + 1);
}

/** Finds the leaf for a start, splitting full nodes on the way and widening the bounds. */
function descend(tree: Tree, start: i64, last: i64): Leaf {
  let level = tree.height;
  if (level > 0 && Inner.at(tree.root).count === CHILDREN_MAX) {
    growRoot(tree);
    splitInner(Inner.at(tree.root), 0, start);
    level = tree.height;
  }
  let node = tree.root;
  while (level > 0) {
    const inner = Inner.at(node);
    let i = max<u32>(inner.rank(start), 1) - 1;
    if (level > 1 && Inner.at(inner.child(i)).count === CHILDREN_MAX) {
      splitInner(inner, i, start);
      if (inner.leastStart(i + 1) <= start) i += 1;
    }
    if (start < inner.leastStart(i)) inner.setLeastStart(i, start);
    if (last > inner.greatestLast(i)) inner.setGreatestLast(i, last);
    node = inner.child(i);
    level -= 1;
  }
  return Leaf.at(node);
}

/** Puts an inner node with one child above the root. */
function growRoot(tree: Tree): void {
  const root = tree.root;
  const isLeaf = tree.height === 0;
  const above = Inner.create(tree.height + 1);
  const least = isLeaf ? Leaf.at(root).leastStart() : Inner.at(root).least;
  const greatest = isLeaf ? Leaf.at(root).greatestLast() : Inner.at(root).greatest;
  above.insert(0, root, least, greatest);
  tree.root = above.address;
  tree.height += 1;
  const h = header();
  h.heightMax = max(h.heightMax, tree.height);
}

/** Splits the full inner child `i` of a parent that has room. */
function splitInner(parent: Inner, i: u32, start: i64): void {
  const left = Inner.at(parent.child(i));
  const right = Inner.create(left.level);
  // Ascending insertion leaves the left node almost full.
  const atEnd = i + 1 === parent.count && start >= left.leastStart(CHILDREN_MAX - 1);
  left.moveTail(atEnd ? CHILDREN_MAX - 2 : CHILDREN_MAX / 2, right);
  parent.setGreatestLast(i, left.greatest);
  parent.insert(i + 1, right.address, right.least, right.greatest);
}

/**
 * Splits a leaf that cannot take `[start, last]`, and returns the half where it belongs, with the
 * bounds above widened for it.
 */
function splitLeaf(tree: Tree, leaf: Leaf, start: i64, last: i64): Leaf {
  if (leaf.parent === 0) growRoot(tree);
  const parent = Inner.at(leaf.parent);
  const i = parent.indexOf(leaf.address);
  const count = leaf.count;
  leaf.decode(0);
  let cut = count / 2;
  if (i + 1 === parent.count && isAscending(count, start)) cut = (count * 7) / 8;
  Scratch.select(count, cut);
  const right = Leaf.create(leaf.set, leaf.tree);
  leaf.encode(0, cut, Extent.of(0, cut));
  right.encode(cut, count - cut, Extent.of(cut, count - cut));
  right.repoint();
  parent.setLeastStart(i, leaf.leastStart());
  parent.setGreatestLast(i, leaf.greatestLast());
  parent.insert(i + 1, right.address, right.leastStart(), right.greatestLast());
  const side = start >= parent.leastStart(i + 1) ? i + 1 : i;
  parent.setLeastStart(side, min(parent.leastStart(side), start));
  parent.setGreatestLast(side, max(parent.greatestLast(side), last));
  return side === i ? leaf : right;
}

/** Whether the start is above those of all scratch entries. */
function isAscending(count: u32, start: i64): bool {
  for (let i: u32 = 0; i < count; i += 1) {
    if (Scratch.start(i) >= start) return false;
  }
  return true;
}

/** Takes the interval in this slot out of its tree; its id stays as it is. */
export function erase(set: IntervalSet, leaf: Leaf, slot: u32): void {
  const parent = leaf.parent;
  if (parent === 0) {
    leaf.removeAt(slot);
    if (leaf.count === 0) {
      set.dropTree(leaf.tree);
      Leaf.release(leaf);
    }
    return;
  }
  const tree = set.tree(leaf.tree);
  const start = leaf.startAt(slot);
  const last = leaf.lastAt(slot);
  leaf.removeAt(slot);
  const inner = Inner.at(parent);
  const i = inner.indexOf(leaf.address);
  if (leaf.count === 0) {
    Leaf.release(leaf);
    dropChild(tree, inner, i);
    return;
  }
  let least = inner.leastStart(i);
  let greatest = inner.greatestLast(i);
  if (start === least) least = leaf.leastStart();
  if (last === greatest) greatest = leaf.greatestLast();
  rebound(inner, i, least, greatest);
  if (leaf.count < leaf.slots / 4) mergeLeaf(tree, inner, i);
}

/** Sets the bounds of a child and those of the nodes above as far as they change. */
function rebound(inner: Inner, i: u32, least: i64, greatest: i64): void {
  while (true) {
    const leastBefore = inner.leastStart(i);
    const greatestBefore = inner.greatestLast(i);
    if (least === leastBefore && greatest === greatestBefore) return;
    inner.setLeastStart(i, least);
    inner.setGreatestLast(i, greatest);
    if (inner.parent === 0) return;
    const above = Inner.at(inner.parent);
    const j = above.indexOf(inner.address);
    least = inner.least;
    const raised = above.greatestLast(j);
    // Only the child that carried the node's bound can change it.
    if (greatest === raised || (greatestBefore !== raised && greatest < raised)) greatest = raised;
    else greatest = inner.greatest;
    inner = above;
    i = j;
  }
}

/** Takes a child that is gone out of its parent, and what becomes of the nodes above. */
function dropChild(tree: Tree, inner: Inner, i: u32): void {
  inner.removeAt(i);
  if (inner.parent === 0) {
    lowerRoot(tree);
    return;
  }
  const above = Inner.at(inner.parent);
  const j = above.indexOf(inner.address);
  if (inner.count === 0) {
    Inner.release(inner);
    dropChild(tree, above, j);
    return;
  }
  rebound(above, j, inner.least, inner.greatest);
  if (inner.count < CHILDREN_MIN) mergeInner(tree, above, j);
}

/** While the root has one child only, that child is the root. */
function lowerRoot(tree: Tree): void {
  while (tree.height > 0) {
    const root = Inner.at(tree.root);
    assert(root.count > 0, "a tree lost its last leaf below an inner node");
    if (root.count > 1) return;
    tree.root = root.child(0);
    tree.height -= 1;
    setParent(tree.root, 0);
    Inner.release(root);
  }
}

/** Merges the thin leaf `i` with a neighbour if both fit well into one leaf. */
function mergeLeaf(tree: Tree, inner: Inner, i: u32): void {
  if (inner.count < 2) return;
  const left = i + 1 < inner.count ? i : i - 1;
  const a = Leaf.at(inner.child(left));
  const b = Leaf.at(inner.child(left + 1));
  const kept = a.count;
  const sum = kept + b.count;
  if (sum > (NARROW_SLOTS * 3) / 4) return;
  a.decode(0);
  b.decode(kept);
  const extent = Extent.of(0, sum);
  if (sum > (WIDE_SLOTS * 3) / 4 && !extent.isNarrow) return;
  a.encode(0, sum, extent);
  a.repoint();
  Leaf.release(b);
  const greatest = max(inner.greatestLast(left), inner.greatestLast(left + 1));
  inner.setGreatestLast(left, greatest);
  dropChild(tree, inner, left + 1);
}

function mergeInner(tree: Tree, above: Inner, j: u32): void {
  if (above.count < 2) return;
  const left = j + 1 < above.count ? j : j - 1;
  const a = Inner.at(above.child(left));
  const b = Inner.at(above.child(left + 1));
  if (a.count + b.count > CHILDREN_MERGED_MAX) return;
  b.moveTail(0, a);
  Inner.release(b);
  above.setGreatestLast(left, max(above.greatestLast(left), above.greatestLast(left + 1)));
  dropChild(tree, above, left + 1);
}

/** Frees all nodes of the tree. */
export function fell(node: usize, level: u32): void {
  if (level === 0) {
    Leaf.release(Leaf.at(node));
    return;
  }
  const inner = Inner.at(node);
  for (let i: u32 = 0; i < inner.count; i += 1) fell(inner.child(i), level - 1);
  Inner.release(inner);
}
