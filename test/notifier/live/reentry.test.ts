import { describe, expect, it } from "vitest";
import {
  AddressSpace,
  type CallbackRange,
  createEngine,
  END,
  type IntervalNotifier,
  type InvalidationWindow,
  type ListNotifier,
  type ListNotifierOps,
  RangeIndex,
} from "../../../src/index.ts";
import {
  calls,
  expectIdle,
  failureOf,
  insert,
  nothing,
  now,
  obedient,
  PAGE,
  quiet,
  RANGE,
  settle,
  thrown,
  world,
} from "./support.ts";

const WOULD_BLOCK = expect.objectContaining({ code: "WOULD_BLOCK" });

/** A list notifier that does something in each of its callbacks. */
function doing(name: string, act: (range: CallbackRange) => void): ListNotifierOps {
  return {
    name,
    invalidateRangeStart: {
      blocking: (range) => {
        act(range);
      },
      nonblocking: (range) => {
        act(range);
        return true;
      },
    },
    invalidateRangeEnd: (range) => {
      act(range);
    },
  };
}

describe("callbacks and the engine", () => {
  it("query, change and iterate sets of the same engine, while hits are being called", () => {
    const engine = createEngine();
    const { mm } = world({ engine });
    const index = new RangeIndex<number>({ engine });
    const mirrors = Array.from({ length: 300 }, (_, i) => mm.mirrors.insert(i, RANGE.end + i));
    let work = 0;
    const notifiers = Array.from({ length: 40 }, (_, i) =>
      insert(mm, {
        name: `I${i}`,
        invalidate: {
          blocking: (notifier, range, sequence) => {
            notifier.setSequence(sequence);
            for (let j = 0; j < 20; j += 1) index.insert(i * j, i * j + 100, i);
            index.removeOverlapping(0, 50);
            work += [...index.overlapping(range.start, END)].length + index.count(0, 1000);
          },
          nonblocking: () => true,
        },
      }),
    );
    const window = mm.invalidateRangeStart(RANGE);
    expect([...window.hits].sort()).toEqual([...mirrors].sort());
    expect(notifiers.map(({ sequence }) => sequence)).toEqual(notifiers.map(() => 3));
    expect(work).toBeGreaterThan(0);
    window.end();
    expectIdle(mm);
  });

  it("insert and remove mirrors and notifiers: deferred while the tree is frozen, done at the thaw", () => {
    const { mm } = world();
    const hit = mm.mirrors.insert(RANGE.start, RANGE.end);
    let late: { mirror: number; notifier: IntervalNotifier } | undefined;
    const seen: unknown[] = [];
    insert(mm, {
      name: "I",
      invalidate: {
        blocking: (notifier, _range, sequence) => {
          notifier.setSequence(sequence);
          if (late !== undefined) return;
          late = {
            mirror: mm.mirrors.insert(RANGE.start, RANGE.end),
            notifier: insert(mm, obedient("late")),
          };
          const gone = mm.mirrors.insert(RANGE.start, RANGE.end);
          seen.push(mm.mirrors.remove(gone), mm.deferred.length);
          expect(() => mm.mirrors.remove(hit)).toThrow(WOULD_BLOCK);
          expect(() => notifier.remove()).toThrow(WOULD_BLOCK);
        },
        nonblocking: () => true,
      },
    });
    const window = mm.invalidateRangeStart(RANGE);
    expect(seen).toEqual([true, 2]);
    expect([...window.hits]).toEqual([hit]);
    window.end();
    using second = mm.invalidateRangeStart(RANGE);
    expect([...second.hits].sort()).toEqual([hit, late?.mirror].sort());
    expect(late?.notifier.sequence).toBe(5);
  });

  it("a mirror that a list notifier inserts into a thawed tree counts as hit, and freezes it", () => {
    const { mm } = world();
    const mirrors: number[] = [];
    mm.register(doing("A", () => mirrors.push(mm.mirrors.insert(0, PAGE))));
    const window = mm.invalidateRangeStart(RANGE);
    expect([mm.sequence, mm.mirrors.sequenceOf(mirrors[0]), window.hitCount]).toEqual([3, 3, 0]);
    window.end();
    expect([mm.sequence, mm.mirrors.sequenceOf(mirrors[1])]).toEqual([4, 3]);
    expectIdle(mm);
  });
});

describe("callbacks and the notifier core", () => {
  it("nest invalidations, of the same range too, through every door that does not sleep", () => {
    const { mm, events } = world();
    insert(mm, obedient("I"));
    let depth = 0;
    const opened: unknown[] = [];
    mm.register(
      doing("A", (range) => {
        if (depth === 2) return;
        depth += 1;
        opened.push(mm.activeInvalidations);
        const result = mm.tryInvalidateRangeStart(range);
        if (result.ok) result.window.end();
        mm.invalidateRangeStart(range).end();
        depth -= 1;
      }),
    );
    mm.invalidateRangeStart(RANGE).end();
    expect(opened[0]).toBe(1);
    expect(calls(events).filter((call) => call === "A.start")).toHaveLength(
      calls(events).length / 3,
    );
    expectIdle(mm);
  });

  it("a generator runs nested starts by `yield*`", async () => {
    const { mm } = world();
    const mirror = mm.mirrors.insert(0, PAGE);
    mm.mirrors.lock(mirror);
    let isNested = false;
    mm.register({
      invalidateRangeStart: {
        *blocking() {
          if (isNested) return;
          isNested = true;
          const window = yield* mm.invalidateRangeStartSleepable({ start: 0, end: PAGE });
          yield* window.endSleepable();
        },
        nonblocking: () => true,
      },
    });
    const starting = mm.invalidateRangeStartAsync(RANGE);
    await settle();
    expect(mm.activeInvalidations).toBe(2);
    mm.mirrors.unlock(mirror);
    const window = await starting;
    expect(mm.activeInvalidations).toBe(1);
    await window.endAsync();
    expectIdle(mm);
  });

  it("a nested start that is given up with its callback closes itself", () => {
    const { mm } = world();
    const mirror = mm.mirrors.insert(0, PAGE);
    mm.mirrors.lock(mirror);
    let isNested = false;
    now(
      mm.unchecked.register({
        name: "A",
        *invalidateRangeStart() {
          if (isNested) return 0;
          isNested = true;
          const window = yield* mm.invalidateRangeStartSleepable({ start: 0, end: PAGE });
          yield* window.endSleepable();
          return 0;
        },
      }),
    );
    expect(mm.tryInvalidateRangeStart(RANGE)).toEqual({
      ok: false,
      errno: "EAGAIN",
      refusedBy: "A",
    });
    mm.mirrors.unlock(mirror);
    expectIdle(mm);
  });

  it("put works in a callback, its own notifier's too; unregister, register, synchronize and release would wait for themselves", () => {
    const { mm, events } = world();
    const other = mm.get({ name: "other", freeNotifier: nothing });
    const refused: unknown[] = [];
    const tries: ((self: ListNotifier) => unknown)[] = [
      (self) => mm.unregister(self),
      () => mm.register({}),
      () => mm.get({}),
      () => mm.synchronize(),
      () => mm.release(),
    ];
    let done = false;
    const self: ListNotifier = mm.get({
      ...doing("self", () => {
        if (done) return;
        done = true;
        for (const attempt of tries) {
          try {
            attempt(self);
          } catch (error) {
            refused.push((error as { code: string }).code);
          }
        }
        mm.put(other);
        mm.put(self);
      }),
      freeNotifier: nothing,
    });
    const window = mm.invalidateRangeStart(RANGE);
    expect(refused).toEqual(tries.map(() => "WOULD_BLOCK"));
    window.end();
    // Unlinked at once, freed after the callback; the end of what was put never comes.
    expect(calls(events)).toEqual(["self.start", "other.free", "self.free"]);
    expect(mm.count).toBe(1);
    expectIdle(mm);
  });

  it("a notifier that a callback has put is not called any more by the walk that is under way", () => {
    const { mm, events } = world();
    const victim = mm.get(quiet("victim"));
    mm.register(doing("A", () => victim.users > 0 && mm.put(victim)));
    mm.invalidateRangeStart(RANGE).end();
    expect(calls(events)).toEqual(["A.start", "A.end"]);
    expectIdle(mm);
  });

  it("V22: a promise of unregister in a callback is kept once the callback has finished", async () => {
    const { mm } = world();
    let unregistering: Promise<unknown> | undefined;
    const self: ListNotifier = mm.register(
      doing("A", () => {
        unregistering ??= mm.unregisterAsync(self);
      }),
    );
    const window = mm.invalidateRangeStart(RANGE);
    await unregistering;
    window.end();
    expect(mm.count).toBe(1);
    expectIdle(mm);
  });

  it("questions: their callbacks are readers, whom unregister waits for", async () => {
    const { mm, events } = world();
    const self: ListNotifier = mm.register({
      name: "A",
      clearFlushYoung: () => {
        expect(() => mm.unregister(self)).toThrow(WOULD_BLOCK);
        return true;
      },
      testYoung: () => false,
    });
    expect([mm.clearFlushYoung(0, PAGE), mm.clearYoung(0, PAGE), mm.testYoung(0)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(calls(events)).toEqual(["A.clear-flush-young", "A.test-young"]);
    expectIdle(mm);
  });
});

describe("an address space that is disposed of by a callback", () => {
  it.each<[string, (mm: AddressSpace, engine: ReturnType<typeof createEngine>) => void]>([
    ["dispose", (mm) => mm[Symbol.dispose]()],
    ["a reset of its engine", (_mm, engine) => engine.reset()],
  ])(
    "%s, in a list notifier's start: the others are called, the window can be ended",
    (_how, end) => {
      const engine = createEngine();
      const { mm, events } = world({ engine });
      mm.mirrors.insert(RANGE.start, RANGE.end);
      mm.register(quiet("A"));
      let done = false;
      mm.register(
        doing("B", () => {
          if (!done) end(mm, engine);
          done = true;
        }),
      );
      const window = mm.invalidateRangeStart(RANGE);
      expect(() => window.hits).toThrow(expect.objectContaining({ code: "DISPOSED" }));
      window.end();
      expect(calls(events)).toEqual(["B.start", "A.start", "B.end", "A.end"]);
      expect(() => mm.invalidateRangeStart(RANGE)).toThrow(
        expect.objectContaining({ code: "DISPOSED" }),
      );
      mm.synchronize();
    },
  );

  it("in an interval notifier's callback, with mirrors still to be hit: DISPOSED, and nobody is left inside", async () => {
    const engine = createEngine();
    const mm = new AddressSpace({ engine, profile: "v6.12" });
    insert(mm, {
      name: "I",
      invalidate: {
        blocking: () => {
          mm[Symbol.dispose]();
        },
        nonblocking: () => true,
      },
    });
    mm.mirrors.insert(RANGE.start + 1, RANGE.end);
    expect(await failureOf(() => mm.invalidateRangeStart(RANGE))).toMatchObject({
      code: "DISPOSED",
    });
    mm.synchronize();
  });

  it("release of one that was disposed of: DISPOSED, and nothing has changed", () => {
    const { mm } = world();
    mm[Symbol.dispose]();
    expect(() => mm.release()).toThrow(expect.objectContaining({ code: "DISPOSED" }));
    expect(mm.users).toBe(1);
  });
});

describe("`using` and `await using`", () => {
  it("end the window when the scope is left, by an exception too", async () => {
    const { mm, events } = world();
    mm.register(quiet("A"));
    const leave = (): void => {
      using _window = mm.invalidateRangeStart(RANGE);
      throw new Error("on the way");
    };
    expect(leave).toThrow("on the way");
    const leaveLater = async (): Promise<void> => {
      await using _window = await mm.invalidateRangeStartAsync(RANGE);
      throw new Error("on the way");
    };
    await expect(leaveLater()).rejects.toThrow("on the way");
    expect(calls(events)).toEqual(["A.start", "A.end", "A.start", "A.end"]);
    expectIdle(mm);
  });

  it("say nothing if the window has been ended in the scope", async () => {
    const { mm } = world();
    {
      using window = mm.invalidateRangeStart(RANGE);
      window.end();
    }
    {
      await using window = mm.invalidateRangeStart(RANGE);
      await window.endAsync();
    }
    expectIdle(mm);
  });

  it("`using` cannot end what has to sleep: it says so, and the window can be ended later", async () => {
    const { mm } = world();
    mm.register({ *invalidateRangeEnd() {} });
    const open: InvalidationWindow[] = [];
    const leave = (): void => {
      using window = mm.invalidateRangeStart(RANGE);
      open.push(window);
    };
    expect(leave).toThrow(WOULD_BLOCK);
    await open[0].endAsync();
    expectIdle(mm);
  });

  it("both errors are there if the scope and the end throw", async () => {
    const { mm, events } = world();
    mm.register({
      name: "A",
      invalidateRangeEnd: () => {
        throw new Error("in the end");
      },
    });
    const leave = (): void => {
      using _window = mm.invalidateRangeStart(RANGE);
      throw new Error("on the way");
    };
    expect(await failureOf(leave)).toMatchObject({
      error: new Error("in the end"),
      suppressed: new Error("on the way"),
    });
    expect(thrown(events)).toEqual(["A.end: in the end"]);
    expectIdle(mm);
  });
});
