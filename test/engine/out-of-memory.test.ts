import { describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { Random } from "../../src/sim/random.ts";
import { codeOf, drawRange, engineOf, SPREADS, type Spread, TARGETS, TOP } from "./support.ts";

const PAGE = 65536;

/** Everything that can be asked about the intervals of a set. */
function contentsOf(set: IntervalSet): unknown[] {
  return [...set.ordered(0, TOP)].map((handle) => [
    handle,
    set.startOf(handle),
    set.lastOf(handle),
    set.sequenceOf(handle),
    set.isLocked(handle),
  ]);
}

describe.each(TARGETS)("the %s engine, out of memory", (target) => {
  describe("for good", () => {
    /** Inserts until the engine is full; every failure must leave all as it was. */
    function fillUp(set: IntervalSet, random: Random, spread: Spread): number {
      let handle = 0;
      for (let i = 0; ; i += 1) {
        const [start, last] = drawRange(random, spread);
        if (codeOf(() => (handle = set.insert(start, last, i))) === "OUT_OF_MEMORY") return i;
        if (i % 5 === 0) set.tryLock(handle);
      }
    }

    it.each(SPREADS)("refuses insertions and changes nothing, over $name", (spread) => {
      const random = new Random(7);
      for (const pages of [1, 2, 3, 5, 16]) {
        const engine = engineOf(target, { maxBytes: pages * PAGE + 1000 });
        const set = new IntervalSet(engine);
        const inserted = fillUp(set, random, spread);
        expect(set.size).toBe(inserted);
        expect(inserted).toBeGreaterThan(500 * pages);
        expect(engine.byteLength).toBeLessThanOrEqual(pages * PAGE);
        set.verify();
        const before = contentsOf(set);
        const { usedBytes } = engine;
        // Only an insertion that may need a block is refused, and it is refused for good.
        for (let i = 0; i < 20; i += 1) {
          expect(codeOf(() => set.insert(...drawRange(random, spread)))).toBe("OUT_OF_MEMORY");
        }
        const many = new Float64Array(3);
        expect(
          codeOf(() =>
            set.insertMany(
              many,
              many.map(() => 9),
            ),
          ),
        ).toBe("OUT_OF_MEMORY");
        expect(codeOf(() => set.reserve(100))).toBe("OUT_OF_MEMORY");
        expect(contentsOf(set)).toEqual(before);
        expect(engine.usedBytes).toBe(usedBytes);
        set.verify();
        // All that needs no memory still works, and what is removed makes room.
        expect(set.count(0, TOP)).toBe(inserted);
        expect(set.removeOverlapping(0, TOP)).toBe(inserted);
        set.verify();
        expect(fillUp(set, random, spread)).toBeGreaterThan(500 * pages - 400);
        set.clear();
        set.insert(0, TOP);
        set.verify();
      }
    });

    it("inserts many or none, and gives the ids back in order", () => {
      const random = new Random(3);
      const spread = SPREADS[3] as Spread;
      for (let round = 0; round < 30; round += 1) {
        const engine = engineOf(target, { maxBytes: 2 * PAGE });
        const set = new IntervalSet(engine);
        const handles: number[] = [];
        const count = 200 + random.below(1500);
        for (let i = 0; i < count; i += 1)
          handles.push(set.insert(...drawRange(random, spread), i));
        for (let i = 0; i < count; i += 1 + random.below(4)) set.remove(handles[i] as number);
        const twin = new IntervalSet(engineOf(target));
        const twins: number[] = [];
        for (let i = 0; i < 6000; i += 1) twins.push(twin.insert(i, i));
        const before = contentsOf(set);
        const starts = Float64Array.from({ length: 6000 }, () => random.below(2 ** 30) * 4096);
        const ends = starts.map((start) => start + 4096);
        expect(codeOf(() => set.insertMany(starts, ends))).toBe("OUT_OF_MEMORY");
        set.verify();
        expect(contentsOf(set)).toEqual(before);
        // The ids that come next are those that would have come without the failure.
        const first = set.insert(1, 2);
        set.remove(first);
        const some = set.insertMany(starts.subarray(0, 20), ends.subarray(0, 20));
        expect(some[0]).not.toBe(first);
        expect(new Set(some).size).toBe(20);
        set.verify();
      }
    });

    it("keeps nothing of a batch that did not fit an empty set", () => {
      const engine = engineOf(target, { maxBytes: 2 * PAGE });
      const set = new IntervalSet(engine);
      const { usedBytes } = engine;
      const starts = Float64Array.from({ length: 9000 }, (_, i) => i);
      const ends = starts.map((start) => start + 1);
      expect(codeOf(() => set.insertMany(starts, ends))).toBe("OUT_OF_MEMORY");
      expect(engine.usedBytes).toBe(usedBytes);
    });

    it("takes the ids after a failed insertMany that it would have taken without", () => {
      const play = (fail: boolean): number[] => {
        const set = new IntervalSet(engineOf(target, { maxBytes: 2 * PAGE }));
        const handles = Array.from({ length: 700 }, (_, i) => set.insert(i, i + 1));
        for (let i = 0; i < 700; i += 3) set.remove(handles[i] as number);
        const starts = new Float64Array(9000);
        if (fail) {
          expect(
            codeOf(() =>
              set.insertMany(
                starts,
                starts.map(() => 5),
              ),
            ),
          ).toBe("OUT_OF_MEMORY");
        }
        return Array.from({ length: 500 }, (_, i) => set.insert(i, i + 9));
      };
      expect(play(true)).toEqual(play(false));
    });

    it("moves nothing that it might not be able to put down", () => {
      const random = new Random(5);
      const spread = SPREADS[4] as Spread;
      const set = new IntervalSet(engineOf(target, { maxBytes: PAGE }));
      fillUp(set, random, spread);
      const before = contentsOf(set);
      const [handle] = set.ordered(0, TOP);
      expect(codeOf(() => set.move(handle as number, 5, 6))).toBe("OUT_OF_MEMORY");
      expect(contentsOf(set)).toEqual(before);
    });

    it("answers queries however long, in parts", () => {
      const set = new IntervalSet(engineOf(target, { maxBytes: 4 * PAGE }));
      const handles: number[] = [];
      while (codeOf(() => handles.push(set.insert(handles.length, 100_000))) === undefined);
      const into = new Uint32Array(handles.length);
      expect(handles.length).toBeGreaterThan(6000);
      expect(set.collect(99_999, 99_999, into)).toBe(handles.length);
      expect(new Set(into).size).toBe(handles.length);
      expect([...set.ordered(0, TOP)]).toEqual(handles);
      const { handles: found } = set.queryMany(Float64Array.of(99_999), Float64Array.of(100_001));
      expect(found.length).toBe(handles.length);
      into.fill(0);
      expect(set.invalidate(0, TOP, 1, into)).toBe(handles.length);
      expect(new Set(into).size).toBe(handles.length);
    });
  });

  describe("but with some reserved for transfers", () => {
    it("is there whatever else is inserted", () => {
      for (const [seed, spread] of SPREADS.entries()) {
        const random = new Random(seed);
        const engine: Engine = engineOf(target, { maxBytes: 24 * PAGE });
        const [tree, waiting, other] = [0, 1, 2].map(() => new IntervalSet(engine)) as [
          IntervalSet,
          IntervalSet,
          IntervalSet,
        ];
        for (let i = 0; i < 3000; i += 1) tree.insert(...drawRange(random, spread));
        const handles: number[] = [];
        for (let i = 0; i < 150; i += 1) {
          waiting.reserve(1);
          handles.push(waiting.insert(...drawRange(random, spread), i));
        }
        const full = (set: IntervalSet): void => {
          while (codeOf(() => set.insert(...drawRange(random, spread))) === undefined);
        };
        full(other);
        full(tree);
        expect(codeOf(() => waiting.reserve(1_000_000))).toBe("OUT_OF_MEMORY");
        for (const [i, handle] of handles.entries()) {
          waiting.reserve(-1);
          waiting.transferTo(i % 3 === 0 ? other : tree, handle);
        }
        expect(handles.every((handle, i) => (i % 3 === 0 ? other : tree).has(handle))).toBe(true);
        for (const set of [tree, waiting, other]) set.verify();
        expect(codeOf(() => waiting.reserve(-1))).toBe("ARGUMENT");
      }
    });

    it("is given back by clear and disposal", () => {
      const engine = engineOf(target, { maxBytes: 4 * PAGE });
      const set = new IntervalSet(engine);
      set.reserve(30);
      set.clear();
      set.reserve(30);
      set.dispose();
      const other = new IntervalSet(engine);
      other.reserve(30);
      other.insert(1, 2);
    });
  });
});
