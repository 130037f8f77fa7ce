import { describe, expect, it } from "vitest";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { Random } from "../../src/sim/random.ts";
import {
  ascending,
  codeOf,
  drawRange,
  engineOf,
  Oracle,
  SPREADS,
  type Spread,
  TARGETS,
  TOP,
} from "./support.ts";

type Columns = [starts: BigUint64Array, ends: BigUint64Array];

/** Random ranges; the end of one that reaches the top of the space is 0. */
function drawColumns(random: Random, spread: Spread, count: number): Columns {
  const starts = new BigUint64Array(count);
  const ends = new BigUint64Array(count);
  for (let i = 0; i < count; i += 1) {
    const [start, last] = drawRange(random, spread);
    // The whole space is the one range that such columns cannot say.
    starts[i] = start === 0n && last === TOP ? 1n : start;
    ends[i] = last + 1n;
  }
  return [starts, ends];
}

function oracleOf(handles: Uint32Array, [starts, ends]: Columns, sequence: number): Oracle {
  const oracle = new Oracle();
  for (const [i, handle] of handles.entries()) {
    const last = BigInt.asUintN(64, (ends[i] as bigint) - 1n);
    oracle.add(handle, starts[i] as bigint, last, sequence);
  }
  return oracle;
}

function compare(set: IntervalSet, oracle: Oracle, random: Random, spread: Spread): void {
  set.verify();
  expect(set.size).toBe(oracle.entries.size);
  expect([...set.ordered(0, TOP)]).toEqual(oracle.ordered(0n, TOP));
  for (let i = 0; i < 40; i += 1) {
    const [start, last] = drawRange(random, spread);
    const hits = oracle.hits(start, last);
    const into = new Uint32Array(hits.length);
    expect(set.collect(start, last, into)).toBe(hits.length);
    expect(set.count(start, last)).toBe(hits.length);
    expect(ascending(into)).toEqual(hits);
  }
}

describe.each(TARGETS)("filling an empty set on the %s engine", (target) => {
  // Around one leaf, around one inner node, and beyond what is sorted at a time.
  const counts = [64, 65, 104, 105, 1352, 1353, 5000];

  it.each(SPREADS)("gives what single insertions give, over $name", (spread) => {
    for (const count of counts) {
      const random = new Random(count);
      const set = new IntervalSet(engineOf(target));
      const columns = drawColumns(random, spread, count);
      const handles = set.insertMany(...columns, 9);
      expect(handles.length).toBe(count);
      expect(set.sequenceOf(handles[count >> 1] as number)).toBe(9);
      const oracle = oracleOf(handles, columns, 9);
      compare(set, oracle, random, spread);
      // It stays an ordinary set.
      for (let i = 0; i < 2 * count; i += 1) {
        const [start, last] = drawRange(random, spread);
        oracle.add(set.insert(start, last), start, last);
        if (i % 3 === 0) continue;
        const handle = oracle.entries.keys().next().value as number;
        expect(set.remove(handle)).toBe(true);
        oracle.entries.delete(handle);
      }
      compare(set, oracle, random, spread);
    }
  });

  it("keeps apart lengths of all magnitudes, and many equal intervals", () => {
    const random = new Random(1);
    const spread = SPREADS.at(-1) as Spread;
    for (const equal of [0, 1]) {
      const columns = drawColumns(random, spread, 9000);
      if (equal === 1) {
        columns[0].fill(columns[0][5] as bigint);
        columns[1].fill(columns[1][5] as bigint);
      }
      const set = new IntervalSet(engineOf(target));
      compare(set, oracleOf(set.insertMany(...columns), columns, 0), random, spread);
    }
  });

  it("reads every row before a node takes its memory, however lengths are spread", () => {
    const random = new Random(6);
    for (const units of [1n, 0x1_0000_0001n]) {
      for (const few of [1, 36, 700, 2000]) {
        const starts = new BigUint64Array(4000);
        const ends = new BigUint64Array(4000);
        for (let i = 0; i < 4000; i += 1) {
          // Short ones are few or many; with the large unit every leaf is wide.
          const length = i < few ? 1n : 1n << (20n + 6n * BigInt(random.below(2)));
          starts[i] = BigInt(random.below(2 ** 30)) * units;
          ends[i] = (starts[i] as bigint) + length;
        }
        const set = new IntervalSet(engineOf(target));
        const columns: Columns = [starts, ends];
        compare(
          set,
          oracleOf(set.insertMany(...columns), columns, 0),
          random,
          SPREADS[0] as Spread,
        );
      }
    }
  });

  it("takes numbers as it takes the same bigints", () => {
    const random = new Random(8);
    for (const bits of [8, 31, 32, 33, 45, 53]) {
      const starts = Float64Array.from({ length: 3000 }, () =>
        Math.floor((random.next() / 2 ** 32) * (2 ** bits - 2 ** 7)),
      );
      const ends = starts.map((start) => start + 1 + random.below(2 ** (bits % 7)));
      const columns: Columns = [
        BigUint64Array.from(starts, BigInt),
        BigUint64Array.from(ends, BigInt),
      ];
      const [set, twin] = [new IntervalSet(engineOf(target)), new IntervalSet(engineOf(target))];
      compare(
        set,
        oracleOf(set.insertMany(starts, ends), columns, 0),
        random,
        SPREADS[0] as Spread,
      );
      twin.insertMany(...columns);
      expect(twin.records()).toEqual(set.records());
    }
  });

  it("leaves memory to nodes and nothing else, filled again and again", () => {
    const engine = engineOf(target);
    const starts = Float64Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5003);
    const ends = starts.map((start) => start + 1);
    const bytes = new Set<number>();
    for (let round = 0; round < 20; round += 1) {
      const set = new IntervalSet(engine);
      set.insertMany(starts, ends);
      bytes.add(engine.byteLength);
      set.dispose();
    }
    expect(bytes.size).toBe(1);
  });

  it("uses handles that were freed, oldest first, as single insertions do", () => {
    const handlesOf = (many: boolean): number[] => {
      const set = new IntervalSet(engineOf(target));
      const first = Array.from({ length: 700 }, (_, i) => set.insert(i, i));
      for (let i = 0; i < 700; i += 1) set.remove(first[(i * 37) % 700] as number);
      const starts = Float64Array.from({ length: 900 }, (_, i) => 3 * i);
      const ends = starts.map((start) => start + 2);
      if (many) return [...set.insertMany(starts, ends)];
      return Array.from(starts, (start, i) => set.insert(start, (ends[i] as number) - 1));
    };
    expect(handlesOf(true)).toEqual(handlesOf(false));
  });

  it("takes fewer bytes than single insertions", () => {
    const random = new Random(2);
    const spread = SPREADS[3] as Spread;
    const columns = drawColumns(random, spread, 20_000);
    const bytesOf = (many: boolean): number => {
      const engine = engineOf(target);
      const set = new IntervalSet(engine);
      const empty = engine.usedBytes;
      if (many) set.insertMany(...columns);
      else for (let i = 0; i < 20_000; i += 1) set.insert(columns[0][i]!, columns[1][i]! - 1n);
      return (engine.usedBytes - empty) / 20_000;
    };
    expect(bytesOf(true)).toBeLessThan(0.9 * bytesOf(false));
  });

  it("inserts one by one where memory is too short for all at once, or changes nothing", () => {
    const random = new Random(3);
    const spread = SPREADS[3] as Spread;
    let done = 0;
    let refused = 0;
    for (let count = 1000; count < 6000; count += 100) {
      const engine = engineOf(target, { maxBytes: 2 * 65536 });
      const set = new IntervalSet(engine);
      const columns = drawColumns(random, spread, count);
      let handles = new Uint32Array(0);
      const code = codeOf(() => (handles = new Uint32Array(set.insertMany(...columns))));
      set.verify();
      if (code === undefined) {
        done += 1;
        compare(set, oracleOf(handles, columns, 0), random, spread);
      } else {
        refused += 1;
        expect(code).toBe("OUT_OF_MEMORY");
        expect(set.size).toBe(0);
        expect(set.insert(1, 2)).toBe(new IntervalSet(engineOf(target)).insert(1, 2));
      }
    }
    expect(Math.min(done, refused)).toBeGreaterThan(5);
  });
});

describe.each(TARGETS)("invalidating many ranges at once on the %s engine", (target) => {
  it.each(SPREADS)(
    "is invalidating one after the other with one sequence, over $name",
    (spread) => {
      const random = new Random(4);
      const [many, single] = [0, 1].map(() => new RangeIndex({ engine: engineOf(target) })) as [
        RangeIndex,
        RangeIndex,
      ];
      const columns = drawColumns(random, spread, 6000);
      const handles = many.insertMany(...columns);
      single.insertMany(...columns);
      for (let round = 1; round < 8; round += 1) {
        const ranges = drawColumns(random, spread, 300);
        const lists = many.invalidateMany(...ranges, round);
        const { offsets, handles: hits } = lists as NonNullable<typeof lists>;
        const into = new Uint32Array(6000);
        for (let i = 0; i < 300; i += 1) {
          const end = ranges[1][i] === 0n ? 1n << 64n : (ranges[1][i] as bigint);
          const count = single.invalidate(ranges[0][i] as bigint, end, round, into);
          expect(ascending(hits.subarray(offsets[i], offsets[i + 1]))).toEqual(
            ascending(into.subarray(0, count)),
          );
        }
        for (const handle of handles) {
          expect(many.sequenceOf(handle)).toBe(single.sequenceOf(handle));
        }
      }
    },
  );

  it("is refused by one held lock anywhere in the ranges, and then changes nothing", () => {
    const index = new RangeIndex({ engine: engineOf(target) });
    const starts = Float64Array.from({ length: 1000 }, (_, i) => 10 * i);
    const ends = starts.map((start) => start + 5);
    const handles = index.insertMany(starts, ends);
    for (const [round, held] of [0, 127, 128, 999].entries()) {
      const handle = handles[held] as number;
      expect(index.invalidate(0, 10_000, round)).toBe(1000);
      index.tryLock(handle);
      expect(index.invalidateMany(starts, ends, 77)).toBe(undefined);
      expect(handles.every((other) => index.sequenceOf(other) === round)).toBe(true);
      const gaps = starts.map((start) => start + 5);
      const nothing = index.invalidateMany(
        gaps,
        gaps.map((start) => start + 5),
        77,
      );
      expect(nothing).toEqual({ offsets: new Uint32Array(1001), handles: new Uint32Array(0) });
      index.unlock(handle);
    }
  });

  it("says what is wrong with the sequence before anything else", () => {
    const index = new RangeIndex({ engine: engineOf(target) });
    for (const sequence of [-1, 1.5, 2 ** 32, Number.NaN]) {
      expect(
        codeOf(() => index.invalidateMany(new Float64Array(0), new Float64Array(0), sequence)),
      ).toBe("ARGUMENT");
    }
  });
});
