// Handles and where their intervals are.
//
//   handle | generation 8 | slot 24 |         the slot is never 0, so no handle is 0
//
// Slots come in chunks of 256, which are handed to sets one at a time, lowest number first; a set
// keeps its chunks until it is disposed of, so that after a clear its handles restart from the same
// value. A chunk has a record in the directory and a block of its own:
//
//   record   0  slots  owner  next  (spare)            next: number + 1 in the set's chain, or 0
//   64 B    32  live bits, 256
//
//   block    0  entry[256]
//   entry live | generation 8 | 00 | leaf address / 1024, 22 bits |
//   entry free | generation 8 | slot of the next free id, 24 bits |
//
// Slots that were not used since the last restart have no entry yet: `fresh` runs through them.
//
// A restored set claims the ids that its intervals had, wherever they are: see `claimId`. So there
// can be free chunks below those in use. A free chunk has a record, but no block.

import { BLOCK, CHUNK_COUNT_MAX, header } from "./header";
import { Leaf } from "./leaf";
import { giveAdjacent, giveBlock, takeAdjacent, takeBlock } from "./pools";
import { DISPOSED, giveSet, IntervalSet, RESTART_DUE } from "./sets";

const CHUNK_SLOTS: u32 = 256;
const RECORD_SIZE: usize = 64;
const RECORDS_PER_BLOCK: u32 = 16;
const LIVE_BITS: usize = 32;
const SLOT_MASK: u32 = 0xffffff;

@unmanaged
class Chunk {
  slots: usize = 0;
  owner: usize = 0;
  next: u32 = 0;

  @inline static at(index: u32): Chunk {
    return changetype<Chunk>(header().directory + <usize>index * RECORD_SIZE);
  }

  @inline isLive(index: u32): bool {
    return (load<u32>(this.liveWord(index)) & ((<u32>1) << (index & 31))) !== 0;
  }

  @inline setLive(index: u32): void {
    const word = this.liveWord(index);
    store<u32>(word, load<u32>(word) | ((<u32>1) << (index & 31)));
  }

  @inline clearLive(index: u32): void {
    const word = this.liveWord(index);
    store<u32>(word, load<u32>(word) & ~((<u32>1) << (index & 31)));
  }

  /** Makes the entry of a handle name this leaf. */
  @inline static point(directory: usize, handle: u32, leaf: usize): void {
    const slot = handle & SLOT_MASK;
    const chunk = changetype<Chunk>(directory + <usize>(slot >> 8) * RECORD_SIZE);
    store<u32>(chunk.slots + ((slot & 255) << 2), (handle & ~SLOT_MASK) | (<u32>leaf >> 10));
  }

  clearAllLive(): void {
    memory.fill(changetype<usize>(this) + LIVE_BITS, 0, 32);
  }

  @inline private liveWord(index: u32): usize {
    return changetype<usize>(this) + LIVE_BITS + ((<usize>index >> 5) << 2);
  }
}

export function resetIds(): void {
  const h = header();
  h.directory = 0;
  h.directoryCapacity = 0;
  h.chunkCount = 0;
  h.chunkSearchFrom = 0;
}

/** The leaf that holds this handle's interval, or 0 if the number is no live handle of the set. */
export function leafOf(set: IntervalSet, handle: u32): usize {
  const slot = handle & SLOT_MASK;
  const number = slot >> 8;
  if (number >= header().chunkCount) return 0;
  const chunk = Chunk.at(number);
  const index = slot & 255;
  if (!chunk.isLive(index)) return 0;
  const entry = load<u32>(chunk.slots + (index << 2));
  if ((entry ^ handle) >> 24 !== 0) return 0;
  const leaf = leafOfEntry(entry);
  return Leaf.at(leaf).set === changetype<usize>(set) ? leaf : 0;
}

function leafOfEntry(entry: u32): usize {
  return <usize>(entry << 10);
}

/** Notes that the live id's interval has moved to this leaf. */
export function pointTo(handle: u32, leaf: usize): void {
  Chunk.point(header().directory, handle, leaf);
}

/** `pointTo` for so many ids that stand one after the other. */
export function pointAllTo(ids: usize, count: u32, leaf: usize): void {
  const directory = header().directory;
  const end = ids + ((<usize>count) << 2);
  for (; ids < end; ids += 4) Chunk.point(directory, load<u32>(ids), leaf);
}

/** What the next id of the set needs: nothing, a known chunk's number, or `chunkCount`. */
export const NO_CHUNK: u32 = 0xffffffff;

export function chunkNeeded(set: IntervalSet): u32 {
  if (set.freeCount > 0) return NO_CHUNK;
  if (set.chunk !== 0 && (set.fresh < CHUNK_SLOTS || Chunk.at(set.chunk - 1).next !== 0)) {
    return NO_CHUNK;
  }
  const h = header();
  let number = h.chunkSearchFrom;
  while (number < h.chunkCount && Chunk.at(number).owner !== 0) number += 1;
  h.chunkSearchFrom = number;
  return number;
}

/** Adjacent blocks for a directory that holds this chunk, or 0 if it has room for it. */
export function directoryGrowth(number: u32): u32 {
  const h = header();
  if (number < h.directoryCapacity) return 0;
  return max<u32>(number / RECORDS_PER_BLOCK + 1, (2 * h.directoryCapacity) / RECORDS_PER_BLOCK);
}

/** Blocks that the chunk itself needs before it can be attached. */
export function chunkGrowth(number: u32): u32 {
  return number < header().chunkCount && Chunk.at(number).slots !== 0 ? 0 : 1;
}

export function isBeyondCapacity(number: u32): bool {
  return number !== NO_CHUNK && number >= CHUNK_COUNT_MAX;
}

/** Hands the chunk to the set. What it needs has been provided. */
export function attachChunk(set: IntervalSet, number: u32): void {
  const h = header();
  if (number >= h.chunkCount) extendDirectory(number);
  const chunk = Chunk.at(number);
  if (chunk.slots === 0) chunk.slots = takeBlock();
  chunk.owner = changetype<usize>(set);
  chunk.next = 0;
  chunk.clearAllLive();
  if (number === h.chunkSearchFrom) h.chunkSearchFrom = number + 1;
  if (set.firstChunk === 0) {
    set.firstChunk = number + 1;
    set.chunk = number + 1;
    set.fresh = firstFresh(number);
  } else {
    Chunk.at(set.lastChunk - 1).next = number + 1;
  }
  set.lastChunk = number + 1;
}

/** Makes records up to this chunk's: of free chunks without a block. */
function extendDirectory(number: u32): void {
  const h = header();
  const blocks = directoryGrowth(number);
  if (blocks > 0) {
    const old = h.directory;
    const oldBlocks = h.directoryCapacity / RECORDS_PER_BLOCK;
    h.directory = takeAdjacent(blocks);
    h.directoryCapacity = blocks * RECORDS_PER_BLOCK;
    memory.copy(h.directory, old, oldBlocks * BLOCK);
    giveAdjacent(old, oldBlocks);
  }
  const added = <usize>(number + 1 - h.chunkCount);
  memory.fill(changetype<usize>(Chunk.at(h.chunkCount)), 0, added * RECORD_SIZE);
  h.chunkCount = number + 1;
}

function firstFresh(number: u32): u32 {
  // Slot 0 is never used, so that 0 is never a handle.
  return number === 0 ? 1 : 0;
}

/** Takes the id for a new interval. A chunk has been attached if one was needed. */
export function takeId(set: IntervalSet): u32 {
  set.flags &= ~RESTART_DUE;
  if (set.freeCount > 0) return takeFreeId(set);
  if (set.fresh === CHUNK_SLOTS) {
    set.chunk = Chunk.at(set.chunk - 1).next;
    set.fresh = firstFresh(set.chunk - 1);
  }
  const number = set.chunk - 1;
  const index = set.fresh;
  set.fresh = index + 1;
  Chunk.at(number).setLive(index);
  return (number << 8) | index;
}

/**
 * Takes ids as `takeId` does, at least one and at most `count`, and writes them to `at`; returns how many
 * they are: one if it is used again, else what the chunk has.
 */
export function takeSomeIds(set: IntervalSet, at: usize, count: u32): u32 {
  const isFresh = set.freeCount === 0;
  const first = takeId(set);
  const taken = isFresh ? min(count, CHUNK_SLOTS + 1 - set.fresh) : 1;
  set.fresh += taken - 1;
  const chunk = Chunk.at(chunkOf(first));
  for (let i: u32 = 0; i < taken; i += 1) {
    store<u32>(at + ((<usize>i) << 2), first + i);
    chunk.setLive((first + i) & 255);
  }
  return taken;
}

function takeFreeId(set: IntervalSet): u32 {
  const slot = set.freeHead;
  const chunk = Chunk.at(slot >> 8);
  const entry = load<u32>(chunk.slots + ((slot & 255) << 2));
  set.freeHead = entry & SLOT_MASK;
  set.freeCount -= 1;
  chunk.setLive(slot & 255);
  return (entry & ~SLOT_MASK) | slot;
}

/** Frees the id of an interval that has left the set `from`. */
export function giveId(handle: u32, from: IntervalSet): void {
  const slot = handle & SLOT_MASK;
  const chunk = Chunk.at(slot >> 8);
  chunk.clearLive(slot & 255);
  const owner = changetype<IntervalSet>(chunk.owner);
  // The next generation; overflow of the eight bits is the documented limit.
  appendFree(owner, slot, (handle & ~SLOT_MASK) + (1 << 24));
  if (chunk.owner !== changetype<usize>(from)) {
    from.borrowed -= 1;
    settleLoan(owner);
  }
}

/** Puts a slot at the end of the set's free ids; `generation` stands in the top eight bits. */
function appendFree(owner: IntervalSet, slot: u32, generation: u32): void {
  store<u32>(Chunk.at(slot >> 8).slots + ((slot & 255) << 2), generation);
  if (owner.freeCount === 0) {
    owner.freeHead = slot;
  } else {
    const tail = owner.freeTail;
    const place = Chunk.at(tail >> 8).slots + ((tail & 255) << 2);
    store<u32>(place, (load<u32>(place) & ~SLOT_MASK) | slot);
  }
  owner.freeTail = slot;
  owner.freeCount += 1;
}

/** Takes back the newest id of an insertMany, as if it had never been taken. */
export function untakeId(set: IntervalSet, handle: u32, wasFree: bool): void {
  const slot = handle & SLOT_MASK;
  const chunk = Chunk.at(slot >> 8);
  chunk.clearLive(slot & 255);
  if (!wasFree) {
    set.chunk = (slot >> 8) + 1;
    set.fresh = slot & 255;
    return;
  }
  store<u32>(chunk.slots + ((slot & 255) << 2), (handle & ~SLOT_MASK) | set.freeHead);
  if (set.freeCount === 0) set.freeTail = slot;
  set.freeHead = slot;
  set.freeCount += 1;
}

/** The chunk that a handle is in. */
export function chunkOf(handle: u32): u32 {
  return (handle & SLOT_MASK) >> 8;
}

/** Whether the set can still claim this handle: no other set has its chunk, and it is not in use. */
export function isClaimable(set: IntervalSet, handle: u32): bool {
  const number = chunkOf(handle);
  if (number >= header().chunkCount) return true;
  const chunk = Chunk.at(number);
  if (chunk.owner === 0) return true;
  return chunk.owner === changetype<usize>(set) && !chunk.isLive(handle & 255);
}

/** Whether the set must first be given the chunk of a handle that it can claim. */
export function claimsChunk(set: IntervalSet, handle: u32): bool {
  const number = chunkOf(handle);
  return number >= header().chunkCount || Chunk.at(number).owner !== changetype<usize>(set);
}

/**
 * Makes a given handle, generation included, an id of the set, which is new and only claims. Its
 * chunk has been attached. Until `finishClaims` the set can do nothing else but be disposed of.
 */
export function claimId(handle: u32): void {
  Chunk.at(chunkOf(handle)).setLive(handle & 255);
}

/**
 * Ends the claims of a set. Its chunks stand in ascending order from then on. Slots up to the
 * greatest in use that were not claimed are free, in ascending order and of generation 0, and those
 * behind it are fresh: so what comes next depends on the claimed handles alone.
 */
export function finishClaims(set: IntervalSet): void {
  if (set.firstChunk === 0) return;
  set.firstChunk = 0;
  for (let number: u32 = 0; number < header().chunkCount; number += 1) {
    const chunk = Chunk.at(number);
    if (chunk.owner !== changetype<usize>(set)) continue;
    if (set.firstChunk === 0) {
      set.firstChunk = number + 1;
    } else {
      finishChunk(set, set.lastChunk - 1, CHUNK_SLOTS);
      Chunk.at(set.lastChunk - 1).next = number + 1;
    }
    chunk.next = 0;
    set.lastChunk = number + 1;
  }
  const last = set.lastChunk - 1;
  let fresh = CHUNK_SLOTS;
  while (!Chunk.at(last).isLive(fresh - 1)) fresh -= 1;
  finishChunk(set, last, fresh);
  set.chunk = set.lastChunk;
  set.fresh = fresh;
}

/** Frees the slots below `end` of a chunk that were not claimed. */
function finishChunk(set: IntervalSet, number: u32, end: u32): void {
  for (let index = firstFresh(number); index < end; index += 1) {
    if (!Chunk.at(number).isLive(index)) appendFree(set, (number << 8) | index, 0);
  }
}

export function ownerOf(handle: u32): usize {
  return Chunk.at(chunkOf(handle)).owner;
}

/** Keeps account of ids outside the set that owns them. */
export function noteTransfer(handle: u32, from: IntervalSet, to: IntervalSet): void {
  const owner = ownerOf(handle);
  if (owner === changetype<usize>(from)) from.lent += 1;
  else from.borrowed -= 1;
  if (owner === changetype<usize>(to)) {
    to.lent -= 1;
    // It is in use at home, so the others cannot start over around it.
    to.flags &= ~RESTART_DUE;
  } else {
    to.borrowed += 1;
  }
}

function settleLoan(owner: IntervalSet): void {
  owner.lent -= 1;
  if (owner.lent > 0) return;
  if ((owner.flags & DISPOSED) !== 0) releaseSet(owner);
  else if ((owner.flags & RESTART_DUE) !== 0) restartIds(owner);
}

/** Starts the set's ids over; it has no interval and no id of it is in use elsewhere. */
export function restartIds(set: IntervalSet): void {
  set.flags &= ~RESTART_DUE;
  set.freeCount = 0;
  const current = set.chunk;
  if (current === 0) return;
  // Chunks behind the current one were not used since the last restart.
  let number = set.firstChunk;
  while (true) {
    Chunk.at(number - 1).clearAllLive();
    if (number === current) break;
    number = Chunk.at(number - 1).next;
  }
  set.chunk = set.firstChunk;
  set.fresh = firstFresh(set.chunk - 1);
}

/** Gives back the chunks and the record of a set that is disposed of. */
export function releaseSet(set: IntervalSet): void {
  freeChunks(set.firstChunk);
  header().setCount -= 1;
  giveSet(changetype<usize>(set));
}

/** Frees the chunks of a chain, from this number + 1 on; no id of theirs is in use. */
function freeChunks(number: u32): void {
  const h = header();
  while (number !== 0) {
    const chunk = Chunk.at(number - 1);
    chunk.owner = 0;
    chunk.clearAllLive();
    giveBlock(chunk.slots);
    chunk.slots = 0;
    h.chunkSearchFrom = min(h.chunkSearchFrom, number - 1);
    number = chunk.next;
  }
}

/** Remembers what ids the set and the engine have, before an insertMany. */
export function beginBatch(set: IntervalSet): void {
  const h = header();
  h.batchFree = set.freeCount;
  h.batchTaken = 0;
  h.batchLastChunk = set.lastChunk;
  h.batchChunkCount = h.chunkCount;
  h.batchDirectoryCapacity = h.directoryCapacity;
}

/** Gives back the chunks that an insertMany was handed; its ids have been given back. */
export function abandonBatch(set: IntervalSet): void {
  const h = header();
  const kept = h.batchLastChunk;
  if (kept === set.lastChunk) return;
  freeChunks(kept === 0 ? set.firstChunk : Chunk.at(kept - 1).next);
  set.lastChunk = kept;
  if (kept === 0) {
    set.firstChunk = 0;
    set.chunk = 0;
  } else {
    Chunk.at(kept - 1).next = 0;
    if (Chunk.at(set.chunk - 1).owner === 0) {
      set.chunk = kept;
      set.fresh = CHUNK_SLOTS;
    }
  }
  h.chunkCount = h.batchChunkCount;
  const blocks = h.batchDirectoryCapacity / RECORDS_PER_BLOCK;
  const excess = h.directoryCapacity / RECORDS_PER_BLOCK - blocks;
  giveAdjacent(h.directory + <usize>blocks * BLOCK, excess);
  h.directoryCapacity = h.batchDirectoryCapacity;
}

/** Ids of the set's chunks that are free for reuse, counted along their chain; for `verify`. */
export function countFreeIds(set: IntervalSet): u32 {
  let count: u32 = 0;
  let slot = set.freeHead;
  while (count < set.freeCount) {
    const chunk = Chunk.at(slot >> 8);
    if (slot >> 8 >= header().chunkCount || chunk.owner !== changetype<usize>(set)) break;
    if (chunk.isLive(slot & 255)) break;
    count += 1;
    if (slot === set.freeTail) break;
    slot = load<u32>(chunk.slots + ((slot & 255) << 2)) & SLOT_MASK;
  }
  return count;
}

/** Ids of the set's chunks in use anywhere; for `verify`. */
export function countLiveIds(set: IntervalSet): u32 {
  let count: u32 = 0;
  let number = set.firstChunk;
  while (number !== 0) {
    const chunk = Chunk.at(number - 1);
    for (let i: usize = 0; i < 32; i += 8) {
      count += <u32>popcnt(load<u64>(changetype<usize>(chunk) + LIVE_BITS + i));
    }
    number = chunk.next;
  }
  return count;
}
