import { describe, expect, it } from "vitest";
import {
  type AddressSpace,
  END,
  type IntervalNotifier,
  Mutex,
  type NotifierEvent,
  type ProfileName,
  type Sleepable,
} from "../../../src/index.ts";
import {
  calls,
  catchUnhandled,
  expectIdle,
  failureOf,
  insert,
  nothing,
  now,
  obedient,
  quiet,
  RANGE,
  settle,
  thrown,
  world,
} from "./support.ts";

const boom = new Error("boom");

function throws(): never {
  throw boom;
}

// biome-ignore lint/correctness/useYield: one that may sleep, and does not come to that
function* throwsLater(): Sleepable<never> {
  throw boom;
}

/** The doors of start, as far as they differ for callbacks. */
const START_DOORS: [string, (mm: AddressSpace) => unknown][] = [
  ["start", (mm) => mm.invalidateRangeStart(RANGE)],
  ["startAsync", (mm) => mm.invalidateRangeStartAsync(RANGE)],
  ["tryStart", (mm) => mm.tryInvalidateRangeStart(RANGE)],
  ["startSleepable", (mm) => now(mm.invalidateRangeStartSleepable(RANGE))],
  ["tryStartSleepable", (mm) => now(mm.tryInvalidateRangeStartSleepable(RANGE))],
];

describe.each(START_DOORS)("%s, where a callback throws", (_door, start) => {
  it("a list notifier's start: those whose start had returned are ended, those behind never called", async () => {
    const { mm, events } = world();
    mm.register(quiet("A"));
    mm.register({
      ...quiet("B"),
      invalidateRangeStart: { blocking: throws, nonblocking: throws },
    });
    mm.register({ name: "only an end", invalidateRangeEnd: nothing });
    mm.register(quiet("D"));
    insert(mm, obedient("I"));
    const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
    expect(await failureOf(() => start(mm))).toBe(boom);
    expect(calls(events)).toEqual(["I.invalidate", "D.start", "B.start", "D.end"]);
    expect(events).toContainEqual(
      expect.objectContaining({ kind: "callback-enter", callback: "end", rollback: true }),
    );
    expect(thrown(events)).toEqual(["B.start: boom"]);
    // As after a refusal: a spurious retry, no more.
    expect([mm.sequence, mm.mirrors.readRetry(mirror, 1)]).toEqual([4, true]);
    expect(mm.mirrors.readBegin(mirror)).toBe(3);
    expectIdle(mm);
  });

  it("an interval notifier's callback: later ones and the list are never called", async () => {
    const { mm, events } = world();
    insert(mm, obedient("I"));
    insert(mm, { name: "J", invalidate: { blocking: throws, nonblocking: throws } });
    insert(mm, obedient("K"));
    mm.register(quiet("A"));
    expect(await failureOf(() => start(mm))).toBe(boom);
    expect([calls(events), thrown(events)]).toEqual([
      ["I.invalidate", "J.invalidate"],
      ["J.invalidate: boom"],
    ]);
    expectIdle(mm);
  });

  it("next: the start half: the finishes that were promised run; one that throws as well is told, and the first error thrown", async () => {
    const { mm, events } = world({ profile: "next" });
    insert(
      mm,
      twoPass("I", () => nothing),
    );
    insert(
      mm,
      twoPass("J", () => () => throws2()),
    );
    insert(mm, twoPass("K", throws));
    insert(
      mm,
      twoPass("L", () => nothing),
    );
    expect(await failureOf(() => start(mm))).toBe(boom);
    expect(calls(events)).toEqual([
      "I.invalidate-start",
      "J.invalidate-start",
      "K.invalidate-start",
      "I.finish",
      "J.finish",
    ]);
    expect(thrown(events)).toEqual(["K.invalidate-start: boom", "J.finish: second"]);
    expectIdle(mm);
  });

  it("next: a finish: the others run all the same, the list is never called", async () => {
    const { mm, events } = world({ profile: "next" });
    insert(
      mm,
      twoPass("I", () => throws),
    );
    insert(
      mm,
      twoPass("J", () => nothing),
    );
    mm.register(quiet("A"));
    expect(await failureOf(() => start(mm))).toBe(boom);
    expect(calls(events)).toEqual([
      "I.invalidate-start",
      "J.invalidate-start",
      "I.finish",
      "J.finish",
    ]);
    expect(thrown(events)).toEqual(["I.finish: boom"]);
    expectIdle(mm);
  });

  it.each<ProfileName>(["v4.19", "v5.5", "v6.12", "next", "strict"])(
    "%s: ends are called whether or not the profile rolls back",
    async (profile) => {
      const { mm, events } = world({ profile });
      mm.register({ invalidateRangeStart: { blocking: throws, nonblocking: throws } });
      mm.register(quiet("A"));
      expect(await failureOf(() => start(mm))).toBe(boom);
      expect(calls(events)).toEqual(["A.start", "list notifier 1.start", "A.end"]);
      expectIdle(mm);
    },
  );

  it("a rolled back end that throws: the others run, and the first error is thrown", async () => {
    const { mm, events } = world();
    mm.register({ name: "A", invalidateRangeStart: { blocking: throws, nonblocking: throws } });
    mm.register(quiet("B"));
    mm.register({ ...quiet("C"), invalidateRangeEnd: () => throws2() });
    expect(await failureOf(() => start(mm))).toBe(boom);
    expect(calls(events)).toEqual(["C.start", "B.start", "A.start", "C.end", "B.end"]);
    expect(thrown(events)).toEqual(["A.start: boom", "C.end: second"]);
    expectIdle(mm);
  });

  it("a callback's return value that is none: the same, with an error that says so", async () => {
    for (const answer of [() => Promise.resolve(), () => ({})]) {
      const { mm, events } = world();
      mm.register(quiet("A"));
      now(mm.unchecked.register({ name: "B", invalidateRangeStart: answer as never }));
      mm.register(quiet("C"));
      expect(await failureOf(() => start(mm))).toMatchObject({
        code: "ARGUMENT",
        message: expect.stringContaining("has to be a generator function"),
      });
      expect(calls(events)).toEqual(["C.start", "B.start", "C.end"]);
      expectIdle(mm);
    }
  });
});

describe("an answer that means nothing", () => {
  it.each([false, true, "EAGAIN", null])(
    "%s: an error instead of an approval that was not meant, observed or not",
    (answer) => {
      for (const events of [undefined, () => {}]) {
        const { mm } = world({ events: events as never });
        mm.register(quiet("A"));
        const blocking = () => answer as never;
        mm.register({ name: "B", invalidateRangeStart: { blocking, nonblocking: () => true } });
        expect(() => mm.invalidateRangeStart(RANGE)).toThrow(
          expect.objectContaining({
            code: "ARGUMENT",
            message: expect.stringContaining(`The start of B gave back ${answer}`),
          }),
        );
        expectIdle(mm);
      }
    },
  );
});

describe("a rollback after a refusal, where an end throws", () => {
  it.each(START_DOORS.slice(2).filter(([door]) => door.startsWith("try")))(
    "%s: the others run, the error takes the place of the refusal",
    async (_door, start) => {
      const { mm, events } = world();
      mm.register({
        name: "A",
        invalidateRangeStart: { blocking: nothing, nonblocking: () => false },
      });
      mm.register(quiet("B"));
      mm.register({ ...quiet("C"), invalidateRangeEnd: throws });
      mm.register(quiet("D"));
      expect(await failureOf(() => start(mm))).toBe(boom);
      expect(calls(events).slice(4)).toEqual(["D.end", "C.end", "B.end"]);
      expectIdle(mm);
    },
  );
});

describe("startAsync, where a generator throws", () => {
  it("after it has slept: sleeping ends have ended when the promise is rejected", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    mm.register({
      name: "A",
      invalidateRangeStart: {
        *blocking() {
          yield* lock.lock();
          lock.unlock();
          throw boom;
        },
        nonblocking: () => true,
      },
    });
    const log: string[] = [];
    mm.register({
      ...quiet("B"),
      *invalidateRangeEnd() {
        yield* lock.lock();
        log.push("B ended");
        lock.unlock();
      },
    });
    const starting = mm.invalidateRangeStartAsync(RANGE);
    await settle();
    lock.unlock();
    expect(await failureOf(() => starting)).toBe(boom);
    expect([log, thrown(events)]).toEqual([["B ended"], ["A.start: boom"]]);
    expectIdle(mm);
  });

  it("a callback that does not release its own lock keeps it: nobody else knows of it", async () => {
    const { mm } = world();
    const lock = new Mutex("driver");
    mm.register({
      invalidateRangeStart: {
        *blocking() {
          yield* lock.lock();
          throw boom;
        },
        nonblocking: () => true,
      },
    });
    expect(await failureOf(() => mm.invalidateRangeStartAsync(RANGE))).toBe(boom);
    expect(lock.locked).toBe(true);
    expectIdle(mm);
  });
});

describe("start, where somebody throws and ends sleep", () => {
  it("the error is thrown at once; the ends are finished in the background, and then all is closed", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    mm.register({ name: "A", invalidateRangeStart: { blocking: throws, nonblocking: throws } });
    mm.register(quiet("B"));
    mm.register({
      ...quiet("C"),
      *invalidateRangeEnd() {
        yield* lock.lock();
        lock.unlock();
      },
    });
    expect(() => mm.invalidateRangeStart(RANGE)).toThrow(boom);
    expect([calls(events), mm.activeInvalidations]).toEqual([
      ["C.start", "B.start", "A.start", "C.end"],
      1,
    ]);
    expect(() => mm.synchronize()).toThrow(expect.objectContaining({ code: "WOULD_BLOCK" }));
    lock.unlock();
    await settle();
    expect(calls(events).slice(4)).toEqual(["B.end"]);
    expectIdle(mm);
  });
});

/** The doors of end. */
const END_DOORS: [string, (mm: AddressSpace) => unknown][] = [
  ["end", (mm) => mm.invalidateRangeStart(RANGE).end()],
  ["endAsync", async (mm) => (await mm.invalidateRangeStartAsync(RANGE)).endAsync()],
  ["end of a window that may not block", (mm) => tryStart(mm).end()],
  ["endSleepable", (mm) => now(mm.invalidateRangeStart(RANGE).endSleepable())],
  [
    "using",
    (mm) => {
      using _window = mm.invalidateRangeStart(RANGE);
    },
  ],
  [
    "await using",
    async (mm) => {
      await using _window = mm.invalidateRangeStart(RANGE);
    },
  ],
];

describe.each(END_DOORS)("%s, where a callback throws", (_door, startAndEnd) => {
  it("the others run, the window is closed, the first error is thrown, all are told", async () => {
    const { mm, events } = world();
    mm.register(quiet("A"));
    mm.register({ ...quiet("B"), invalidateRangeEnd: () => throws2() });
    mm.register({ ...quiet("C"), invalidateRangeEnd: throws });
    mm.register(quiet("D"));
    expect(await failureOf(() => startAndEnd(mm))).toBe(boom);
    expect(calls(events).slice(4)).toEqual(["D.end", "C.end", "B.end", "A.end"]);
    expect(thrown(events)).toEqual(["C.end: boom", "B.end: second"]);
    expect(kinds(events).slice(-1)).toEqual(["invalidate-end"]);
    expectIdle(mm);
  });

  it("v4.19: a throwing invalidate_range does not keep the end of the same notifier from running", async () => {
    const { mm, events } = world({ profile: "v4.19" });
    mm.register(quiet("A"));
    mm.register({ ...quiet("B"), invalidateRange: throws });
    expect(await failureOf(() => startAndEnd(mm))).toBe(boom);
    expect(calls(events).slice(2)).toEqual(["B.invalidate-range", "B.end", "A.end"]);
    expectIdle(mm);
  });
});

describe("endAsync, where a generator throws", () => {
  it("the promise is rejected only when the other ends have ended", async () => {
    const { mm } = world();
    const lock = new Mutex("driver");
    const log: string[] = [];
    mm.register({
      name: "A",
      *invalidateRangeEnd() {
        yield* lock.lock();
        log.push("A ended");
        lock.unlock();
      },
    });
    mm.register({ name: "B", invalidateRangeEnd: throwsLater });
    const window = mm.invalidateRangeStart(RANGE);
    lock.tryLock();
    const ending = window.endAsync();
    await settle();
    expect(log).toEqual([]);
    lock.unlock();
    expect(await failureOf(() => ending)).toBe(boom);
    expect(log).toEqual(["A ended"]);
    expectIdle(mm);
  });
});

describe("unregister, where release throws", () => {
  it.each<[string, (mm: AddressSpace) => unknown, () => undefined]>([
    ["unregister", (mm) => mm.unregister(mm.listNotifiers[0]), throws],
    ["unregisterAsync", (mm) => mm.unregisterAsync(mm.listNotifiers[0]), throws],
    [
      "unregisterAsync, a generator",
      (mm) => mm.unregisterAsync(mm.listNotifiers[0]),
      throwsLater as never,
    ],
  ])("%s: it is out all the same", async (_door, unregister, release) => {
    const { mm, events } = world();
    mm.register(quiet("A"));
    const b = mm.register({ ...quiet("B"), release });
    expect(await failureOf(() => unregister(mm))).toBe(boom);
    expect([thrown(events), mm.count]).toEqual([["B.release: boom"], 2]);
    expect(mm.listNotifiers.map(({ name }) => name)).toEqual(["A"]);
    expect(() => mm.unregister(b)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    expect(kinds(events)).toContain("unregister");
    expectIdle(mm);
  });

  it("a promise is an error that says so", async () => {
    const { mm } = world();
    const a = mm.register({ release: (() => Promise.resolve()) as never });
    await expect(mm.unregisterAsync(a)).rejects.toMatchObject({
      code: "ARGUMENT",
      message: expect.stringContaining("returned a promise"),
    });
    expect(mm.count).toBe(1);
    expectIdle(mm);
  });
});

describe("release of the address space, where a callback throws", () => {
  it.each<[string, (mm: AddressSpace) => unknown]>([
    ["release", (mm) => mm.release()],
    ["releaseAsync", (mm) => mm.releaseAsync()],
  ])("%s: everybody is told all the same, and it is over", async (_door, release) => {
    const { mm, events } = world();
    const i = insert(mm, { name: "I", invalidate: { blocking: throws, nonblocking: () => true } });
    insert(mm, obedient("J"));
    mm.register({ name: "A", release: nothing });
    mm.register({ name: "B", release: () => throws2() });
    mm.register({ name: "C", release: nothing });
    expect(await failureOf(() => release(mm))).toBe(boom);
    expect(calls(events)).toEqual([
      "I.invalidate",
      "J.invalidate",
      "C.release",
      "B.release",
      "A.release",
    ]);
    expect(thrown(events)).toEqual(["I.invalidate: boom", "B.release: second"]);
    expect([mm.users, mm.listNotifiers, kinds(events).at(-1)]).toEqual([0, [], "release"]);
    await release(mm);
    expect(i.remove()).toBe(true);
    expectIdle(mm);
  });
});

describe("get, where a callback throws", () => {
  it.each<[string, (mm: AddressSpace, ops: object) => unknown]>([
    ["get", (mm, ops) => mm.get(ops)],
    ["getAsync", (mm, ops) => mm.getAsync(ops)],
  ])("%s: alloc: nothing has changed; free is not called", async (_door, get) => {
    const { mm, events } = world();
    const ops = { name: "A", allocNotifier: throws, freeNotifier: nothing };
    expect(await failureOf(() => get(mm, ops))).toBe(boom);
    expect([calls(events), mm.count, mm.hasSubscriptions]).toEqual([[], 1, false]);
    expectIdle(mm);
  });
});

describe("put, where free throws", () => {
  it("at once: thrown to who put, and the notifier is gone", () => {
    const { mm, events } = world();
    const a = mm.get({ name: "A", freeNotifier: throws });
    expect(() => mm.put(a)).toThrow(boom);
    expect([thrown(events), mm.count]).toEqual([["A.free: boom"], 1]);
    expectIdle(mm);
  });

  it("later: told as an event and an unhandled rejection, and nobody else is disturbed", async () => {
    const unhandled = catchUnhandled();
    const { mm, events } = world();
    const a = mm.get({ name: "A", freeNotifier: throws });
    mm.register({
      invalidateRangeStart: {
        blocking: () => {
          mm.put(a);
        },
        nonblocking: () => true,
      },
    });
    const window = mm.invalidateRangeStart(RANGE);
    window.end();
    expect(thrown(events)).toEqual(["A.free: boom"]);
    expect(mm.count).toBe(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([boom]);
    expectIdle(mm);
  });

  it("what must not sleep is told so", () => {
    const { mm } = world();
    const a = mm.get({ freeNotifier: (() => Promise.resolve()) as never });
    expect(() => mm.put(a)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    expect(mm.count).toBe(1);
  });
});

describe("questions, where a callback throws", () => {
  it.each<[string, (mm: AddressSpace) => unknown]>([
    ["clearFlushYoung", (mm) => mm.clearFlushYoung(0, END)],
    ["clearYoung", (mm) => mm.clearYoung(0, END)],
    ["testYoung", (mm) => mm.testYoung(0)],
    ["archInvalidateSecondaryTlbs", (mm) => mm.archInvalidateSecondaryTlbs(0, END)],
  ])("%s: it is thrown, and nothing stays open", async (name, ask) => {
    const { mm } = world();
    mm.register({ name: "A", [name]: throws });
    expect(await failureOf(() => ask(mm))).toBe(boom);
    expectIdle(mm);
  });
});

function twoPass(name: string, start: () => (() => undefined) | never) {
  return {
    name,
    invalidateStart: {
      blocking: (notifier: IntervalNotifier, _range: unknown, sequence: number) => {
        notifier.setSequence(sequence);
        return start();
      },
      nonblocking: (notifier: IntervalNotifier, _range: unknown, sequence: number) => {
        notifier.setSequence(sequence);
        return start();
      },
    },
  };
}

function throws2(): undefined {
  throw new Error("second");
}

function tryStart(mm: AddressSpace) {
  const result = mm.tryInvalidateRangeStart(RANGE);
  if (!result.ok) throw new Error("refused");
  return result.window;
}

function kinds(events: readonly NotifierEvent[]): string[] {
  return events.map(({ kind }) => kind);
}
