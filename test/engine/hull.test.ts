import { describe, expect, it } from "vitest";
import { type Address, END } from "../../src/engine/addresses.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { Random } from "../../src/sim/random.ts";
import { codeOf, engineOf, TARGETS } from "./support.ts";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Places about which ranges and queries lie: within a few addresses, so that bounds often meet. */
const PLACES = [0n, 40n, 1n << 31n, MAX_SAFE - 12n, MAX_SAFE + 8n, 1n << 63n, END - 24n];

/** `some` answers from the hull of all ranges where that tells, and must not notice that it does. */
describe.each(TARGETS)("The hull of a RangeIndex on the %s engine", (target) => {
  const create = (): RangeIndex => new RangeIndex({ engine: engineOf(target) });

  it("follows every mutation, at all places of the space", () => {
    const random = new Random(0x4a11);
    for (let round = 0; round < 60; round += 1) {
      // A run stays about a few places: the bounds are what has to change.
      const places = [random.below(PLACES.length), random.below(PLACES.length)];
      const draw = (): [bigint, bigint] => {
        const start =
          (PLACES[places[random.below(2)] as number] as bigint) + BigInt(random.below(16));
        const end = start + 1n + BigInt(random.below(8));
        return [start, end];
      };
      let index = create();
      let ranges = new Map<number, [bigint, bigint]>();
      const overlaps = (start: bigint, end: bigint): number[] =>
        [...ranges.keys()].filter((handle) => {
          const [from, to] = ranges.get(handle) as [bigint, bigint];
          return from < end && start < to;
        });
      const any = (): number => [...ranges.keys()][random.below(ranges.size)] ?? 1;
      const mutations = [
        () => {
          const [start, end] = draw();
          ranges.set(index.insert(plain(start), plain(end)), [start, end]);
        },
        () => {
          const drawn = Array.from({ length: ranges.size === 0 ? 70 : 3 }, draw);
          const starts = BigUint64Array.from(drawn, ([start]) => start);
          const ends = BigUint64Array.from(drawn, ([, end]) => BigInt.asUintN(64, end));
          const handles = index.insertMany(starts, ends);
          drawn.forEach((range, i) => {
            ranges.set(handles[i] as number, range);
          });
        },
        () => {
          const handle = any();
          expect(index.remove(handle)).toBe(ranges.delete(handle));
        },
        () => {
          const handle = any();
          const [start, end] = draw();
          const isMoved = index.move(handle, plain(start), plain(end));
          expect(isMoved).toBe(ranges.has(handle));
          if (isMoved) ranges.set(handle, [start, end]);
        },
        () => {
          const [start, end] = draw();
          const hits = overlaps(start, end);
          expect(index.removeOverlapping(plain(start), plain(end))).toBe(hits.length);
          for (const handle of hits) ranges.delete(handle);
        },
        () => {
          index.clear();
          ranges = new Map();
        },
        () => {
          index = RangeIndex.from(index.snapshot(), { engine: engineOf(target) });
        },
        () => {
          const wrong = Float64Array.of(1, 3);
          expect(codeOf(() => index.insertMany(wrong, Float64Array.of(2, 3)))).toBe("RANGE");
        },
      ];
      for (let step = 0; step < 40; step += 1) {
        // Clearing and starting over are rarer than the rest.
        const choice = random.below(5) === 0 ? random.below(mutations.length) : random.below(5);
        mutations[choice]?.();
        for (let query = 0; query < 6; query += 1) {
          const [start, end] = query === 0 ? [draw()[0], draw()[1]] : draw();
          if (start >= end) continue;
          expect(index.some(plain(start), plain(end))).toBe(overlaps(start, end).length > 0);
        }
        expect(index.some(0, END)).toBe(ranges.size > 0);
        expect(index.some(0, Number.MAX_SAFE_INTEGER)).toBe(overlaps(0n, MAX_SAFE).length > 0);
      }
    }
  });

  it("tells the last number from what lies behind it", () => {
    const index = create();
    const last = Number.MAX_SAFE_INTEGER;
    index.insert(MAX_SAFE, MAX_SAFE + 1n);
    for (let asked = 0; asked < 2; asked += 1) {
      expect(index.some(last - 1, last)).toBe(false);
      expect(index.some(MAX_SAFE, MAX_SAFE + 1n)).toBe(true);
      expect(index.some(MAX_SAFE + 1n, MAX_SAFE + 2n)).toBe(false);
    }
    index.clear();
    index.insert(last - 1, last);
    for (let asked = 0; asked < 2; asked += 1) {
      expect(index.some(last - 1, last)).toBe(true);
      expect(index.some(last - 2, last - 1)).toBe(false);
      expect(index.some(MAX_SAFE, END)).toBe(false);
    }
  });

  it("is not what a disposed index answers from, nor one whose engine was reset", () => {
    const engine = engineOf(target);
    const [disposed, reset] = [new RangeIndex({ engine }), new RangeIndex({ engine })];
    for (const index of [disposed, reset]) {
      index.insert(10, 20);
      expect([index.some(0, 5), index.some(12, 13), index.some(0, 30)]).toEqual([
        false,
        true,
        true,
      ]);
    }
    disposed[Symbol.dispose]();
    engine.reset();
    for (const index of [disposed, reset]) {
      for (const end of [5, 30]) expect(codeOf(() => index.some(0, end))).toBe("DISPOSED");
      expect(codeOf(() => index.some(5, 0))).toBe("DISPOSED");
    }
  });

  it("does not hide wrong arguments", () => {
    const index = create();
    index.insert(10, 20);
    for (let asked = 0; asked < 2; asked += 1) {
      expect(index.some(30, 40)).toBe(false);
      for (const [start, end] of [
        [30.5, 40],
        [30, 40.5],
        [0, 40.5],
        [40, 30],
        [-1, 5],
        [-1, 40],
        [30, 2 ** 53],
        [30, Number.POSITIVE_INFINITY],
        [Number.NaN, 40],
        [30, Number.NaN],
      ] as [number, number][]) {
        expect(codeOf(() => index.some(start, end))).toBe("RANGE");
      }
      expect(codeOf(() => index.some("30" as unknown as number, 40))).toBe("ARGUMENT");
    }
  });
});

/** As a number where that is possible: numbers are what the hull is compared with. */
function plain(address: bigint): Address {
  return address <= MAX_SAFE ? Number(address) : address;
}
