// What a set of intervals ought to hold and answer: buckets of rows, scanned one by one.
//
//   buckets, by `low`   |    0    |   low   |   low   | ...
//   rows, unsorted      | r r r r | r r     | r r r   |     low <= start of each row <= next low
//
// A set that fits one bucket is a plain scan of everything. More buckets only leave out those that
// cannot matter: the ones that begin after a query, and the ones whose greatest last is before it.

import { Bucket, compareRows, Digest, isNearerBefore } from "./bucket.ts";
import { emptyRange, isBelow, type Range, WORD_MAX } from "./words.ts";

const ROWS_MAX = 256;

/** What is done with each row that overlaps. */
type Visit = (bucket: Bucket, row: number) => void;

export class Model {
  size = 0;
  heldLocks = 0;
  readonly #rowsMax: number;
  readonly #buckets: Bucket[];
  readonly #bucketOf = new Map<number, Bucket>();
  readonly #range = emptyRange();

  constructor(rowsMax: number = ROWS_MAX) {
    this.#rowsMax = rowsMax;
    this.#buckets = [new Bucket(rowsMax)];
  }

  has(handle: number): boolean {
    return this.#bucketOf.has(handle);
  }

  handles(): IterableIterator<number> {
    return this.#bucketOf.keys();
  }

  /** Some live handle; there must be one. Equal arguments and histories choose equal handles. */
  choose(first: number, second: number): number {
    const bucket = this.#buckets[first % this.#buckets.length] as Bucket;
    return bucket.handle[second % bucket.size] as number;
  }

  add(handle: number, range: Range, sequence: number, locked: number = 0): void {
    const index = this.#indexBefore(range.startHigh, range.startLow, true);
    const bucket = this.#buckets[index] as Bucket;
    bucket.append(range, handle, sequence, locked);
    this.#bucketOf.set(handle, bucket);
    this.size += 1;
    this.heldLocks += locked;
    if (bucket.size === this.#rowsMax) this.#split(index);
  }

  remove(handle: number): void {
    const bucket = this.#home(handle);
    const row = bucket.rowOf(handle);
    this.heldLocks -= bucket.locked[row] as number;
    bucket.delete(row);
    this.#bucketOf.delete(handle);
    this.size -= 1;
    if (bucket.size === 0 && this.#buckets.length > 1) {
      this.#buckets.splice(this.#buckets.indexOf(bucket), 1);
      const first = this.#buckets[0] as Bucket;
      first.lowHigh = 0;
      first.lowLow = 0;
    }
  }

  move(handle: number, range: Range): void {
    const sequence = this.sequenceOf(handle);
    const locked = this.isLocked(handle) ? 1 : 0;
    this.remove(handle);
    this.add(handle, range, sequence, locked);
  }

  clear(): void {
    this.#buckets.splice(0, this.#buckets.length, new Bucket(this.#rowsMax));
    this.#bucketOf.clear();
    this.size = 0;
    this.heldLocks = 0;
  }

  read(handle: number, into: Range): void {
    const bucket = this.#home(handle);
    bucket.read(bucket.rowOf(handle), into);
  }

  sequenceOf(handle: number): number {
    const bucket = this.#home(handle);
    return bucket.sequence[bucket.rowOf(handle)] as number;
  }

  setSequence(handle: number, sequence: number): void {
    const bucket = this.#home(handle);
    bucket.sequence[bucket.rowOf(handle)] = sequence;
  }

  isLocked(handle: number): boolean {
    const bucket = this.#home(handle);
    return bucket.locked[bucket.rowOf(handle)] === 1;
  }

  setLocked(handle: number, locked: boolean): void {
    if (this.isLocked(handle) === locked) return;
    const bucket = this.#home(handle);
    bucket.locked[bucket.rowOf(handle)] = locked ? 1 : 0;
    this.heldLocks += locked ? 1 : -1;
  }

  forEachHit(range: Range, visit: Visit): void {
    const { startHigh, startLow, lastHigh, lastLow } = range;
    for (const bucket of this.#buckets) {
      if (isBelow(lastHigh, lastLow, bucket.lowHigh, bucket.lowLow)) break;
      if (isBelow(bucket.greatestHigh, bucket.greatestLow, startHigh, startLow)) continue;
      for (let row = 0; row < bucket.size; row += 1) {
        const high = bucket.startHigh[row] as number;
        if (high > lastHigh) continue;
        if (high === lastHigh && (bucket.startLow[row] as number) > lastLow) continue;
        const end = bucket.lastHigh[row] as number;
        if (end < startHigh) continue;
        if (end === startHigh && (bucket.lastLow[row] as number) < startLow) continue;
        visit(bucket, row);
      }
    }
  }

  digest(range: Range): Digest {
    const digest = new Digest();
    this.forEachHit(range, (bucket, row) => digest.add(bucket.handle[row] as number));
    return digest;
  }

  hits(range: Range): number[] {
    const handles: number[] = [];
    this.forEachHit(range, (bucket, row) => handles.push(bucket.handle[row] as number));
    return handles;
  }

  /** Overlapping intervals by start, then last, then handle. */
  ordered(range: Range): number[] {
    const rows: { bucket: Bucket; row: number }[] = [];
    this.forEachHit(range, (bucket, row) => rows.push({ bucket, row }));
    rows.sort((a, b) => compareRows(a.bucket, a.row, b.bucket, b.row));
    return rows.map(({ bucket, row }) => bucket.handle[row] as number);
  }

  /** The first by start, last, handle of those that start at an address or after it; 0 if none. */
  firstAfter(high: number, low: number): number {
    let best: Bucket | undefined;
    let bestRow = 0;
    for (let i = this.#indexBefore(high, low, false); i < this.#buckets.length; i += 1) {
      const bucket = this.#buckets[i] as Bucket;
      if (best !== undefined) {
        const bestHigh = best.startHigh[bestRow] as number;
        if (isBelow(bestHigh, best.startLow[bestRow] as number, bucket.lowHigh, bucket.lowLow)) {
          break;
        }
      }
      for (let row = 0; row < bucket.size; row += 1) {
        const startHigh = bucket.startHigh[row] as number;
        if (isBelow(startHigh, bucket.startLow[row] as number, high, low)) continue;
        if (best === undefined || compareRows(bucket, row, best, bestRow) < 0) {
          best = bucket;
          bestRow = row;
        }
      }
    }
    return best === undefined ? 0 : (best.handle[bestRow] as number);
  }

  /**
   * Of those that end by an address the one with the greatest last; of several the one with the
   * greatest start, of equal ones the one with the least handle. 0 if none.
   */
  firstBefore(high: number, low: number): number {
    let best: Bucket | undefined;
    let bestRow = 0;
    for (let i = this.#indexBefore(high, low, true); i >= 0; i -= 1) {
      const bucket = this.#buckets[i] as Bucket;
      if (best !== undefined) {
        const { greatestHigh, greatestLow } = bucket;
        const bestHigh = best.lastHigh[bestRow] as number;
        if (isBelow(greatestHigh, greatestLow, bestHigh, best.lastLow[bestRow] as number)) continue;
      }
      for (let row = 0; row < bucket.size; row += 1) {
        const lastHigh = bucket.lastHigh[row] as number;
        if (isBelow(high, low, lastHigh, bucket.lastLow[row] as number)) continue;
        if (best === undefined || isNearerBefore(bucket, row, best, bestRow)) {
          best = bucket;
          bestRow = row;
        }
      }
    }
    return best === undefined ? 0 : (best.handle[bestRow] as number);
  }

  /** The closed parts of a range that nothing covers, as ranges, ascending. */
  gaps(range: Range): Range[] {
    const gaps: Range[] = [];
    const covered = this.#range;
    let { startHigh: high, startLow: low } = range;
    for (const handle of this.ordered(range)) {
      this.read(handle, covered);
      if (isBelow(high, low, covered.startHigh, covered.startLow)) {
        const before = { startHigh: high, startLow: low, lastHigh: 0, lastLow: 0 };
        before.lastHigh = covered.startHigh - (covered.startLow === 0 ? 1 : 0);
        before.lastLow = (covered.startLow - 1) >>> 0;
        gaps.push(before);
      }
      if (!isBelow(covered.lastHigh, covered.lastLow, high, low)) {
        // An interval that reaches the top of the space leaves nothing after it.
        if (covered.lastHigh === WORD_MAX && covered.lastLow === WORD_MAX) return gaps;
        low = (covered.lastLow + 1) >>> 0;
        high = covered.lastHigh + (low === 0 ? 1 : 0);
      }
    }
    const { lastHigh, lastLow } = range;
    if (!isBelow(lastHigh, lastLow, high, low)) {
      gaps.push({ startHigh: high, startLow: low, lastHigh, lastLow });
    }
    return gaps;
  }

  #home(handle: number): Bucket {
    const bucket = this.#bucketOf.get(handle);
    if (bucket === undefined) throw new Error(`The model knows no handle ${handle}.`);
    return bucket;
  }

  /** The last bucket whose low is below an address, or, if asked, equal to it; else the first. */
  #indexBefore(high: number, low: number, orEqual: boolean): number {
    let before = 0;
    let after = this.#buckets.length;
    while (after - before > 1) {
      const middle = (before + after) >> 1;
      const { lowHigh, lowLow } = this.#buckets[middle] as Bucket;
      const goesRight = orEqual
        ? !isBelow(high, low, lowHigh, lowLow)
        : isBelow(lowHigh, lowLow, high, low);
      if (goesRight) before = middle;
      else after = middle;
    }
    return before;
  }

  /** Makes two buckets of a full one: the lower starts and the higher ones. */
  #split(index: number): void {
    const full = this.#buckets[index] as Bucket;
    const rows = Array.from({ length: full.size }, (_, row) => row);
    rows.sort((a, b) => compareRows(full, a, full, b));
    const half = full.size >> 1;
    const median = rows[half] as number;
    const lower = new Bucket(this.#rowsMax);
    lower.lowHigh = full.lowHigh;
    lower.lowLow = full.lowLow;
    const upper = new Bucket(this.#rowsMax);
    upper.lowHigh = full.startHigh[median] as number;
    upper.lowLow = full.startLow[median] as number;
    for (const [i, row] of rows.entries()) {
      const bucket = i < half ? lower : upper;
      const handle = full.handle[row] as number;
      full.read(row, this.#range);
      bucket.append(this.#range, handle, full.sequence[row] as number, full.locked[row] as number);
      this.#bucketOf.set(handle, bucket);
    }
    this.#buckets.splice(index, 1, lower, upper);
  }
}
