import { describe, expect, it } from "vitest";
import { logOfLength } from "../../src/engine/bulk-sources.ts";
import { ROW_WORDS, START_HIGH, START_LOW } from "../../src/engine/rows.ts";
import { sortedOrder } from "../../src/engine/sorted-order.ts";
import { Random } from "../../src/sim/random.ts";

type Words = [number, number, number, number];

/** Fewer and more records than the number from which on they are sorted by digits. */
const COUNTS = [0, 1, 2, 3, 255, 256, 257, 5000];

describe("the order of records", () => {
  it.each(COUNTS)("ascends by all words of the key and keeps equal ones in order: %i", (count) => {
    const random = new Random(count);
    for (const bits of [0, 1, 3, 12, 32]) {
      const words = new Uint32Array(3 * count);
      for (let i = 0; i < words.length; i += 1) {
        words[i] = bits === 0 ? 7 : random.next() >>> (32 - bits);
      }
      const wanted = Array.from({ length: count }, (_, i) => i);
      const at = (i: number, word: number): number => words[3 * i + word] as number;
      wanted.sort((a, b) => at(a, 2) - at(b, 2) || at(a, 0) - at(b, 0) || a - b);
      expect([...sortedOrder(words, 3, [2, 0], count)]).toEqual(wanted);
    }
  });

  it("looks at high words first", () => {
    const words = new Uint32Array(ROW_WORDS * 300);
    for (let i = 0; i < 300; i += 1) {
      words[ROW_WORDS * i + START_HIGH] = 300 - i;
      words[ROW_WORDS * i + START_LOW] = i;
    }
    const order = sortedOrder(words, ROW_WORDS, [START_HIGH, START_LOW], 300);
    expect([...order]).toEqual(Array.from({ length: 300 }, (_, i) => 299 - i));
  });
});

describe("the logarithm of a length", () => {
  it("is exact at every power of two, up to the whole space", () => {
    for (let log = 0n; log <= 64n; log += 1n) {
      for (const length of [1n << log, (1n << log) + 1n, (2n << log) - 1n]) {
        for (const start of [0n, 5n, (1n << 32n) - 1n, (1n << 63n) + 3n]) {
          const last = start + length - 1n;
          if (last >= 1n << 64n) continue;
          const words = new Uint32Array(BigUint64Array.of(start, last).buffer);
          const [startLow, startHigh, lastLow, lastHigh] = [...words] as Words;
          expect(logOfLength(startLow, startHigh, lastLow, lastHigh)).toBe(
            length.toString(2).length - 1,
          );
        }
      }
    }
  });
});
