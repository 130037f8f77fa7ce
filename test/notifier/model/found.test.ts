// What the model found in the library, each as small as it can be.

import { describe, expect, it } from "vitest";
import { AddressSpace, type IntervalNotifierOps, type NotifierEvent } from "../../../src/index.ts";
import { complete, I, PAGE, runUntilBlocked } from "../support.ts";

const R = { start: I[0], end: I[1] };

const obedient: IntervalNotifierOps = {
  name: "I",
  invalidate: {
    blocking: (notifier, _range, sequence) => notifier.setSequence(sequence),
    nonblocking: (notifier, _range, sequence) => {
      notifier.setSequence(sequence);
      return true;
    },
  },
};

describe("the reference that an interval notifier holds", () => {
  it("of one with callbacks: until its remover returns, not only until the thaw", () => {
    const mm = new AddressSpace();
    const notifier = mm.insertInterval(I[0], PAGE, obedient);
    const window = mm.invalidateRangeStart(R);
    const removing = notifier.removeSleepable();
    expect(runUntilBlocked(removing).done).toBe(false);
    window.end();
    expect(mm.intervalNotifiers).toEqual([]);
    expect(mm.count).toBe(2);
    expect(runUntilBlocked(removing)).toEqual({ done: true, value: true });
    expect(mm.count).toBe(1);
  });

  it("of a passive one: likewise", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart(R);
    const removing = mm.mirrors.removeSleepable(mirror);
    expect(runUntilBlocked(removing).done).toBe(false);
    window.end();
    expect([mm.mirrors.has(mirror), mm.count]).toEqual([false, 2]);
    expect(runUntilBlocked(removing)).toEqual({ done: true, value: true });
    expect(mm.count).toBe(1);
  });

  it("goes with the thaw if nobody runs the remover any more", () => {
    const mm = new AddressSpace();
    const mirrors = [mm.mirrors.insert(...I), mm.mirrors.insert(...I)];
    const window = mm.invalidateRangeStart(R);
    const removing = mirrors.map((mirror) => mm.mirrors.removeSleepable(mirror));
    for (const one of removing) expect(runUntilBlocked(one).done).toBe(false);
    removing[0].return(false);
    window.end();
    expect(mm.count).toBe(2);
    removing[1].return(false);
    expect(mm.count).toBe(1);
  });

  it("goes with the address space", () => {
    const mm = new AddressSpace();
    const mirror = mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart(R);
    const removing = mm.mirrors.removeSleepable(mirror);
    expect(runUntilBlocked(removing).done).toBe(false);
    window.end();
    mm[Symbol.dispose]();
    expect(mm.count).toBe(1);
    expect(() => removing.next()).toThrow(expect.objectContaining({ code: "DISPOSED" }));
    expect(mm.count).toBe(1);
  });
});

describe("invalidate_range, until v6.6", () => {
  it("runs outside the non_block section of the end callback", () => {
    const sections: [string, boolean][] = [];
    const events = (event: NotifierEvent): void => {
      if (event.kind === "callback-enter") sections.push([event.callback, event.nonBlockSection]);
    };
    const mm = new AddressSpace({ profile: "v5.5", events });
    mm.register({ invalidateRange: () => undefined, invalidateRangeEnd: () => undefined });
    const started = mm.tryInvalidateRangeStart(R);
    if (!started.ok) throw new Error("refused");
    started.window.end();
    expect(sections).toEqual([
      ["invalidate-range", false],
      ["end", true],
    ]);
  });
});

describe("an address space that has been released", () => {
  it("takes no passive mirrors, just as it takes no interval notifiers with callbacks", () => {
    const warnings: string[] = [];
    const events = (event: NotifierEvent): void => {
      if (event.kind === "warn") warnings.push(event.warning);
    };
    const mm = new AddressSpace({ events });
    mm.mirrors.insert(...I);
    mm.release();
    const refused = expect.objectContaining({ code: "ARGUMENT", errno: "EINVAL" });
    expect(() => mm.mirrors.insert(...I)).toThrow(refused);
    expect(() => mm.mirrors.insertMany(Float64Array.of(0), Float64Array.of(1))).toThrow(refused);
    expect([mm.mirrors.size, mm.count]).toEqual([1, 2]);
    expect(warnings).toEqual(["insert-into-dead-mm", "insert-into-dead-mm"]);
  });
});

describe("a start that began before there was any interval notifier", () => {
  it("leaves no interval phase open when the list refuses it", () => {
    const mm = new AddressSpace({ profile: "v6.12", points: true });
    complete(mm.unchecked.register({ name: "L", invalidateRangeStart: () => -11 }));
    const starting = mm.tryInvalidateRangeStartSleepable(R);
    expect(starting.next().value).toEqual({ kind: "point", label: "before inv_start" });
    expect(starting.next().value).toEqual({ kind: "point", label: "before L.start" });
    // The first of all. It never sleeps, and counts as hit by whatever is open.
    const mirror = mm.mirrors.insert(...I);
    expect([mm.sequence, mm.mirrors.sequenceOf(mirror)]).toEqual([3, 3]);
    expect(complete(starting)).toEqual({ ok: false, errno: "EAGAIN", refusedBy: "L" });
    expect([mm.sequence, mm.activeInvalidations]).toEqual([4, 0]);
  });

  it("does, in that profile, once there is one", () => {
    const mm = new AddressSpace({ profile: "v6.12" });
    mm.mirrors.insert(...I);
    complete(mm.unchecked.register({ name: "L", invalidateRangeStart: () => -11 }));
    expect(mm.tryInvalidateRangeStart(R).ok).toBe(false);
    expect([mm.sequence, mm.activeInvalidations]).toEqual([3, 1]);
  });
});
