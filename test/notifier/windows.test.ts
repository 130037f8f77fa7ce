import { describe, expect, it } from "vitest";
import { AddressSpace, END, type NotifierEvent } from "../../src/index.ts";
import { I, PAGE } from "./support.ts";

describe("windows", () => {
  it("end once; the second end throws and is an event", () => {
    const events: NotifierEvent[] = [];
    const mm = new AddressSpace({ events: (event) => events.push(event) });
    const window = mm.invalidateRangeStart({ start: 0, end: PAGE });
    window.end();
    expect(() => window.end()).toThrow(expect.objectContaining({ code: "ALREADY_ENDED" }));
    expect(mm.activeInvalidations).toBe(0);
    expect(events.at(-1)).toEqual({ kind: "invalidate-end-again", mm: "mm", window: 1 });
  });

  it("are ended by leaving the scope of `using`, and disposal after end is silent", () => {
    const mm = new AddressSpace();
    {
      using window = mm.invalidateRangeStart({ start: 0, end: PAGE });
      expect(mm.activeInvalidations).toBe(1);
      window.end();
    }
    {
      using _window = mm.invalidateRangeStart({ start: 0, end: PAGE });
    }
    expect(mm.activeInvalidations).toBe(0);
  });

  it("copy their hits on first use, and keep them after the end", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const { hits } = window;
    window.end();
    mm.mirrors.remove(mirror);
    expect([...hits]).toEqual([mirror]);
    expect(window.hits).toBe(hits);
  });

  it("say ALREADY_ENDED if the hits are asked for only after the end", () => {
    const mm = new AddressSpace();
    mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    window.end();
    expect(() => window.hits).toThrow(expect.objectContaining({ code: "ALREADY_ENDED" }));
  });

  it("may end in any order", () => {
    const mm = new AddressSpace();
    mm.mirrors.insert(...I);
    const windows = [1, 2, 3].map(() => mm.invalidateRangeStart({ start: I[0], end: I[1] }));
    for (const at of [1, 0, 2]) windows[at].end();
    expect([mm.sequence, mm.activeInvalidations]).toEqual([4, 0]);
  });
});

describe("ranges", () => {
  it("C54: adjacent ranges do not touch", () => {
    const mm = new AddressSpace();
    mm.mirrors.insert(0x10000, 0x11000);
    const hits = (start: number, end: number) => {
      using window = mm.invalidateRangeStart({ start, end });
      return window.hitCount;
    };
    expect(hits(0x11000, 0x12000)).toBe(0);
    expect(hits(0xf000, 0x10000)).toBe(0);
    expect(hits(0, 0x10000)).toBe(0);
    expect(hits(0x10fff, 0x11000)).toBe(1);
    expect(hits(0, 0x10001)).toBe(1);
  });

  it("C55, C56: page zero and the last byte are addresses like any other", () => {
    const mm = new AddressSpace();
    const zero = mm.mirrors.insert(0, PAGE);
    const top = mm.mirrors.insert(END - 1n, END);
    const hits = (start: number | bigint, end: number | bigint) => {
      using window = mm.invalidateRangeStart({ start, end });
      return [...window.hits];
    };
    expect(hits(0, PAGE)).toEqual([zero]);
    expect(hits(PAGE, END - 1n)).toEqual([]);
    expect(hits(PAGE, END)).toEqual([top]);
    // The kernel's release is half-open, so it misses a mirror of the last byte alone.
    expect(hits(0, END - 1n)).toEqual([zero]);
    expect(mm.mirrors.endOf(top)).toBe(END);
  });

  it.each([
    ["empty", 5, 5, "RANGE"],
    ["inverted", 6, 5, "RANGE"],
    ["negative", -1, 5, "RANGE"],
    ["fractional", 0.5, 5, "RANGE"],
    ["unsafe", 0, 2 ** 53, "RANGE"],
    ["NaN", 0, Number.NaN, "RANGE"],
    ["a string", "0", 5, "ARGUMENT"],
    ["missing", undefined, 5, "ARGUMENT"],
  ])("%s: refused by every door before anything changes", (_name, start, end, code) => {
    const mm = new AddressSpace();
    const range = { start: start as number, end: end as number };
    const refused = expect.objectContaining({ code });
    expect(() => mm.invalidateRangeStart(range)).toThrow(refused);
    expect(() => mm.tryInvalidateRangeStart(range)).toThrow(refused);
    expect(() => mm.invalidateRangeStartSleepable(range).next()).toThrow(refused);
    expect(() => mm.mirrors.insert(range.start, range.end)).toThrow(refused);
    expect([mm.sequence, mm.activeInvalidations, mm.mirrors.size]).toEqual([2, 0, 0]);
  });

  it("what is no range, no handle or no engine is refused by type", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const refused = expect.objectContaining({ code: "ARGUMENT" });
    for (const range of [undefined, null, 5, "0-5"]) {
      expect(() => mm.invalidateRangeStart(range as never)).toThrow(refused);
      expect(() => mm.tryInvalidateRangeStart(range as never)).toThrow(refused);
    }
    for (const handle of [undefined, null, "1", 1n]) {
      expect(() => mm.mirrors.has(handle as never)).toThrow(refused);
      expect(() => mm.mirrors.remove(handle as never)).toThrow(refused);
      expect(() => mm.mirrors.readBegin(handle as never)).toThrow(refused);
    }
    for (const number of [mirror + 2 ** 32, mirror + 0.5, -1, Number.NaN]) {
      expect(mm.mirrors.has(number)).toBe(false);
    }
    expect(() => new AddressSpace({ engine: {} as never })).toThrow(refused);
  });

  it("a handle that is not live here is refused by name", () => {
    const one = new AddressSpace({ name: "one" });
    const other = new AddressSpace({ name: "other" });
    const mirror = one.mirrors.insert(...I);
    expect(other.mirrors.has(mirror)).toBe(false);
    expect(other.mirrors.remove(mirror)).toBe(false);
    for (const call of [
      () => other.mirrors.readBegin(mirror),
      () => other.mirrors.readRetry(mirror, 1),
      () => other.mirrors.tryLock(mirror),
      () => other.mirrors.unlock(mirror),
      () => other.mirrors.startOf(mirror),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    }
  });
});
