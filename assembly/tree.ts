// Insertion into and removal from a tree: B+-tree mechanics. What they need has been provided.

import { header } from "./header";
import { pointTo } from "./ids";
import { CHILDREN_MAX, Inner, setParent } from "./inner";
import { Leaf, NARROW_SLOTS, WIDE_SLOTS } from "./leaf";
import { Extent, Scratch } from "./scratch";
import { IntervalSet, logOfLength, Tree } from "./sets";

/** Below so many children an inner node looks for a neighbour to merge with. */
const CHILDREN_MIN: u32 = CHILDREN_MAX / 4;
const CHILDREN_MERGED_MAX: u32 = (CHILDREN_MAX * 3) / 4;

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
  let leaf: Leaf;
  if (tree.root === 0) {
    leaf = Leaf.create(changetype<usize>(set), index);
    plant(set, index, leaf, log, log);
  } else {
    tree.low = min(tree.low, log);
    tree.high = max(tree.high, log);
    leaf = descend(tree, start, last);
  }
  if (!leaf.add(start, last, id, sequence, locked)) {
    leaf = splitLeaf(tree, leaf, start, last);
    const added = leaf.add(start, last, id, sequence, locked);
    assert(added, "half a leaf is full");
  }
  pointTo(id, leaf.address);
}

/** Gives an empty tree its first leaf, for lengths of the given logarithms. */
export function plant(set: IntervalSet, index: u32, leaf: Leaf, low: u32, high: u32): void {
  const tree = set.tree(index);
  tree.root = leaf.address;
  tree.height = 0;
  tree.low = low;
  tree.high = high;
  set.treeCount = max(set.treeCount, index + 1);
}

/** Finds the leaf for a start, splitting full nodes on the way and noting what comes below each. */
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
    inner.widen(i, start, last);
    node = inner.child(i);
    level -= 1;
  }
  return Leaf.at(node);
}

/** Puts an inner node with one child above the root. */
export function growRoot(tree: Tree): void {
  const above = Inner.create(tree.height + 1);
  above.insert(0, tree.root);
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
  parent.measure(i);
  parent.insert(i + 1, right.address);
}

/** Makes room for `[start, last]` beside a leaf that cannot take it; returns the leaf that can. */
function splitLeaf(tree: Tree, leaf: Leaf, start: i64, last: i64): Leaf {
  if (leaf.parent === 0) growRoot(tree);
  const parent = Inner.at(leaf.parent);
  const i = parent.indexOf(leaf.address);
  const right = Leaf.create(leaf.set, leaf.tree);
  if (i + 1 === parent.count && start > leaf.greatestStart()) {
    // Ascending insertion leaves full leaves behind.
    parent.measure(i);
    parent.insert(i + 1, right.address);
    parent.begin(i + 1, start, last);
    return right;
  }
  divide(leaf, right);
  right.repoint();
  parent.measure(i);
  parent.insert(i + 1, right.address);
  const side = start >= parent.leastStart(i + 1) ? i + 1 : i;
  parent.widen(side, start, last);
  return side === i ? leaf : right;
}

/** Moves half of the entries to an empty leaf. */
function divide(leaf: Leaf, right: Leaf): void {
  if (!leaf.wide) {
    leaf.moveHalf(right);
    return;
  }
  // Half of a wide leaf may be narrow.
  const count = leaf.count;
  const cut = count / 2;
  leaf.decode(0);
  Scratch.select(count, cut);
  leaf.encode(0, cut, Extent.of(0, cut));
  right.encode(cut, count - cut, Extent.of(cut, count - cut));
}

/** Takes the interval in this slot out of its tree; its id stays as it is. */
export function erase(set: IntervalSet, leaf: Leaf, slot: u32): void {
  const parent = leaf.parent;
  const start = leaf.startAt(slot);
  const last = leaf.lastAt(slot);
  leaf.removeAt(slot);
  if (parent === 0) {
    if (leaf.count === 0) {
      set.dropTree(leaf.tree);
      Leaf.release(leaf);
    }
    return;
  }
  const tree = set.tree(leaf.tree);
  const inner = Inner.at(parent);
  const i = inner.indexOf(leaf.address);
  const wasBound =
    start === inner.leastStart(i) || last === inner.greatestLast(i) || last === inner.leastLast(i);
  shrink(inner, i);
  if (leaf.count === 0) {
    Leaf.release(leaf);
    dropChild(tree, inner, i);
    return;
  }
  if (wasBound) mend(inner, i);
  if (leaf.count < leaf.slots / 4) mergeLeaf(tree, inner, i);
}

/** Counts one interval less below child `i` and in all nodes above. */
function shrink(inner: Inner, i: u32): void {
  while (true) {
    inner.setSize(i, inner.size(i) - 1);
    if (inner.parent === 0) return;
    const above = Inner.at(inner.parent);
    i = above.indexOf(inner.address);
    inner = above;
  }
}

/** Looks at child `i` again, and at the nodes above as far as their bounds change. */
function mend(inner: Inner, i: u32): void {
  while (inner.measure(i) && inner.parent !== 0) {
    const above = Inner.at(inner.parent);
    i = above.indexOf(inner.address);
    inner = above;
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
  mend(above, j);
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
  if (!a.wide && a.encodesLike(b)) {
    b.moveAll(a);
  } else {
    a.decode(0);
    b.decode(kept);
    const extent = Extent.of(0, sum);
    if (sum > (WIDE_SLOTS * 3) / 4 && !extent.isNarrow) return;
    a.encode(0, sum, extent);
  }
  a.repoint();
  Leaf.release(b);
  inner.measure(left);
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
  above.measure(left);
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
