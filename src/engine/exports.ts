/**
 * What the module exports. `set` is the address of a set's record; bounds are closed, as f64 (exact
 * integers) in the names that end in `Number`, as u64 carried by an i64 in the others. Results
 * longer than one number come through the exchange buffer at the head of every answer below.
 */
export interface EngineExports {
  readonly memory: WebAssembly.Memory;
  /** Lays out the empty engine; `pageCountMax` bounds its memory in 64 KiB pages. Call once. */
  start(pageCountMax: number): number;
  /** Forgets every set at once. */
  reset(): void;
  usedBytes(): number;
  exchangeAddress(): number;
  exchangeCapacity(): number;
  /** Tries to make room for that many words in the exchange buffer; returns its capacity. */
  growExchange(words: number): number;

  createSet(): number;
  disposeSet(set: number): void;
  clearSet(set: number): void;
  sizeOf(set: number): number;
  heldLocksOf(set: number): number;
  verify(set: number): number;

  insert(set: number, start: bigint, last: bigint, sequence: number): number;
  insertNumber(set: number, start: number, last: number, sequence: number): number;
  insertMany(set: number, count: number): number;
  insertManyNumber(set: number, count: number): number;
  beginInsertMany(set: number): void;
  undoInsertMany(set: number): void;
  remove(set: number, handle: number): number;
  removeOverlapping(set: number, start: bigint, last: bigint): number;
  has(set: number, handle: number): number;
  bounds(set: number, handle: number): number;
  boundsMany(set: number, count: number): number;
  move(set: number, handle: number, start: bigint, last: bigint): number;
  reserve(set: number, delta: number): number;
  transfer(from: number, to: number, handle: number): number;

  some(set: number, start: bigint, last: bigint): number;
  someNumber(set: number, start: number, last: number): number;
  count(set: number, start: bigint, last: bigint): number;
  countNumber(set: number, start: number, last: number): number;
  collect(set: number, start: bigint, last: bigint, skip: number, capacity: number): number;
  collectNumber(set: number, start: number, last: number, skip: number, capacity: number): number;
  collectLocked(set: number, start: bigint, last: bigint, skip: number, capacity: number): number;
  queryMany(set: number, count: number): number;
  queryManyNumber(set: number, count: number): number;
  firstBefore(set: number, at: bigint): number;
  firstAfter(set: number, at: bigint): number;
  lastStartedBy(set: number, at: bigint): number;

  tryLock(set: number, handle: number): number;
  unlock(set: number, handle: number): number;
  isLocked(set: number, handle: number): number;
  sequenceOf(set: number, handle: number): number;
  setSequence(set: number, handle: number, sequence: number): number;
  invalidate(
    set: number,
    start: bigint,
    last: bigint,
    sequence: number,
    capacity: number,
  ): number;
  invalidateNumber(
    set: number,
    start: number,
    last: number,
    sequence: number,
    capacity: number,
  ): number;
  invalidateUnlocked(set: number, start: bigint, last: bigint, sequence: number): number;
}
