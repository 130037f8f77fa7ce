// Rows of intervals, in no order, and handles in sums.

import { isBelow, type Range } from "./words.ts";

/** A multiset of handles as three numbers: compared without sorting, wrong once in 2^64. */
export class Digest {
  count = 0;
  sum = 0;
  mixed = 0;

  add(handle: number): void {
    const product = Math.imul(handle ^ (handle >>> 16), 0x21f0aaad);
    this.count += 1;
    this.sum = (this.sum + product) | 0;
    this.mixed ^= Math.imul(product ^ (product >>> 15), 0x735a2d97);
  }

  equals(other: Digest): boolean {
    return this.count === other.count && this.sum === other.sum && this.mixed === other.mixed;
  }
}

export class Bucket {
  /** No row starts below it. */
  lowHigh = 0;
  lowLow = 0;
  /** The greatest last of all rows; meaningless without rows. */
  greatestHigh = 0;
  greatestLow = 0;
  size = 0;
  readonly startHigh: Uint32Array;
  readonly startLow: Uint32Array;
  readonly lastHigh: Uint32Array;
  readonly lastLow: Uint32Array;
  readonly handle: Uint32Array;
  readonly sequence: Uint32Array;
  readonly locked: Uint8Array;

  constructor(rowsMax: number) {
    this.startHigh = new Uint32Array(rowsMax);
    this.startLow = new Uint32Array(rowsMax);
    this.lastHigh = new Uint32Array(rowsMax);
    this.lastLow = new Uint32Array(rowsMax);
    this.handle = new Uint32Array(rowsMax);
    this.sequence = new Uint32Array(rowsMax);
    this.locked = new Uint8Array(rowsMax);
  }

  rowOf(handle: number): number {
    return this.handle.indexOf(handle);
  }

  append(range: Range, handle: number, sequence: number, locked: number): void {
    const row = this.size;
    this.startHigh[row] = range.startHigh;
    this.startLow[row] = range.startLow;
    this.lastHigh[row] = range.lastHigh;
    this.lastLow[row] = range.lastLow;
    this.handle[row] = handle;
    this.sequence[row] = sequence;
    this.locked[row] = locked;
    this.size = row + 1;
    this.#raise(row);
  }

  read(row: number, into: Range): void {
    into.startHigh = this.startHigh[row] as number;
    into.startLow = this.startLow[row] as number;
    into.lastHigh = this.lastHigh[row] as number;
    into.lastLow = this.lastLow[row] as number;
  }

  delete(row: number): void {
    const wasGreatest =
      this.lastHigh[row] === this.greatestHigh && this.lastLow[row] === this.greatestLow;
    const end = this.size - 1;
    this.startHigh[row] = this.startHigh[end] as number;
    this.startLow[row] = this.startLow[end] as number;
    this.lastHigh[row] = this.lastHigh[end] as number;
    this.lastLow[row] = this.lastLow[end] as number;
    this.handle[row] = this.handle[end] as number;
    this.sequence[row] = this.sequence[end] as number;
    this.locked[row] = this.locked[end] as number;
    this.handle[end] = 0;
    this.size = end;
    if (wasGreatest) {
      this.greatestHigh = 0;
      this.greatestLow = 0;
      for (let i = 0; i < end; i += 1) this.#raise(i);
    }
  }

  #raise(row: number): void {
    const high = this.lastHigh[row] as number;
    const low = this.lastLow[row] as number;
    if (isBelow(this.greatestHigh, this.greatestLow, high, low)) {
      this.greatestHigh = high;
      this.greatestLow = low;
    }
  }
}

/** By start, then last, then handle. */
export function compareRows(a: Bucket, i: number, b: Bucket, j: number): number {
  return (
    (a.startHigh[i] as number) - (b.startHigh[j] as number) ||
    (a.startLow[i] as number) - (b.startLow[j] as number) ||
    (a.lastHigh[i] as number) - (b.lastHigh[j] as number) ||
    (a.lastLow[i] as number) - (b.lastLow[j] as number) ||
    (a.handle[i] as number) - (b.handle[j] as number)
  );
}

/** Whether row i ends later than row j, or as late and starts later, or is equal and has the lesser handle. */
export function isNearerBefore(a: Bucket, i: number, b: Bucket, j: number): boolean {
  const later =
    (a.lastHigh[i] as number) - (b.lastHigh[j] as number) ||
    (a.lastLow[i] as number) - (b.lastLow[j] as number) ||
    (a.startHigh[i] as number) - (b.startHigh[j] as number) ||
    (a.startLow[i] as number) - (b.startLow[j] as number) ||
    (b.handle[j] as number) - (a.handle[i] as number);
  return later > 0;
}
