import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { END } from "../../src/engine/addresses.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { Random } from "../../src/sim/random.ts";
import {
  ascending,
  drawRange,
  engineOf,
  Oracle,
  rangeOf,
  SPREADS,
  type Spread,
  TARGETS,
  TOP,
  u64,
} from "./support.ts";

const SEED = 20261123;

/** An index and what it ought to hold, kept in step. */
class Pair {
  readonly index: RangeIndex;
  readonly oracle = new Oracle();
  #handles: number[] = [];
  #sequence = 0;

  constructor(engine: Engine) {
    this.index = new RangeIndex({ engine });
  }

  get size(): number {
    return this.#handles.length;
  }

  insert(start: bigint, last: bigint): void {
    const handle = this.index.insert(asNumber(start), asNumber(last + 1n));
    this.oracle.add(handle, start, last);
    this.#handles.push(handle);
  }

  insertMany(ranges: readonly (readonly [bigint, bigint])[]): void {
    const starts = BigUint64Array.from(ranges, ([start]) => start);
    const ends = BigUint64Array.from(ranges, ([, last]) => BigInt.asUintN(64, last + 1n));
    if (starts.some((start, i) => start === 0n && ends[i] === 0n)) return;
    const handles = this.index.insertMany(starts, ends);
    for (const [i, [start, last]] of ranges.entries()) {
      this.oracle.add(handles[i] as number, start, last);
    }
    this.#handles.push(...handles);
  }

  /** A live handle chosen by a number, taken out of the list if it is to go. */
  choose(choice: number, takeOut: boolean): number | undefined {
    if (this.#handles.length === 0) return undefined;
    const i = choice % this.#handles.length;
    const handle = this.#handles[i] as number;
    if (takeOut) {
      this.#handles[i] = this.#handles[this.#handles.length - 1] as number;
      this.#handles.pop();
    }
    return handle;
  }

  remove(choice: number): void {
    const handle = this.choose(choice, true);
    if (handle === undefined) return;
    expect(this.index.remove(handle)).toBe(true);
    expect(this.index.remove(handle)).toBe(false);
    this.oracle.entries.delete(handle);
  }

  move(choice: number, start: bigint, last: bigint): void {
    const handle = this.choose(choice, false);
    if (handle === undefined) return;
    expect(this.index.move(handle, start, last + 1n)).toBe(true);
    Object.assign(this.oracle.entries.get(handle) as object, { start, last });
  }

  toggleLock(choice: number): void {
    const handle = this.choose(choice, false);
    const entry = handle === undefined ? undefined : this.oracle.entries.get(handle);
    if (handle === undefined || entry === undefined) return;
    expect(this.index.tryLock(handle)).toBe(!entry.locked);
    if (entry.locked) this.index.unlock(handle);
    entry.locked = !entry.locked;
  }

  removeOverlapping(start: bigint, last: bigint): void {
    const hits = this.oracle.hits(start, last);
    expect(this.index.removeOverlapping(start, last + 1n)).toBe(hits.length);
    for (const handle of hits) this.oracle.entries.delete(handle);
    this.#handles = [...this.oracle.entries.keys()];
  }

  invalidate(start: bigint, last: bigint): void {
    this.#sequence += 1;
    const hits = this.oracle.invalidate(start, last, this.#sequence);
    const into = new Uint32Array(this.size);
    const count = this.index.invalidate(asNumber(start), asNumber(last + 1n), this.#sequence, into);
    expect(count).toBe(hits === -1 ? -1 : hits.length);
    if (hits !== -1) expect(ascending(into.subarray(0, count))).toEqual(hits);
  }

  query(start: bigint, last: bigint): void {
    const { index, oracle } = this;
    const [from, to] = [asNumber(start), asNumber(last + 1n)];
    const hits = oracle.hits(start, last);
    const into = new Uint32Array(hits.length + 1);
    expect(index.count(from, to)).toBe(hits.length);
    expect(index.some(from, to)).toBe(hits.length > 0);
    expect(index.collect(from, to, into)).toBe(hits.length);
    expect(ascending(into.subarray(0, hits.length))).toEqual(hits);
  }

  look(start: bigint, last: bigint): void {
    const { index, oracle } = this;
    const end = last + 1n;
    expect([...index.overlapping(start, end)]).toEqual(oracle.ordered(start, last));
    expect(index.gaps(start, end)).toEqual(oracle.gaps(start, end));
    expect(index.firstAfter(start)).toBe(oracle.firstAfter(start));
    expect(index.firstBefore(start)).toBe(oracle.firstBefore(start));
  }

  /** Everything there is to know about every interval. */
  compare(): void {
    expect(this.index.size).toBe(this.oracle.entries.size);
    for (const [handle, entry] of this.oracle.entries) {
      expect([
        this.index.startOf(handle),
        this.index.endOf(handle),
        this.index.sequenceOf(handle),
        this.index.isLocked(handle),
      ]).toEqual([entry.start, entry.last + 1n, entry.sequence, entry.locked]);
    }
    this.query(0n, TOP);
  }
}

/** Both ways of passing an address: a number where it is exact. */
function asNumber(address: bigint): number | bigint {
  return address <= Number.MAX_SAFE_INTEGER && address > 0n ? Number(address) : address;
}

const WORD = fc.bigInt({ min: 0n, max: TOP });
const STEPS = fc.array(
  fc.record({
    operation: fc.nat(19),
    choice: fc.nat(),
    place: fc.oneof(WORD, fc.constantFrom(0n, 1n, TOP, TOP - 1n, 1n << 63n)),
    length: fc.oneof(WORD, fc.constantFrom(0n, TOP)),
    spread: fc.nat(SPREADS.length - 1),
  }),
  { maxLength: 120 },
);

function step(
  pair: Pair,
  spread: Spread,
  operation: number,
  choice: number,
  range: [bigint, bigint],
): void {
  const [start, last] = range;
  if (operation < 6) pair.insert(start, last);
  else if (operation < 7) pair.insertMany(Array.from({ length: choice % 90 }, () => range));
  else if (operation < 10) pair.remove(choice);
  else if (operation < 11) pair.move(choice, start, last);
  else if (operation < 12) pair.toggleLock(choice);
  else if (operation < 14) pair.invalidate(start, last);
  else if (operation < 18) pair.query(start, last);
  else if (operation < 19) pair.look(start, last);
  else if (choice % 4 === 0) pair.removeOverlapping(start, start + (last - start) / 8n);
  else pair.query(0n, last < 1n << BigInt(spread.bits - 1) ? last : TOP);
}

describe.each(TARGETS)("RangeIndex on the %s engine, against a scan", (target) => {
  it.each(SPREADS)("agrees on short histories over $name", (spread) => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const pair = new Pair(engineOf(target));
        for (const { operation, choice, place, length } of steps) {
          step(pair, spread, operation, choice, rangeOf(spread, place, length));
        }
        pair.compare();
      }),
      { seed: SEED + spread.bits, numRuns: 60 },
    );
  });

  it("agrees on short histories that mix the spreads", () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const pair = new Pair(engineOf(target));
        for (const { operation, choice, place, length, spread: i } of steps) {
          const spread = SPREADS[i] as Spread;
          step(pair, spread, operation, choice, rangeOf(spread, place, length));
        }
        pair.compare();
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe.each(TARGETS)("IntervalSet on the %s engine, over long histories", (target) => {
  /** Grows to `peak`, shrinks to nothing, and grows again; verified as it goes. */
  function churn(seed: number, spreads: readonly Spread[], peak: number): void {
    const random = new Random(seed);
    const set = new IntervalSet(engineOf(target));
    const oracle = new Oracle();
    const handles: number[] = [];
    const total = 6 * peak;
    for (let i = 0; i < total; i += 1) {
      const spread = spreads[Math.floor((i * spreads.length) / total)] as Spread;
      const growing = Math.floor(i / (1.5 * peak)) % 2 === 0;
      if (random.chance(growing ? 17 : 3, 20)) {
        const [start, last] = drawRange(random, spread);
        const handle = set.insert(start, last, i);
        oracle.add(handle, start, last, i);
        handles.push(handle);
      } else if (handles.length > 0) {
        const j = random.below(handles.length);
        const handle = handles[j] as number;
        handles[j] = handles[handles.length - 1] as number;
        handles.pop();
        expect(set.remove(handle)).toBe(true);
        oracle.entries.delete(handle);
      }
      if (i % 61 === 0) set.verify();
      if (i % 37 === 0) {
        const [start, last] = drawRange(random, spread);
        const hits = oracle.hits(start, last);
        const into = new Uint32Array(hits.length);
        expect(set.collect(start, last, into), `seed ${seed}, step ${i}`).toBe(hits.length);
        expect(ascending(into), `seed ${seed}, step ${i}`).toEqual(hits);
      }
    }
    for (const handle of handles) {
      const entry = oracle.entries.get(handle);
      expect([set.startOf(handle), set.lastOf(handle), set.sequenceOf(handle)]).toEqual([
        entry?.start,
        entry?.last,
        entry?.sequence,
      ]);
      set.remove(handle);
    }
    set.verify();
    expect([set.size, set.some(0, TOP)]).toEqual([0, false]);
  }

  it.each(SPREADS)("agrees over $name", (spread) => {
    churn(SEED + spread.bits, [spread], 2500);
  });

  it("agrees while the spread changes half-way", () => {
    const at = (name: string): Spread => SPREADS.find((s) => s.name === name) as Spread;
    churn(SEED + 1, [at("2^16"), at("2^64")], 1500);
    churn(SEED + 2, [at("pages of 2^47"), at("2^47")], 1500);
    churn(SEED + 3, [at("2^64, any length"), at("pages of 2^47"), at("2^31")], 1500);
  });

  it.each(["ascending", "descending"])("agrees on %s insertion", (direction) => {
    const set = new IntervalSet(engineOf(target));
    const handles: number[] = [];
    for (let i = 0; i < 20_000; i += 1) {
      const start = direction === "ascending" ? i : 20_000 - i;
      handles.push(set.insert(start * 4096, start * 4096 + 8191));
      if (i % 1999 === 0) set.verify();
    }
    set.verify();
    for (let i = 1; i < 20_000; i += 97) {
      const start = direction === "ascending" ? i : 20_000 - i;
      expect(set.count(start * 4096, start * 4096)).toBe(i === 20_000 ? 1 : 2);
    }
    for (const handle of handles) set.remove(handle);
    set.verify();
  });

  it("keeps many sets of one engine apart, with transfers between them", () => {
    const random = new Random(SEED);
    const engine = engineOf(target);
    const places = Array.from({ length: 40 }, () => ({
      set: new IntervalSet(engine),
      oracle: new Oracle(),
    }));
    for (let i = 0; i < 12_000; i += 1) {
      const from = places[random.below(40)] as (typeof places)[0];
      const to = places[random.below(40)] as (typeof places)[0];
      const keys = [...from.oracle.entries.keys()];
      const handle = keys[random.below(Math.max(1, keys.length))];
      const entry = handle === undefined ? undefined : from.oracle.entries.get(handle);
      const choice = random.below(200);
      if (choice === 0) {
        from.set.clear();
        from.oracle.entries.clear();
      } else if (choice === 1) {
        from.set.dispose();
        from.set = new IntervalSet(engine);
        from.oracle.entries.clear();
      } else if (choice < 100 || handle === undefined || entry === undefined) {
        const [start, last] = drawRange(random, SPREADS[i % SPREADS.length] as Spread);
        from.oracle.add(from.set.insert(start, last, i), start, last, i);
      } else if (choice < 150) {
        if (from !== to) {
          from.set.transferTo(to.set, handle);
          to.oracle.add(handle, entry.start, entry.last, entry.sequence);
          from.oracle.entries.delete(handle);
        }
      } else {
        from.set.remove(handle);
        from.oracle.entries.delete(handle);
      }
      if (i % 7 === 0) from.set.verify();
      if (i % 29 === 0) {
        const start = u64(random, 64);
        const last = start + (TOP - start) / 4n;
        const into = new Uint32Array(to.oracle.entries.size);
        const count = to.set.collect(start, last, into);
        expect(ascending(into.subarray(0, count))).toEqual(to.oracle.hits(start, last));
      }
    }
    const all = new Set<number>();
    for (const { set, oracle } of places) {
      set.verify();
      expect(set.size).toBe(oracle.entries.size);
      for (const [handle, entry] of oracle.entries) {
        all.add(handle);
        expect([set.startOf(handle), set.lastOf(handle), set.sequenceOf(handle)]).toEqual([
          entry.start,
          entry.last,
          entry.sequence,
        ]);
      }
    }
    expect(all.size).toBe(places.reduce((sum, { oracle }) => sum + oracle.entries.size, 0));
  });
});

describe.each(TARGETS)("the %s engine, exhaustively", (target) => {
  /** All ranges within a few addresses at each of the places where something could go wrong. */
  const bases = [0n, (1n << 32n) - 3n, (1n << 53n) - 3n, (1n << 63n) - 3n, END - 6n];

  it.each(bases)("answers every query over every pair of small ranges at %s", (base) => {
    const set = new IntervalSet(engineOf(target));
    const ranges: [bigint, bigint][] = [];
    for (let a = 0n; a < 5n; a += 1n) {
      for (let b = a; b < 5n; b += 1n) ranges.push([base + a, base + b]);
    }
    for (const [s1, l1] of ranges) {
      for (const [s2, l2] of ranges) {
        set.clear();
        const first = set.insert(s1, l1);
        const second = set.insert(s2, l2);
        for (const [start, last] of [...ranges, [0n, TOP]] as [bigint, bigint][]) {
          const wanted: number[] = [];
          if (s1 <= last && start <= l1) wanted.push(first);
          if (s2 <= last && start <= l2) wanted.push(second);
          const into = new Uint32Array(2);
          const count = set.collect(start, last, into);
          if (count !== wanted.length || set.count(start, last) !== count) {
            throw new Error(`[${s1}, ${l1}] [${s2}, ${l2}] against [${start}, ${last}]: ${count}`);
          }
          expect(ascending(into.subarray(0, count))).toEqual(wanted);
        }
      }
    }
  });

  it.each([0n, 1n, 12n, 30n, 31n])(
    "keeps keys apart at the edges of a 32-bit window of units of 2^%s",
    (shift) => {
      const base = 1n << 40n;
      const unit = 1n << shift;
      const set = new IntervalSet(engineOf(target));
      // Windows are centred on an interval or on the middle of two: both reach 2^31 to each side.
      for (const reach of [1n << 31n, 1n << 32n]) {
        for (let near = -6n; near <= 6n; near += 1n) {
          for (const order of [0, 1]) {
            set.clear();
            const far = base + (reach + near) * unit;
            const starts = order === 0 ? [base, far] : [far, base];
            const handles = starts.map((start) => set.insert(start, start + unit - 1n));
            set.verify();
            for (const [i, start] of starts.entries()) {
              const other = handles[1 - i] as number;
              expect(set.lastOf(handles[i] as number)).toBe(start + unit - 1n);
              for (const [from, to, hits] of [
                [start - 1n, start - 1n, 0],
                [start + unit, start + unit, 0],
                [start, start, 1],
                [start + unit - 1n, start + unit - 1n, 1],
                [0n, TOP, 2],
              ] as [bigint, bigint, number][]) {
                expect(set.count(from, to)).toBe(hits);
              }
              expect(set.count(0n, base - 1n) + set.count(far + unit, TOP)).toBe(0);
              expect(set.has(other)).toBe(true);
            }
          }
        }
      }
    },
  );

  it("removes every subset of a few leaves' worth of intervals, in any order", () => {
    const set = new IntervalSet(engineOf(target));
    for (let kept = 0; kept < 64; kept += 1) {
      for (const stride of [1, 37, 97]) {
        set.clear();
        const handles = Array.from({ length: 192 }, (_, i) => set.insert(i, i + (i % 3)));
        for (let i = 0; i < 192; i += 1) {
          const j = (i * stride) % 192;
          if (((kept >> (j >> 5)) & 1) === 0) set.remove(handles[j] as number);
        }
        set.verify();
        expect(set.size).toBe(32 * [0, 1, 2, 3, 4, 5].filter((k) => (kept >> k) & 1).length);
      }
    }
  });
});
