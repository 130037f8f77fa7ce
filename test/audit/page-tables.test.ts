import { describe, expect, it } from "vitest";
import { type Address, END } from "../../src/index.ts";
import { answering, EAGAIN, PAGE, R, Scene } from "./support.ts";

describe("V12: page tables change outside an approved open range", () => {
  function scene() {
    const scene = new Scene();
    const mm = scene.mm();
    const change = (start: Address = R.start, end: Address = R.end): void =>
      scene.tell({ kind: "pte-change", mm: "mm", start, end });
    return { scene, mm, change };
  }

  it("after a refused start", () => {
    const { scene: s, mm, change } = scene();
    s.list(mm, answering("A", EAGAIN));
    mm.tryInvalidateRangeStart(R);
    change();
    expect(s.foundAtFinish).toEqual(["V12 -"]);
    expect(s.message).toBe(
      "page tables of mm change in [0x10000, 0x11000), although the start of window 1 was refused",
    );
  });

  it("after the end", () => {
    const { scene: s, mm, change } = scene();
    mm.invalidateRangeStart(R).end();
    change();
    expect(s.message).toMatch(/, after window 1 was ended$/);
  });

  it("in an end callback", () => {
    const { scene: s, mm, change } = scene();
    s.list(mm, {
      name: "A",
      invalidateRangeEnd: () => {
        change();
        return undefined;
      },
    });
    mm.invalidateRangeStart(R).end();
    expect(s.foundAtFinish).toEqual(["V12 -"]);
  });

  it("before the start has returned", () => {
    const { scene: s, mm, change } = scene();
    s.list(mm, {
      name: "A",
      invalidateRangeStart: () => {
        change();
        return 0;
      },
    });
    mm.invalidateRangeStart(R).end();
    expect(s.message).toMatch(/, before the start of window 1 has returned$/);
  });

  it("beyond the range, in another address space, without any start", () => {
    const { scene: s, mm, change } = scene();
    const window = mm.invalidateRangeStart(R);
    change(R.start, R.end + 1);
    s.tell({ kind: "pte-change", mm: "mm2", ...R });
    window.end();
    change(0, PAGE);
    expect(s.foundAtFinish).toEqual(["V12 -", "V12 -", "V12 -"]);
    expect(s.auditor.reports.map(({ message }) => message.split(", ").at(-1))).toEqual([
      "0x11000)",
      "and no invalidation is open there",
      "and no invalidation is open there",
    ]);
  });

  it("near misses: within, at the top of the space, under two windows together", () => {
    const { scene: s, mm, change } = scene();
    const windows = [
      mm.invalidateRangeStart({ start: 0, end: PAGE }),
      mm.invalidateRangeStart({ start: PAGE, end: 3 * PAGE }),
      mm.invalidateRangeStart({ start: END - 4096n, end: END }),
    ];
    change(0, 3 * PAGE);
    change(END - 1n, END);
    change(END - 4096n, 0n);
    for (const window of windows) window.end();
    expect(s.foundAtFinish).toEqual([]);
  });

  it("near miss, C23: a blockable start counts as approved, whoever refused", () => {
    const { scene: s, mm, change } = scene();
    s.list(mm, answering("A", EAGAIN));
    const window = mm.invalidateRangeStart(R);
    change();
    window.end();
    expect(s.foundAtFinish).toEqual(["V04 A"]);
  });
});

describe("V34: empty and inverted ranges", () => {
  it.each([
    [PAGE, PAGE, "[0x1000, 0x1000) of window 1 is empty"],
    [2 * PAGE, PAGE, "[0x2000, 0x1000) of window 1 is inverted"],
    [0, 0, "[0x0, 0x0) of window 1 is empty"],
    [8192n, 4096, "[0x2000, 0x1000) of window 1 is inverted"],
  ])("[%s, %s)", (start, end, text) => {
    const scene = new Scene();
    scene.mm().invalidateRangeStart({ start, end }).end();
    expect(scene.foundAtFinish).toEqual(["V34 -"]);
    expect(scene.message).toBe(`the range ${text}`);
  });

  it.each([
    [PAGE, 0],
    [PAGE, 0n],
    [0, END],
    [0, 1],
  ])("near miss: [%s, %s)", (start, end) => {
    const scene = new Scene();
    scene.mm().invalidateRangeStart({ start, end }).end();
    expect(scene.foundAtFinish).toEqual([]);
  });
});
