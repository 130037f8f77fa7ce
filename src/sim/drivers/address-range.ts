import type { Address } from "../../engine/addresses.ts";

/** Half-open: `[start, end)`. An end of 0 after a start above 0 is the end of the space. */
export interface AddressRange {
  readonly start: Address;
  readonly end: Address;
}

const END_OF_SPACE = 1n << 64n;

/** How many bytes a range has. */
export function lengthOf(range: AddressRange): bigint {
  return BigInt(endOf(range)) - BigInt(range.start);
}

/** Where a range ends, as a number to compare with. */
export function endOf({ start, end }: AddressRange): Address {
  return end === 0n || (end === 0 && start > 0) ? END_OF_SPACE : end;
}

export function overlap(a: AddressRange, b: AddressRange): boolean {
  return a.start < endOf(b) && b.start < endOf(a);
}

/** Whether the second range lies in the first. */
export function contains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.start <= inner.start && endOf(inner) <= endOf(outer);
}

export function isSame(a: AddressRange, b: AddressRange): boolean {
  return contains(a, b) && contains(b, a);
}

/** What two ranges that overlap have in common. */
export function intersection(a: AddressRange, b: AddressRange): AddressRange {
  return { start: upper(a.start, b.start), end: lower(endOf(a), endOf(b)) };
}

/** The smallest range with both inside. */
export function hull(a: AddressRange, b: AddressRange): AddressRange {
  return { start: lower(a.start, b.start), end: upper(endOf(a), endOf(b)) };
}

// `Math.min` takes no bigints.
function lower(a: Address, b: Address): Address {
  if (a < b) return a;
  return b;
}

function upper(a: Address, b: Address): Address {
  if (a > b) return a;
  return b;
}

/** What is left of ranges when one is taken out of all of them. */
export function without(ranges: readonly AddressRange[], gone: AddressRange): AddressRange[] {
  return ranges.flatMap((range) => {
    if (!overlap(range, gone)) return [range];
    const left: AddressRange[] = [];
    if (range.start < gone.start) left.push({ start: range.start, end: gone.start });
    if (endOf(range) > endOf(gone)) left.push({ start: endOf(gone), end: range.end });
    return left;
  });
}

/** As ranges are written: half-open, in hex. */
export function rangeText(range: AddressRange): string {
  return `[0x${range.start.toString(16)}, 0x${endOf(range).toString(16)})`;
}
