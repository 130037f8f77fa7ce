import { ERRNO } from "../notifier/errno.ts";
import type { Item } from "./source.ts";

const MAX = (1n << 64n) - 1n;

const NAMED: Readonly<Record<string, bigint>> = { MAX, END: 1n << 64n, PAGE: 0x1000n };

/** A half-open range. The end may lie beyond the space: whoever is given it says what that means. */
export interface Bounds {
  readonly start: bigint;
  readonly end: bigint;
}

/** An address: a number, or a sum like `MAX-0xfff` or `0x10000+PAGE`. */
export function addressOf(item: Item): bigint {
  const { scalar } = item;
  if (typeof scalar === "bigint") {
    if (scalar < 0n) item.fail(`${scalar} is no address: it is below 0`);
    return scalar;
  }
  if (typeof scalar !== "string") return item.fail("an address is wanted here");
  const terms = scalar.replaceAll(/\s/g, "").match(/[+-]?[^+-]+/g) ?? [];
  let sum = 0n;
  for (const term of terms) {
    const isNegative = term.startsWith("-");
    const digits = term.replace(/^[+-]/, "");
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(digits) ? BigInt(digits) : NAMED[digits];
    if (value === undefined) {
      item.fail(
        `"${scalar}" is no address: write a number, MAX, END, PAGE, or a sum such as MAX-0xfff`,
      );
    }
    sum += isNegative ? -value : value;
  }
  if (terms.length === 0 || sum < 0n) return item.fail(`"${scalar}" is no address`);
  return sum;
}

/** `[start, end]`, half-open; or the name of somebody who has a range. */
export function boundsOf(item: Item, named: ReadonlyMap<string, Bounds>): Bounds {
  if (item.isList && item.items.length === 2) {
    const [start, end] = item.items;
    return { start: addressOf(start), end: addressOf(end) };
  }
  if (typeof item.scalar === "string") {
    const bounds = named.get(item.scalar);
    if (bounds !== undefined) return bounds;
  }
  return item.fail("a range is wanted here: [start, end], or the name of an interval");
}

const UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** A span of virtual time in microseconds: `10us`, `100ms`, `2s`. */
export function durationOf(item: Item): number {
  const match = /^(\d+) ?(us|ms|s)$/.exec(typeof item.scalar === "string" ? item.scalar : "");
  if (match === null) return item.fail("a time is wanted here, such as 10us, 100ms or 2s");
  return Number(match[1]) * UNITS[match[2]];
}

/** The shortest way to write a span of virtual time. */
export function durationText(microseconds: number): string {
  for (const unit of ["s", "ms"]) {
    if (microseconds !== 0 && microseconds % UNITS[unit] === 0) {
      return `${microseconds / UNITS[unit]}${unit}`;
    }
  }
  return `${microseconds}us`;
}

/** What a function gave back, as files write it: `0`, `-EAGAIN`, `true`, `none`. */
export function resultText(value: unknown): string {
  if (value === undefined || value === null) return "none";
  if (typeof value !== "number" && typeof value !== "bigint") return String(value);
  for (const [name, number] of Object.entries(ERRNO)) {
    if (Number(value) === -number) return `-${name}`;
  }
  return String(value);
}

/** A number that a callback gives back: an integer, or an error by its name. */
export function returnOf(item: Item): number | boolean {
  const { scalar } = item;
  if (typeof scalar === "boolean") return scalar;
  if (typeof scalar === "bigint") return Number(scalar);
  for (const [name, number] of Object.entries(ERRNO)) {
    if (scalar === `-${name}`) return -number;
  }
  return item.fail("an integer, true, false or an error such as -EAGAIN is wanted here");
}

export function rangeText({ start, end }: { start: unknown; end: unknown }): string {
  return `[${addressText(start)}, ${addressText(end)})`;
}

function addressText(address: unknown): string {
  if (address === null || address === undefined) return "?";
  const value = BigInt(address as bigint);
  const fromTop = MAX - value;
  if (value > MAX) return value === MAX + 1n ? "END" : `MAX+${value - MAX}`;
  if (fromTop === 0n) return "MAX";
  return fromTop < 1n << 32n ? `MAX-0x${fromTop.toString(16)}` : `0x${value.toString(16)}`;
}
