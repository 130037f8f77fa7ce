import { describe, expect, it } from "vitest";
import { AddressSpace } from "../../src/index.ts";
import { complete, I, PAGE, runUntilBlocked } from "./support.ts";

function tryStart(mm: AddressSpace, start: number, end: number) {
  const result = mm.tryInvalidateRangeStart({ start, end });
  if (!result.ok) throw new Error("refused");
  return result.window;
}

describe("held locks", () => {
  it("C45, strict: a non-blocking start is refused and leaves everything as it was", () => {
    const mm = new AddressSpace();
    const mirrors = [0, 1, 2].map((i) => mm.mirrors.insert(i * PAGE, (i + 1) * PAGE));
    mm.mirrors.lock(mirrors[1]);
    const result = mm.tryInvalidateRangeStart({ start: 0, end: 3 * PAGE });
    expect(result).toEqual({ ok: false, errno: "EAGAIN", refusedBy: mirrors[1] });
    expect([mm.sequence, mm.activeInvalidations]).toEqual([2, 0]);
    expect(mirrors.map((mirror) => mm.mirrors.readRetry(mirror, 1))).toEqual([false, false, false]);
    mm.mirrors.unlock(mirrors[1]);
    expect(mm.tryInvalidateRangeStart({ start: 0, end: 3 * PAGE }).ok).toBe(true);
  });

  it("the refusal names the lowest mirror that is locked", () => {
    const mm = new AddressSpace();
    const mirrors = [4, 3, 2, 1].map((i) => mm.mirrors.insert(i * PAGE, (i + 1) * PAGE));
    for (const mirror of mirrors) mm.mirrors.lock(mirror);
    const result = mm.tryInvalidateRangeStart({ start: 2 * PAGE, end: 5 * PAGE });
    expect(result).toMatchObject({ ok: false, refusedBy: mirrors[2] });
  });

  it("a lock outside the range refuses nothing", () => {
    const mm = new AddressSpace();
    mm.mirrors.lock(mm.mirrors.insert(0, PAGE));
    tryStart(mm, PAGE, 2 * PAGE).end();
  });

  it("the synchronous blockable start says WOULD_BLOCK before anything changes", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    mm.mirrors.lock(mirror);
    expect(() => mm.invalidateRangeStart({ start: I[0], end: I[1] })).toThrow(
      expect.objectContaining({ code: "WOULD_BLOCK" }),
    );
    expect([mm.sequence, mm.activeInvalidations, mm.mirrors.sequenceOf(mirror)]).toEqual([2, 0, 1]);
  });

  it("a blockable start waits for the holder; mirrors that are free are hit at once", () => {
    const mm = new AddressSpace();
    const [free, held] = [mm.mirrors.insert(0, PAGE), mm.mirrors.insert(PAGE, 2 * PAGE)];
    mm.mirrors.lock(held);
    const starting = mm.invalidateRangeStartSleepable({ start: 0, end: 2 * PAGE });
    expect(runUntilBlocked(starting).done).toBe(false);
    expect([mm.sequence, mm.activeInvalidations]).toEqual([3, 1]);
    expect(mm.mirrors.sequenceOf(free)).toBe(3);
    // The holder has not been told yet, so it may still install under its lock.
    expect(mm.mirrors.readRetry(held, 1)).toBe(false);
    mm.mirrors.unlock(held);
    const window = complete(starting);
    expect(mm.mirrors.readRetry(held, 1)).toBe(true);
    expect([...window.hits].sort()).toEqual([free, held].sort());
    window.end();
    expect([mm.sequence, mm.activeInvalidations]).toEqual([4, 0]);
  });

  it("a blockable start that is given up half-way closes what it opened", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    mm.mirrors.lock(mirror);
    const starting = mm.invalidateRangeStartSleepable({ start: I[0], end: I[1] });
    expect(runUntilBlocked(starting).done).toBe(false);
    starting.return(undefined as never);
    expect([mm.sequence, mm.activeInvalidations]).toEqual([4, 0]);
  });

  it("a sleeping lock always yields, even when it is free", () => {
    const mm = new AddressSpace();
    const locking = mm.mirrors.lockSleepable(mm.mirrors.insert(...I));
    expect(locking.next()).toMatchObject({ done: false, value: { kind: "wait" } });
    expect(locking.next().done).toBe(true);
  });

  it("lock says WOULD_BLOCK, unlock of a free lock and removal of a locked mirror say ARGUMENT", () => {
    const { mirrors } = new AddressSpace();
    const mirror = mirrors.insert(...I);
    mirrors.lock(mirror);
    expect(() => mirrors.lock(mirror)).toThrow(expect.objectContaining({ code: "WOULD_BLOCK" }));
    expect(() => mirrors.remove(mirror)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    mirrors.unlock(mirror);
    expect(() => mirrors.unlock(mirror)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    expect(mirrors.remove(mirror)).toBe(true);
  });

  it("works on a mirror whose insertion is deferred, and survives the thaw", () => {
    const mm = new AddressSpace();
    mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    const mirror = mm.mirrors.insert(...I);
    mm.mirrors.lock(mirror);
    window.end();
    expect(mm.mirrors.isLocked(mirror)).toBe(true);
    expect(mm.tryInvalidateRangeStart({ start: I[0], end: I[1] }).ok).toBe(false);
  });
});
