// What the host sees. Bounds are closed and checked by the host; a name that ends in `Number` takes
// them as exact f64 integers, its twin as u64. `set` is the address of a set's record.

import { growExchange as growExchangeTo, startExchange } from "./exchange";
import { addressOf, BLOCK, header, keyOf, keyOfNumber } from "./header";
import { finishClaims, leafOf, resetIds } from "./ids";
import { INNER_SIZE } from "./inner";
import { Leaf } from "./leaf";
import * as nearest from "./nearest";
import * as operations from "./operations";
import { resetPools, startPools } from "./pools";
import {
  aim,
  COLLECT,
  COLLECT_LOCKED,
  COUNT,
  INVALIDATE,
  INVALIDATE_UNLOCKED,
  some as someHit,
  walk,
} from "./query";
import { IntervalSet } from "./sets";
import { verify as verifySet } from "./verify";

/** Words of the exchange buffer that hold the queries of a batch and the counts of their hits. */
const BATCH_QUERIES: u32 = 128;
const BATCH_COUNTS: usize = 128 * 16;
const BATCH_HANDLES: usize = BATCH_COUNTS + 128 * 4;

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
  const blocks = <f64>(h.topBlock - h.freeBlockCount) * <f64>BLOCK;
  return blocks - <f64>h.freeInnerCount * <f64>INNER_SIZE;
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

export function beginInsertMany(set: usize): void {
  const h = header();
  h.batchFree = setAt(set).freeCount;
  h.batchTaken = 0;
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

/**
 * Puts an interval with everything it had into a set that is new and is being restored. 0: done.
 * 1: its handle is in a chunk of another set. 2: out of memory. Then the set is to be disposed of.
 */
export function restoreInterval(
  set: usize,
  start: u64,
  last: u64,
  handle: u32,
  sequence: u32,
  locked: u32,
): u32 {
  const first = keyOf(start);
  return operations.restoreInterval(setAt(set), first, keyOf(last), handle, sequence, locked);
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

/** Writes the closed bounds of each handle in the exchange buffer behind them; false if one is dead. */
export function boundsMany(set: usize, count: u32): bool {
  const at = header().exchange;
  const out = at + ((<usize>count * 4 + 15) & ~15);
  for (let i: u32 = 0; i < count; i += 1) {
    const handle = load<u32>(at + ((<usize>i) << 2));
    if (!writeBounds(set, handle, out + ((<usize>i) << 4))) return false;
  }
  return true;
}

/** Writes the closed bounds to the head of the exchange buffer. */
export function bounds(set: usize, handle: u32): bool {
  return writeBounds(set, handle, header().exchange);
}

function writeBounds(set: usize, handle: u32, out: usize): bool {
  const found = leafOf(setAt(set), handle);
  if (found === 0) return false;
  const leaf = Leaf.at(found);
  const slot = leaf.slotOf(handle);
  store<u64>(out, addressOf(leaf.startAt(slot)));
  store<u64>(out, addressOf(leaf.lastAt(slot)), 8);
  return true;
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
  return someHit(setAt(set), keyOf(start), keyOf(last), false);
}

export function someNumber(set: usize, start: f64, last: f64): bool {
  return someHit(setAt(set), keyOfNumber(start), keyOfNumber(last), false);
}

export function count(set: usize, start: u64, last: u64): u32 {
  return walk(setAt(set), keyOf(start), keyOf(last), COUNT);
}

export function countNumber(set: usize, start: f64, last: f64): u32 {
  return walk(setAt(set), keyOfNumber(start), keyOfNumber(last), COUNT);
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

/**
 * Answers queries in the exchange buffer, pairs of closed bounds: the counts of hits behind them,
 * then all handles. Returns how many were answered before the room ran out.
 */
export function queryMany(set: usize, queryCount: u32): u32 {
  const h = header();
  const at = h.exchange;
  const room = h.exchangeCapacity - <u32>BATCH_HANDLES / 4;
  let used: u32 = 0;
  for (let i: u32 = 0; i < min(queryCount, BATCH_QUERIES); i += 1) {
    const pair = at + ((<usize>i) << 4);
    aim(at + BATCH_HANDLES + ((<usize>used) << 2), 0, room - used);
    const first = keyOf(load<u64>(pair));
    const found = walk(setAt(set), first, keyOf(load<u64>(pair, 8)), COLLECT);
    if (found > room - used) return i;
    store<u32>(at + BATCH_COUNTS + ((<usize>i) << 2), found);
    used += found;
  }
  return queryCount;
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
  // With no lock held there is nothing to test, and one pass does it.
  if (set.heldLocks > 0 && someHit(set, start, last, true)) return -1;
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
