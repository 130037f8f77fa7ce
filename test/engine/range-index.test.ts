import { describe, expect, it } from "vitest";
import { type Address, END } from "../../src/engine/addresses.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { Random } from "../../src/sim/random.ts";
import { ascending, codeOf, engineOf, moduleOf, TARGETS } from "./support.ts";

describe.each(TARGETS)("RangeIndex on the %s engine", (target) => {
  const create = <T = undefined>(): RangeIndex<T> =>
    new RangeIndex<T>({ engine: engineOf(target) });

  it("needs no imports", () => {
    expect(WebAssembly.Module.imports(moduleOf(target))).toEqual([]);
  });

  it("holds ranges with and without values", () => {
    const index = create<string>();
    const heap = index.insert(0x1000, 0x3000, "heap");
    const stack = index.insert(0x8000n, END);
    expect(index.size).toBe(2);
    expect([index.startOf(heap), index.endOf(heap), index.valueOf(heap)]).toEqual([
      0x1000n,
      0x3000n,
      "heap",
    ]);
    expect([index.startOf(stack), index.endOf(stack), index.valueOf(stack)]).toEqual([
      0x8000n,
      END,
      undefined,
    ]);
  });

  it("gives each live range a place of its own in the low bits of its handle", () => {
    const engine = engineOf(target);
    const [index, other] = [new RangeIndex({ engine }), new RangeIndex({ engine })];
    const live = new Set<number>();
    for (let i = 0; i < 3000; i += 1) {
      live.add((i % 3 === 0 ? other : index).insert(i, i + 9));
      if (i % 2 === 0) continue;
      const [oldest] = live;
      live.delete(oldest);
      expect(index.remove(oldest) || other.remove(oldest)).toBe(true);
    }
    expect(new Set([...live].map((handle) => handle & 0xffffff)).size).toBe(1500);
  });

  it("finds what overlaps, not what touches", () => {
    const index = create();
    const handle = index.insert(10, 20);
    const into = new Uint32Array(4);
    for (const [start, end, hits] of [
      [0, 10, 0],
      [0, 11, 1],
      [12, 13, 1],
      [19, 30, 1],
      [20, 30, 0],
      [0, END, 1],
      [10n, 20, 1],
    ] as [Address, Address, number][]) {
      expect(index.count(start, end)).toBe(hits);
      expect(index.some(start, end)).toBe(hits === 1);
      expect(index.collect(start, end, into)).toBe(hits);
      expect([...index.overlapping(start, end)]).toEqual(hits === 1 ? [handle] : []);
    }
    expect(into[0]).toBe(handle);
  });

  it("serves the first and the last address and the whole space", () => {
    const index = create();
    const first = index.insert(0, 1);
    const last = index.insert(END - 1n, END);
    const all = index.insert(0, END);
    expect([...index.overlapping(0, 1)]).toEqual([first, all]);
    expect([...index.overlapping(END - 1n, 0n)]).toEqual([all, last]);
    expect([...index.overlapping(1, END - 1n)]).toEqual([all]);
    expect([index.startOf(all), index.endOf(all)]).toEqual([0n, END]);
    expect(index.invalidate(0, END, 7)).toBe(3);
    expect([first, last, all].map((handle) => index.sequenceOf(handle))).toEqual([7, 7, 7]);
  });

  it("keeps equal ranges apart", () => {
    const index = create<number>();
    const handles = Array.from({ length: 500 }, (_, i) => index.insert(64, 128, i));
    expect(new Set(handles).size).toBe(500);
    expect(index.count(127, 128)).toBe(500);
    for (const handle of handles.slice(0, 499)) expect(index.remove(handle)).toBe(true);
    expect([...index.overlapping(64, 65)]).toEqual(handles.slice(499));
    expect(index.valueOf(handles[499] as number)).toBe(499);
  });

  it("lists as much as there is room for and counts all", () => {
    const index = create();
    const handles = Array.from({ length: 30_000 }, (_, i) => index.insert(i, 40_000));
    for (const room of [0, 1, 5, 60, 4000, 4080, 4096, 10_000, 30_000, 30_001]) {
      const into = new Uint32Array(room);
      expect(index.collect(35_000, 35_001, into)).toBe(30_000);
      const listed = ascending(into).filter((handle) => index.has(handle));
      expect(new Set(listed).size).toBe(Math.min(room, 30_000));
      expect(index.invalidate(35_000, 35_001, room, into)).toBe(30_000);
      expect(ascending(new Set(into)).filter((handle) => handle !== 0)).toEqual(listed);
    }
    expect([...index.overlapping(0, END)]).toEqual(handles);
  });

  it("fixes the answer of overlapping at the call", () => {
    const index = create();
    const handles = [index.insert(1, 5), index.insert(0, 9), index.insert(1, 3)];
    const seen: number[] = [];
    for (const handle of index.overlapping(0, 10)) {
      seen.push(handle);
      for (const other of handles) index.remove(other);
    }
    expect(seen).toEqual([handles[1], handles[2], handles[0]]);
  });

  it("finds the nearest range before and after a point", () => {
    const index = create();
    expect([index.firstBefore(END), index.firstAfter(0)]).toEqual([undefined, undefined]);
    const a = index.insert(10, 20);
    const b = index.insert(12, 20);
    const c = index.insert(30, 40);
    const d = index.insert(30, 35);
    index.insert(0, END);
    expect(index.firstBefore(20)).toBe(b);
    expect(index.firstBefore(19)).toBe(undefined);
    expect(index.firstBefore(37)).toBe(d);
    expect(index.firstBefore(40n)).toBe(c);
    expect(index.firstBefore(0)).toBe(undefined);
    expect(index.firstAfter(1)).toBe(a);
    expect(index.firstAfter(11)).toBe(b);
    expect(index.firstAfter(13n)).toBe(d);
    expect(index.firstAfter(31)).toBe(undefined);
    expect(index.firstAfter(END)).toBe(undefined);
    expect(index.firstBefore(END)).toBe(index.firstAfter(0));
  });

  it("lists the gaps between ranges", () => {
    const index = create();
    expect(index.gaps(0, END)).toEqual([[0n, END]]);
    index.insert(10, 20);
    index.insert(15, 30);
    index.insert(30, 31);
    index.insert(50, 51);
    expect(index.gaps(0, 60)).toEqual([
      [0n, 10n],
      [31n, 50n],
      [51n, 60n],
    ]);
    expect(index.gaps(12, 31)).toEqual([]);
    expect(index.gaps(40, 41)).toEqual([[40n, 41n]]);
    index.insert(END - 5n, END);
    expect(index.gaps(50, END)).toEqual([[51n, END - 5n]]);
    index.insert(0, END);
    expect(index.gaps(0, END)).toEqual([]);
  });

  it("answers many queries in one call", () => {
    const index = create();
    const handles = Array.from({ length: 9000 }, (_, i) => index.insert(i, i + 2));
    const starts = Float64Array.from({ length: 300 }, (_, i) => (i === 200 ? 0 : 30 * i));
    const ends = starts.map((start, i) => (i === 200 ? 9000 : start + 1 + (i % 50)));
    for (const [from, to] of [
      [starts, ends],
      [BigUint64Array.from(starts, BigInt), BigUint64Array.from(ends, BigInt)],
      [starts, BigUint64Array.from(ends, BigInt)],
    ] as const) {
      const answer = index.queryMany(from, to);
      expect(answer.offsets.length).toBe(301);
      expect(answer.offsets[300]).toBe(answer.handles.length);
      for (let i = 0; i < 300; i += 1) {
        const hits = answer.handles.subarray(answer.offsets[i], answer.offsets[i + 1]);
        const wanted = handles.slice(Math.max(0, (starts[i] as number) - 1), ends[i]);
        expect(ascending(hits)).toEqual(ascending(wanted));
      }
    }
    expect(index.queryMany(new Float64Array(), new Float64Array())).toEqual({
      offsets: new Uint32Array(1),
      handles: new Uint32Array(),
    });
  });

  it("inserts many ranges as if one by one", () => {
    const [many, one] = [create(), create()];
    const starts = Float64Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5000);
    const ends = starts.map((start) => 2 ** 40 + start);
    const handles = [...starts].map((start, i) => one.insert(start, ends[i] as number));
    expect([...many.insertMany(starts, ends)]).toEqual(handles);
    expect([...many.overlapping(0, END)]).toEqual([...one.overlapping(0, END)]);
    const [all] = many.insertMany(BigUint64Array.of(1n), BigUint64Array.of(0n));
    expect(many.endOf(all as number)).toBe(END);
  });

  it("inserts many ranges or none", () => {
    const index = create();
    const starts = Float64Array.of(1, 2, 3);
    expect(codeOf(() => index.insertMany(starts, Float64Array.of(2, 3, 3)))).toBe("RANGE");
    expect(() => index.insertMany(starts, Float64Array.of(2, 3, 3))).toThrow("Range number 2:");
    expect(codeOf(() => index.insertMany(starts, Float64Array.of(2, 3)))).toBe("ARGUMENT");
    expect(codeOf(() => index.insertMany([1] as unknown as Float64Array, starts))).toBe("ARGUMENT");
    expect(codeOf(() => index.queryMany(starts, Float64Array.of(2, 3, Number.NaN)))).toBe("RANGE");
    expect(index.size).toBe(0);
  });

  it("removes what overlaps", () => {
    const index = create<number>();
    const handles = Array.from({ length: 9000 }, (_, i) => index.insert(i, i + 2, i));
    expect(index.removeOverlapping(100, 8900)).toBe(8801);
    expect(index.size).toBe(199);
    expect(index.valueOf(handles[98] as number)).toBe(98);
    expect(index.valueOf(handles[99] as number)).toBe(undefined);
    expect(index.removeOverlapping(100, 8900)).toBe(0);
  });

  it("moves a range and leaves it what it was otherwise", () => {
    const index = create<string>();
    const handle = index.insert(10, 20, "moved");
    index.invalidate(0, 100, 42);
    index.tryLock(handle);
    expect(index.move(handle, 2n ** 63n, END)).toBe(true);
    expect([index.startOf(handle), index.endOf(handle)]).toEqual([2n ** 63n, END]);
    expect([index.sequenceOf(handle), index.isLocked(handle)]).toEqual([42, true]);
    expect([index.valueOf(handle), index.size, index.some(0, 100)]).toEqual(["moved", 1, false]);
    expect(codeOf(() => index.move(handle, 5, 5))).toBe("RANGE");
    index.remove(handle);
    expect(index.move(handle, 1, 2)).toBe(false);
  });

  it("refuses to invalidate while the lock of a hit is held, and changes nothing then", () => {
    const index = create();
    const handles = [index.insert(0, 10), index.insert(5, 15), index.insert(20, 30)];
    const [a, b, c] = handles as [number, number, number];
    const into = new Uint32Array(3);
    expect(index.tryLock(b)).toBe(true);
    expect(index.tryLock(b)).toBe(false);
    expect(index.invalidate(0, 30, 1, into)).toBe(-1);
    expect([a, b, c].map((handle) => index.sequenceOf(handle))).toEqual([0, 0, 0]);
    expect(index.invalidate(15, 30, 2, into)).toBe(1);
    expect(into[0]).toBe(c);
    index.unlock(b);
    expect(index.invalidate(0, 30, 0xffffffff, into)).toBe(3);
    expect(ascending(into)).toEqual(ascending(handles));
    expect(index.sequenceOf(a)).toBe(0xffffffff);
    expect(codeOf(() => index.unlock(b))).toBe("ARGUMENT");
  });

  it("answers false or undefined for any number that is no live handle", () => {
    const index = create();
    const removed = index.insert(1, 2);
    const elsewhere = new RangeIndex({ engine: engineOf(target) }).insert(1, 2);
    index.remove(removed);
    for (const handle of [removed, elsewhere, 0, -1, 0.5, Number.NaN, 2 ** 32 + 1, 0xffffffff]) {
      expect(index.has(handle)).toBe(false);
      expect(index.remove(handle)).toBe(false);
      expect(index.move(handle, 1, 2)).toBe(false);
      expect(index.tryLock(handle)).toBe(false);
      expect(index.isLocked(handle)).toBe(false);
      expect(index.startOf(handle)).toBe(undefined);
      expect(index.endOf(handle)).toBe(undefined);
      expect(index.valueOf(handle)).toBe(undefined);
      expect(codeOf(() => index.unlock(handle))).toBe("ARGUMENT");
      expect(codeOf(() => index.sequenceOf(handle))).toBe("ARGUMENT");
    }
  });

  it("refuses a handle that is no number", () => {
    const index = create();
    for (const wrong of [undefined, null, "1", 1n, {}]) {
      const handle = wrong as number;
      expect(codeOf(() => index.has(handle))).toBe("ARGUMENT");
      expect(codeOf(() => index.remove(handle))).toBe("ARGUMENT");
      expect(codeOf(() => index.startOf(handle))).toBe("ARGUMENT");
      expect(codeOf(() => index.tryLock(handle))).toBe("ARGUMENT");
    }
  });

  it("refuses bad ranges and arguments before anything changes", () => {
    const index = create();
    const handle = index.insert(10, 20);
    const into = new Uint32Array(1);
    for (const [start, end] of [
      [5, 5],
      [6, 5],
      [-1, 5],
      [0.5, 5],
      [0, 2 ** 53],
      [Number.NaN, 5],
      [0, Number.POSITIVE_INFINITY],
      [0n, END + 1n],
      [-1n, 5n],
    ] as [Address, Address][]) {
      for (const use of [
        () => index.insert(start, end),
        () => index.move(handle, start, end),
        () => index.some(start, end),
        () => index.count(start, end),
        () => index.collect(start, end, into),
        () => index.overlapping(start, end),
        () => index.gaps(start, end),
        () => index.removeOverlapping(start, end),
        () => index.invalidate(start, end, 1, into),
      ]) {
        expect(codeOf(use)).toBe("RANGE");
      }
    }
    expect(codeOf(() => index.insert("1" as unknown as number, 5))).toBe("ARGUMENT");
    expect(codeOf(() => index.firstAfter(-1))).toBe("RANGE");
    expect(codeOf(() => index.firstBefore("1" as unknown as number))).toBe("ARGUMENT");
    for (const sequence of [-1, 0.5, 2 ** 32, Number.NaN]) {
      expect(codeOf(() => index.invalidate(0, 100, sequence, into))).toBe("ARGUMENT");
    }
    const list = [0] as unknown as Uint32Array;
    expect(codeOf(() => index.collect(0, 100, list))).toBe("ARGUMENT");
    expect(codeOf(() => index.invalidate(0, 100, 1, list))).toBe("ARGUMENT");
    expect([index.size, index.startOf(handle), index.sequenceOf(handle)]).toEqual([1, 10n, 0]);
  });

  it("is as new after clear", () => {
    const index = create<string>();
    const inserted = (): number[] => [index.insert(1, 2, "value"), index.insert(3, 4)];
    const handles = inserted();
    index.tryLock(handles[0] as number);
    index.remove(handles[1] as number);
    index.clear();
    expect([index.size, index.some(0, END)]).toEqual([0, false]);
    expect([index.has(handles[0] as number), index.valueOf(handles[0] as number)]).toEqual([
      false,
      undefined,
    ]);
    expect(inserted()).toEqual(handles);
    expect(index.isLocked(handles[0] as number)).toBe(false);
  });

  it("says DISPOSED before it looks at arguments", () => {
    const index = new RangeIndex();
    index[Symbol.dispose]();
    for (const use of [
      () => index.insert(2, 1),
      () => index.remove("x" as never),
      () => index.removeOverlapping(2, 1),
      () => index.firstBefore(-1),
      () => index.invalidate(2, 1, -1),
    ]) {
      expect(codeOf(use)).toBe("DISPOSED");
    }
  });

  it("throws DISPOSED after disposal, whatever is called", () => {
    const engine = engineOf(target);
    const index = new RangeIndex({ engine });
    const other = new RangeIndex({ engine });
    const kept = other.insert(5, 6);
    index.insert(1, 2);
    const used = engine.usedBytes;
    index[Symbol.dispose]();
    index[Symbol.dispose]();
    const pairs = Float64Array.of(1);
    const into = new Uint32Array(1);
    for (const use of [
      () => index.size,
      () => index.insert(1, 2),
      () => index.insertMany(pairs, Float64Array.of(2)),
      () => index.queryMany(pairs, Float64Array.of(2)),
      () => index.remove(1),
      () => index.has(1),
      () => index.startOf(1),
      () => index.endOf(1),
      () => index.valueOf(1),
      () => index.move(1, 1, 2),
      () => index.removeOverlapping(1, 2),
      () => index.clear(),
      () => index.some(1, 2),
      () => index.count(1, 2),
      () => index.collect(1, 2, into),
      () => index.overlapping(1, 2),
      () => index.firstBefore(0),
      () => index.firstAfter(END),
      () => index.gaps(1, 2),
      () => index.tryLock(1),
      () => index.unlock(1),
      () => index.isLocked(1),
      () => index.sequenceOf(1),
      () => index.invalidate(1, 2, 3),
    ]) {
      expect(codeOf(use)).toBe("DISPOSED");
    }
    expect(engine.usedBytes).toBeLessThan(used);
    expect([...other.overlapping(0, END)]).toEqual([kept]);
  });

  it("is gone when its engine is reset, and the engine is as new", () => {
    const engine = engineOf(target);
    const fresh = engine.usedBytes;
    const indexes = Array.from({ length: 20 }, () => new RangeIndex({ engine }));
    const first = indexes.map((index, i) => index.insert(i, i + 5));
    engine.reset();
    expect(indexes.map((index) => codeOf(() => index.size))).toEqual(indexes.map(() => "DISPOSED"));
    for (const index of indexes) index[Symbol.dispose]();
    expect(engine.usedBytes).toBe(fresh);
    const again = indexes.map(() => new RangeIndex({ engine }));
    expect(again.map((index, i) => index.insert(i, i + 5))).toEqual(first);
  });

  it("is told of a reset whichever of its neighbours were disposed of before", () => {
    const random = new Random(11);
    for (let round = 0; round < 50; round += 1) {
      const engine = engineOf(target);
      const gone: RangeIndex[] = [];
      const indexes: RangeIndex[] = [];
      for (let i = 0; i < 60; i += 1) {
        if (indexes.length === 0 || random.below(3) > 0) {
          indexes.push(new RangeIndex({ engine }));
        } else {
          const [index] = indexes.splice(random.below(indexes.length), 1) as [RangeIndex];
          index[Symbol.dispose]();
          gone.push(index);
        }
        expect(indexes.map((index) => index.size)).toEqual(indexes.map(() => 0));
      }
      engine.reset();
      for (const index of [...indexes, ...gone]) expect(codeOf(() => index.size)).toBe("DISPOSED");
    }
  });
});

describe("the engine of an index", () => {
  it("is one that all share, or the given one", () => {
    const index = new RangeIndex({ capacity: 1000 });
    const handle = new RangeIndex({ engine: createEngine() }).insert(0, 1);
    expect(index.has(handle)).toBe(false);
    index[Symbol.dispose]();
  });

  it.each([
    ["a bound below one page", () => createEngine({ maxBytes: 65535 })],
    ["a bound that is no number", () => createEngine({ maxBytes: "1" as unknown as number })],
    ["no bound at all", () => createEngine({ maxBytes: Number.NaN })],
    ["something else", () => new RangeIndex({ engine: {} as never })],
    ["a capacity below 0", () => new RangeIndex({ capacity: -1 })],
  ])("cannot be made with %s", (_, create) => {
    expect(codeOf(create)).toBe("ARGUMENT");
  });
});
