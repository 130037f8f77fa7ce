import { describe, expect, it } from "vitest";
import { END } from "../../src/engine/addresses.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { Random } from "../../src/sim/random.ts";
import { drawRange, engineOf, SPREADS, TARGETS } from "./support.ts";

describe.each(TARGETS)("memory of the %s engine", (target) => {
  describe.each(SPREADS)("over $name", (spread) => {
    it("is bounded per interval, and not lost by draining and refilling", () => {
      const random = new Random(spread.bits);
      const engine = engineOf(target);
      const empty = engine.usedBytes;
      const set = new IntervalSet(engine);
      const count = target === "debug" ? 20_000 : 100_000;
      const handles: number[] = [];
      const fill = (): void => {
        for (let i = 0; i < count; i += 1) handles.push(set.insert(...drawRange(random, spread)));
      };
      const drain = (): void => {
        for (let i = handles.length - 1; i >= 0; i -= 1) {
          const j = random.below(i + 1);
          set.remove(handles[j] as number);
          handles[j] = handles[i] as number;
        }
        handles.length = 0;
      };
      fill();
      const perInterval = (engine.usedBytes - empty) / count;
      expect(perInterval).toBeLessThan(spread.bytesMax);
      drain();
      expect(set.size).toBe(0);
      fill();
      const bytes = engine.byteLength;
      for (let round = 0; round < 2; round += 1) {
        drain();
        fill();
      }
      expect(engine.byteLength).toBe(bytes);
      set.verify();
      set.dispose();
      // What stays are the tables of the handles, and blocks that were cut into inner nodes.
      expect(engine.usedBytes - empty).toBeLessThan(8 * count);
    });
  });

  it("grows without disturbing answers that were copied out", () => {
    const index = new RangeIndex({ engine: engineOf(target) });
    const handle = index.insert(0, END);
    const into = new Uint32Array(1);
    index.collect(0, 1, into);
    for (let i = 0; i < 100_000; i += 1) index.insert(i + 5, i + 9);
    expect(into[0]).toBe(handle);
    expect(index.count(0, 1)).toBe(1);
  });
});
