import { IntervalidateError } from "../errors.ts";

/**
 * A place in the unsigned 64-bit space: a safe integer from 0, or a bigint from 0n to {@link END}.
 * The unit is the caller's: bytes, pages, or any other integer.
 */
export type Address = number | bigint;

/** One past the last address: the `end` of a range that reaches the top of the space. */
export const END: bigint = 1n << 64n;

/**
 * Checks the half-open range `[start, end)` and returns its last address, `end - 1`: a number if
 * both bounds are numbers, else a bigint. `0n` as an end after a start above 0 means {@link END},
 * because that is what a `BigUint64Array` makes of it; the number 0 is refused, it is always a
 * mistake.
 *
 * @throws {IntervalidateError} `ARGUMENT` for a bound that is neither number nor bigint; `RANGE`
 *   for one outside the space or inexact, and for an empty or inverted range
 */
export function closedLast(start: Address, end: Address): Address {
  // Floors instead of `isSafeInteger`, which takes twice as long.
  if (
    typeof start === "number" &&
    typeof end === "number" &&
    Math.floor(start) >= start &&
    Math.floor(end) >= end &&
    start >= 0 &&
    start < end &&
    end <= Number.MAX_SAFE_INTEGER
  ) {
    return end - 1;
  }
  return checkedLast(start, end);
}

/** What most calls do not need is apart from what they do: small functions are inlined. */
function checkedLast(start: Address, end: Address): Address {
  checkBound(start, "start", start, end);
  checkBound(end, "end", start, end);
  if (end === 0n && start > 0 && start < END) return END - 1n;
  if (start >= end) throw emptyRange(start, end);
  return BigInt(end) - 1n;
}

/**
 * Checks one address, from 0 to {@link END} inclusive, and returns it.
 *
 * @throws {IntervalidateError} `ARGUMENT` or `RANGE`, as {@link closedLast}
 */
export function checkedAddress(at: Address): Address {
  const fault = faultOf(at);
  if (fault !== undefined) throw new IntervalidateError(fault.code, `The address ${fault.text}.`);
  return at;
}

function checkBound(bound: unknown, name: string, start: unknown, end: unknown): void {
  const fault = faultOf(bound);
  if (fault === undefined) return;
  const range = `the range was [${describe(start)}, ${describe(end)})`;
  throw new IntervalidateError(fault.code, `The ${name} of a range ${fault.text}; ${range}.`);
}

function faultOf(bound: unknown): { code: "ARGUMENT" | "RANGE"; text: string } | undefined {
  if (typeof bound === "bigint") {
    if (bound >= 0n && bound <= END) return undefined;
    return {
      code: "RANGE",
      text: `must lie in the 64-bit space, 0n to END (2^64), but is ${describe(bound)}`,
    };
  }
  if (typeof bound === "number") {
    if (Number.isSafeInteger(bound) && bound >= 0) return undefined;
    return {
      code: "RANGE",
      text:
        `must be an integer from 0 to 2^53 - 1 when it is a number, but is ${describe(bound)}: ` +
        "pass a bigint for addresses above that",
    };
  }
  return { code: "ARGUMENT", text: `must be a number or a bigint, but is ${describe(bound)}` };
}

function emptyRange(start: Address, end: Address): IntervalidateError {
  const what = start > end ? "inverted" : "empty";
  const fix =
    end === 0
      ? "for the end of the space pass END"
      : "ranges are half-open, so the end must be above the start";
  return new IntervalidateError(
    "RANGE",
    `The range [${describe(start)}, ${describe(end)}) is ${what}: ${fix}.`,
  );
}

function describe(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return value === null ? "null" : typeof value;
}
