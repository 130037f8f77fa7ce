import { IntervalidateError } from "../errors.ts";
import { type Address, checkedAddress, closedLast, END } from "./addresses.ts";
import type { HitLists } from "./batches.ts";
import { createEngine, defaultEngine, type Engine } from "./engine.ts";
import { checkedHandle } from "./handles.ts";
import { IntervalSet } from "./interval-set.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";

/** What a {@link RangeIndex} takes. */
export interface RangeIndexOptions {
  /** About how many intervals there will be: a hint, never a limit. */
  readonly capacity?: number;
  /** The engine to live in; by default the one that everything shares. */
  readonly engine?: Engine;
}

/**
 * A dynamic set of ranges over the whole unsigned 64-bit space. Ranges are half-open,
 * `[start, end)`; the unit of addresses is the caller's. Equal ranges may be inserted more than
 * once: each has a handle, a u32 that is not 0, and may carry a value of type `T`.
 *
 * A handle says which range it is until that range is removed; later the number is used again, but
 * a removed handle is recognised as such until its place has been reused 256 times. The place is
 * the low 24 bits of a handle: no other live range of the engine has it, so that it can be an index
 * into the caller's own arrays. `clear` starts handles over.
 *
 * Ranges live in the engine's memory, which is not collected: dispose of an index that is no longer
 * needed. Each method throws `DISPOSED` after that, and `RANGE` or `ARGUMENT` for arguments that
 * break the rules of {@link closedLast}; when anything is thrown nothing has changed.
 */
export class RangeIndex<T = undefined> {
  readonly #intervals: IntervalSet;
  /** Values of handles that have one; made for the first of them. */
  #values: Map<number, T> | undefined;
  /**
   * The hull of all ranges, `[#leastStart, #greatestEnd)`: as far as it goes, and no further. A bound
   * beyond 2^53 is rounded, but not to less. NaN while the hull is not known.
   */
  #leastStart = Number.NaN;
  #greatestEnd = Number.NaN;

  /**
   * The first index without an engine of its own starts the shared engine, synchronously.
   *
   * @throws {IntervalidateError} ARGUMENT for wrong options, OUT_OF_MEMORY
   */
  constructor(options: RangeIndexOptions = {}) {
    const { capacity = 0, engine = defaultEngine() } = options;
    if (typeof capacity !== "number" || !(capacity >= 0)) {
      throw new IntervalidateError(
        "ARGUMENT",
        `The capacity must be a number from 0, but is ${String(capacity)}.`,
      );
    }
    this.#intervals = new IntervalSet(engine, { forget: () => this.#forgetHull() });
  }

  /**
   * An index with the ranges of a {@link snapshot}: their bounds, handles, sequences and lock bits.
   * It lives in an engine of its own unless it is given one, which must not have these handles in
   * use for other ranges.
   *
   * Ranges have no values at first. A handle that was removed before the snapshot is not known to
   * have been in use, and may be given out again sooner than otherwise.
   *
   * @throws {IntervalidateError} ARGUMENT if this is no Uint8Array or no engine; SNAPSHOT if the
   *   bytes break a rule of the format, which the message names; CAPACITY if another index or
   *   address space of the given engine has some of the handles; OUT_OF_MEMORY. Nothing of the
   *   snapshot is in the engine then
   */
  static from<T = undefined>(
    bytes: Uint8Array,
    options: Pick<RangeIndexOptions, "engine"> = {},
  ): RangeIndex<T> {
    const records = decodeSnapshot(bytes);
    const index = new RangeIndex<T>({ engine: options.engine ?? createEngine() });
    index.#intervals.restore(records);
    return index;
  }

  /**
   * Asked for before arguments are looked at, so that a disposed index says so first. A method: V8
   * leaves optimized code to read a private accessor, which takes longer than many a query.
   */
  #live(): IntervalSet {
    this.#intervals.checkAlive();
    return this.#intervals;
  }

  /** How many ranges there are. */
  get size(): number {
    return this.#live().size;
  }

  /**
   * Adds `[start, end)` and returns its handle.
   *
   * @throws {IntervalidateError} CAPACITY if the engine holds 2^24 - 1 ranges, OUT_OF_MEMORY
   */
  insert(start: Address, end: Address, value?: T): number {
    const set = this.#live();
    const last = closedLast(start, end);
    this.#forgetHull();
    const handle = set.insert(start, last);
    if (value !== undefined) this.#keep(handle, value);
    return handle;
  }

  #keep(handle: number, value: T): void {
    this.#values ??= new Map();
    this.#values.set(handle, value);
  }

  /**
   * Adds `[starts[i], ends[i])` for each i, all or none, and returns the handles in that order.
   *
   * @throws {IntervalidateError} as `insert`; ARGUMENT also for arrays of other types or of unequal
   *   lengths
   */
  insertMany(
    starts: Float64Array | BigUint64Array,
    ends: Float64Array | BigUint64Array,
  ): Uint32Array {
    const set = this.#live();
    this.#forgetHull();
    return set.insertMany(starts, ends);
  }

  /**
   * Removes a range, whether or not its lock bit is held. False for any number that is no live
   * handle. @throws {IntervalidateError} ARGUMENT if it is no number
   */
  remove(handle: number): boolean {
    const set = this.#live();
    this.#forgetHull();
    const removed = set.remove(checkedHandle(handle));
    if (this.#values !== undefined && removed) this.#values.delete(handle);
    return removed;
  }

  /** Removes every range that overlaps `[start, end)`; returns how many. */
  removeOverlapping(start: Address, end: Address): number {
    const set = this.#live();
    const last = closedLast(start, end);
    if (this.#values !== undefined && this.#values.size > 0) {
      const handles = new Uint32Array(set.count(start, last));
      set.collect(start, last, handles);
      for (const handle of handles) this.#values.delete(handle);
    }
    this.#forgetHull();
    return set.removeOverlapping(start, last);
  }

  /** Whether this is a live handle. @throws {IntervalidateError} ARGUMENT if it is no number */
  has(handle: number): boolean {
    return this.#live().has(checkedHandle(handle));
  }

  /** Where a range starts; undefined for any number that is no live handle. */
  startOf(handle: number): bigint | undefined {
    return this.#live().startOf(checkedHandle(handle));
  }

  /** Where a range ends, one past its last address; undefined for a number that is no live handle. */
  endOf(handle: number): bigint | undefined {
    const last = this.#live().lastOf(checkedHandle(handle));
    return last === undefined ? undefined : last + 1n;
  }

  /** The value inserted with a range; undefined if there was none, or the handle is not live. */
  valueOf(handle: number): T | undefined {
    return this.#live().has(checkedHandle(handle)) ? this.#values?.get(handle) : undefined;
  }

  /**
   * Gives a range other bounds; its handle, value, sequence and lock bit stay. False for any number
   * that is no live handle. @throws {IntervalidateError} OUT_OF_MEMORY
   */
  move(handle: number, start: Address, end: Address): boolean {
    const set = this.#live();
    this.#forgetHull();
    return set.move(checkedHandle(handle), start, closedLast(start, end));
  }

  /** Removes all ranges. Handles start over: those from before mean nothing any more. */
  clear(): void {
    this.#live().clear();
    this.#forgetHull();
    this.#values = undefined;
  }

  /** Whether a range overlaps `[start, end)`. */
  some(start: Address, end: Address): boolean {
    // Where the hull tells, this is a few nanoseconds: the checks of closedLast stand here once more,
    // because calling it would take as long as they do.
    if (
      typeof start === "number" &&
      typeof end === "number" &&
      Math.floor(start) >= start &&
      Math.floor(end) >= end &&
      start >= 0 &&
      start < end &&
      end <= Number.MAX_SAFE_INTEGER
    ) {
      const leastStart = this.#leastStart;
      const greatestEnd = this.#greatestEnd;
      // Nothing reaches out of the hull, and something to each end of it. All false with NaN.
      if (end <= leastStart || start >= greatestEnd) return false;
      if (start <= leastStart || end >= greatestEnd) return true;
    }
    return this.#someInside(start, end);
  }

  #someInside(start: Address, end: Address): boolean {
    const set = this.#live();
    const last = closedLast(start, end);
    if (Number.isNaN(this.#leastStart)) {
      this.#leastStart = set.leastStart();
      this.#greatestEnd = set.greatestLast() + 1;
    }
    return set.some(start, last);
  }

  /** Called by whatever may change a bound, and when the set is gone. */
  #forgetHull(): void {
    this.#leastStart = Number.NaN;
    this.#greatestEnd = Number.NaN;
  }

  /** How many ranges overlap `[start, end)`. */
  count(start: Address, end: Address): number {
    return this.#live().count(start, closedLast(start, end));
  }

  /**
   * Writes the handles of ranges that overlap `[start, end)` to `into`, in any order and as many as
   * fit, and returns how many there are in all.
   */
  collect(start: Address, end: Address, into: Uint32Array): number {
    return this.#live().collect(start, closedLast(start, end), checkedTarget(into));
  }

  /** The ranges that overlap `[start, end)` at the time of the call, by start, then end, then handle. */
  overlapping(start: Address, end: Address): Uint32Array {
    return this.#live().ordered(start, closedLast(start, end));
  }

  /**
   * The nearest range before a point: of those that end at or before `at`, the one that ends last.
   * Of several the one that starts last; of equal ones that with the least handle.
   */
  firstBefore(at: Address): number | undefined {
    const set = this.#live();
    const bound = BigInt(checkedAddress(at));
    return bound === 0n ? undefined : set.firstBefore(bound - 1n);
  }

  /**
   * The nearest range after a point: of those that start at or after `at`, the one that starts
   * first. Of several the one that ends first; of equal ones that with the least handle.
   */
  firstAfter(at: Address): number | undefined {
    const set = this.#live();
    const bound = BigInt(checkedAddress(at));
    return bound === END ? undefined : set.firstAfter(bound);
  }

  /** The parts of `[start, end)` that no range covers, as half-open pairs, ascending. */
  gaps(start: Address, end: Address): [bigint, bigint][] {
    return this.#live().gaps(start, closedLast(start, end));
  }

  /**
   * Answers many queries in one call: the handles for `[starts[i], ends[i])`, in any order, are
   * `handles.subarray(offsets[i], offsets[i + 1])`.
   */
  queryMany(starts: Float64Array | BigUint64Array, ends: Float64Array | BigUint64Array): HitLists {
    return this.#live().queryMany(starts, ends);
  }

  /** Takes a range's lock bit; false if it is held already, or the handle is not live. */
  tryLock(handle: number): boolean {
    return this.#live().tryLock(checkedHandle(handle));
  }

  /** Releases a range's lock bit. @throws {IntervalidateError} ARGUMENT if it is not held */
  unlock(handle: number): void {
    this.#live().unlock(checkedHandle(handle));
  }

  /** Whether a range's lock bit is held; false if the handle is not live. */
  isLocked(handle: number): boolean {
    return this.#live().isLocked(checkedHandle(handle));
  }

  /**
   * The sequence that the last `invalidate` left in a range; 0 if none has.
   *
   * @throws {IntervalidateError} ARGUMENT if the handle is not live
   */
  sequenceOf(handle: number): number {
    return this.#live().sequenceOf(checkedHandle(handle));
  }

  /**
   * Sets the sequence of every range that overlaps `[start, end)` to `sequence`, a u32, and returns
   * how many there are; the handles of the first `into.length`, in any order, go to `into`. If one
   * of them has its lock bit held: -1, and nothing has changed.
   */
  invalidate(start: Address, end: Address, sequence: number, into?: Uint32Array): number {
    const set = this.#live();
    const last = closedLast(start, end);
    checkSequence(sequence);
    if (into !== undefined) checkedTarget(into);
    return set.invalidate(start, last, sequence, into);
  }

  /**
   * Invalidates `[starts[i], ends[i])` for each i in one call, all with one sequence, and lists the
   * ranges that each of them hit, as `queryMany` does. If one of all these has its lock bit held:
   * undefined, and nothing has changed.
   */
  invalidateMany(
    starts: Float64Array | BigUint64Array,
    ends: Float64Array | BigUint64Array,
    sequence: number,
  ): HitLists | undefined {
    const set = this.#live();
    checkSequence(sequence);
    return set.invalidateMany(starts, ends, sequence);
  }

  /**
   * Everything known of the ranges but their values, as bytes that any build of this package reads
   * which knows the version of the format: see {@link RangeIndex.from}. Equal ranges with equal
   * handles, sequences and lock bits give equal bytes, whatever happened before.
   */
  snapshot(): Uint8Array {
    return encodeSnapshot(this.#live().records());
  }

  /** Gives the memory back; every other call throws DISPOSED from then on. */
  [Symbol.dispose](): void {
    this.#intervals.dispose();
    this.#values = undefined;
  }
}

function checkSequence(sequence: number): void {
  if (sequence >>> 0 === sequence) return;
  throw new IntervalidateError(
    "ARGUMENT",
    `The sequence must be an integer from 0 to 2^32 - 1, but is ${String(sequence)}.`,
  );
}

function checkedTarget(into: unknown): Uint32Array {
  if (into instanceof Uint32Array) return into;
  throw wrongTarget(into);
}

function wrongTarget(into: unknown): IntervalidateError {
  return new IntervalidateError(
    "ARGUMENT",
    `Handles are written to a Uint32Array, but this is ${into === null ? "null" : typeof into}.`,
  );
}
