import { IntervalidateError } from "../errors.ts";
import { type Address, END } from "./addresses.ts";
import { answerBatches, type HitLists, pairsIn, someBatch } from "./batches.ts";
import { bulkLoad } from "./bulk-load.ts";
import { type Logs, logsOfNumbers, RecordSource, sourceOf } from "./bulk-sources.ts";
import { type Dependant, Engine, type EngineTenant } from "./engine.ts";
import type { EngineExports } from "./exports.ts";
import { INVARIANTS } from "./invariants.ts";
import { type Column, checkedColumns, checkedPairs, writePairs } from "./pairs.ts";
import {
  createRows,
  HANDLE,
  LAST_HIGH,
  LAST_LOW,
  ROW_WORDS,
  type Rows,
  recordsOf,
  START_HIGH,
  START_LOW,
} from "./rows.ts";
import type { Records } from "./snapshot.ts";
import { sortedOrder } from "./sorted-order.ts";
import { copyWords } from "./words.ts";

/** So many intervals at once fill an empty set from the bottom up. */
const BULK_MIN = 64;
/** A handle's slot is never 0: results with slot 0 are failures, and this one is for want of ids. */
const OUT_OF_IDS = 1 << 24;
/** Why a handle could not be claimed; `assembly/bulk.ts`. */
const HANDLE_TAKEN = 1;

/**
 * One set of intervals in an engine: the common ground of `RangeIndex` and of the notifiers. Bounds
 * are *closed*, `[start, last]`, and like all arguments already checked; a query with `start` above
 * `last` is legal and follows the formula `s <= last && start <= l`. Handles are u32, never 0.
 */
export class IntervalSet implements EngineTenant {
  readonly engine: Engine;
  place = 0;
  readonly #exports: EngineExports;
  readonly #dependant: Dependant | undefined;
  /** Address of the set's record in the engine; 0 once it is gone. */
  #record = 0;
  /**
   * `dependant` is told when the set is gone.
   *
   * @throws {IntervalidateError} ARGUMENT if this is no engine, OUT_OF_MEMORY
   */
  constructor(engine: Engine, dependant?: Dependant) {
    if (!(engine instanceof Engine)) {
      throw new IntervalidateError("ARGUMENT", "The engine must be one made by createEngine.");
    }
    this.engine = engine;
    this.#exports = engine.exports;
    this.#dependant = dependant;
    this.#record = engine.exports.createSet();
    if (this.#record === 0) throw outOfMemory(engine);
    engine.admit(this);
  }

  /** Intervals in the set. */
  get size(): number {
    return this.#exports.sizeOf(this.#live());
  }

  /** Intervals whose lock bit is held. */
  get heldLocks(): number {
    return this.#exports.heldLocksOf(this.#live());
  }

  /**
   * Adds an interval and returns its handle.
   *
   * @throws {IntervalidateError} CAPACITY or OUT_OF_MEMORY; nothing has changed then
   */
  insert(start: Address, last: Address, sequence = 0): number {
    const record = this.#live();
    const handle =
      typeof start === "number" && typeof last === "number"
        ? this.#exports.insertNumber(record, start, last, sequence)
        : this.#exports.insert(record, BigInt(start), BigInt(last), sequence);
    if ((handle & 0xffffff) === 0) throw this.#insertionFault(handle);
    return handle >>> 0;
  }

  /**
   * Adds an interval for each *half-open* `[starts[i], ends[i])`, all or none, and returns their
   * handles in that order.
   *
   * @throws {IntervalidateError} ARGUMENT, RANGE, CAPACITY or OUT_OF_MEMORY; nothing has changed then
   */
  insertMany(starts: Column, ends: Column, sequence = 0): Uint32Array {
    const { engine } = this;
    const exports = this.#exports;
    const record = this.#live();
    checkedColumns(starts, ends);
    const isBulk = starts.length >= BULK_MIN && exports.sizeOf(record) === 0;
    const logs = isBulk ? logsOfNumbers(starts, ends) : undefined;
    if (logs === undefined) checkedPairs(starts, ends);
    const handles = new Uint32Array(starts.length);
    exports.beginInsertMany(record);
    if (isBulk && this.#tryBulkInsert(starts, ends, logs, sequence, handles)) return handles;
    let done = 0;
    while (done < starts.length) {
      const wanted = Math.min(starts.length - done, engine.exchangeCapacity >>> 2);
      writePairs(pairsIn(engine), starts, ends, done, wanted);
      const inserted = exports.insertMany(record, wanted, sequence);
      copyWords(engine.words, 0, handles, done, inserted);
      done += inserted;
      if (inserted < wanted) {
        const fault = this.#insertionFault(engine.words[inserted] as number);
        this.#takeBack(handles.subarray(0, done), exports.undoInsertMany);
        exports.abandonInsertMany(record);
        throw fault;
      }
    }
    return handles;
  }

  /** Fills the empty set at one go, unless ids or memory for that are short. */
  #tryBulkInsert(
    starts: Column,
    ends: Column,
    logs: Logs | undefined,
    sequence: number,
    handles: Uint32Array<ArrayBuffer>,
  ): boolean {
    const { engine } = this;
    const exports = this.#exports;
    const { length } = handles;
    let taken = 0;
    while (taken < length) {
      const wanted = Math.min(length - taken, engine.exchangeCapacity);
      const count = exports.takeIds(this.#record, wanted);
      copyWords(engine.words, 0, handles, taken, count);
      taken += count;
      if (count < wanted) break;
    }
    if (taken === length) {
      const source = sourceOf(starts, ends, logs, handles, sequence);
      if (bulkLoad(engine, this.#record, source)) return true;
    }
    this.#takeBack(handles.subarray(0, taken), exports.giveBackIds);
    return false;
  }

  /** Lets the engine take back what it has just given, newest first. */
  #takeBack(handles: Uint32Array, undo: (set: number, count: number) => void): void {
    let end = handles.length;
    while (end > 0) {
      const count = Math.min(end, this.engine.exchangeCapacity);
      this.engine.words.set(handles.subarray(end - count, end));
      undo(this.#record, count);
      end -= count;
    }
  }

  /** Removes an interval, whether or not its lock bit is held; false if there is none. */
  remove(handle: number): boolean {
    return this.#exports.remove(this.#live(), handle) !== 0;
  }

  /** Removes every interval that overlaps; returns how many that were. */
  removeOverlapping(start: Address, last: Address): number {
    return this.#exports.removeOverlapping(this.#live(), BigInt(start), BigInt(last));
  }

  /** Whether this is the handle of an interval of this set. */
  has(handle: number): boolean {
    return this.#exports.has(this.#live(), handle) !== 0;
  }

  /** First address of an interval, or undefined if there is none. */
  startOf(handle: number): bigint | undefined {
    return this.#exports.record(this.#live(), handle) !== 0 ? this.engine.longs[0] : undefined;
  }

  /** Last address of an interval, or undefined if there is none. */
  lastOf(handle: number): bigint | undefined {
    return this.#exports.record(this.#live(), handle) !== 0 ? this.engine.longs[1] : undefined;
  }

  /**
   * Gives an interval other bounds; handle, sequence and lock bit stay. False if there is none.
   *
   * @throws {IntervalidateError} OUT_OF_MEMORY; nothing has changed then
   */
  move(handle: number, start: Address, last: Address): boolean {
    const result = this.#exports.move(this.#live(), handle, BigInt(start), BigInt(last));
    if (result === 2) throw outOfMemory(this.engine);
    return result === 0;
  }

  /** Whether an interval overlaps. */
  some(start: Address, last: Address): boolean {
    const record = this.#live();
    const found =
      typeof start === "number" && typeof last === "number"
        ? this.#exports.someNumber(record, start, last)
        : this.#exports.some(record, BigInt(start), BigInt(last));
    return found !== 0;
  }

  /** The least start, rounded if it is above 2^53; infinity if there is no interval. */
  leastStart(): number {
    return this.#exports.leastStartOf(this.#live());
  }

  /** The greatest last, rounded if it is above 2^53; minus infinity if there is no interval. */
  greatestLast(): number {
    return this.#exports.greatestLastOf(this.#live());
  }

  /** How many intervals overlap. */
  count(start: Address, last: Address): number {
    const record = this.#live();
    return typeof start === "number" && typeof last === "number"
      ? this.#exports.countNumber(record, start, last)
      : this.#exports.count(record, BigInt(start), BigInt(last));
  }

  /** Lists overlapping intervals in any order, the first `into.length`; returns how many there are. */
  collect(start: Address, last: Address, into: Uint32Array): number {
    const { engine } = this;
    const record = this.#live();
    const capacity = Math.min(into.length, engine.exchangeCapacity);
    const total =
      typeof start === "number" && typeof last === "number"
        ? this.#exports.collectNumber(record, start, last, 0, capacity)
        : this.#exports.collect(record, BigInt(start), BigInt(last), 0, capacity);
    engine.copyTo(into, Math.min(total, capacity));
    if (total > capacity && into.length > capacity) this.#collectRest(start, last, into, capacity);
    return total;
  }

  /** Lists hits from number `done` on: in one answer if the exchange buffer can grow, else in parts. */
  #collectRest(start: Address, last: Address, into: Uint32Array, done: number): void {
    const { engine } = this;
    const first = BigInt(start);
    const final = BigInt(last);
    let listed = done;
    let total = into.length;
    while (listed < Math.min(total, into.length)) {
      const capacity = Math.min(into.length - listed, engine.growExchange(into.length - listed));
      total = this.#exports.collect(this.#record, first, final, listed, capacity);
      const count = Math.min(total - listed, capacity);
      copyWords(engine.words, 0, into, listed, count);
      listed += count;
    }
  }

  /** All overlapping intervals in (start, last, handle) order. */
  ordered(start: Address, last: Address): Uint32Array {
    const { rows, order } = this.#orderedRows(start, last);
    return order.map((row) => rows.words[ROW_WORDS * row + HANDLE] as number);
  }

  #orderedRows(start: Address, last: Address): { rows: Rows; order: Uint32Array } {
    const handles = new Uint32Array(this.count(start, last));
    this.collect(start, last, handles);
    const rows = this.#rowsOf(handles);
    const key = [START_HIGH, START_LOW, LAST_HIGH, LAST_LOW, HANDLE];
    return { rows, order: sortedOrder(rows.words, ROW_WORDS, key, rows.count) };
  }

  #rowsOf(handles: Uint32Array): Rows {
    const { engine } = this;
    const rows = createRows(handles.length);
    let done = 0;
    while (done < handles.length) {
      // The handles, filled up to whole 16 bytes, and their rows behind them.
      const room = Math.floor((engine.exchangeCapacity - 3) / (1 + ROW_WORDS));
      const count = Math.min(handles.length - done, room);
      engine.words.set(handles.subarray(done, done + count));
      this.#exports.records(this.#record, count);
      copyWords(engine.words, (count + 3) & ~3, rows.words, ROW_WORDS * done, ROW_WORDS * count);
      done += count;
    }
    return rows;
  }

  /** For each half-open `[starts[i], ends[i])` the intervals that overlap it, in any order. */
  queryMany(starts: Column, ends: Column): HitLists {
    const record = this.#live();
    checkedPairs(starts, ends);
    const exports = this.#exports;
    return answerBatches(this.engine, starts, ends, {
      many: (count) => exports.queryMany(record, count),
      count: (start, last) => this.count(start, last),
      one: (start, last, into) => this.collect(start, last, into),
    });
  }

  /**
   * `invalidate` for each half-open `[starts[i], ends[i])`, with one sequence, and the intervals that
   * each of them hit. If the lock bit of one of all these is held: undefined, and nothing has changed.
   */
  invalidateMany(starts: Column, ends: Column, sequence: number): HitLists | undefined {
    const { engine } = this;
    const exports = this.#exports;
    const record = this.#live();
    checkedPairs(starts, ends);
    if (exports.heldLocksOf(record) > 0) {
      const isLocked = (count: number): boolean => exports.someLockedMany(record, count) !== 0;
      if (someBatch(engine, starts, ends, isLocked)) return undefined;
    }
    return answerBatches(engine, starts, ends, {
      many: (count) => exports.invalidateMany(record, count, sequence),
      count: (start, last) => this.count(start, last),
      one: (start, last, into) => this.invalidate(start, last, sequence, into),
    });
  }

  /** The interval with the greatest last up to `last`; of several by start, then least handle. */
  firstBefore(last: Address): number | undefined {
    const handle = this.#exports.firstBefore(this.#live(), BigInt(last));
    return handle === 0 ? undefined : handle >>> 0;
  }

  /** The first interval in (start, last, handle) order that starts at `start` or after it. */
  firstAfter(start: Address): number | undefined {
    const handle = this.#exports.firstAfter(this.#live(), BigInt(start));
    return handle === 0 ? undefined : handle >>> 0;
  }

  /** Half-open parts of `[start, last]` that no interval covers, ascending. */
  gaps(start: Address, last: Address): [bigint, bigint][] {
    const record = this.#live();
    const gaps: [bigint, bigint][] = [];
    const final = BigInt(last);
    let at = BigInt(start);
    while (at <= final && this.#exports.nextGap(record, at, final) !== 0) {
      const { longs } = this.engine;
      at = (longs[1] as bigint) + 1n;
      gaps.push([longs[0] as bigint, at]);
    }
    return gaps;
  }

  /** Takes an interval's lock bit; false if it is held, or if there is no such interval. */
  tryLock(handle: number): boolean {
    return this.#exports.tryLock(this.#live(), handle) !== 0;
  }

  /** Releases a lock bit. @throws {IntervalidateError} ARGUMENT if it is not held */
  unlock(handle: number): void {
    if (this.#exports.unlock(this.#live(), handle) !== 0) return;
    throw new IntervalidateError(
      "ARGUMENT",
      `The lock of interval ${handle} is not held: unlock once after each successful tryLock.`,
    );
  }

  /** Whether an interval's lock bit is held; false if there is no such interval. */
  isLocked(handle: number): boolean {
    return this.#exports.isLocked(this.#live(), handle) !== 0;
  }

  /** An interval's sequence, a u32. @throws {IntervalidateError} ARGUMENT if there is no such interval */
  sequenceOf(handle: number): number {
    const sequence = this.#exports.sequenceOf(this.#live(), handle);
    if (sequence < 0) throw noInterval(handle);
    return sequence;
  }

  /** @throws {IntervalidateError} ARGUMENT if there is no such interval */
  setSequence(handle: number, sequence: number): void {
    if (this.#exports.setSequence(this.#live(), handle, sequence) === 0) throw noInterval(handle);
  }

  /**
   * Sets the sequence of every overlapping interval, lists the first `into.length` of them in any
   * order, and returns how many there are. If the lock bit of one of them is held: -1, and nothing
   * has changed.
   */
  invalidate(start: Address, last: Address, sequence: number, into?: Uint32Array): number {
    const { engine } = this;
    const record = this.#live();
    const length = into === undefined ? 0 : into.length;
    const capacity = Math.min(length, engine.exchangeCapacity);
    const hits =
      typeof start === "number" && typeof last === "number"
        ? this.#exports.invalidateNumber(record, start, last, sequence, capacity)
        : this.#exports.invalidate(record, BigInt(start), BigInt(last), sequence, capacity);
    if (into === undefined || hits <= 0) return hits;
    engine.copyTo(into, Math.min(hits, capacity));
    if (hits > capacity && length > capacity) this.#collectRest(start, last, into, capacity);
    return hits;
  }

  /** Sets the sequence of every overlapping interval whose lock bit is free; returns how many. */
  invalidateUnlocked(start: Address, last: Address, sequence: number): number {
    return this.#exports.invalidateUnlocked(this.#live(), BigInt(start), BigInt(last), sequence);
  }

  /** `collect` among the intervals whose lock bit is held. */
  collectLocked(start: Address, last: Address, into: Uint32Array): number {
    const { engine } = this;
    const record = this.#live();
    const first = BigInt(start);
    const final = BigInt(last);
    let listed = 0;
    let total = 0;
    do {
      const capacity = Math.min(into.length - listed, engine.exchangeCapacity);
      total = this.#exports.collectLocked(record, first, final, listed, capacity);
      const count = Math.min(total - listed, capacity);
      copyWords(engine.words, 0, into, listed, count);
      listed += count;
    } while (listed < Math.min(total, into.length));
    return total;
  }

  /**
   * Raises (or lowers, if negative) the number of transfers out of this set that are still to come
   * and must not fail for want of memory, whatever else is inserted meanwhile. `transferTo` does not
   * lower it; `clear` and `dispose` set it to 0.
   *
   * @throws {IntervalidateError} OUT_OF_MEMORY, or ARGUMENT if it would fall below 0; nothing has
   *   changed then
   */
  reserve(delta: number): void {
    const record = this.#live();
    const reserved = this.#exports.reservedOf(record);
    if (reserved + delta < 0) {
      throw new IntervalidateError(
        "ARGUMENT",
        `Only ${reserved} transfers are reserved: the number cannot be lowered by ${-delta}.`,
      );
    }
    if (this.#exports.reserve(record, delta) === 0) throw outOfMemory(this.engine);
  }

  /**
   * Moves an interval to another set of the same engine. Handle, bounds, sequence and lock bit stay;
   * from then on the handle belongs to that set.
   *
   * @throws {IntervalidateError} ARGUMENT if there is no such interval or the engines differ;
   *   OUT_OF_MEMORY if the transfer was not reserved. Nothing has changed then
   */
  transferTo(target: IntervalSet, handle: number): void {
    const record = this.#live();
    if (target.engine !== this.engine) {
      throw new IntervalidateError(
        "ARGUMENT",
        "An interval cannot move to a set of another engine: remove it here and insert it there.",
      );
    }
    const result = this.#exports.transfer(record, target.#live(), handle);
    if (result === 1) throw noInterval(handle);
    if (result === 2) throw outOfMemory(this.engine);
  }

  /**
   * Removes every interval. The set is then as new: its handles start over from the same values, so
   * handles from before mean nothing any more. (If intervals were transferred away, they keep their
   * handles, and the others start over only when the last of those is removed, and not at all if one
   * comes back.)
   */
  clear(): void {
    this.#exports.clearSet(this.#live());
  }

  /** Gives the set's memory back to the engine; every other call throws DISPOSED from then on. */
  dispose(): void {
    if (this.#record === 0) return;
    this.#exports.disposeSet(this.#record);
    this.engine.dismiss(this);
    this.forget();
  }

  forget(): void {
    this.#record = 0;
    this.#dependant?.forget();
  }

  /** Everything known of every interval, in (start, last, handle) order. */
  records(): Records {
    const { rows, order } = this.#orderedRows(0, END - 1n);
    return recordsOf(rows, order);
  }

  /**
   * Fills this set, which must be new, with the intervals of records that keep the rules of
   * `snapshot.ts`; their handles are theirs again. Ids that no record has are free or fresh
   * afterwards, by the handles of the records alone.
   *
   * @throws {IntervalidateError} CAPACITY if another set of the engine has some of the handles,
   *   OUT_OF_MEMORY; the set is disposed of then
   */
  restore(records: Records): void {
    const { engine } = this;
    const exports = this.#exports;
    const record = this.#live();
    const { handles } = records;
    for (let done = 0; done < handles.length; ) {
      const wanted = Math.min(handles.length - done, engine.exchangeCapacity);
      engine.words.set(handles.subarray(done, done + wanted));
      const claimed = exports.claimIds(record, wanted);
      done += claimed;
      if (claimed === wanted) continue;
      const isTaken = engine.words[claimed] === HANDLE_TAKEN;
      this.dispose();
      throw isTaken ? handleTaken(handles[done] as number) : outOfMemory(engine);
    }
    if (handles.length > 0 && !bulkLoad(engine, record, new RecordSource(records, true))) {
      this.dispose();
      throw outOfMemory(engine);
    }
    exports.finishRestore(record);
    for (const [i, handle] of handles.entries()) {
      if ((((records.locks[i >> 3] as number) >> (i & 7)) & 1) === 1)
        exports.tryLock(record, handle);
    }
  }

  /** Checks every structural invariant. @throws {Error} naming the first that does not hold */
  verify(): void {
    const code = this.#exports.verify(this.#live());
    if (code === 0) return;
    throw new Error(`The engine is broken. What does not hold: ${INVARIANTS[code]} (${code}).`);
  }

  /** False once the set was disposed of, or its engine was reset. */
  get alive(): boolean {
    return this.#record !== 0;
  }

  /** @throws {IntervalidateError} DISPOSED if the set is gone */
  checkAlive(): void {
    if (this.#record === 0) throw gone();
  }

  #live(): number {
    if (this.#record === 0) throw gone();
    return this.#record;
  }

  #insertionFault(result: number): IntervalidateError {
    if (result !== OUT_OF_IDS) return outOfMemory(this.engine);
    return new IntervalidateError(
      "CAPACITY",
      "An engine holds at most 2^24 - 1 intervals, its sets taking them in groups of 256, and there " +
        "is none left: remove some, or use a second engine.",
    );
  }
}

function gone(): IntervalidateError {
  return new IntervalidateError(
    "DISPOSED",
    "The set of intervals is gone: it was disposed of, or its engine was reset.",
  );
}

function outOfMemory(engine: Engine): IntervalidateError {
  return new IntervalidateError(
    "OUT_OF_MEMORY",
    `The engine cannot grow beyond its ${engine.byteLength} bytes: remove intervals, or give ` +
      "createEngine a larger maxBytes.",
  );
}

function handleTaken(handle: number): IntervalidateError {
  return new IntervalidateError(
    "CAPACITY",
    `The handle ${handle} is in a group of 256 that another set of the engine has already: restore ` +
      "into an engine of its own.",
  );
}

function noInterval(handle: number): IntervalidateError {
  return new IntervalidateError(
    "ARGUMENT",
    `${String(handle)} is not a live handle of this set: its interval was removed, or is elsewhere.`,
  );
}
