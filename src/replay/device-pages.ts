import type { Address } from "../engine/addresses.ts";

// A mirror's range is cut into device pages of equal size, a power of two.

/** At most so many device pages make up one mirror: their state is one byte of bits. */
export const DEVICE_PAGES_MAX = 8;

const CPU_PAGE_SHIFT = 12;
/** 2^shift; a look-up is much faster than a power. */
const PAGE_SIZE = Float64Array.from({ length: 64 }, (_, shift) => 2 ** shift);

/** The smallest device page, not below a CPU page, of which eight cover the range. */
export function devicePageShift(start: Address, end: Address): number {
  const eighth = Math.floor(Math.log2(Number(end) - Number(start))) - 3;
  let shift = Math.max(CPU_PAGE_SHIFT, eighth - 1);
  while (pageIndex(start, lastByte(end), shift) >= DEVICE_PAGES_MAX) shift += 1;
  return shift;
}

export function lastByte(end: Address): Address {
  return typeof end === "number" ? end - 1 : end - 1n;
}

/** The number of the page, counted from `base`, that holds an address. */
export function pageIndex(base: Address, address: Address, shift: number): number {
  if (typeof base === "number" && typeof address === "number") {
    return Math.floor((address - base) / PAGE_SIZE[shift]);
  }
  return Number((BigInt(address) - BigInt(base)) >> BigInt(shift));
}

export function plusPages(base: Address, pages: number, shift: number): Address {
  const sum = typeof base === "number" ? base + pages * PAGE_SIZE[shift] : Number.NaN;
  if (Number.isSafeInteger(sum)) return sum;
  return BigInt(base) + (BigInt(pages) << BigInt(shift));
}

/** The place of the lowest bit that is set. */
export function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
