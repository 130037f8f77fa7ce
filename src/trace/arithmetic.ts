// Exact arithmetic on addresses of any size. An Address has one form only: a number up to 2^53 - 1,
// a bigint above. So `===` compares, and `<` orders, whatever the mix.

import type { Address } from "../engine/addresses.ts";

const PAGE_BYTES = 4096;
const SAFE_MAX: number = Number.MAX_SAFE_INTEGER;

export function canonical(value: bigint): Address {
  return value <= SAFE_MAX ? Number(value) : value;
}

export function add(a: Address, b: Address): Address {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (sum <= SAFE_MAX) return sum;
  }
  return canonical(BigInt(a) + BigInt(b));
}

/** `a - b`, for a not below b. */
export function subtract(a: Address, b: Address): Address {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return canonical(BigInt(a) - BigInt(b));
}

/** Rounded up to a multiple of the page size. */
export function pageUp(a: Address): Address {
  if (typeof a === "number") {
    // Exact: the page size is a power of two, and 2^53 itself is a double.
    const up = Math.ceil(a / PAGE_BYTES) * PAGE_BYTES;
    return up <= SAFE_MAX ? up : BigInt(up);
  }
  return canonical(((a + 4095n) >> 12n) << 12n);
}

/** Rounded down to a multiple of the page size. */
export function pageDown(a: Address): Address {
  if (typeof a === "number") return Math.floor(a / PAGE_BYTES) * PAGE_BYTES;
  return canonical((a >> 12n) << 12n);
}

/** A sum without bounds that stays a number as long as it can. */
export class ExactSum {
  #small = 0;
  #big = 0n;

  add(value: Address): void {
    if (typeof value === "number") {
      // Where the addition is inexact it is above the limit all the same.
      if (this.#small + value > SAFE_MAX) {
        this.#big += BigInt(this.#small);
        this.#small = 0;
      }
      this.#small += value;
    } else this.#big += value;
  }

  toString(): string {
    return String(this.#big + BigInt(this.#small));
  }
}
