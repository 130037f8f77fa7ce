import { beforeAll, describe, expect, it } from "vitest";
import { errorsOf } from "./checker.ts";

/** What it is about, and the code. */
const ACCEPTED: Record<string, string> = {
  "plain functions without a return": `
    mm.register({
      invalidateRangeStart: { blocking() {}, nonblocking: () => true },
      invalidateRangeEnd: () => {},
      release() {},
    });`,
  "generators that sleep, without an annotation": `
    mm.register({
      invalidateRangeStart: {
        *blocking() {
          yield* lock.lock();
          lock.unlock();
        },
        nonblocking: (range) => range.blockable === false && lock.tryLock(),
      },
      *invalidateRangeEnd() {
        yield* under(lock);
      },
      *release() {
        yield* under(lock);
      },
    });`,
  "generators with an annotation, and generators of others": `
    mm.register({
      invalidateRangeStart: {
        *blocking(range: CallbackRange): Sleepable<undefined> {
          yield* under(lock);
          return undefined;
        },
        nonblocking: () => false,
      },
      invalidateRangeEnd: () => under(lock),
    });`,
  "a callback that sleeps in one mode only": `
    mm.register({
      invalidateRangeEnd: (range) => (range.blockable ? under(lock) : undefined),
    });`,
  "no callbacks at all, and an end alone": `
    mm.register({});
    mm.register({ name: "A", invalidateRangeEnd: nothing });`,
  "interval notifiers, plain, sleeping, and in two passes": `
    mm.insertInterval(0, 4096n, {
      invalidate: {
        blocking: (notifier, range, sequence) => notifier.setSequence(sequence),
        nonblocking(notifier, range, sequence) {
          if (!lock.tryLock()) return false;
          notifier.setSequence(sequence);
          lock.unlock();
          return true;
        },
      },
    });
    mm.insertInterval(0, 1, {
      invalidate: {
        *blocking(notifier, _range, sequence) {
          yield* lock.lock();
          notifier.setSequence(sequence);
          lock.unlock();
        },
        nonblocking: () => true,
      },
    });
    mm.insertInterval(0, 1, {
      invalidateStart: {
        blocking: () => () => under(lock),
        nonblocking: () => (lock.locked ? false : () => {}),
      },
    });
    mm.insertInterval(0, 1, {
      invalidateStart: {
        *blocking() {
          yield* under(lock);
          return nothing;
        },
        nonblocking: () => true,
      },
    });`,
  "data from alloc to free": `
    const notifier = mm.get({
      allocNotifier: () => ({ pages: 3 }),
      freeNotifier: (notifier) => {
        notifier.data?.pages.toFixed();
      },
    });
    const pages: number | undefined = notifier.data?.pages;
    const later: Promise<ListNotifier<string>> = mm.getAsync({ allocNotifier: () => "data" });`,
  "a class with callbacks": `
    class Driver implements ListNotifierOps {
      readonly name = "driver";
      invalidateRangeEnd({ start, end }: CallbackRange): undefined {
        if (start < end) lock.unlock();
      }
      *release(mm: AddressSpace): Sleepable<undefined> {
        yield* under(lock);
      }
    }
    mm.unregister(mm.register(new Driver()));`,
  "the answer of a non-blocking start, once it has been looked at": `
    const result = mm.tryInvalidateRangeStart(range);
    if (result.ok) result.window.end();
    else console.log(result.errno, result.refusedBy);`,
  "windows that end with their scope": `
    async function change(): Promise<void> {
      using first = mm.invalidateRangeStart({ start: 0, end: 1n << 64n, event: "CLEAR", owner: mm });
      await using second = await mm.invalidateRangeStartAsync(range);
      first.hits.includes(second.hitCount);
    }`,
  "the result of what was slept for": `
    function* change(): Sleepable<number> {
      const window: InvalidationWindow = yield* mm.invalidateRangeStartSleepable(range);
      const sequence: number = yield* mm.mirrors.readBeginSleepable(window.hits[0]);
      yield* window.endSleepable();
      return sequence;
    }`,
  "signals where a wait may be interrupted": `
    mm.registerAsync({}, { signal });
    mm.getAsync({}, { signal, mmapLocked: true });
    mm.mirrors.lockAsync(1, { signal });
    mm.mirrors.readBeginAsync(1, { signal });
    mm.insertIntervalAsync(0, 1, { invalidate: { blocking: nothing, nonblocking: () => true } }, { signal })
      .then((notifier: IntervalNotifier) => notifier.readBeginAsync({ signal }));`,
  "a driver that breaks the contract, through the door for those": `
    function* careless(): Sleepable<number> {
      yield* under(lock);
      return -22;
    }
    mm.unchecked.register({ invalidateRangeStart: () => -11 });
    mm.unchecked.register({ invalidateRangeStart: careless });
    mm.unchecked.insertInterval(0, 1, { invalidate: () => false });`,
};

/** What it is about, the numbers of the compiler's errors, and the code. */
const REJECTED: Record<string, readonly [errors: string, code: string]> = {
  "a blockable start that refuses by a boolean": [
    "TS2322",
    "mm.register({ invalidateRangeStart: { blocking: () => false, nonblocking: () => true } });",
  ],
  "a blockable start that refuses by a number": [
    "TS2322",
    "mm.register({ invalidateRangeStart: { blocking: () => -11, nonblocking: () => true } });",
  ],
  "a blockable start that refuses after a sleep": [
    "TS2322",
    `mm.register({
      invalidateRangeStart: {
        *blocking() {
          yield* under(lock);
          return -11;
        },
        nonblocking: () => true,
      },
    });`,
  ],
  "a blockable interval callback that refuses": [
    "TS2322",
    "mm.insertInterval(0, 1, { invalidate: { blocking: () => false, nonblocking: () => true } });",
  ],
  "a non-blocking start that is a generator": [
    "TS2322",
    `mm.register({
      invalidateRangeStart: {
        blocking: nothing,
        *nonblocking() {
          yield* under(lock);
          return true;
        },
      },
    });`,
  ],
  "a non-blocking start that gives back somebody else's generator": [
    "TS2322",
    "mm.register({ invalidateRangeStart: { blocking: nothing, nonblocking: () => under(lock) } });",
  ],
  "a non-blocking start that is async": [
    "TS2322",
    "mm.register({ invalidateRangeStart: { blocking: nothing, nonblocking: async () => true } });",
  ],
  "a non-blocking start that says nothing": [
    "TS2322",
    "mm.register({ invalidateRangeStart: { blocking: nothing, nonblocking: () => {} } });",
  ],
  "a non-blocking interval callback that sleeps": [
    "TS2322",
    `mm.insertInterval(0, 1, {
      invalidate: { blocking: nothing, nonblocking: () => under(lock) },
    });`,
  ],
  "a non-blocking interval callback that says nothing": [
    "TS2322",
    "mm.insertInterval(0, 1, { invalidate: { blocking: nothing, nonblocking: () => {} } });",
  ],
  "an async blockable start": [
    "TS2322",
    "mm.register({ invalidateRangeStart: { blocking: async () => {}, nonblocking: () => true } });",
  ],
  "an end that gives back a promise": [
    "TS2322",
    "mm.register({ invalidateRangeEnd: () => Promise.resolve(undefined) });",
  ],
  "an async generator": ["TS2322", "mm.register({ async *invalidateRangeEnd() {} });"],
  "a function that is declared to return void, of which nobody knows whether it is async": [
    "TS2322",
    `declare function careless(): void;
    mm.register({ invalidateRangeEnd: careless });`,
  ],
  "the same as a blockable start": [
    "TS2322",
    `declare function careless(): void;
    mm.register({ invalidateRangeStart: { blocking: careless, nonblocking: () => true } });`,
  ],
  "a free that sleeps": ["TS2322", "mm.get({ *freeNotifier() {} });"],
  "a question that sleeps": ["TS2322", "mm.register({ *clearYoung() { return true; } });"],
  "a plain function that sleeps": [
    "TS1214 TS2304 TS2363",
    "mm.register({ invalidateRangeEnd: () => { yield* lock.lock(); } });",
  ],
  "a yield without its star": [
    "TS2322",
    `function* careless(): Sleepable<undefined> {
      yield lock.lock();
    }`,
  ],
  "a yield without its star, in a callback": [
    "TS2322",
    "mm.register({ *invalidateRangeEnd() { yield lock.lock(); } });",
  ],
  "a yield of a promise": [
    "TS2322",
    "mm.register({ *invalidateRangeEnd() { yield Promise.resolve(); } });",
  ],
  "a start for one mode only": [
    "TS2741",
    "mm.register({ invalidateRangeStart: { blocking: nothing } });",
  ],
  "a start for the other mode only": [
    "TS2741",
    "mm.register({ invalidateRangeStart: { nonblocking: () => true } });",
  ],
  "a start that is one function": [
    "TS2322",
    "mm.register({ invalidateRangeStart: (range: CallbackRange) => undefined });",
  ],
  "an interval callback for one mode only": [
    "TS2741",
    "mm.insertInterval(0, 1, { invalidate: { blocking: nothing } });",
  ],
  "a callback by the kernel's name": ["TS2561", "mm.register({ invalidate_range_end: nothing });"],
  "data of another type": [
    "TS2322",
    "const notifier: ListNotifier<string> = mm.get({ allocNotifier: () => 7 });",
  ],
  "data of another type in free": [
    "TS2339",
    `mm.get({
      allocNotifier: () => 7,
      freeNotifier: (notifier) => {
        notifier.data?.pages;
      },
    });`,
  ],
  "the window of a start that may have been refused": [
    "TS2339",
    "mm.tryInvalidateRangeStart(range).window.end();",
  ],
  "a signal for an end": ["TS2554", "mm.invalidateRangeStart(range).endAsync({ signal });"],
  "a signal for a start": ["TS2554", "mm.invalidateRangeStartAsync(range, { signal });"],
  "a signal for unregister": ["TS2554", "mm.unregisterAsync(mm.register({}), { signal });"],
  "an event that there is not": [
    "TS2820",
    `mm.invalidateRangeStart({ start: 0, end: 1, event: "MUNMAP" });`,
  ],
  "a profile that there is not": [
    "TS2820",
    `import { AddressSpace as Space } from "intervalidate";
    new Space({ profile: "v6.13" });`,
  ],
  "to write what only the core writes": ["TS2540", "mm.sequence = 2;"],
};

describe("what the types of callbacks accept", () => {
  let errors: Map<string, string[]>;
  beforeAll(() => {
    const names = Object.keys(ACCEPTED);
    const found = errorsOf(Object.values(ACCEPTED));
    errors = new Map(names.map((name, i) => [name, found[i]]));
  });

  it.each(Object.keys(ACCEPTED))("%s", (name) => {
    expect(errors.get(name), ACCEPTED[name]).toEqual([]);
  });
});

describe("what they reject", () => {
  let errors: Map<string, string[]>;
  beforeAll(() => {
    const names = Object.keys(REJECTED);
    const found = errorsOf(Object.values(REJECTED).map(([, code]) => code));
    errors = new Map(names.map((name, i) => [name, found[i]]));
  });

  it.each(Object.keys(REJECTED))("%s", (name) => {
    const [numbers, code] = REJECTED[name];
    expect(errors.get(name), code).toEqual(numbers.split(" "));
  });
});

describe("what asks the compiler", () => {
  it("finds an error where there is one, and none where there is none: each expectation can fail", () => {
    const right = "mm.register({ invalidateRangeEnd: nothing });";
    const wrong = "mm.register({ invalidateRangeEnd: () => -11 });";
    expect(errorsOf([right, wrong, right])).toEqual([[], ["TS2322"], []]);
    expect(() => expect(errorsOf([wrong])).toEqual([[]])).toThrow();
    expect(() => expect(errorsOf([right])).toEqual([["TS2322"]])).toThrow();
  });

  it("does not take a snippet for right that it cannot read, nor a name that the library lacks", () => {
    expect(errorsOf(["const = ;"])[0]).not.toEqual([]);
    expect(errorsOf([`import { Nothing } from "intervalidate"; Nothing;`])).toEqual([["TS2305"]]);
  });
});
