// Operations on sets. Each makes sure of its memory first and changes state only then; what it
// returns instead of a handle when it cannot go ahead has slot 0.

import { header } from "./header";
import {
  attachChunk,
  chunkGrowth,
  chunkNeeded,
  directoryGrowth,
  giveId,
  isBeyondCapacity,
  leafOf,
  NO_CHUNK,
  noteTransfer,
  ownerOf,
  releaseSet,
  restartIds,
  takeId,
  untakeId,
} from "./ids";
import { Inner } from "./inner";
import { Leaf } from "./leaf";
import { isInsertionProvided, provide, provideInsertion, provideTransfer } from "./pools";
import { aim, COLLECT, walk } from "./query";
import { DISPOSED, IntervalSet, RESTART_DUE, takeSet } from "./sets";
import { erase, fell, place } from "./tree";

/** In place of a handle. */
const OUT_OF_MEMORY: u32 = 0;
const OUT_OF_IDS: u32 = 1 << 24;

/** The address of a new set's record, or 0. */
export function createSet(): usize {
  if (!provide(1, 0)) return 0;
  return changetype<usize>(takeSet());
}

export function insert(set: IntervalSet, start: i64, last: i64, sequence: u32): u32 {
  const number = set.freeCount > 0 ? NO_CHUNK : chunkNeeded(set);
  if (number === NO_CHUNK) {
    if (!isInsertionProvided() && !provideInsertion(0, 0)) return OUT_OF_MEMORY;
  } else {
    if (isBeyondCapacity(number)) return OUT_OF_IDS;
    if (!provideInsertion(chunkGrowth(number), directoryGrowth(number))) return OUT_OF_MEMORY;
    attachChunk(set, number);
  }
  const handle = takeId(set);
  place(set, start, last, handle, sequence, 0);
  set.size += 1;
  return handle;
}

/** Takes back the newest insertion of an insertMany. */
export function undoInsertion(set: IntervalSet, handle: u32): void {
  const h = header();
  const leaf = Leaf.at(leafOf(set, handle));
  erase(set, leaf, leaf.slotOf(handle));
  set.size -= 1;
  h.batchTaken -= 1;
  untakeId(set, handle, h.batchTaken < h.batchFree);
}

export function remove(set: IntervalSet, handle: u32): bool {
  const found = leafOf(set, handle);
  if (found === 0) return false;
  const leaf = Leaf.at(found);
  const slot = leaf.slotOf(handle);
  set.heldLocks -= leaf.lockedAt(slot);
  erase(set, leaf, slot);
  set.size -= 1;
  giveId(handle, set);
  return true;
}

/** Removes what overlaps; returns how many that were. */
export function removeOverlapping(set: IntervalSet, start: i64, last: i64): u32 {
  const h = header();
  const out = h.exchange;
  let total: u32 = 0;
  let found: u32 = 0;
  do {
    aim(out, 0, h.exchangeCapacity);
    found = walk(set, start, last, COLLECT);
    const count = min(found, h.exchangeCapacity);
    for (let i: u32 = 0; i < count; i += 1) remove(set, load<u32>(out + ((<usize>i) << 2)));
    total += count;
  } while (found > h.exchangeCapacity);
  return total;
}

/** 0: done. 1: no such interval. 2: out of memory. */
export function move(set: IntervalSet, handle: u32, start: i64, last: i64): u32 {
  const found = leafOf(set, handle);
  if (found === 0) return 1;
  if (!provideInsertion(0, 0)) return 2;
  const leaf = Leaf.at(found);
  relocate(set, set, leaf, leaf.slotOf(handle), start, last);
  return 0;
}

/** Moves an interval to another set; same results as `move`. */
export function transfer(from: IntervalSet, to: IntervalSet, handle: u32): u32 {
  const found = leafOf(from, handle);
  if (found === 0) return 1;
  if (changetype<usize>(from) === changetype<usize>(to)) return 0;
  if (!provideTransfer()) return 2;
  const leaf = Leaf.at(found);
  const slot = leaf.slotOf(handle);
  const locked = relocate(from, to, leaf, slot, leaf.startAt(slot), leaf.lastAt(slot));
  from.size -= 1;
  to.size += 1;
  from.heldLocks -= locked;
  to.heldLocks += locked;
  noteTransfer(handle, from, to);
  return 0;
}

/** Erases an interval and places it anew with the handle, sequence and lock bit that it has; returns the bit. */
function relocate(
  from: IntervalSet,
  to: IntervalSet,
  leaf: Leaf,
  slot: u32,
  start: i64,
  last: i64,
): u32 {
  const handle = leaf.idAt(slot);
  const sequence = leaf.sequenceAt(slot);
  const locked = leaf.lockedAt(slot);
  erase(from, leaf, slot);
  place(to, start, last, handle, sequence, locked);
  return locked;
}

/** Changes the number of transfers that must not fail. False: out of memory. */
export function reserve(set: IntervalSet, delta: i32): bool {
  const h = header();
  h.reserved += delta;
  if (delta > 0 && !provide(0, 0)) {
    h.reserved -= delta;
    return false;
  }
  set.reserved += delta;
  return true;
}

export function clear(set: IntervalSet): void {
  if (set.borrowed > 0 || set.lent > 0) {
    for (let i: u32 = 0; i < set.treeCount; i += 1) {
      const tree = set.tree(i);
      if (tree.root !== 0) giveIdsBelow(set, tree.root, tree.height);
    }
  }
  for (let i: u32 = 0; i < set.treeCount; i += 1) {
    const tree = set.tree(i);
    if (tree.root !== 0) fell(tree.root, tree.height);
    tree.root = 0;
    tree.height = 0;
  }
  set.treeCount = 0;
  set.size = 0;
  set.heldLocks = 0;
  header().reserved -= set.reserved;
  set.reserved = 0;
  // Ids that other sets still use keep theirs from restarting until the last has come back.
  if (set.lent > 0) set.flags |= RESTART_DUE;
  else restartIds(set);
}

/** Frees ids one by one, where whole chunks cannot be: ids of other sets, or with some lent out. */
function giveIdsBelow(set: IntervalSet, node: usize, level: u32): void {
  if (level > 0) {
    const inner = Inner.at(node);
    for (let i: u32 = 0; i < inner.count; i += 1) giveIdsBelow(set, inner.child(i), level - 1);
    return;
  }
  const leaf = Leaf.at(node);
  for (let i: u32 = 0; i < leaf.count; i += 1) {
    const id = leaf.idAt(i);
    if (set.lent > 0 || ownerOf(id) !== changetype<usize>(set)) giveId(id, set);
  }
}

export function dispose(set: IntervalSet): void {
  clear(set);
  if (set.lent > 0) set.flags |= DISPOSED;
  else releaseSet(set);
}
