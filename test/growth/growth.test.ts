import { describe, expect, it } from "vitest";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { Random } from "../../src/sim/random.ts";
import { codeOf, drawRange, engineOf, SPREADS, TARGETS, type Target } from "../engine/support.ts";
import { Actors, ALL } from "./actors.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { LimitedEngine, OBSTACLES } from "./limited-engine.ts";

const BLOCKS_PER_PAGE = 64;
const IN_PARTS = "collect in parts, for want of a larger exchange buffer";

interface Course {
  readonly seed: number;
  readonly steps: number;
  /** How often each kind of step is drawn. */
  readonly weights: readonly number[];
  /** Intervals in the greatest batch. */
  readonly batchMax: number;
  readonly ballast: number;
  /** So often all free memory is used up first: what the step needs must be had anew. */
  readonly fillEvery: number;
  /** Pages that memory may grow by once it could not. */
  grant(random: Random): number;
}

const WEIGHTS: readonly number[] = KINDS.map(({ weight }) => weight);

/** Leaves out some kinds, and prefers others. */
function biased(random: Random): number[] {
  return WEIGHTS.map((weight) => weight * ([0, 1, 4][random.below(3)] as number));
}

function kindOf(weights: readonly number[], random: Random): Kind {
  let choice = random.below(weights.reduce((sum, weight) => sum + weight, 0));
  const index = weights.findIndex((weight) => {
    choice -= weight;
    return choice < 0;
  });
  return KINDS[index] as Kind;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/**
 * Plays a history twice, side by side: with all the memory it wants, and with memory that fails to
 * grow each time until it has failed. Adds to `failed` which kinds of steps met that.
 */
function playBoth(
  target: Target,
  obstacle: (typeof OBSTACLES)[number],
  course: Course,
  failed: Map<string, number>,
): void {
  const { seed, ballast } = course;
  const limited = new LimitedEngine(target, obstacle);
  const free = new Actors(engineOf(target), ballast);
  const grants = new Random(seed);
  const grow = (): void => limited.allow(course.grant(grants));
  const actors = new Actors(limited.engine, ballast, grow);
  for (let i = 0; i < course.steps; i += 1) {
    const kind = kindOf(course.weights, new Random(Math.imul(i, 0x85ebca6b) ^ seed));
    const replay = `seed ${seed}, ballast ${ballast}, step ${i}, ${kind.name}`;
    if (i % course.fillEvery === course.fillEvery - 1) {
      free.fill(actors.fill(ALL));
      const lists = actors.everything();
      // Joined, because comparing long arrays one by one takes longer than all the rest.
      expect(lists.join("\n"), replay).toBe(free.everything().join("\n"));
      const { exchangeCapacity } = limited.engine;
      if (lists.some(({ length }) => length > exchangeCapacity)) count(failed, IN_PARTS);
    }
    const [act, actFreely] = [actors, free].map((side) =>
      kind.prepare(side, new Random(Math.imul(i, 0xc2b2ae35) ^ seed), course.batchMax),
    ) as [() => unknown, () => unknown];
    let result: unknown;
    let contents: string | undefined;
    let kept = 0;
    for (;;) {
      const { usedBytes } = limited.engine;
      const code = codeOf(() => (result = act()));
      if (code === undefined) break;
      expect(code, replay).toBe("OUT_OF_MEMORY");
      expect(kind.isReserved, replay).not.toBe(true);
      count(failed, kind.name);
      actors.verify();
      contents ??= free.contents();
      expect(actors.contents(), replay).toBe(contents);
      if (kind.isBatch === true) kept = limited.engine.usedBytes;
      else expect(limited.engine.usedBytes, replay).toBeLessThanOrEqual(usedBytes);
      grow();
    }
    // Of a batch that failed, split leaves and tables of handles stay: what it needs in the end.
    expect(kept, replay).toBeLessThanOrEqual(limited.engine.usedBytes);
    expect(result, replay).toEqual(actFreely());
  }
  actors.verify();
  expect(actors.contents()).toBe(free.contents());
}

describe.each(TARGETS)("growth of the %s engine's memory", (target) => {
  describe.each(OBSTACLES)("refused by %s", (obstacle) => {
    it("changes nothing, wherever a page ends, and the same works once memory can grow", () => {
      const failed = new Map<string, number>();
      // The debug engine takes its time.
      const stride = target === "debug" ? 8 : 4;
      const course = { steps: 120, batchMax: 500, fillEvery: 10, grant: () => 1 };
      for (let ballast = 0; ballast < BLOCKS_PER_PAGE; ballast += stride) {
        const weights = biased(new Random(ballast));
        playBoth(target, obstacle, { ...course, seed: ballast, ballast, weights }, failed);
      }
      for (const { name, needsMemory } of KINDS) {
        if (needsMemory) expect(failed.get(name), name).toBeGreaterThan(0);
      }
    });

    it("lets a snapshot be restored once memory has grown enough, and not before", () => {
      const random = new Random(7);
      const source = new RangeIndex({ engine: engineOf(target) });
      for (const spread of SPREADS) {
        for (let i = 0; i < 1500; i += 1) {
          const [start, last] = drawRange(random, spread);
          source.insert(start, last + 1n);
        }
      }
      const bytes = source.snapshot();
      const limited = new LimitedEngine(target, obstacle);
      const { engine } = limited;
      const { usedBytes } = engine;
      let refused = 0;
      let kept = 0;
      let restored: RangeIndex | undefined;
      for (;;) {
        const code = codeOf(() => (restored = RangeIndex.from(bytes, { engine })));
        if (code === undefined) break;
        expect(code).toBe("OUT_OF_MEMORY");
        refused += 1;
        kept = engine.usedBytes;
        limited.allow(1);
      }
      expect(refused).toBeGreaterThan(5);
      // Of the refused attempts tables of handles stay, and nothing else.
      expect(kept).toBeLessThan(2 * 4 * source.size + usedBytes);
      expect(Buffer.compare((restored as RangeIndex).snapshot(), bytes)).toBe(0);
    });

    it("changes nothing in large sets, and lets long answers come in parts", () => {
      const failed = new Map<string, number>();
      const grant = (random: Random): number => 1 + random.below(8);
      const size = { steps: 100, batchMax: 10_000, ballast: 0, fillEvery: 20 };
      const course = { ...size, weights: WEIGHTS, grant };
      for (const seed of [101, 102]) playBoth(target, obstacle, { ...course, seed }, failed);
      expect(failed.get("insertMany")).toBeGreaterThan(0);
      expect(failed.get(IN_PARTS)).toBeGreaterThan(0);
    });
  });
});
