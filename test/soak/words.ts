// 64-bit addresses as two 32-bit words, high and low: many times faster than bigints, and nothing of
// the engine's own arithmetic.

/** A closed range of the unsigned 64-bit space. */
export interface Range {
  startHigh: number;
  startLow: number;
  lastHigh: number;
  lastLow: number;
}

export const WORD_MAX = 0xffffffff;
const TWO_32 = 0x100000000;
/** Addresses with smaller high words are safe integers. */
export const SAFE_HIGH = 2 ** 21;

export function emptyRange(): Range {
  return { startHigh: 0, startLow: 0, lastHigh: 0, lastLow: 0 };
}

export function isBelow(aHigh: number, aLow: number, bHigh: number, bLow: number): boolean {
  return aHigh < bHigh || (aHigh === bHigh && aLow < bLow);
}

/** Makes the range `[start, start + length]`, cut at the top of the space. */
export function setLast(range: Range, lengthHigh: number, lengthLow: number): void {
  const low = range.startLow + lengthLow;
  const high = range.startHigh + lengthHigh + (low > WORD_MAX ? 1 : 0);
  range.lastHigh = Math.min(high, WORD_MAX);
  range.lastLow = high > WORD_MAX ? WORD_MAX : low >>> 0;
}

const words = new Uint32Array(2);
const longs = new BigUint64Array(words.buffer);

export function bigintOf(high: number, low: number): bigint {
  words[0] = low;
  words[1] = high;
  return longs[0] as bigint;
}

/** Exact only below `SAFE_HIGH`. */
export function numberOf(high: number, low: number): number {
  return high * TWO_32 + low;
}

export function textOf(high: number, low: number): string {
  return `0x${bigintOf(high, low).toString(16)}`;
}
