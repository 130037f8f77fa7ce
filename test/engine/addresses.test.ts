import { describe, expect, it } from "vitest";
import { type Address, closedLast, END } from "../../src/engine/addresses.ts";
import { codeOf } from "./support.ts";

describe("a half-open range", () => {
  it.each<[Address, Address, Address]>([
    [0, 1, 0],
    [4096, 8192, 8191],
    [0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1],
    [0n, 1n, 0n],
    [0, END, END - 1n],
    [0n, END, END - 1n],
    [END - 1n, END, END - 1n],
    [5, 6n, 5n],
    [5n, 6, 5n],
  ])("[%s, %s) ends with address %s", (start, end, last) => {
    expect(closedLast(start, end)).toBe(last);
  });

  it("takes 0n as the end of the space after a start above 0, as a BigUint64Array has it", () => {
    expect(closedLast(1, 0n)).toBe(END - 1n);
    expect(closedLast(END - 1n, 0n)).toBe(END - 1n);
  });

  it.each<[string, Address, Address]>([
    ["empty", 5, 5],
    ["empty at 0", 0, 0],
    ["empty at 0n", 0n, 0n],
    ["empty at 0, in two types", 0, 0n],
    ["empty at the end", END, END],
    ["empty at the end, as 0n", END, 0n],
    ["inverted", 6, 5],
    ["inverted in two types", 6n, 5],
    ["ending with the number 0", 5, 0],
    ["ending with the number 0 after a bigint", 5n, 0],
    ["negative", -1, 5],
    ["negative and big", -1n, 5n],
    ["fractional", 0.5, 5],
    ["fractional at its end", 0, 5.5],
    ["without a start", Number.NaN, 5],
    ["without an end", 0, Number.NaN],
    ["infinite", 0, Number.POSITIVE_INFINITY],
    ["inexact", 0, 2 ** 53],
    ["inexact at its start", 2 ** 53, END],
    ["beyond the space", 0n, END + 1n],
    ["behind the space", END + 1n, END + 2n],
  ])("that is %s is refused", (_, start, end) => {
    expect(codeOf(() => closedLast(start, end))).toBe("RANGE");
  });

  it.each([undefined, null, "1", true, {}, [], Symbol("1")])(
    "with a bound of another type is refused: %s",
    (bound) => {
      expect(codeOf(() => closedLast(bound as Address, 5))).toBe("ARGUMENT");
      expect(codeOf(() => closedLast(5, bound as Address))).toBe("ARGUMENT");
    },
  );

  it("is refused with the rule, the values and the fix", () => {
    expect(() => closedLast(5, 0)).toThrow(
      "The range [5, 0) is inverted: for the end of the space pass END.",
    );
    expect(() => closedLast(7n, 7)).toThrow("The range [7n, 7) is empty: ranges are half-open");
    expect(() => closedLast(0, 2 ** 53)).toThrow("pass a bigint for addresses above that");
  });
});
