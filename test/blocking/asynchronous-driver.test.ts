import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { runAsync } from "../../src/blocking/asynchronous-driver.ts";
import { Mutex } from "../../src/blocking/mutex.ts";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import { Gate, settle, statesOf } from "./support.ts";

const point = { kind: "point", label: "here" } as const;
const KILLABLE = true;

function listeners({ signal }: AbortController): number {
  return getEventListeners(signal, "abort").length;
}

describe("runAsync", () => {
  it("gives back what the generator returns, and throws what it throws", async () => {
    await expect(runAsync(returning(7))).resolves.toBe(7);
    await expect(runAsync(throwing())).rejects.toThrow("from inside");
    // biome-ignore lint/correctness/useYield: it never sleeps
    function* returning<T>(value: T): Sleepable<T> {
      return value;
    }
    // biome-ignore lint/correctness/useYield: it never sleeps
    function* throwing(): Sleepable<undefined> {
      throw new Error("from inside");
    }
  });

  it("runs through points and ready waits without giving up its turn", () => {
    const gate = new Gate();
    gate.open();
    const log: string[] = [];
    void runAsync(
      (function* (): Sleepable<undefined> {
        yield point;
        yield* gate.pass(log, "a");
      })(),
    );
    expect(log).toEqual(["a passed", "a left"]);
  });

  it("resumes only after the waker has returned", async () => {
    const gate = new Gate();
    const log: string[] = [];
    const passing = runAsync(gate.pass(log, "a"));
    gate.open();
    log.push("waker done");
    await passing;
    expect(log).toEqual(["waker done", "a passed", "a left"]);
  });

  it("looks again after it was woken: somebody else may have been faster", async () => {
    const mutex = new Mutex("m");
    mutex.tryLock();
    const locking = runAsync(mutex.lock());
    mutex.unlock();
    // Between the wake and the turn of who was woken.
    expect(mutex.tryLock()).toBe(true);
    expect(await statesOf(locking)).toEqual(["pending"]);
    mutex.unlock();
    await locking;
    expect(mutex.locked).toBe(true);
  });

  it("wakes sleepers in the order in which they came", async () => {
    const mutex = new Mutex("m");
    mutex.tryLock();
    const log: string[] = [];
    const all = ["a", "b", "c"].map((name) =>
      runAsync(
        (function* (): Sleepable<undefined> {
          yield* mutex.lock();
          log.push(name);
          mutex.unlock();
        })(),
      ),
    );
    mutex.unlock();
    await Promise.all(all);
    expect(log).toEqual(["a", "b", "c"]);
  });
});

describe("an abort", () => {
  it("before the first step: nothing runs", async () => {
    const log: string[] = [];
    const gate = new Gate(KILLABLE);
    const reason = { because: "before" };
    await expect(runAsync(gate.pass(log, "a"), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(log).toEqual([]);
  });

  it("during a killable wait: thrown at the wait, `finally` runs, the queue and the signal are left", async () => {
    const gate = new Gate(KILLABLE);
    const log: string[] = [];
    const abort = new AbortController();
    const passing = runAsync(gate.pass(log, "a"), abort.signal);
    expect([gate.queue.size, listeners(abort)]).toEqual([1, 1]);
    const reason = new Error("enough");
    abort.abort(reason);
    expect(gate.queue.size).toBe(0);
    await expect(passing).rejects.toBe(reason);
    expect([log, listeners(abort)]).toEqual([["a left"], 0]);
  });

  it("during a wait that is not killable: no effect, and no listener", async () => {
    const gate = new Gate();
    const abort = new AbortController();
    const passing = runAsync(gate.pass([], "a"), abort.signal);
    expect(listeners(abort)).toBe(0);
    abort.abort();
    expect(await statesOf(passing)).toEqual(["pending"]);
    gate.open();
    await expect(passing).resolves.toBe("a");
  });

  it("after the end: no effect, no listener left", async () => {
    const gate = new Gate(KILLABLE);
    const abort = new AbortController();
    const passing = runAsync(gate.pass([], "a"), abort.signal);
    gate.open();
    expect(listeners(abort)).toBe(0);
    await passing;
    abort.abort();
    await settle();
  });

  it("just after a wake comes too late", async () => {
    const gate = new Gate(KILLABLE);
    const abort = new AbortController();
    const passing = runAsync(gate.pass([], "a"), abort.signal);
    gate.open();
    abort.abort();
    await expect(passing).resolves.toBe("a");
    expect(listeners(abort)).toBe(0);
  });

  it("just before what would have been a wake is honoured", async () => {
    const gate = new Gate(KILLABLE);
    const abort = new AbortController();
    const passing = runAsync(gate.pass([], "a"), abort.signal);
    abort.abort(new Error("enough"));
    gate.open();
    await expect(passing).rejects.toThrow("enough");
    expect(listeners(abort)).toBe(0);
  });

  it("after a wake for which somebody else was faster: it is honoured", async () => {
    const mutex = new Mutex("m");
    mutex.tryLock();
    const abort = new AbortController();
    const locking = runAsync(mutex.lockKillable(), abort.signal);
    mutex.unlock();
    mutex.tryLock();
    abort.abort(new Error("enough"));
    await expect(locking).rejects.toThrow("enough");
    mutex.unlock();
    expect(mutex.locked).toBe(false);
  });

  it("of one waiter does not keep those behind it from going on", async () => {
    const mutex = new Mutex("m");
    mutex.tryLock();
    const abort = new AbortController();
    const first = runAsync(mutex.lockKillable(), abort.signal);
    const second = runAsync(mutex.lockKillable());
    abort.abort();
    mutex.unlock();
    expect(await statesOf(first, second)).toEqual(["rejected", "fulfilled"]);
  });

  it("that is swallowed comes again at the next killable wait, at once", async () => {
    const gate = new Gate(KILLABLE);
    const log: string[] = [];
    const abort = new AbortController();
    const passing = runAsync(stubborn(), abort.signal);
    function* stubborn(): Sleepable<string> {
      try {
        yield* gate.pass(log, "first");
      } catch {
        log.push("swallowed");
      }
      return yield* gate.pass(log, "second");
    }
    abort.abort(new Error("enough"));
    await expect(passing).rejects.toThrow("enough");
    expect(log).toEqual(["first left", "swallowed", "second left"]);
  });

  it("that is swallowed by who then needs no more sleep has come too late", async () => {
    const gate = new Gate(KILLABLE);
    const abort = new AbortController();
    const passing = runAsync(
      (function* (): Sleepable<string> {
        try {
          return yield* gate.pass([], "a");
        } catch {
          return "done without it";
        }
      })(),
      abort.signal,
    );
    abort.abort();
    await expect(passing).resolves.toBe("done without it");
  });

  it("that is swallowed for ever unwinds the generator, and is thrown", async () => {
    const gate = new Gate(KILLABLE);
    const abort = new AbortController();
    let swallowed = 0;
    let unwound = false;
    const passing = runAsync(deaf(), abort.signal);
    function* deaf(): Sleepable<undefined> {
      try {
        for (;;) {
          try {
            yield gate.wait;
          } catch {
            swallowed += 1;
          }
        }
      } finally {
        unwound = true;
      }
    }
    abort.abort(new Error("enough"));
    await expect(passing).rejects.toThrow("enough");
    expect([swallowed, unwound]).toEqual([8, true]);
  });

  it("that meets a `finally` which never ends is thrown all the same", async () => {
    const gate = new Gate(KILLABLE);
    const abort = new AbortController();
    const passing = runAsync(endless(), abort.signal);
    function* endless(): Sleepable<undefined> {
      try {
        yield gate.wait;
      } finally {
        yield* endless();
      }
    }
    abort.abort(new Error("enough"));
    await expect(passing).rejects.toThrow("enough");
  });
});

describe("what is neither a wait nor a point", () => {
  it.each([
    ["a promise", Promise.resolve(), "yielded a promise"],
    ["nothing", undefined, "a value of type undefined"],
    ["a lock's generator, without the star", new Mutex("m").lock(), "a value of type object"],
  ])("%s: thrown back at the generator, whose `finally` runs", async (_what, foreign, message) => {
    let unwound = false;
    const running = runAsync(
      (function* (): Sleepable<undefined> {
        try {
          yield foreign as never;
        } finally {
          unwound = true;
        }
      })(),
    );
    await expect(running).rejects.toThrow(
      expect.objectContaining({ code: "ARGUMENT", message: expect.stringContaining(message) }),
    );
    expect(unwound).toBe(true);
  });

  it("yielded for ever, whatever is thrown: given up", async () => {
    const running = runAsync(
      (function* (): Sleepable<undefined> {
        for (;;) {
          try {
            yield 7 as never;
          } catch {
            // Deaf.
          }
        }
      })(),
    );
    await expect(running).rejects.toThrow(expect.objectContaining({ code: "ARGUMENT" }));
  });
});
