import { describe, expect, it } from "vitest";
import { runAsync } from "../../src/blocking/asynchronous-driver.ts";
import { SrcuDomain } from "../../src/blocking/srcu.ts";
import { Random } from "../../src/sim/random.ts";
import { statesOf } from "./support.ts";

describe("an SRCU domain", () => {
  it("a grace period passes at once if nobody reads", async () => {
    const srcu = new SrcuDomain();
    expect(srcu.busy).toBe(false);
    await runAsync(srcu.synchronize());
  });

  it("synchronize waits for the sections that were open when it was called, and for no later ones", async () => {
    const srcu = new SrcuDomain();
    const [first, second] = [srcu.enter(), srcu.enter()];
    const waiting = runAsync(srcu.synchronize());
    const later = srcu.enter();
    srcu.leave(second);
    expect(await statesOf(waiting)).toEqual(["pending"]);
    srcu.leave(first);
    expect(await statesOf(waiting)).toEqual(["fulfilled"]);
    expect(srcu.busy).toBe(true);
    srcu.leave(later);
    expect(srcu.busy).toBe(false);
  });

  it("synchronize is uninterruptible", async () => {
    const srcu = new SrcuDomain();
    const section = srcu.enter();
    const abort = new AbortController();
    const waiting = runAsync(srcu.synchronize(), abort.signal);
    abort.abort();
    expect(await statesOf(waiting)).toEqual(["pending"]);
    srcu.leave(section);
    await waiting;
  });

  it("call runs a function after the sections that were open, in the order of the calls, and before sleepers go on", async () => {
    const srcu = new SrcuDomain();
    const log: string[] = [];
    srcu.call(() => log.push("at once"));
    const first = srcu.enter();
    srcu.call(() => log.push("after the first"));
    const second = srcu.enter();
    srcu.call(() => log.push("after both"));
    const waiting = runAsync(srcu.synchronize()).then(() => log.push("slept"));
    srcu.leave(first);
    expect(log).toEqual(["at once", "after the first"]);
    srcu.leave(second);
    await waiting;
    expect(log).toEqual(["at once", "after the first", "after both", "slept"]);
  });

  it("a function may read, and ask for another grace period", () => {
    const srcu = new SrcuDomain();
    const log: string[] = [];
    const section = srcu.enter();
    srcu.call(() => {
      const inner = srcu.enter();
      srcu.call(() => log.push("inner"));
      log.push("outer");
      srcu.leave(inner);
    });
    srcu.leave(section);
    expect([log, srcu.busy]).toEqual([["outer", "inner"], false]);
  });

  it("is right whatever the order of enter and leave", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const random = new Random(seed);
      const srcu = new SrcuDomain();
      const open: { number: number; section: ReturnType<SrcuDomain["enter"]> }[] = [];
      const pending: { before: Set<number>; passed: boolean }[] = [];
      for (let step = 0; step < 60; step += 1) {
        const choice = random.below(3);
        if (choice === 0) {
          open.push({ number: step, section: srcu.enter() });
        } else if (choice === 1 && open.length > 0) {
          const [{ number, section }] = open.splice(random.below(open.length), 1);
          for (const { before } of pending) before.delete(number);
          srcu.leave(section);
        } else {
          const call = { before: new Set(open.map(({ number }) => number)), passed: false };
          pending.push(call);
          srcu.call(() => {
            call.passed = true;
          });
        }
        const actual = pending.map(({ passed }) => passed).join();
        const expected = pending.map(({ before }) => before.size === 0).join();
        if (actual !== expected || srcu.busy !== open.length > 0) {
          expect([actual, srcu.busy], `seed ${seed}, step ${step}`).toEqual([
            expected,
            open.length > 0,
          ]);
        }
      }
    }
  });
});
