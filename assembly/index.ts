// What the host sees. Bounds are closed and checked by the host; a name that ends in `Number` takes
// them as exact f64 integers, its twin as u64. `set` is the address of a set's record.

import * as batches from "./batch";
import * as bulk from "./bulk";
import { growExchange as growExchangeTo, startExchange } from "./exchange";
import { addressOf, BLOCK, header, keyOf, keyOfNumber } from "./header";
import { abandonBatch, beginBatch, finishClaims, leafOf, resetIds } from "./ids";
import { Leaf } from "./leaf";
import * as nearest from "./nearest";
import * as operations from "./operations";
import { resetPools, startPools } from "./pools";
import {
  aim,
  COLLECT,
  COLLECT_LOCKED,
  count as countHits,
  greatestLast,
  INVALIDATE,
  INVALIDATE_UNLOCKED,
  leastStart,
  some as someHit,
  someLocked,
  walk,
} from "./query";
import { writeRow, writeRows } from "./rows";
import { IntervalSet } from "./sets";
import { verify as verifySet } from "./verify";

function setAt(set: usize): IntervalSet {
  return changetype<IntervalSet>(set);
}

export function start(pageCountMax: u32): void {
  startPools(pageCountMax);
  startExchange();
}

export function reset(): void {
  const h = header();
  resetPools();
  resetIds();
  h.freeSet = 0;
  h.setCount = 0;
  startExchange();
}

/** Bytes in use, without what is free for reuse. */
export function usedBytes(): f64 {
  const h = header();
  return <f64>(h.topBlock - h.freeBlockCount) * <f64>BLOCK;
}

export function exchangeAddress(): usize {
  return header().exchange;
}

export function exchangeCapacity(): u32 {
  return header().exchangeCapacity;
}

export function growExchange(words: u32): u32 {
  return growExchangeTo(words);
}

export function createSet(): usize {
  return operations.createSet();
}

export function disposeSet(set: usize): void {
  operations.dispose(setAt(set));
}

export function clearSet(set: usize): void {
  operations.clear(setAt(set));
}

export function sizeOf(set: usize): u32 {
  return setAt(set).size;
}

export function heldLocksOf(set: usize): u32 {
  return setAt(set).heldLocks;
}

export function verify(set: usize): u32 {
  return verifySet(setAt(set));
}

export function insert(set: usize, start: u64, last: u64, sequence: u32): u32 {
  return operations.insert(setAt(set), keyOf(start), keyOf(last), sequence);
}

export function insertNumber(set: usize, start: f64, last: f64, sequence: u32): u32 {
  return operations.insert(setAt(set), keyOfNumber(start), keyOfNumber(last), sequence);
}

/** Before the first call of an insertMany, and of a bulk load. */
export function beginInsertMany(set: usize): void {
  beginBatch(setAt(set));
}

/** After everything that a failed insertMany did has been taken back. */
export function abandonInsertMany(set: usize): void {
  abandonBatch(setAt(set));
}

/**
 * Inserts the first `count` pairs of closed bounds in the exchange buffer and writes their handles
 * to its head. Returns how many were inserted; if fewer, the next word tells why.
 */
export function insertMany(set: usize, count: u32, sequence: u32): u32 {
  const h = header();
  const at = h.exchange;
  for (let i: u32 = 0; i < count; i += 1) {
    const pair = at + ((<usize>i) << 4);
    const start = keyOf(load<u64>(pair));
    const handle = operations.insert(setAt(set), start, keyOf(load<u64>(pair, 8)), sequence);
    store<u32>(at + ((<usize>i) << 2), handle);
    if (handle << 8 === 0) return i;
    h.batchTaken += 1;
  }
  return count;
}

/** Takes back the insertions whose handles are in the exchange buffer, newest last. */
export function undoInsertMany(set: usize, count: u32): void {
  const at = header().exchange;
  for (let i = count; i > 0; i -= 1) {
    operations.undoInsertion(setAt(set), load<u32>(at + ((<usize>(i - 1)) << 2)));
  }
}

export function takeIds(set: usize, count: u32): u32 {
  return bulk.takeIds(setAt(set), count);
}

export function giveBackIds(set: usize, count: u32): void {
  bulk.giveBackIds(setAt(set), count);
}

export function provideNodes(count: u32, trees: u32, sorting: bool): usize {
  return bulk.provideNodes(count, trees, sorting);
}

export function makeRows(end: usize, count: u32, low: u32, high: u32, sequence: u32): usize {
  return bulk.makeRows(end, count, low, high, sequence);
}

export function sortRows(rows: usize, count: u32): void {
  bulk.sortRows(rows, count);
}

export function appendLeaves(
  set: usize,
  tree: u32,
  low: u32,
  high: u32,
  rows: usize,
  count: u32,
): void {
  bulk.appendLeaves(setAt(set), tree, low, high, rows, count);
}

/**
 * Gives a set that is new and being restored the ids of the handles in the exchange buffer. Returns how
 * many it could; if fewer, the next word tells why not: 1, the handle is in a chunk of another set;
 * 2, out of memory. Then the set is to be disposed of.
 */
export function claimIds(set: usize, count: u32): u32 {
  return bulk.claimIds(setAt(set), count);
}

/** Ends the restoring of a set, which can be used from then on. */
export function finishRestore(set: usize): void {
  finishClaims(setAt(set));
}

export function remove(set: usize, handle: u32): bool {
  return operations.remove(setAt(set), handle);
}

export function removeOverlapping(set: usize, start: u64, last: u64): u32 {
  return operations.removeOverlapping(setAt(set), keyOf(start), keyOf(last));
}

export function has(set: usize, handle: u32): bool {
  return leafOf(setAt(set), handle) !== 0;
}

/** Writes the interval's record to the head of the exchange buffer; see `rows.ts`. */
export function record(set: usize, handle: u32): bool {
  return writeRow(setAt(set), handle, header().exchange);
}

/** Writes the records of the live handles in the exchange buffer behind them. */
export function records(set: usize, count: u32): void {
  writeRows(setAt(set), count);
}

export function move(set: usize, handle: u32, start: u64, last: u64): u32 {
  return operations.move(setAt(set), handle, keyOf(start), keyOf(last));
}

export function reserve(set: usize, delta: i32): bool {
  return operations.reserve(setAt(set), delta);
}

export function reservedOf(set: usize): u32 {
  return setAt(set).reserved;
}

export function transfer(from: usize, to: usize, handle: u32): u32 {
  return operations.transfer(setAt(from), setAt(to), handle);
}

export function some(set: usize, start: u64, last: u64): bool {
  return someHit(setAt(set), keyOf(start), keyOf(last));
}

export function someNumber(set: usize, start: f64, last: f64): bool {
  return someHit(setAt(set), keyOfNumber(start), keyOfNumber(last));
}

/** The least start, rounded if it is beyond 2^53; infinity if the set is empty. */
export function leastStartOf(set: usize): f64 {
  return setAt(set).size === 0 ? Infinity : <f64>addressOf(leastStart(setAt(set)));
}

/** The greatest last, rounded if it is beyond 2^53; minus infinity if the set is empty. */
export function greatestLastOf(set: usize): f64 {
  return setAt(set).size === 0 ? -Infinity : <f64>addressOf(greatestLast(setAt(set)));
}

export function count(set: usize, start: u64, last: u64): u32 {
  return countHits(setAt(set), keyOf(start), keyOf(last));
}

export function countNumber(set: usize, start: f64, last: f64): u32 {
  return countHits(setAt(set), keyOfNumber(start), keyOfNumber(last));
}

/**
 * Lists overlapping intervals, from hit `skip` on and at most `capacity` of them, in the exchange
 * buffer. Returns the number of all hits. Equal calls list in equal order while nothing changes.
 */
export function collect(set: usize, start: u64, last: u64, skip: u32, capacity: u32): u32 {
  aim(header().exchange, skip, capacity);
  return walk(setAt(set), keyOf(start), keyOf(last), COLLECT);
}

export function collectNumber(set: usize, start: f64, last: f64, skip: u32, capacity: u32): u32 {
  aim(header().exchange, skip, capacity);
  return walk(setAt(set), keyOfNumber(start), keyOfNumber(last), COLLECT);
}

export function collectLocked(set: usize, start: u64, last: u64, skip: u32, capacity: u32): u32 {
  if (setAt(set).heldLocks === 0) return 0;
  aim(header().exchange, skip, capacity);
  return walk(setAt(set), keyOf(start), keyOf(last), COLLECT_LOCKED);
}

/** Answers up to 128 queries in the exchange buffer, as `batch.ts` says; returns how many it did. */
export function queryMany(set: usize, queryCount: u32): u32 {
  return batches.batch(setAt(set), queryCount, COLLECT);
}

/** `queryMany` that also sets the sequence of every hit. Locks have been tested. */
export function invalidateMany(set: usize, queryCount: u32, sequence: u32): u32 {
  header().sequence = sequence;
  return batches.batch(setAt(set), queryCount, INVALIDATE);
}

/** Whether one of the ranges in the exchange buffer overlaps an interval whose lock bit is held. */
export function someLockedMany(set: usize, queryCount: u32): bool {
  return batches.someLockedMany(setAt(set), queryCount);
}

export function firstAfter(set: usize, at: u64): u32 {
  return nearest.firstAfter(setAt(set), keyOf(at));
}

export function firstBefore(set: usize, last: u64): u32 {
  return nearest.firstBefore(setAt(set), keyOf(last));
}

/** Writes the closed bounds of the first gap to the head of the exchange buffer; false if none. */
export function nextGap(set: usize, start: u64, last: u64): bool {
  if (!nearest.nextGap(setAt(set), keyOf(start), keyOf(last))) return false;
  const h = header();
  store<u64>(h.exchange, addressOf(h.bestStart));
  store<u64>(h.exchange, addressOf(h.bestLast), 8);
  return true;
}

/** 1: taken. 0: held already, or no such interval. */
export function tryLock(set: usize, handle: u32): bool {
  const found = leafOf(setAt(set), handle);
  if (found === 0) return false;
  const leaf = Leaf.at(found);
  const bit = (<u64>1) << leaf.slotOf(handle);
  if ((leaf.locks & bit) !== 0) return false;
  leaf.locks |= bit;
  setAt(set).heldLocks += 1;
  return true;
}

/** 1: released. 0: it was not held, or no such interval. */
export function unlock(set: usize, handle: u32): bool {
  const found = leafOf(setAt(set), handle);
  if (found === 0) return false;
  const leaf = Leaf.at(found);
  const bit = (<u64>1) << leaf.slotOf(handle);
  if ((leaf.locks & bit) === 0) return false;
  leaf.locks &= ~bit;
  setAt(set).heldLocks -= 1;
  return true;
}

export function isLocked(set: usize, handle: u32): bool {
  const found = leafOf(setAt(set), handle);
  return found !== 0 && Leaf.at(found).lockedAt(Leaf.at(found).slotOf(handle)) !== 0;
}

/** The sequence, or -1 if there is no such interval. */
export function sequenceOf(set: usize, handle: u32): f64 {
  const found = leafOf(setAt(set), handle);
  if (found === 0) return -1;
  return <f64>Leaf.at(found).sequenceAt(Leaf.at(found).slotOf(handle));
}

export function setSequence(set: usize, handle: u32, sequence: u32): bool {
  const found = leafOf(setAt(set), handle);
  if (found === 0) return false;
  const leaf = Leaf.at(found);
  leaf.setSequenceAt(leaf.slotOf(handle), sequence);
  return true;
}

/** Hits, or -1 if the lock bit of one is held: then nothing has changed. */
export function invalidate(set: usize, start: u64, last: u64, sequence: u32, capacity: u32): i32 {
  return invalidateKeys(setAt(set), keyOf(start), keyOf(last), sequence, capacity);
}

export function invalidateNumber(
  set: usize,
  start: f64,
  last: f64,
  sequence: u32,
  capacity: u32,
): i32 {
  return invalidateKeys(setAt(set), keyOfNumber(start), keyOfNumber(last), sequence, capacity);
}

function invalidateKeys(
  set: IntervalSet,
  start: i64,
  last: i64,
  sequence: u32,
  capacity: u32,
): i32 {
  // With no lock held there is nothing to test, and one pass does an invalidation.
  if (set.heldLocks > 0 && someLocked(set, start, last)) return -1;
  const h = header();
  aim(h.exchange, 0, capacity);
  h.sequence = sequence;
  return <i32>walk(set, start, last, INVALIDATE);
}

export function invalidateUnlocked(set: usize, start: u64, last: u64, sequence: u32): u32 {
  const h = header();
  aim(h.exchange, 0, 0);
  h.sequence = sequence;
  return walk(setAt(set), keyOf(start), keyOf(last), INVALIDATE_UNLOCKED);
}
