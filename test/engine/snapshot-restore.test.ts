import { describe, expect, it } from "vitest";
import { END } from "../../src/engine/addresses.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/engine/snapshot.ts";
import { Random } from "../../src/sim/random.ts";
import { bytesOf, compareRows, type Row, rowsOf } from "./snapshot-fuzz/reader.ts";
import {
  codeOf,
  drawRange,
  engineOf,
  Oracle,
  SPREADS,
  type Spread,
  TARGETS,
  TOP,
} from "./support.ts";

const PAGE = 65536;

/** The rows of a snapshot that holds what the oracle does. */
function rowsFrom(oracle: Oracle): Row[] {
  return [...oracle.entries].map(([handle, entry]) => ({ handle, ...entry })).sort(compareRows);
}

/** A life of insertions, removals, locks and invalidations, on a set and its oracle; ends dense. */
function churn(random: Random, spread: Spread, set: IntervalSet, oracle: Oracle): number[] {
  const removed: number[] = [];
  for (let i = 0; i < 1500; i += 1) {
    const [start, last] = drawRange(random, spread);
    const handles = [...oracle.entries.keys()];
    const handle = handles[random.below(handles.length)] as number;
    const choice = random.below(10);
    if (i < 300 || choice < 4) {
      oracle.add(set.insert(start, last, i), start, last, i);
    } else if (choice < 7) {
      set.remove(handle);
      oracle.entries.delete(handle);
      removed.push(handle);
    } else if (choice < 8) {
      set.move(handle, start, last);
      Object.assign(oracle.entries.get(handle) as Row, { start, last });
    } else if (choice < 9) {
      if (set.tryLock(handle)) (oracle.entries.get(handle) as Row).locked = true;
    } else {
      expect(set.invalidate(start, last, i) === -1).toBe(oracle.invalidate(start, last, i) === -1);
    }
  }
  return removed;
}

/** The next handles of a restored set in an engine of its own, by the documented rule. */
function* handlesAfter(handles: readonly number[]): Generator<number> {
  const slots = new Set(handles.map((handle) => handle % 2 ** 24));
  const greatest = Math.max(...slots);
  const groups = new Set([...slots].map((slot) => slot >> 8));
  for (const group of [...groups].sort((a, b) => a - b)) {
    for (let slot = Math.max(1, 256 * group); slot < 256 * (group + 1); slot += 1) {
      if (slot > greatest || !slots.has(slot)) yield slot;
    }
  }
  for (let slot = 1; ; slot += 1) if (!groups.has(slot >> 8)) yield slot;
}

function restored(engine: Engine, bytes: Uint8Array): IntervalSet {
  const set = new IntervalSet(engine);
  set.restore(decodeSnapshot(bytes));
  set.verify();
  return set;
}

describe.each(TARGETS)("a snapshot on the %s engine", (target) => {
  it.each(SPREADS)("gives back everything after churn over $name", (spread) => {
    const random = new Random(spread.bits + spread.alignment);
    const set = new IntervalSet(engineOf(target));
    const oracle = new Oracle();
    const removed = churn(random, spread, set, oracle);
    const bytes = encodeSnapshot(set.records());
    expect(rowsOf(bytes)).toEqual(rowsFrom(oracle));
    expect(bytes).toEqual(bytesOf(rowsFrom(oracle)));

    const copy = restored(engineOf(target), bytes);
    expect([copy.size, copy.heldLocks]).toEqual([set.size, set.heldLocks]);
    expect(encodeSnapshot(copy.records())).toEqual(bytes);
    for (const handle of removed) expect(copy.has(handle)).toBe(oracle.entries.has(handle));
    for (let i = 0; i < 200; i += 1) {
      const [start, last] = drawRange(random, spread);
      expect([...copy.ordered(start, last)]).toEqual(oracle.ordered(start, last));
      const at = (start * 7n) & TOP;
      expect(copy.firstAfter(at)).toBe(set.firstAfter(at));
      expect(copy.firstBefore(at)).toBe(set.firstBefore(at));
    }

    // And the copy lives on as any other set.
    const twin = new Oracle();
    for (const [handle, entry] of oracle.entries) twin.entries.set(handle, { ...entry });
    for (const handle of [...twin.entries.keys()].slice(0, 200)) {
      expect(copy.remove(handle)).toBe(true);
      twin.entries.delete(handle);
    }
    churn(random, spread, copy, twin);
    copy.verify();
    expect(rowsOf(encodeSnapshot(copy.records()))).toEqual(rowsFrom(twin));
  });

  it("holds no history: equal contents have equal bytes", () => {
    const ranges = Array.from({ length: 700 }, (_, i) => [1000 - i, 2000 + (i % 7)] as const);
    const plain = new RangeIndex({ engine: engineOf(target) });
    for (const [start, end] of ranges) plain.insert(start, end);
    plain.invalidate(0, END, 5);

    const other = new RangeIndex({ engine: engineOf(target) });
    other.insertMany(new Float64Array(3000), new Float64Array(3000).fill(9));
    other.clear();
    for (const [i, [start, end]] of ranges.entries()) {
      const handle = other.insert(i, END);
      other.move(handle, start, end);
      if (other.tryLock(handle)) other.unlock(handle);
      other.invalidate(0, END, i);
    }
    const more = Array.from({ length: 500 }, (_, i) => other.insert(i, i + 1));
    other.invalidate(0, END, 5);
    for (const handle of more) other.remove(handle);
    expect(other.snapshot()).toEqual(plain.snapshot());
  });

  it("of nothing is an empty index", () => {
    const engine = engineOf(target);
    const empty = new RangeIndex({ engine });
    const index = RangeIndex.from(empty.snapshot(), { engine });
    expect([index.size, index.snapshot().length]).toEqual([0, 24]);
    expect(index.insert(1, 2)).toBe(1);
    restored(engineOf(target), empty.snapshot());
  });

  it("keeps what handles mean", () => {
    const index = new RangeIndex<string>({ engine: engineOf(target) });
    const stale = index.insert(0, 10, "removed");
    const kept = index.insert(5, 20, "kept");
    index.remove(stale);
    const again = index.insert(30, 40, "again");
    expect(again & 0xffffff).toBe(stale);
    index.tryLock(kept);
    const copy = RangeIndex.from<string>(index.snapshot(), { engine: engineOf(target) });
    expect([copy.has(stale), copy.has(kept), copy.has(again)]).toEqual([false, true, true]);
    expect([copy.valueOf(kept), copy.startOf(kept), copy.endOf(kept)]).toEqual([
      undefined,
      5n,
      20n,
    ]);
    expect(copy.tryLock(kept)).toBe(false);
    copy.unlock(kept);
    expect(copy.valueOf(copy.insert(1, 2, "new"))).toBe("new");
    expect([copy.remove(stale), copy.remove(again), copy.remove(again)]).toEqual([
      false,
      true,
      false,
    ]);
    // The original is not touched by any of it.
    expect([index.has(again), index.isLocked(kept), index.size]).toEqual([true, true, 2]);
  });

  it("decides alone which handles come next", () => {
    const random = new Random(23);
    for (let round = 0; round < 20; round += 1) {
      const groups = 1 + random.below(4);
      const chosen = Array.from({ length: groups }, () => random.below(9));
      const slots = new Set<number>();
      for (let i = random.below(400); i >= 0; i -= 1) {
        slots.add(1 + 256 * (chosen[random.below(groups)] as number) + random.below(255));
      }
      const handles = [...slots].map((slot) => slot + 2 ** 24 * random.below(256));
      const rows = handles.map((handle) => ({
        start: BigInt(random.below(5000)),
        last: 9000n,
        handle,
        sequence: 0,
        locked: random.chance(1, 9),
      }));
      const set = restored(engineOf(target), bytesOf(rows.sort(compareRows)));
      const next = handlesAfter(handles);
      const given = Array.from({ length: 3000 }, (_, i) => set.insert(i, i + 5));
      expect(given).toEqual(Array.from({ length: 3000 }, () => next.next().value));
      set.verify();
      for (const handle of handles) expect(set.has(handle)).toBe(true);
    }
  });

  it("takes any handle there can be", () => {
    const rows = [1, 255, 256, 2 ** 24 - 1, 2 ** 23].map((slot, i) => ({
      start: BigInt(i),
      last: TOP,
      handle: slot + (255 - i) * 2 ** 24,
      sequence: i,
      locked: false,
    }));
    const set = restored(engineOf(target), bytesOf(rows));
    expect([...set.ordered(0, TOP)]).toEqual(rows.map(({ handle }) => handle));
    // The greatest slot is the last of its group: what follows comes from the least free group.
    const handles = Array.from({ length: 2000 }, () => set.insert(7, 8));
    expect(new Set(handles).size).toBe(2000);
    set.verify();
    for (const handle of handles) set.remove(handle);
    set.verify();
  });

  it("starts handles over after clear, from the least group it had", () => {
    const set = restored(
      engineOf(target),
      bytesOf([
        { start: 0n, last: 1n, handle: 5 * 256 + 9, sequence: 0, locked: true },
        { start: 3n, last: 4n, handle: 2 * 256 + 200, sequence: 0, locked: false },
      ]),
    );
    for (let round = 0; round < 3; round += 1) {
      set.clear();
      const handles = Array.from({ length: 600 }, () => set.insert(1, 2));
      expect([handles[0], handles[255], handles[256], handles[511], handles[512]]).toEqual([
        512, 767, 1280, 1535, 1,
      ]);
      set.verify();
    }
    expect(set.heldLocks).toBe(0);
  });

  it("holds intervals that came from other sets, and leaves out those that went", () => {
    const engine = engineOf(target);
    const [a, b] = [new IntervalSet(engine), new IntervalSet(engine)];
    const handles = Array.from({ length: 300 }, (_, i) => a.insert(i, i + 3, i));
    b.insert(0, TOP);
    for (const handle of handles) if (handle % 3 === 0) a.transferTo(b, handle);
    for (const set of [a, b]) {
      const bytes = encodeSnapshot(set.records());
      expect(rowsOf(bytes).length).toBe(set.size);
      const copy = restored(engineOf(target), bytes);
      for (const handle of handles) expect(copy.has(handle)).toBe(set.has(handle));
      expect(encodeSnapshot(copy.records())).toEqual(bytes);
    }
  });

  it("is refused by a disposed index", () => {
    const index = new RangeIndex({ engine: engineOf(target) });
    index[Symbol.dispose]();
    expect(codeOf(() => index.snapshot())).toBe("DISPOSED");
  });
});

describe.each(TARGETS)("restoring into a %s engine that holds other sets", (target) => {
  /** Three sets of 300 intervals in an engine, so that each has two groups of handles. */
  function inhabited(engine: Engine): IntervalSet[] {
    return [0, 1, 2].map((seed) => {
      const set = new IntervalSet(engine);
      const random = new Random(seed);
      for (let i = 0; i < 300; i += 1) set.insert(...drawRange(random, SPREADS[3] as Spread), i);
      return set;
    });
  }

  const bytesIn = (set: IntervalSet): Uint8Array => encodeSnapshot(set.records());

  it("works once the handles are free, and disturbs nobody", () => {
    const engine = engineOf(target);
    const [first, second, third] = inhabited(engine) as [IntervalSet, IntervalSet, IntervalSet];
    const [one, two, three] = [first, second, third].map(bytesIn) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const { usedBytes } = engine;
    for (let round = 0; round < 3; round += 1) {
      second.dispose();
      const copy = restored(engine, two);
      expect(bytesIn(copy)).toEqual(two);
      copy.dispose();
      const again = restored(engine, two);
      expect(bytesIn(again)).toEqual(two);
      for (const [set, bytes] of [
        [first, one],
        [third, three],
      ] as const) {
        set.verify();
        expect(bytesIn(set)).toEqual(bytes);
      }
      expect(engine.usedBytes).toBeLessThanOrEqual(usedBytes);
      again.dispose();
    }
    // The groups that were given back are the next to be taken.
    const fourth = new IntervalSet(engine);
    expect(fourth.insert(1, 2)).toBe(512);
  });

  it("works beside them with handles that were never used there", () => {
    const donor = engineOf(target);
    const [, , third] = inhabited(donor) as [IntervalSet, IntervalSet, IntervalSet];
    const bytes = bytesIn(third);
    const engine = engineOf(target);
    const resident = new IntervalSet(engine);
    for (let i = 0; i < 10; i += 1) resident.insert(i, i);
    const copy = restored(engine, bytes);
    expect(bytesIn(copy)).toEqual(bytes);
    // The resident goes on in the groups between, and both over each other's.
    const handles = new Set<number>(copy.ordered(0, TOP));
    for (let i = 0; i < 2000; i += 1) {
      const handle = (i % 2 === 0 ? resident : copy).insert(i, i + 9);
      expect(handles.has(handle)).toBe(false);
      handles.add(handle);
    }
    resident.verify();
    copy.verify();
  });

  it("fails where they have the handles, and all is as it was", () => {
    const engine = engineOf(target);
    const sets = inhabited(engine);
    const before = sets.map(bytesIn);
    const high = { start: 0n, last: 1n, handle: 2 ** 22, sequence: 0, locked: false };
    for (const bytes of before) {
      // The clash is found after a group that is free.
      const late = bytesOf([high, ...rowsOf(bytes)].sort(compareRows));
      for (const snapshot of [bytes, late]) {
        const restore = () => RangeIndex.from(snapshot, { engine });
        expect(codeOf(restore)).toBe("CAPACITY");
        expect(restore).toThrow("restore into an engine of its own");
      }
    }
    for (const [i, set] of sets.entries()) {
      set.verify();
      expect(bytesIn(set)).toEqual(before[i]);
    }
    // The next group is the one that would have come next.
    const next = new IntervalSet(engine);
    expect(next.insert(1, 2)).toBe(6 * 256);
    next.verify();
  });

  it("leaves the engine exactly as it was if the snapshot is bad", () => {
    const engine = engineOf(target);
    const [set] = inhabited(engine) as [IntervalSet];
    const bytes = bytesIn(set);
    const memory = new Uint8Array(engine.exports.memory.buffer).slice();
    for (const length of [0, 10, 24, 100, bytes.length - 1]) {
      expect(codeOf(() => RangeIndex.from(bytes.subarray(0, length), { engine }))).toBe("SNAPSHOT");
    }
    const inverted = bytesOf([{ start: 2n, last: 1n, handle: 1, sequence: 0, locked: false }]);
    expect(codeOf(() => RangeIndex.from(inverted, { engine }))).toBe("SNAPSHOT");
    expect(Buffer.compare(memory, new Uint8Array(engine.exports.memory.buffer))).toBe(0);
  });

  it("fails for want of memory with nothing left behind", () => {
    const rows = Array.from({ length: 4000 }, (_, i) => ({
      start: BigInt(i) << 40n,
      last: TOP,
      handle: 1 + 64 * i,
      sequence: 0,
      locked: i % 5 === 0,
    }));
    const bytes = bytesOf(rows);
    let refused = 0;
    for (let pages = 1; pages < 40; pages += 2) {
      const engine = engineOf(target, { maxBytes: pages * PAGE });
      const code = codeOf(() => RangeIndex.from(bytes, { engine }));
      if (code === undefined) break;
      expect(code).toBe("OUT_OF_MEMORY");
      refused += 1;
      // All but the table of groups is free: as much fits as into an engine of which nothing is used.
      const set = new IntervalSet(engine);
      const given = Array.from({ length: 500 * pages }, (_, i) => set.insert(i, i + 1));
      expect(given).toEqual(given.map((_, i) => i + 1));
      set.verify();
    }
    expect(refused).toBeGreaterThan(5);
    expect(refused).toBeLessThan(15);
  });

  it("needs an engine", () => {
    const bytes = bytesOf([]);
    expect(codeOf(() => RangeIndex.from(bytes, { engine: {} as Engine }))).toBe("ARGUMENT");
  });
});

describe("RangeIndex.from", () => {
  it("uses an engine of its own unless it is given one", () => {
    const index = new RangeIndex();
    const handles = index.insertMany(Float64Array.of(1, 2), Float64Array.of(3, 4));
    const bytes = index.snapshot();
    const copies = Array.from({ length: 3 }, () => RangeIndex.from(bytes));
    for (const [i, copy] of copies.entries()) {
      expect([...copy.overlapping(0, END)]).toEqual([...handles]);
      copy.remove(handles[0] as number);
      for (const later of copies.slice(i + 1)) expect(later.size).toBe(2);
    }
    expect(index.size).toBe(2);
    expect(codeOf(() => RangeIndex.from(bytes, { engine: createEngine() }))).toBe(undefined);
    index[Symbol.dispose]();
  });
});
