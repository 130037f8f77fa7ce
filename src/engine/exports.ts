/**
 * What the module exports; `assembly/index.ts` documents each. `set` is the address of a set's
 * record. Bounds are closed: exact f64 integers in the names that end in `Number`, else u64, which
 * an i64 carries. A u32 result arrives as i32.
 */
export interface EngineExports {
  readonly memory: WebAssembly.Memory;
  start(pageCountMax: number): void;
  reset(): void;
  usedBytes(): number;
  exchangeAddress(): number;
  exchangeCapacity(): number;
  growExchange(words: number): number;

  createSet(): number;
  disposeSet(set: number): void;
  clearSet(set: number): void;
  sizeOf(set: number): number;
  heldLocksOf(set: number): number;
  reservedOf(set: number): number;
  verify(set: number): number;

  insert(set: number, start: bigint, last: bigint, sequence: number): number;
  insertNumber(set: number, start: number, last: number, sequence: number): number;
  beginInsertMany(set: number): void;
  abandonInsertMany(set: number): void;
  insertMany(set: number, count: number, sequence: number): number;
  undoInsertMany(set: number, count: number): void;
  takeIds(set: number, count: number): number;
  giveBackIds(set: number, count: number): void;
  provideNodes(count: number, trees: number, sorting: boolean): number;
  makeRows(end: number, count: number, low: number, high: number, sequence: number): number;
  sortRows(rows: number, count: number): void;
  appendLeaves(
    set: number,
    tree: number,
    low: number,
    high: number,
    rows: number,
    count: number,
  ): void;
  claimIds(set: number, count: number): number;
  finishRestore(set: number): void;
  remove(set: number, handle: number): number;
  removeOverlapping(set: number, start: bigint, last: bigint): number;
  has(set: number, handle: number): number;
  record(set: number, handle: number): number;
  records(set: number, count: number): void;
  move(set: number, handle: number, start: bigint, last: bigint): number;
  reserve(set: number, delta: number): number;
  transfer(from: number, to: number, handle: number): number;

  some(set: number, start: bigint, last: bigint): number;
  leastStartOf(set: number): number;
  greatestLastOf(set: number): number;
  someNumber(set: number, start: number, last: number): number;
  count(set: number, start: bigint, last: bigint): number;
  countNumber(set: number, start: number, last: number): number;
  collect(set: number, start: bigint, last: bigint, skip: number, capacity: number): number;
  collectNumber(set: number, start: number, last: number, skip: number, capacity: number): number;
  collectLocked(set: number, start: bigint, last: bigint, skip: number, capacity: number): number;
  queryMany(set: number, count: number): number;
  invalidateMany(set: number, count: number, sequence: number): number;
  someLockedMany(set: number, count: number): number;
  firstBefore(set: number, last: bigint): number;
  firstAfter(set: number, at: bigint): number;
  nextGap(set: number, start: bigint, last: bigint): number;

  tryLock(set: number, handle: number): number;
  unlock(set: number, handle: number): number;
  isLocked(set: number, handle: number): number;
  sequenceOf(set: number, handle: number): number;
  setSequence(set: number, handle: number, sequence: number): number;
  invalidate(set: number, start: bigint, last: bigint, sequence: number, capacity: number): number;
  invalidateNumber(
    set: number,
    start: number,
    last: number,
    sequence: number,
    capacity: number,
  ): number;
  invalidateUnlocked(set: number, start: bigint, last: bigint, sequence: number): number;
}
