import { describe, expect, it } from "vitest";
import type { Suspension } from "../../src/blocking/suspension.ts";
import { AddressSpace, END } from "../../src/index.ts";
import { complete, I, PAGE, runUntilBlocked } from "./support.ts";

describe("sequence numbers of passive mirrors", () => {
  it("C31: a fresh mirror reads without waiting", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    expect(mm.sequence).toBe(2);
    expect(mm.mirrors.sequenceOf(mirror)).toBe(1);
    expect(mm.mirrors.readBegin(mirror)).toBe(1);
    expect(mm.mirrors.readRetry(mirror, 1)).toBe(false);
  });

  it("C32: one invalidation makes earlier reads retry", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const read = mm.mirrors.readBegin(mirror);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect([window.sequence, mm.sequence, mm.mirrors.sequenceOf(mirror)]).toEqual([3, 3, 3]);
    expect([...window.hits]).toEqual([mirror]);
    expect(mm.mirrors.readRetry(mirror, read)).toBe(true);
    window.end();
    expect(mm.sequence).toBe(4);
    expect(mm.mirrors.readBegin(mirror)).toBe(3);
    expect(mm.mirrors.readRetry(mirror, 3)).toBe(false);
    using next = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(next.sequence).toBe(5);
  });

  it("C33: a read that begins inside a window waits for its end", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(() => mm.mirrors.readBegin(mirror)).toThrow(
      expect.objectContaining({ code: "WOULD_BLOCK" }),
    );
    const reading = mm.mirrors.readBeginSleepable(mirror);
    expect(runUntilBlocked(reading)).toEqual({ done: false });
    window.end();
    expect(runUntilBlocked(reading)).toEqual({ done: true, value: 3 });
    expect(mm.mirrors.readRetry(mirror, 3)).toBe(false);
  });

  it("C35: of two overlapping windows the last end lets readers go on", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const first = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const second = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect([first.sequence, second.sequence]).toEqual([3, 3]);
    const reading = mm.mirrors.readBeginSleepable(mirror);
    expect(runUntilBlocked(reading).done).toBe(false);
    first.end();
    expect(mm.sequence).toBe(3);
    expect(runUntilBlocked(reading).done).toBe(false);
    second.end();
    expect(mm.sequence).toBe(4);
    expect(runUntilBlocked(reading)).toEqual({ done: true, value: 3 });
  });

  it("C36: a window elsewhere does not touch the mirror", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: 0x50000, end: 0x51000 });
    expect(window.hitCount).toBe(0);
    expect([mm.sequence, mm.activeInvalidations]).toEqual([2, 1]);
    expect(mm.mirrors.readBegin(mirror)).toBe(1);
    window.end();
    expect([mm.sequence, mm.activeInvalidations]).toEqual([2, 0]);
  });

  it("C37: an unrelated open window delays the thaw", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const unrelated = mm.invalidateRangeStart({ start: 0x50000, end: 0x51000 });
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    window.end();
    expect([mm.sequence, mm.activeInvalidations]).toEqual([3, 1]);
    const reading = mm.mirrors.readBeginSleepable(mirror);
    expect(runUntilBlocked(reading).done).toBe(false);
    unrelated.end();
    expect(mm.sequence).toBe(4);
    expect(runUntilBlocked(reading).done).toBe(true);
  });
});

describe("insertion and removal while windows are open", () => {
  it("C38: with no mirror hit so far the tree still changes, and the newcomer counts as hit", () => {
    const mm = new AddressSpace();
    const other = mm.mirrors.insert(0x90000, 0x91000);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const mirror = mm.mirrors.insert(...I);
    expect([mm.sequence, mm.mirrors.sequenceOf(mirror)]).toEqual([3, 3]);
    expect(mm.mirrors.readBegin(other)).toBe(1);
    const reading = mm.mirrors.readBeginSleepable(mirror);
    expect(runUntilBlocked(reading).done).toBe(false);
    window.end();
    expect(mm.sequence).toBe(4);
    expect(runUntilBlocked(reading)).toEqual({ done: true, value: 3 });
  });

  it("C39: with the tree frozen the newcomer is invisible until the thaw", () => {
    const mm = new AddressSpace();
    const known = mm.mirrors.insert(...I);
    const first = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const mirror = mm.mirrors.insert(...I);
    expect(mm.mirrors.sequenceOf(mirror)).toBe(3);
    const second = mm.invalidateRangeStart({ start: 0, end: END });
    expect([...second.hits]).toEqual([known]);
    const reading = mm.mirrors.readBeginSleepable(mirror);
    first.end();
    expect(runUntilBlocked(reading).done).toBe(false);
    second.end();
    expect(runUntilBlocked(reading)).toEqual({ done: true, value: 3 });
    using third = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(third.sequence).toBe(5);
    expect([...third.hits].sort()).toEqual([known, mirror].sort());
  });

  it("C39: insertMany is deferred as a whole", () => {
    const mm = new AddressSpace();
    mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const many = mm.mirrors.insertMany(Float64Array.of(0, PAGE), Float64Array.of(PAGE, 2 * PAGE));
    expect(mm.invalidateRangeStart({ start: 0, end: PAGE }).hitCount).toBe(0);
    expect(mm.mirrors.size).toBe(3);
    window.end();
    expect(many.length).toBe(2);
  });

  it("C40: removal of a mirror that may have been hit sleeps until the thaw", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const first = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(() => mm.mirrors.remove(mirror)).toThrow(
      expect.objectContaining({ code: "WOULD_BLOCK" }),
    );
    const removing = mm.mirrors.removeSleepable(mirror);
    expect(runUntilBlocked(removing).done).toBe(false);
    const second = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect([...second.hits]).toEqual([mirror]);
    first.end();
    expect(runUntilBlocked(removing).done).toBe(false);
    expect(mm.mirrors.has(mirror)).toBe(true);
    second.end();
    expect(mm.mirrors.has(mirror)).toBe(false);
    expect(runUntilBlocked(removing)).toEqual({ done: true, value: true });
    using third = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(third.hitCount).toBe(0);
  });

  it("C40: a second remover is told that somebody else is at it", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    using _window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(runUntilBlocked(mm.mirrors.removeSleepable(mirror)).done).toBe(false);
    expect(complete(mm.mirrors.removeSleepable(mirror))).toBe(false);
    expect(mm.mirrors.remove(mirror)).toBe(false);
  });

  it("a mirror that is being removed cannot be locked any more", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    expect(runUntilBlocked(mm.mirrors.removeSleepable(mirror)).done).toBe(false);
    expect(() => mm.mirrors.tryLock(mirror)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    window.end();
    expect(mm.mirrors.has(mirror)).toBe(false);
  });

  it("C41: removal of a mirror that never became visible is immediate", () => {
    const mm = new AddressSpace();
    const known = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const mirror = mm.mirrors.insert(...I);
    expect(mm.mirrors.remove(mirror)).toBe(true);
    expect(mm.mirrors.size).toBe(1);
    window.end();
    using next = mm.invalidateRangeStart({ start: 0, end: END });
    expect([...next.hits]).toEqual([known]);
  });

  it("C42: removal while no mirror is hit is immediate", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    using _window = mm.invalidateRangeStart({ start: 0x50000, end: 0x51000 });
    expect(mm.mirrors.remove(mirror)).toBe(true);
    expect(mm.sequence).toBe(2);
  });

  it("C44: whoever looks from inside the thaw finds deferred work done before it is woken", () => {
    const seen: string[] = [];
    const mm = new AddressSpace({ events: (event) => seen.push(event.kind) });
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const removing = mm.mirrors.removeSleepable(mirror);
    const wait = removing.next().value as Suspension;
    if (wait.kind !== "wait") throw new Error("expected a wait");
    wait.queue.add({ wake: () => seen.push(`woken, has: ${mm.mirrors.has(mirror)}`) });
    window.end();
    expect(seen.slice(-3)).toEqual(["mirror-removed", "woken, has: false", "invalidate-end"]);
  });
});
