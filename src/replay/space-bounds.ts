import { type Address, END } from "../engine/addresses.ts";

/**
 * The part of a logged range that lies in the 64-bit space, or undefined if none does. Logs are read
 * to the letter, so a broken one can hold ranges that reach beyond.
 */
export function withinSpace(
  start: Address,
  end: Address,
): { start: Address; end: Address } | undefined {
  if (start >= END || start >= end) return undefined;
  return { start, end: end < END ? end : END };
}
