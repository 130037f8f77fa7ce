import { IntervalidateError } from "../errors.ts";
import { closedLast } from "./addresses.ts";

/** Many starts, or many ends. */
export type Column = Float64Array | BigUint64Array;

const TWO_32 = 2 ** 32;

/** @throws {IntervalidateError} ARGUMENT for other arrays or unequal lengths */
export function checkedColumns(starts: Column, ends: Column): void {
  for (const [name, column] of [
    ["starts", starts],
    ["ends", ends],
  ] as const) {
    if (column instanceof Float64Array || column instanceof BigUint64Array) continue;
    throw new IntervalidateError(
      "ARGUMENT",
      `The ${name} must be a Float64Array or a BigUint64Array, but are ${typeof column}.`,
    );
  }
  if (starts.length !== ends.length) {
    throw new IntervalidateError(
      "ARGUMENT",
      `There must be as many starts as ends, but there are ${starts.length} and ${ends.length}.`,
    );
  }
}

/**
 * Checks many half-open ranges.
 *
 * @throws {IntervalidateError} as `checkedColumns`; RANGE as `closedLast`, and the message names the
 *   first range at fault
 */
export function checkedPairs(starts: Column, ends: Column): void {
  checkedColumns(starts, ends);
  let i = 0;
  try {
    for (; i < starts.length; i += 1) {
      closedLast(starts[i] as number | bigint, ends[i] as number | bigint);
    }
  } catch (error) {
    if (!(error instanceof IntervalidateError)) throw error;
    throw new IntervalidateError(error.code, `Range number ${i}: ${error.message}`);
  }
}

/** Where closed u64 pairs are written: two views of one memory. */
export interface PairTarget {
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;
}

/** Writes `count` checked ranges from index `from` on as closed u64 pairs. */
export function writePairs(
  target: PairTarget,
  starts: Column,
  ends: Column,
  from: number,
  count: number,
): void {
  writeColumn(target, starts, from, count, 0);
  writeColumn(target, ends, from, count, 1);
}

/** Writes one column of the pairs; ends become last addresses. */
function writeColumn(
  { words, longs }: PairTarget,
  column: Column,
  from: number,
  count: number,
  place: 0 | 1,
): void {
  if (column instanceof Float64Array) {
    // Two halves by arithmetic are much faster than a bigint.
    for (let i = 0; i < count; i += 1) {
      const address = (column[from + i] as number) - place;
      const at = 2 * (2 * i + place);
      words[at] = address;
      words[at + 1] = Math.floor(address / TWO_32);
    }
  } else {
    const less = BigInt(place);
    for (let i = 0; i < count; i += 1) {
      longs[2 * i + place] = (column[from + i] as bigint) - less;
    }
  }
}
