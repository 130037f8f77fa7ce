import { describe, expect, it } from "vitest";
import {
  type AddressSpace,
  type CallbackRange,
  type InvalidationWindow,
  Mutex,
  type NotifierEvent,
  type Sleepable,
  SpinLock,
} from "../../../src/index.ts";
import {
  calls,
  expectIdle,
  insert,
  nothing,
  now,
  obedient,
  quiet,
  RANGE,
  settle,
  statesOf,
  thrown,
  world,
} from "./support.ts";

const WOULD_BLOCK = expect.objectContaining({ code: "WOULD_BLOCK" });
const ELSEWHERE = { start: 0x90000, end: 0x91000 };

/** Takes a sleeping lock and gives it back. */
function* under(lock: Mutex): Sleepable<undefined> {
  yield* lock.lock();
  lock.unlock();
}

function refusedBy(mm: AddressSpace, range = RANGE): unknown {
  const result = mm.tryInvalidateRangeStart(range);
  if (result.ok) throw new Error("approved");
  return result.refusedBy;
}

function tryStart(mm: AddressSpace): InvalidationWindow {
  const result = mm.tryInvalidateRangeStart(RANGE);
  if (!result.ok) throw new Error("refused");
  return result.window;
}

/** What has been told about callbacks that slept, were stuck, and of which there was a warning. */
function reports(events: readonly NotifierEvent[]): string[] {
  return events.flatMap((event) => {
    switch (event.kind) {
      case "sleep-while-non-blocking":
        return [`${event.notifier}.${event.callback} sleeps for ${event.resource}`];
      case "cannot-be-unwound":
        return [`${event.notifier}.${event.callback} is stuck`];
      case "warn":
        return [`${event.notifier}: ${event.warning}`];
      default:
        return [];
    }
  });
}

describe("the synchronous doors and callbacks that may sleep: WOULD_BLOCK before anything has changed", () => {
  /** All that can be seen of an address space and its mirror. */
  function snapshot(mm: AddressSpace, mirror: number): unknown {
    const { sequence, activeInvalidations, count, users, deferred } = mm;
    const lists = [mm.listNotifiers, mm.intervalNotifiers, [...deferred]];
    const sequences = mm.intervalNotifiers.map((notifier) => notifier.sequence);
    const seen = [sequences, mm.mirrors.sequenceOf(mirror), mm.mirrors.isLocked(mirror)];
    return [sequence, activeInvalidations, count, users, lists, seen];
  }

  const CASES: [string, (mm: AddressSpace) => void, (mm: AddressSpace) => unknown][] = [
    [
      "start: a list notifier's generator, behind plain ones",
      (mm) => {
        mm.register({ invalidateRangeStart: { *blocking() {}, nonblocking: () => true } });
        mm.register(quiet("A"));
      },
      (mm) => mm.invalidateRangeStart(RANGE),
    ],
    [
      "start: an interval notifier's generator",
      (mm) => {
        insert(mm, obedient("I"));
        insert(mm, { invalidate: { *blocking() {}, nonblocking: () => true } });
      },
      (mm) => mm.invalidateRangeStart(RANGE),
    ],
    [
      "start: a mirror's lock",
      (mm) => mm.mirrors.lock(mm.mirrors.insert(RANGE.start, RANGE.end)),
      (mm) => mm.invalidateRangeStart(RANGE),
    ],
    [
      "unregister: a generator",
      (mm) => {
        mm.register({ *release() {} });
      },
      (mm) => mm.unregister(mm.listNotifiers[0]),
    ],
    [
      "release: a list notifier's generator",
      (mm) => {
        insert(mm, obedient("I"));
        mm.register({ *release() {} });
        mm.register({ release: nothing });
      },
      (mm) => mm.release(),
    ],
    [
      "release: an interval notifier's generator",
      (mm) => {
        insert(mm, { invalidate: { *blocking() {}, nonblocking: () => true } });
      },
      (mm) => mm.release(),
    ],
    [
      "release: a mirror's lock",
      (mm) => mm.mirrors.lock(mm.mirrors.insert(RANGE.start, RANGE.end)),
      (mm) => mm.release(),
    ],
  ];

  it.each(CASES)("%s", (_name, arrange, act) => {
    const { mm, events } = world();
    const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
    arrange(mm);
    const before = [snapshot(mm, mirror), events.length];
    expect(() => act(mm)).toThrow(WOULD_BLOCK);
    expect([snapshot(mm, mirror), events.length]).toEqual(before);
    expect(mm.tryInvalidateRangeStart(ELSEWHERE)).toMatchObject({ ok: true, window: { id: 1 } });
  });

  it("end: the window stays open, and is ended by another door", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    mm.register(quiet("A"));
    mm.register({ ...quiet("B"), invalidateRangeEnd: () => under(lock) });
    mm.register({
      ...quiet("C"),
      *invalidateRangeEnd() {
        yield* under(lock);
      },
    });
    const window = mm.invalidateRangeStart(RANGE);
    const before = events.length;
    expect(() => window.end()).toThrow(WOULD_BLOCK);
    expect([window.ended, mm.activeInvalidations, events.length]).toEqual([false, 1, before]);
    await window.endAsync();
    expectIdle(mm);
  });

  it("an interval notifier that is not hit does not matter", () => {
    const { mm } = world();
    insert(mm, { invalidate: { *blocking() {}, nonblocking: () => true } });
    mm.invalidateRangeStart(ELSEWHERE).end();
    expectIdle(mm);
  });

  it("a plain function that gives back a generator runs if it need not sleep", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    const blocking = () => under(lock);
    mm.register({ ...quiet("A"), invalidateRangeStart: { blocking, nonblocking: () => true } });
    mm.register({ ...quiet("B"), invalidateRangeEnd: () => under(lock) });
    mm.invalidateRangeStart(RANGE).end();
    expect([calls(events), reports(events)]).toEqual([
      ["B.start", "A.start", "B.end", "A.end"],
      [],
    ]);
    expectIdle(mm);
  });

  it("if it has to sleep, start unwinds it, ends what had started, and throws", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    let unwound = false;
    function* careful(): Sleepable<undefined> {
      try {
        yield* under(lock);
      } catch {
        throw new Error("there is no exception to be caught");
      } finally {
        unwound = true;
      }
    }
    mm.register({
      name: "A",
      invalidateRangeStart: { blocking: () => careful(), nonblocking: () => true },
    });
    mm.register(quiet("B"));
    expect(() => mm.invalidateRangeStart(RANGE)).toThrow(WOULD_BLOCK);
    expect(unwound).toBe(true);
    expect([calls(events), reports(events)]).toEqual([["B.start", "A.start", "B.end"], []]);
    expectIdle(mm);
  });

  it("if it has to sleep, end goes on in the background, and the window is closed when it has finished", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    mm.register(quiet("A"));
    mm.register({ ...quiet("B"), invalidateRangeEnd: () => under(lock) });
    const window = mm.invalidateRangeStart(RANGE);
    lock.tryLock();
    window.end();
    expect([window.ended, mm.activeInvalidations]).toEqual([true, 0]);
    expect(events.at(-1)).toMatchObject({ kind: "callback-enter", notifier: "B" });
    const registering = mm.registerAsync({});
    expect(await statesOf(registering)).toEqual(["pending"]);
    lock.unlock();
    await registering;
    expect(calls(events).slice(2)).toEqual(["B.end", "A.end"]);
    // To sleep here was within its rights.
    expect(reports(events)).toEqual([]);
    expectIdle(mm);
  });
});

describe("the asynchronous doors", () => {
  it("take plain functions and generators in any mixture, one after the other", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    const slow = {
      invalidateRangeStart: { blocking: () => under(lock), nonblocking: () => true },
      *invalidateRangeEnd() {
        yield* under(lock);
      },
    };
    mm.register({ name: "A", ...slow });
    mm.register(quiet("B"));
    mm.register({ name: "C", ...slow });
    mm.insertInterval(RANGE.start, 1, {
      name: "I",
      invalidate: {
        *blocking(notifier, _range, sequence) {
          yield* under(lock);
          notifier.setSequence(sequence);
        },
        nonblocking: () => true,
      },
    });
    insert(mm, obedient("J"));
    lock.tryLock();
    const starting = mm.invalidateRangeStartAsync(RANGE);
    await settle();
    expect(calls(events)).toEqual(["I.invalidate"]);
    lock.unlock();
    const window = await starting;
    expect(calls(events)).toEqual([
      "I.invalidate",
      "J.invalidate",
      "C.start",
      "B.start",
      "A.start",
    ]);
    lock.tryLock();
    const ending = window.endAsync();
    await settle();
    expect(calls(events).slice(5)).toEqual(["C.end"]);
    lock.unlock();
    await ending;
    expect([calls(events).slice(5), reports(events)]).toEqual([["C.end", "B.end", "A.end"], []]);
    expectIdle(mm);
  });

  it("give callbacks the mode that they are in", async () => {
    const { mm } = world();
    const modes: unknown[] = [];
    const see = (range: CallbackRange): undefined => {
      modes.push(range.blockable);
    };
    mm.register({
      invalidateRangeStart: {
        blocking: see,
        nonblocking: (range) => {
          see(range);
          return true;
        },
      },
      invalidateRangeEnd: see,
    });
    await (await mm.invalidateRangeStartAsync(RANGE)).endAsync();
    tryStart(mm).end();
    expect(modes).toEqual([true, true, false, false]);
  });
});

describe("a non-blocking start and a callback that sleeps all the same", () => {
  it("a list notifier: unwound where it would sleep, even for a free lock; refused, reported, rolled back", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    const log: string[] = [];
    now(
      mm.unchecked.register({
        name: "A",
        *invalidateRangeStart() {
          log.push("begins");
          try {
            yield* lock.lock();
            log.push("never comes here");
          } finally {
            log.push("unwinds");
          }
          return 0;
        },
      }),
    );
    mm.register(quiet("B"));
    expect(refusedBy(mm)).toBe("A");
    expect([log, lock.locked]).toEqual([["begins", "unwinds"], false]);
    expect(calls(events)).toEqual(["B.start", "A.start", "B.end"]);
    expect(reports(events)).toEqual(["A.start sleeps for driver", "A: sleep-in-non-block-section"]);
    expect(mm.sequence).toBe(2);
    expectIdle(mm);
  });

  it("an interval notifier: the same, without the kernel's warning, which it would not give either", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    now(
      mm.unchecked.insertInterval(RANGE.start, 1, {
        name: "I",
        *invalidate() {
          yield* lock.lock();
          return true;
        },
      }),
    );
    mm.register(quiet("A"));
    expect(refusedBy(mm)).toBe("I");
    expect([calls(events), reports(events)]).toEqual([
      ["I.invalidate"],
      ["I.invalidate sleeps for driver"],
    ]);
    expectIdle(mm);
  });

  it("a generator that does not come to a wait approves like a plain function", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    now(
      mm.unchecked.register({
        name: "A",
        // biome-ignore lint/correctness/useYield: one that does not come to a wait
        *invalidateRangeStart() {
          if (!lock.tryLock()) return -11;
          lock.unlock();
          return 0;
        },
      }),
    );
    tryStart(mm).end();
    lock.tryLock();
    expect(refusedBy(mm)).toBe("A");
    expect(reports(events)).toEqual([]);
    expectIdle(mm);
  });

  it("a spinlock is no sleep while it is free; while it is held, nobody could ever release it", () => {
    const { mm, events } = world();
    const lock = new SpinLock("spin");
    now(
      mm.unchecked.register({
        name: "A",
        *invalidateRangeStart() {
          yield* lock.lock();
          lock.unlock();
          return 0;
        },
      }),
    );
    tryStart(mm).end();
    expect(reports(events)).toEqual([]);
    lock.tryLock();
    expect(refusedBy(mm)).toBe("A");
    expect(reports(events)[0]).toBe("A.start sleeps for spin");
    expectIdle(mm);
  });

  const STUBBORN: [string, (lock: Mutex) => Sleepable<number>, readonly string[]][] = [
    [
      "yields once: asked again, and unwound",
      function* (lock) {
        try {
          yield* lock.lock();
        } finally {
          yield* lock.lock();
        }
        return 0;
      },
      [],
    ],
    [
      "never ends: cannot be unwound",
      function* endless(lock): Sleepable<number> {
        try {
          yield* lock.lock();
        } finally {
          yield* endless(lock);
        }
        return 0;
      },
      ["A.start is stuck"],
    ],
    [
      "returns an approval: not believed",
      function* (lock) {
        try {
          yield* lock.lock();
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
          return 0;
        }
      },
      [],
    ],
  ];

  it.each(STUBBORN)("a `finally` that %s", (_what, callback, stuck) => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    now(mm.unchecked.register({ name: "A", invalidateRangeStart: () => callback(lock) }));
    expect(refusedBy(mm)).toBe("A");
    expect(reports(events)).toEqual([
      "A.start sleeps for driver",
      "A: sleep-in-non-block-section",
      ...stuck,
    ]);
    expectIdle(mm);
  });

  it("a `finally` that throws: the error takes the place of the refusal", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    now(
      mm.unchecked.register({
        name: "A",
        *invalidateRangeStart() {
          try {
            yield* lock.lock();
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
            throw new Error("boom");
          }
        },
      }),
    );
    mm.register(quiet("B"));
    expect(() => mm.tryInvalidateRangeStart(RANGE)).toThrow("boom");
    expect([calls(events), thrown(events)]).toEqual([
      ["B.start", "A.start", "B.end"],
      ["A.start: boom"],
    ]);
    expectIdle(mm);
  });

  it("a generator that yields a promise is told that nobody can wait for it", () => {
    const { mm, events } = world();
    now(
      mm.unchecked.register({
        name: "A",
        *invalidateRangeStart() {
          yield Promise.resolve() as never;
          return 0;
        },
      }),
    );
    expect(() => mm.tryInvalidateRangeStart(RANGE)).toThrow(
      expect.objectContaining({ code: "ARGUMENT" }),
    );
    expect(thrown(events)[0]).toContain("yielded a promise");
    expectIdle(mm);
  });

  it.each([
    ["a generator", () => under(new Mutex("driver"))],
    ["a promise", () => Promise.resolve(true)],
    ["nothing", () => undefined],
    ["a number", () => 0],
  ])("a nonblocking that gives back %s: an error, nothing is left open", (_what, nonblocking) => {
    const { mm } = world();
    const broken = nonblocking as never;
    mm.register({ invalidateRangeStart: { blocking: nothing, nonblocking: broken } });
    const refused = expect.objectContaining({
      code: "ARGUMENT",
      message: expect.stringContaining("must return true or false at once"),
    });
    expect(() => mm.tryInvalidateRangeStart(RANGE)).toThrow(refused);
    const { mm: other } = world();
    insert(other, { invalidate: { blocking: nothing, nonblocking: broken } });
    expect(() => other.tryInvalidateRangeStart(RANGE)).toThrow(refused);
    expectIdle(mm);
    expectIdle(other);
  });
});

describe("the end of a window that may not block, and a callback that sleeps all the same", () => {
  it("is reported at the sleep, finished in the background, and the window is closed when it has finished", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    const log: string[] = [];
    mm.register(quiet("A"));
    mm.register({
      ...quiet("B"),
      *invalidateRangeEnd() {
        yield* under(lock);
        log.push("B has ended");
      },
    });
    mm.register(quiet("C"));
    const window = tryStart(mm);
    lock.tryLock();
    window.end();
    expect([window.ended, mm.activeInvalidations, log]).toEqual([true, 0, []]);
    expect(calls(events).slice(3)).toEqual(["C.end", "B.end"]);
    expect(reports(events)).toEqual(["B.end sleeps for driver", "B: sleep-in-non-block-section"]);
    expect(() => mm.register({})).toThrow(WOULD_BLOCK);
    expect(() => mm.synchronize()).toThrow(WOULD_BLOCK);
    lock.unlock();
    await settle();
    expect([log, calls(events).slice(5)]).toEqual([["B has ended"], ["A.end"]]);
    expect(events.at(-1)).toMatchObject({ kind: "invalidate-end" });
    expectIdle(mm);
  });

  it("a free lock is a sleep as well, but nobody has to wait for the end", () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    mm.register({
      name: "A",
      *invalidateRangeEnd() {
        yield* under(lock);
      },
    });
    tryStart(mm).end();
    expect(reports(events)[0]).toBe("A.end sleeps for driver");
    expect(events.at(-1)).toMatchObject({ kind: "invalidate-end" });
    expectIdle(mm);
  });

  it("as a promise it is reported as well, and waited for", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    mm.register({ name: "A", invalidateRangeEnd: () => under(lock) });
    const window = tryStart(mm);
    lock.tryLock();
    const ending = window.endAsync();
    expect(await statesOf(ending)).toEqual(["pending"]);
    lock.unlock();
    await ending;
    expect(reports(events)[0]).toBe("A.end sleeps for driver");
    expectIdle(mm);
  });

  it("V32: an end that is called to roll back: the refusal is given at once, the rest follows", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    mm.register({
      name: "A",
      invalidateRangeStart: { blocking: nothing, nonblocking: () => false },
    });
    mm.register(quiet("B"));
    mm.register({ ...quiet("C"), invalidateRangeEnd: () => under(lock) });
    expect(refusedBy(mm)).toBe("A");
    expect(calls(events)).toEqual(["C.start", "B.start", "A.start", "C.end"]);
    expect(events).toContainEqual(
      expect.objectContaining({ kind: "sleep-while-non-blocking", rollback: true }),
    );
    expect(() => mm.synchronize()).toThrow(WOULD_BLOCK);
    lock.unlock();
    await settle();
    expect(calls(events).slice(4)).toEqual(["B.end"]);
    // Roll-back is in no non_block section, so the kernel would not warn.
    expect(reports(events)).toEqual(["C.end sleeps for driver"]);
    expectIdle(mm);
  });

  it("next: a finish: of a refused start, the rest follows; of an approved one, it is finished in the background", async () => {
    for (const refuses of [true, false]) {
      const { mm, events } = world({ profile: "next" });
      const lock = new Mutex("driver");
      lock.tryLock();
      insert(mm, {
        name: "I",
        invalidateStart: { blocking: () => nothing, nonblocking: () => () => under(lock) },
      });
      insert(mm, {
        name: "J",
        invalidateStart: { blocking: () => nothing, nonblocking: () => !refuses },
      });
      const result = mm.tryInvalidateRangeStart(RANGE);
      expect([result.ok, mm.activeInvalidations]).toEqual([!refuses, 1]);
      expect(reports(events)).toEqual(["I.finish sleeps for driver"]);
      if (result.ok) result.window.end();
      lock.unlock();
      await settle();
      expectIdle(mm);
    }
  });
});
