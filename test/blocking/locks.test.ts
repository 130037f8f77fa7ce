import { describe, expect, it } from "vitest";
import { runAsync } from "../../src/blocking/asynchronous-driver.ts";
import { Completion } from "../../src/blocking/completion.ts";
import { Mutex } from "../../src/blocking/mutex.ts";
import { RwSemaphore } from "../../src/blocking/rw-semaphore.ts";
import { SpinLock } from "../../src/blocking/spin-lock.ts";
import { waitUntil } from "../../src/blocking/suspension.ts";
import { WaitQueue } from "../../src/blocking/wait-queue.ts";
import { Gate, statesOf } from "./support.ts";

describe("a mutex", () => {
  it("has one holder; a second one sleeps until it is unlocked", async () => {
    const mutex = new Mutex("m");
    expect([mutex.tryLock(), mutex.tryLock()]).toEqual([true, false]);
    const locking = runAsync(mutex.lock());
    expect(await statesOf(locking)).toEqual(["pending"]);
    mutex.unlock();
    await locking;
    expect([mutex.locked, mutex.tryLock()]).toEqual([true, false]);
  });

  it("yields even if it is free, so that a driver sees every place that may sleep", () => {
    const locking = new Mutex("m").lock();
    expect(locking.next()).toMatchObject({
      done: false,
      value: { kind: "wait", resource: "m", killable: false },
    });
    expect(locking.next().done).toBe(true);
  });

  it("is not taken by who is interrupted", async () => {
    const mutex = new Mutex("m");
    mutex.tryLock();
    const abort = new AbortController();
    const [killable, not] = [
      runAsync(mutex.lockKillable(), abort.signal),
      runAsync(mutex.lock(), abort.signal),
    ];
    abort.abort();
    expect(await statesOf(killable, not)).toEqual(["rejected", "pending"]);
    mutex.unlock();
    await not;
  });

  it("cannot be unlocked if nobody holds it: a `yield*` was forgotten", () => {
    const mutex = new Mutex("m");
    mutex.lock();
    expect(() => mutex.unlock()).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
  });
});

describe("a spinlock", () => {
  it("is taken without a wait if it is free", () => {
    const lock = new SpinLock("s");
    expect(lock.lock().next().done).toBe(true);
    expect([lock.locked, lock.tryLock()]).toEqual([true, false]);
  });

  it("spins while it is held, which is no sleep", async () => {
    const lock = new SpinLock("s");
    lock.tryLock();
    expect(lock.lock().next()).toMatchObject({ done: false, value: { spins: true } });
    const locking = runAsync(lock.lock());
    expect(await statesOf(locking)).toEqual(["pending"]);
    lock.unlock();
    await locking;
    lock.unlock();
    expect(() => lock.unlock()).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
  });
});

describe("a reader / writer semaphore", () => {
  it("is read by many and written by one", async () => {
    const lock = new RwSemaphore("l");
    await Promise.all([runAsync(lock.read()), runAsync(lock.read())]);
    const writing = runAsync(lock.write());
    expect([lock.readers, lock.writing, lock.contended]).toEqual([2, false, true]);
    lock.endRead();
    expect(await statesOf(writing)).toEqual(["pending"]);
    lock.endRead();
    await writing;
    expect([lock.readers, lock.writing, lock.contended]).toEqual([0, true, false]);
    const [reading, second] = [runAsync(lock.read()), runAsync(lock.write())];
    expect(await statesOf(reading, second)).toEqual(["pending", "pending"]);
    lock.endWrite();
    expect(await statesOf(reading, second)).toEqual(["pending", "fulfilled"]);
    lock.endWrite();
    await reading;
  });

  it("a writer that waits keeps readers out; interrupted, it lets them in", async () => {
    const lock = new RwSemaphore("l");
    lock.tryRead();
    const abort = new AbortController();
    const writing = runAsync(lock.writeKillable(), abort.signal);
    const reading = runAsync(lock.read());
    expect(await statesOf(writing, reading)).toEqual(["pending", "pending"]);
    abort.abort();
    expect(await statesOf(writing, reading)).toEqual(["rejected", "fulfilled"]);
    expect([lock.readers, lock.contended]).toEqual([2, false]);
  });

  it("a writer interrupted behind another writer leaves that one's place alone", async () => {
    const lock = new RwSemaphore("l");
    lock.tryWrite();
    const abort = new AbortController();
    const [interrupted, next] = [
      runAsync(lock.writeKillable(), abort.signal),
      runAsync(lock.write()),
    ];
    abort.abort();
    expect(await statesOf(interrupted, next)).toEqual(["rejected", "pending"]);
    expect(lock.contended).toBe(true);
    lock.endWrite();
    await next;
    lock.endWrite();
    expect([lock.tryRead(), lock.contended]).toEqual([true, false]);
  });

  it("a write that is not killable goes through an abort", async () => {
    const lock = new RwSemaphore("l");
    lock.tryRead();
    const abort = new AbortController();
    const writing = runAsync(lock.write(), abort.signal);
    abort.abort();
    expect(await statesOf(writing)).toEqual(["pending"]);
    lock.endRead();
    await writing;
  });

  it("refuses ends without a beginning", () => {
    const lock = new RwSemaphore("l");
    const refused = expect.objectContaining({ code: "ARGUMENT" });
    expect(() => lock.endRead()).toThrow(refused);
    expect(() => lock.endWrite()).toThrow(refused);
  });
});

describe("a completion", () => {
  it("lets one waiter on for each complete, whether they come before or after it", async () => {
    const completion = new Completion("c");
    completion.complete();
    await runAsync(completion.wait());
    const [a, b] = [runAsync(completion.wait()), runAsync(completion.wait())];
    completion.complete();
    expect(await statesOf(a, b)).toEqual(["fulfilled", "pending"]);
    completion.complete();
    await b;
    expect(completion.tryWait()).toBe(false);
  });

  it("lets everybody on after completeAll, until it is used again", async () => {
    const completion = new Completion("c");
    const waiting = [runAsync(completion.wait()), runAsync(completion.wait())];
    completion.completeAll();
    await Promise.all(waiting);
    expect([completion.tryWait(), completion.tryWait()]).toEqual([true, true]);
    completion.reinit();
    expect(completion.tryWait()).toBe(false);
  });
});

describe("waitUntil", () => {
  it("sleeps until the condition holds, however often it is woken", async () => {
    const queue = new WaitQueue();
    let count = 0;
    const waiting = runAsync(waitUntil(() => count === 2, queue, "two"));
    for (const states of [["pending"], ["fulfilled"]]) {
      count += 1;
      queue.wakeAll();
      expect(await statesOf(waiting)).toEqual(states);
    }
  });

  it("yields once even if the condition holds, and is killable on request only", () => {
    for (const killable of [false, true]) {
      const waiting = waitUntil(() => true, new WaitQueue(), "nothing", killable);
      expect(waiting.next()).toMatchObject({ done: false, value: { kind: "wait", killable } });
      expect(waiting.next().done).toBe(true);
    }
  });
});

describe("a wait queue", () => {
  it("forgets whom it has woken; a waiter that comes back while others are woken sleeps on", async () => {
    const gate = new Gate();
    const log: string[] = [];
    const back = {
      wake: () => {
        log.push("woken");
        gate.queue.add(back);
      },
    };
    gate.queue.add(back);
    gate.queue.wakeAll();
    expect([log, gate.queue.size]).toEqual([["woken"], 1]);
    gate.queue.delete(back);
    expect(gate.queue.size).toBe(0);
  });
});
