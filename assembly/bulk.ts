// Filling an empty set from the bottom up: leaves are made from runs of sorted records and hung on the
// right edge of their tree. No splits, no descents, and fuller leaves.

import { BLOCK, header, keyOf } from "./header";
import {
  attachChunk,
  chunkGrowth,
  chunkNeeded,
  chunkOf,
  claimId,
  claimsChunk,
  directoryGrowth,
  isBeyondCapacity,
  isClaimable,
  NO_CHUNK,
  takeSomeIds,
  untakeId,
} from "./ids";
import { CHILDREN_MAX, Inner } from "./inner";
import { Leaf, NARROW_SLOTS, WIDE_SLOTS } from "./leaf";
import { provide } from "./pools";
import { Extent, Scratch } from "./scratch";
import { IntervalSet, logOfLength, Tree } from "./sets";
import { growRoot, plant } from "./tree";

/** Some room is left, so that the first insertions do not split every node. */
const NARROW_FILL: u32 = (NARROW_SLOTS * 7) / 8;
const WIDE_FILL: u32 = (WIDE_SLOTS * 7) / 8;
const CHILDREN_FILL: u32 = (CHILDREN_MAX * 7) / 8;

/**
 * An interval on its way into a leaf:
 *
 *     0  start u64  last u64
 *    16  handle  sequence
 *    24
 */
const ROW_SIZE: u32 = 24;
const FEW_ROWS: u32 = 512;

/** Takes ids for new intervals and writes them to the exchange buffer; returns how many there were. */
export function takeIds(set: IntervalSet, count: u32): u32 {
  const h = header();
  let i: u32 = 0;
  while (i < count) {
    const number = chunkNeeded(set);
    if (number !== NO_CHUNK) {
      if (isBeyondCapacity(number) || !provide(chunkGrowth(number), directoryGrowth(number))) {
        return i;
      }
      attachChunk(set, number);
    }
    const taken = takeSomeIds(set, h.exchange + ((<usize>i) << 2), count - i);
    h.batchTaken += taken;
    i += taken;
  }
  return count;
}

const HANDLE_TAKEN: u32 = 1;
const OUT_OF_MEMORY: u32 = 2;

/**
 * Makes the handles in the exchange buffer ids of a new set; returns how many it could. If not all, the
 * reason stands in place of the first that it could not.
 */
export function claimIds(set: IntervalSet, count: u32): u32 {
  const at = header().exchange;
  for (let i: u32 = 0; i < count; i += 1) {
    const place = at + ((<usize>i) << 2);
    const handle = load<u32>(place);
    if (!isClaimable(set, handle)) {
      store<u32>(place, HANDLE_TAKEN);
      return i;
    }
    if (claimsChunk(set, handle)) {
      const number = chunkOf(handle);
      if (!provide(chunkGrowth(number), directoryGrowth(number))) {
        store<u32>(place, OUT_OF_MEMORY);
        return i;
      }
      attachChunk(set, number);
    }
    claimId(handle);
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

/**
 * Makes sure that nodes for so many intervals in so many trees can be had, and memory for their rows,
 * with as much again if they are to be sorted. Returns the end of that memory, or 0. Nothing is taken:
 * rows lie where nodes will be, but a row is read before its memory is needed for a node, because
 * nodes take more of it than rows do and all that is provided ends with the last row.
 */
export function provideNodes(count: u32, trees: u32, sorting: bool): usize {
  const h = header();
  const leaves = count / WIDE_FILL + trees;
  const blocks = leaves + leaves / (CHILDREN_FILL - 1) + 8 * trees;
  const rows = (count * ROW_SIZE + BLOCK - 1) / BLOCK;
  const room = (rows << (<u32>sorting)) + 8 * trees;
  const fresh = max(blocks, h.freeBlockCount) - h.freeBlockCount;
  const end = max(fresh, room);
  if (!provide(blocks, end - fresh)) return 0;
  return <usize>(h.topBlock + end) * BLOCK;
}

/** Intervals in the exchange buffer at most: f64 starts, f64 ends and handles, in columns of so many. */
const COLUMN: u32 = 768;

/**
 * Makes rows of the half-open ranges in the exchange buffer whose lengths have logarithms from `low` to
 * `high`, in order and so that the last ends at `end`. Returns where the first begins.
 */
export function makeRows(end: usize, count: u32, low: u32, high: u32, sequence: u32): usize {
  const columns = header().exchange;
  for (let i = <i32>count - 1; i >= 0; i -= 1) {
    const at = columns + ((<usize>i) << 3);
    const start = <i64>load<f64>(at);
    const last = <i64>load<f64>(at, 8 * COLUMN) - 1;
    if (logOfLength(start, last) - low > high - low) continue;
    end -= ROW_SIZE;
    store<i64>(end, start);
    store<i64>(end, last, 8);
    store<u32>(end, load<u32>(columns + ((<usize>i) << 2), 16 * COLUMN), 16);
    store<u32>(end, sequence, 20);
  }
  return end;
}

/**
 * Sorts rows, at least one, by the bits in which their starts differ. The memory before the rows and the
 * exchange buffer are used for that.
 */
export function sortRows(rows: usize, count: u32): void {
  const size = <usize>count * ROW_SIZE;
  const table = header().exchange;
  let differing: u64 = 0;
  for (let at = rows; at < rows + size; at += ROW_SIZE)
    differing |= load<u64>(at) ^ load<u64>(rows);
  if (differing === 0) return;
  const from = ctz(differing);
  const bits: u32 = 64 - <u32>clz(differing >> from);
  // The tables of short digits are cleared and summed sooner, which matters where rows are few; one of 12
  // bits is as long as the exchange buffer at its shortest.
  const longest: u32 = count < FEW_ROWS ? 8 : 12;
  const passes = (bits + longest - 1) / longest;
  const digit = (bits + passes - 1) / passes;
  const tableSize = (<usize>4) << digit;
  const mask = tableSize - 4;
  let shift = from;
  let source = rows;
  let target = rows - size;
  for (let pass: u32 = 0; pass < passes; pass += 1) {
    memory.fill(table, 0, tableSize);
    const end = source + size;
    let at = source;
    do {
      const place = table + (((<usize>(load<u64>(at) >> shift)) << 2) & mask);
      store<u32>(place, load<u32>(place) + ROW_SIZE);
      at += ROW_SIZE;
    } while (at < end);
    let next = target;
    for (let place = table; place < table + tableSize; place += 4) {
      const bytes = load<u32>(place);
      store<u32>(place, next);
      next += bytes;
    }
    at = source;
    do {
      const start = load<u64>(at);
      const place = table + (((<usize>(start >> shift)) << 2) & mask);
      const to = load<u32>(place);
      store<u32>(place, to + ROW_SIZE);
      store<u64>(to, start);
      v128.store(to, v128.load(at, 8), 8);
      at += ROW_SIZE;
    } while (at < end);
    const other = source;
    source = target;
    target = other;
    shift += digit;
  }
  if (source !== rows) memory.copy(rows, source, size);
}

/**
 * Makes the leaves of a tree that is empty from rows that ascend by start and whose intervals' lengths
 * have logarithms from `low` to `high`. Nodes have been provided.
 */
export function appendLeaves(
  set: IntervalSet,
  index: u32,
  low: u32,
  high: u32,
  rows: usize,
  count: u32,
): void {
  const tree = set.tree(index);
  set.size += count;
  while (count > 0) {
    let taken = min(count, NARROW_FILL);
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
    rows += <usize>taken * ROW_SIZE;
    count -= taken;
  }
}

/** Makes a row the scratch entry `i`. */
function readRow(at: usize, i: u32): void {
  Scratch.set(
    i,
    keyOf(load<u64>(at)),
    keyOf(load<u64>(at, 8)),
    load<u32>(at, 16),
    load<u32>(at, 20),
    0,
  );
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
