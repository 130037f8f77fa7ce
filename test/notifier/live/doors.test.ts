import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Mutex, NotifierDomain, type Sleepable } from "../../../src/index.ts";
import {
  calls,
  expectIdle,
  insert,
  now,
  obedient,
  quiet,
  RANGE,
  settle,
  statesOf,
  world,
} from "./support.ts";

const WOULD_BLOCK = expect.objectContaining({ code: "WOULD_BLOCK" });

describe("the asynchronous doors, where nobody has to sleep", () => {
  it("do all that the others do, in the order in which they were asked", async () => {
    const { mm, events } = world();
    const a = await mm.registerAsync(quiet("A"));
    const b = await mm.getAsync(quiet("B"));
    const i = await mm.insertIntervalAsync(RANGE.start, 0x1000, obedient("I"));
    const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
    const window = await mm.invalidateRangeStartAsync(RANGE);
    await window.endAsync();
    expect(await i.readBeginAsync()).toBe(3);
    expect(await mm.mirrors.readBeginAsync(mirror)).toBe(3);
    await mm.mirrors.lockAsync(mirror);
    mm.mirrors.unlock(mirror);
    expect(await mm.mirrors.removeAsync(mirror)).toBe(true);
    expect(await i.removeAsync()).toBe(true);
    await mm.unregisterAsync(a);
    mm.put(b);
    await mm.synchronizeAsync();
    expect(calls(events)).toEqual(["I.invalidate", "B.start", "A.start", "B.end", "A.end"]);
    expect([mm.count, mm.sequence]).toEqual([1, 4]);
    expectIdle(mm);
    await mm.releaseAsync();
    expect(mm.users).toBe(0);
  });

  it("are promises even where they fail at once", async () => {
    const { mm } = world();
    const bad = { start: 5, end: 5 };
    const notifier = mm.register({});
    mm.unregister(notifier);
    for (const promise of [
      mm.invalidateRangeStartAsync(bad),
      mm.insertIntervalAsync(0, 0, obedient("I")),
      mm.unregisterAsync(notifier),
      mm.mirrors.lockAsync(77),
      mm.mirrors.readBeginAsync(77),
    ]) {
      expect(promise).toBeInstanceOf(Promise);
      await expect(promise).rejects.toMatchObject({ name: "IntervalidateError" });
    }
    expectIdle(mm);
  });
});

describe("who has to sleep", () => {
  it("start waits for a mirror's lock; end does not", async () => {
    const { mm } = world();
    const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
    mm.mirrors.lock(mirror);
    const starting = mm.invalidateRangeStartAsync(RANGE);
    expect(await statesOf(starting)).toEqual(["pending"]);
    mm.mirrors.unlock(mirror);
    const window = await starting;
    expect([...window.hits]).toEqual([mirror]);
    mm.mirrors.lock(mirror);
    await window.endAsync();
    mm.mirrors.unlock(mirror);
    expectIdle(mm);
  });

  it("start waits for a lock that a callback takes, end as well", async () => {
    const { mm } = world();
    const lock = new Mutex("driver");
    function* underLock(): Sleepable<undefined> {
      yield* lock.lock();
      lock.unlock();
    }
    mm.register({
      invalidateRangeStart: { blocking: underLock, nonblocking: () => false },
      invalidateRangeEnd: underLock,
    });
    lock.tryLock();
    const starting = mm.invalidateRangeStartAsync(RANGE);
    expect(await statesOf(starting)).toEqual(["pending"]);
    lock.unlock();
    const window = await starting;
    lock.tryLock();
    const ending = window.endAsync();
    expect(await statesOf(ending)).toEqual(["pending"]);
    expect(mm.activeInvalidations).toBe(0);
    lock.unlock();
    await ending;
    expectIdle(mm);
  });

  it("register, get and the first insertInterval wait for open windows and for the mmap lock", async () => {
    const { mm } = world();
    const window = mm.invalidateRangeStart(RANGE);
    expect(() => mm.register({})).toThrow(WOULD_BLOCK);
    expect(() => mm.get({})).toThrow(WOULD_BLOCK);
    expect(() => insert(mm, obedient("I"))).toThrow(WOULD_BLOCK);
    expect([mm.hasSubscriptions, mm.hasIntervalTree, mm.count]).toEqual([false, false, 1]);
    const all = [
      mm.registerAsync(quiet("A")),
      mm.getAsync(quiet("B")),
      mm.insertIntervalAsync(RANGE.start, 1, obedient("I")),
    ];
    expect(await statesOf(...all)).toEqual(["pending", "pending", "pending"]);
    window.end();
    await Promise.all(all);
    expect(mm.count).toBe(4);

    now(mm.mmapLock.write());
    expect(() => mm.register({})).toThrow(WOULD_BLOCK);
    const registering = mm.registerAsync(quiet("C"));
    expect(await statesOf(registering)).toEqual(["pending"]);
    mm.register(quiet("D"), { mmapLocked: true });
    mm.mmapLock.endWrite();
    await registering;
    expect(mm.listNotifiers.map(({ name }) => name)).toEqual(["C", "D", "B", "A"]);
    expectIdle(mm);
  });

  it("readBegin waits for the end, remove for the thaw", async () => {
    const { mm } = world();
    const i = insert(mm, obedient("I"));
    const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
    const window = mm.invalidateRangeStart(RANGE);
    expect(() => i.readBegin()).toThrow(WOULD_BLOCK);
    expect(() => i.remove()).toThrow(WOULD_BLOCK);
    const all = [
      i.readBeginAsync(),
      i.removeAsync(),
      mm.mirrors.readBeginAsync(mirror),
      mm.mirrors.removeAsync(mirror),
    ];
    expect(await statesOf(...all)).toEqual(["pending", "pending", "pending", "pending"]);
    window.end();
    expect(await Promise.all(all)).toEqual([3, true, 3, true]);
    expectIdle(mm);
  });

  it("unregister, synchronize and release wait for callbacks that are running", async () => {
    const { mm } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    const a = mm.register({
      name: "A",
      *invalidateRangeEnd() {
        yield* lock.lock();
        lock.unlock();
      },
    });
    const window = await mm.invalidateRangeStartAsync(RANGE);
    const ending = window.endAsync();
    expect(() => mm.unregister(a)).toThrow(WOULD_BLOCK);
    expect(() => mm.synchronize()).toThrow(WOULD_BLOCK);
    expect(() => mm.release()).toThrow(WOULD_BLOCK);
    expect([mm.users, mm.listNotifiers]).toEqual([1, [a]]);
    const all = [mm.unregisterAsync(a), mm.synchronizeAsync()];
    expect(await statesOf(ending, ...all)).toEqual(["pending", "pending", "pending"]);
    lock.unlock();
    await Promise.all([ending, ...all]);
    expect(mm.count).toBe(1);
    expectIdle(mm);
  });

  it("C15: a callback of one address space delays an unregister in another one of the domain", async () => {
    const domain = new NotifierDomain();
    const [{ mm }, { mm: other }, { mm: foreign }] = [
      world({ domain }),
      world({ domain }),
      world(),
    ];
    const lock = new Mutex("driver");
    lock.tryLock();
    mm.register({
      invalidateRangeStart: {
        *blocking() {
          yield* lock.lock();
          lock.unlock();
        },
        nonblocking: () => true,
      },
    });
    const starting = mm.invalidateRangeStartAsync(RANGE);
    const [d, e] = [other.register(quiet("D")), foreign.register(quiet("E"))];
    expect(() => other.unregister(d)).toThrow(WOULD_BLOCK);
    foreign.unregister(e);
    const unregistering = other.unregisterAsync(d);
    expect(await statesOf(unregistering)).toEqual(["pending"]);
    lock.unlock();
    await unregistering;
    (await starting).end();
    expectIdle(mm);
  });

  it("C11, C12: unregister between a start and its end: released at once, gone when the callback is, never ended", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    const a = mm.register({
      name: "A",
      invalidateRangeStart: {
        *blocking() {
          yield* lock.lock();
          lock.unlock();
        },
        nonblocking: () => true,
      },
      invalidateRangeEnd: () => undefined,
      release: () => undefined,
    });
    const starting = mm.invalidateRangeStartAsync(RANGE);
    await settle();
    const unregistering = mm.unregisterAsync(a);
    expect(await statesOf(starting, unregistering)).toEqual(["pending", "pending"]);
    expect(calls(events)).toEqual(["A.start", "A.release"]);
    lock.unlock();
    await unregistering;
    await (await starting).endAsync();
    expect(calls(events)).toEqual(["A.start", "A.release"]);
    expectIdle(mm);
  });

  it("C10: what was put is freed when the callbacks that were running have finished", async () => {
    const { mm, events } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    const a = mm.get({
      name: "A",
      freeNotifier: () => undefined,
      invalidateRangeStart: {
        *blocking() {
          yield* lock.lock();
          lock.unlock();
        },
        nonblocking: () => true,
      },
    });
    const starting = mm.invalidateRangeStartAsync(RANGE);
    await settle();
    mm.put(a);
    const synchronizing = mm.synchronizeAsync();
    using other = mm.invalidateRangeStart({ start: 0, end: 1 });
    expect(other.ended).toBe(false);
    expect(await statesOf(synchronizing)).toEqual(["pending"]);
    expect([calls(events), mm.count]).toEqual([["A.start"], 2]);
    lock.unlock();
    await synchronizing;
    expect([calls(events), mm.count]).toEqual([["A.start", "A.free"], 1]);
    (await starting).end();
  });
});

describe("barging", () => {
  it("whoever takes a mirror's lock between wake and turn makes start wait on", async () => {
    const { mm } = world();
    const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
    mm.mirrors.lock(mirror);
    const starting = mm.invalidateRangeStartAsync(RANGE);
    const locking = mm.mirrors.lockAsync(mirror);
    mm.mirrors.unlock(mirror);
    expect(mm.mirrors.tryLock(mirror)).toBe(true);
    expect(await statesOf(starting, locking)).toEqual(["pending", "pending"]);
    mm.mirrors.unlock(mirror);
    // Start came first, and does not keep the lock.
    expect(await statesOf(starting, locking)).toEqual(["fulfilled", "fulfilled"]);
    mm.mirrors.unlock(mirror);
    (await starting).end();
    expectIdle(mm);
  });

  it("whoever opens a window between the last end and the turn of register makes it wait on", async () => {
    const { mm } = world();
    const window = mm.invalidateRangeStart(RANGE);
    const registering = mm.registerAsync(quiet("A"));
    await settle();
    window.end();
    const next = mm.invalidateRangeStart(RANGE);
    expect(await statesOf(registering)).toEqual(["pending"]);
    next.end();
    await registering;
    expectIdle(mm);
  });
});

describe("an AbortSignal", () => {
  const reason = new Error("enough");

  /** The operations that a signal may end, each arranged so that it has to sleep. */
  const KILLABLE: [string, (signal?: AbortSignal) => Waiting][] = [
    [
      "registerAsync, for a window",
      (signal) => {
        const { mm } = world();
        const window = mm.invalidateRangeStart(RANGE);
        return { mm, promise: mm.registerAsync(quiet("A"), opt(signal)), free: () => window.end() };
      },
    ],
    [
      "registerAsync, for the mmap lock",
      (signal) => {
        const { mm } = world();
        now(mm.mmapLock.write());
        const free = () => mm.mmapLock.endWrite();
        return { mm, promise: mm.registerAsync(quiet("A"), opt(signal)), free };
      },
    ],
    [
      "getAsync",
      (signal) => {
        const { mm } = world();
        const window = mm.invalidateRangeStart(RANGE);
        return { mm, promise: mm.getAsync(quiet("A"), opt(signal)), free: () => window.end() };
      },
    ],
    [
      "insertIntervalAsync",
      (signal) => {
        const { mm } = world();
        const window = mm.invalidateRangeStart(RANGE);
        const promise = mm.insertIntervalAsync(RANGE.start, 1, obedient("I"), opt(signal));
        return { mm, promise, free: () => window.end() };
      },
    ],
    [
      "readBeginAsync of an interval notifier",
      (signal) => {
        const { mm } = world();
        const i = insert(mm, obedient("I"));
        const window = mm.invalidateRangeStart(RANGE);
        return { mm, promise: i.readBeginAsync(opt(signal)), free: () => window.end() };
      },
    ],
    [
      "readBeginAsync of a mirror",
      (signal) => {
        const { mm } = world();
        const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
        const window = mm.invalidateRangeStart(RANGE);
        const promise = mm.mirrors.readBeginAsync(mirror, opt(signal));
        return { mm, promise, free: () => window.end() };
      },
    ],
    [
      "lockAsync",
      (signal) => {
        const { mm } = world();
        const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
        mm.mirrors.lock(mirror);
        const promise = mm.mirrors.lockAsync(mirror, opt(signal));
        return { mm, promise, free: () => mm.mirrors.unlock(mirror) };
      },
    ],
  ];

  interface Waiting {
    readonly mm: ReturnType<typeof world>["mm"];
    readonly promise: Promise<unknown>;
    readonly free: () => void;
  }

  function opt(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
    return signal === undefined ? {} : { signal };
  }

  it.each(KILLABLE)("%s: aborted before, nothing begins", async (_name, begin) => {
    const { mm, promise, free } = begin(AbortSignal.abort(reason));
    await expect(promise).rejects.toBe(reason);
    free();
    expectIdle(mm);
  });

  it.each(KILLABLE)(
    "%s: aborted during, as if nothing had been asked for",
    async (_name, begin) => {
      const abort = new AbortController();
      const { mm, promise, free } = begin(abort.signal);
      const count = mm.count;
      expect(await statesOf(promise)).toEqual(["pending"]);
      expect(getEventListeners(abort.signal, "abort").length).toBe(1);
      abort.abort(reason);
      await expect(promise).rejects.toBe(reason);
      expect(getEventListeners(abort.signal, "abort")).toEqual([]);
      expect(mm.count).toBe(count);
      free();
      expectIdle(mm);
    },
  );

  it.each(KILLABLE)("%s: aborted after, nothing happens", async (_name, begin) => {
    const abort = new AbortController();
    const { mm, promise, free } = begin(abort.signal);
    free();
    await promise;
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
    abort.abort(reason);
    await settle();
    expect(mm.mmapLock.tryWrite()).toBe(true);
  });

  it.each(KILLABLE)("%s: those behind it go on", async (_name, begin) => {
    const abort = new AbortController();
    const { mm, promise, free } = begin(abort.signal);
    const behind = mm.registerAsync(quiet("behind"));
    abort.abort(reason);
    await expect(promise).rejects.toBe(reason);
    free();
    await behind;
    expect(mm.mmapLock.tryRead()).toBe(true);
  });

  it("of who waits to register lets readers of the mmap lock in again", async () => {
    const { mm } = world();
    mm.mmapLock.tryRead();
    const abort = new AbortController();
    const registering = mm.registerAsync(quiet("A"), { signal: abort.signal });
    expect(mm.mmapLock.tryRead()).toBe(false);
    abort.abort(reason);
    await expect(registering).rejects.toBe(reason);
    expect(mm.mmapLock.tryRead()).toBe(true);
  });

  it("frees what an interrupted get had allocated", async () => {
    const { mm, events } = world();
    using _window = mm.invalidateRangeStart(RANGE);
    const abort = new AbortController();
    const getting = mm.getAsync(
      { name: "A", allocNotifier: () => 7, freeNotifier: () => undefined },
      { signal: abort.signal },
    );
    await settle();
    abort.abort(reason);
    await expect(getting).rejects.toBe(reason);
    expect(calls(events)).toEqual(["A.free"]);
  });

  it("given to what cannot be interrupted is not even listened to", async () => {
    const { mm } = world();
    const lock = new Mutex("driver");
    lock.tryLock();
    const slow = mm.register({
      *invalidateRangeEnd() {
        yield* lock.lock();
        lock.unlock();
      },
    });
    const i = insert(mm, obedient("I"));
    const window = await mm.invalidateRangeStartAsync(RANGE);
    const { signal } = new AbortController();
    const options = { signal } as never;
    const all = [
      (i.removeAsync as (options: object) => Promise<unknown>).call(i, options),
      (mm.unregisterAsync as (n: unknown, options: object) => Promise<unknown>).call(
        mm,
        slow,
        options,
      ),
      (window.endAsync as (options: object) => Promise<unknown>).call(window, options),
    ];
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await settle();
    lock.unlock();
    await Promise.all(all);
    expectIdle(mm);
  });
});
