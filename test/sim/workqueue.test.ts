import { beforeEach, describe, expect, it } from "vitest";
import { DeadlockError, SimulatedDriver } from "../../src/blocking/simulated-driver.ts";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import type { TaskEvent } from "../../src/sim/events.ts";
import { Random } from "../../src/sim/random.ts";
import { Timer } from "../../src/sim/timer.ts";
import { type Work, Workqueue } from "../../src/sim/workqueue.ts";
import { complete } from "../notifier/support.ts";

const point = { kind: "point", label: "at work" } as const;

let driver: SimulatedDriver;
let blocked: string[];
let log: string[];
let events: TaskEvent[];
let queue: Workqueue;

function makeWorld(seed: number): void {
  blocked = [];
  log = [];
  events = [];
  driver = new SimulatedDriver({
    chooser: new Random(seed),
    onBlock: (task, wait) => blocked.push(`${task}: ${wait.resource}`),
  });
  queue = workqueue();
}

function workqueue(maxActive?: number): Workqueue {
  return new Workqueue({
    name: "wq",
    scheduler: driver,
    events: (event) => events.push(event),
    ...(maxActive !== undefined && { maxActive }),
  });
}

beforeEach(() => makeWorld(1));

/** A work of several steps that writes down when it begins and ends. */
function slow(name: string, on: Workqueue = queue, steps = 3): Work {
  return on.work(name, function* () {
    log.push(`${name} begins`);
    for (let i = 0; i < steps; i += 1) yield point;
    log.push(`${name} ends`);
  });
}

/** Runs a foreground generator; when it returns is written down. */
function run<T>(name: string, body: Sleepable<T>): T {
  const value = driver.complete(name, body);
  log.push(`${name} returns`);
  return value;
}

describe("a work", () => {
  it("may be a plain function or a generator, and runs in a task of its own", () => {
    const plain = queue.work("plain", () => {
      log.push("plain");
      return undefined;
    });
    expect([queue.queue(plain), queue.queue(slow("slow"))]).toEqual([true, true]);
    expect(log).toEqual([]);
    driver.drain();
    expect(log.sort()).toEqual(["plain", "slow begins", "slow ends"]);
  });

  it("is queued once at a time", () => {
    const work = slow("w");
    expect([queue.queue(work), queue.queue(work), work.pending]).toEqual([true, false, true]);
    driver.drain();
    expect(log).toEqual(["w begins", "w ends"]);
    expect([work.pending, work.busy]).toEqual([false, false]);
  });

  it("may be queued again as soon as it runs, but never runs twice at once", () => {
    const work = slow("w");
    queue.queue(work);
    while (log.length === 0) driver.step();
    expect([work.pending, work.busy]).toEqual([false, true]);
    expect([queue.queue(work), queue.queue(work)]).toEqual([true, false]);
    driver.drain();
    expect(log).toEqual(["w begins", "w ends", "w begins", "w ends"]);
  });

  it("may queue itself", () => {
    let runs = 0;
    const work: Work = queue.work("again", () => {
      runs += 1;
      if (runs < 3) queue.queue(work);
      return undefined;
    });
    queue.queue(work);
    driver.drain();
    expect(runs).toBe(3);
  });

  it("belongs to one workqueue", () => {
    const foreign = slow("foreign", workqueue());
    expect(() => queue.queue(foreign)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
  });

  it("whose body throws is over", () => {
    const work = queue.work("bad", () => {
      throw new Error("oops");
    });
    queue.queue(work);
    expect(() => driver.step()).toThrow("oops");
    expect(work.busy).toBe(false);
  });
});

describe("how many run at once", () => {
  const orders = (maxActive?: number): Set<string> => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 50; seed += 1) {
      makeWorld(seed);
      const on = workqueue(maxActive);
      for (const name of ["a", "b", "c"]) on.queue(slow(name, on));
      driver.drain();
      seen.add(log.join(", "));
    }
    return seen;
  };

  it("one: an ordered workqueue, first in, first out", () => {
    expect([...orders(1)]).toEqual(["a begins, a ends, b begins, b ends, c begins, c ends"]);
  });

  it("two: the third begins when one has ended", () => {
    for (const order of orders(2)) {
      const steps = order.split(", ");
      const third = steps.indexOf("c begins");
      expect(
        steps.slice(0, third).some((step) => step.endsWith("ends")),
        order,
      ).toBe(true);
    }
  });

  it("all of them by default, in any order", () => {
    expect(orders().size).toBeGreaterThan(20);
  });
});

describe("flush", () => {
  it("waits for a work that is queued, and for one that runs", () => {
    const work = slow("w");
    queue.queue(work);
    expect(run("flush", queue.flush(work))).toBe(true);
    expect(log).toEqual(["w begins", "w ends", "flush returns"]);
    expect(blocked).toEqual(["flush: work w"]);
  });

  it("waits for the queuing that it has seen, and for no later one", () => {
    const work = slow("w");
    queue.queue(work);
    while (log.length === 0) driver.step();
    driver.spawn(
      "flush",
      (function* () {
        yield* queue.flush(work);
        log.push("flush returns");
      })(),
    );
    driver.step();
    queue.queue(work);
    for (let i = 0; !log.includes("flush returns"); i += 1) {
      expect(i).toBeLessThan(100);
      driver.step();
    }
    driver.drain();
    expect(log.filter((step) => step === "w ends").length).toBe(2);
  });

  it("of an idle work returns false, and is a place that may sleep all the same", () => {
    const body = queue.flush(slow("w"));
    expect(body.next().value).toMatchObject({ kind: "wait", resource: "work w" });
    expect(body.next()).toEqual({ done: true, value: false });
  });

  it("of a delayed work does not wait for its time", () => {
    const work = slow("w");
    queue.queueDelayed(work, 5_000);
    expect(run("flush", queue.flush(work))).toBe(true);
    expect(driver.now).toBe(0);
    driver.drain();
    expect(log).toEqual(["w begins", "w ends", "flush returns"]);
  });

  it("of a work by itself waits for ever", () => {
    const work: Work = queue.work("self", function* () {
      yield* queue.flush(work);
    });
    queue.queue(work);
    expect(() => driver.drain()).toThrow(DeadlockError);
    expect(blocked).toEqual(["work self: work self"]);
  });

  it("flushAll waits for everything that is queued or runs, but for no timer", () => {
    const works = ["a", "b", "c"].map((name) => slow(name));
    for (const work of works) queue.queue(work);
    const later = slow("later");
    queue.queueDelayed(later, 1_000);
    run("flush", queue.flushAll());
    expect(log.length).toBe(7);
    expect(later.pending).toBe(true);
    driver.drain();
    expect([log.at(-1), driver.now]).toEqual(["later ends", 1_000]);
  });
});

describe("cancel", () => {
  it("takes a queued work back, and lets those go who waited for it", () => {
    const work = slow("w");
    queue.queue(work);
    const flush = queue.flush(work);
    flush.next();
    expect([queue.cancel(work), queue.cancel(work), work.pending]).toEqual([true, false, false]);
    expect(complete(flush)).toBe(true);
    driver.drain();
    expect(log).toEqual([]);
  });

  it("takes a delayed work back: no time passes for its sake", () => {
    const work = slow("w");
    queue.queueDelayed(work, 5_000);
    expect([work.pending, queue.cancel(work), work.pending]).toEqual([true, true, false]);
    driver.drain();
    expect([log, driver.now]).toEqual([[], 0]);
  });

  it("does not touch one that runs; cancelSync waits for it, and keeps it from being queued", () => {
    const work = slow("w");
    queue.queue(work);
    while (log.length === 0) driver.step();
    expect(queue.cancel(work)).toBe(false);
    queue.queue(work);
    const cancel = queue.cancelSync(work);
    expect(cancel.next().value).toMatchObject({ resource: "work w" });
    expect([work.pending, queue.queue(work)]).toEqual([false, false]);
    expect(run("cancel", cancel)).toBe(true);
    expect(log).toEqual(["w begins", "w ends", "cancel returns"]);
    expect(queue.queue(work)).toBe(true);
  });

  it("and queued again, a work runs once", () => {
    const work = slow("w");
    for (let i = 0; i < 3; i += 1) {
      queue.queue(work);
      queue.cancel(work);
    }
    queue.queue(work);
    driver.drain();
    expect(log).toEqual(["w begins", "w ends"]);
  });
});

describe("delayed work", () => {
  it("is queued when its time has come", () => {
    const work = queue.work("w", () => {
      log.push(`runs at ${driver.now}`);
      return undefined;
    });
    expect([queue.queueDelayed(work, 5_000), queue.queueDelayed(work, 1)]).toEqual([true, false]);
    expect(queue.queue(work)).toBe(false);
    driver.drain();
    expect(log).toEqual(["runs at 5000"]);
  });

  it("may queue itself again", () => {
    const times: number[] = [];
    const work: Work = queue.work("poll", () => {
      times.push(driver.now);
      if (times.length < 3) queue.queueDelayed(work, 100);
      return undefined;
    });
    queue.queueDelayed(work, 100);
    driver.drain();
    expect(times).toEqual([100, 200, 300]);
  });
});

describe("what is told", () => {
  it("queuing, running and waiting, by the names of the works", () => {
    const work = slow("w");
    queue.queueDelayed(work, 7);
    queue.queue(work);
    run("flush", queue.flush(work));
    expect(events).toEqual([
      { kind: "work-queue", work: "w", delay: 7 },
      { kind: "work-wait", work: "w" },
      { kind: "work-run", work: "w" },
      { kind: "work-done", work: "w" },
    ]);
  });
});

describe("a timer", () => {
  const timerOf = (): Timer =>
    new Timer("t", driver, () => {
      log.push(`expires at ${driver.now}`);
      return undefined;
    });

  it("expires once", () => {
    const timer = timerOf();
    expect([timer.mod(100), timer.pending]).toEqual([false, true]);
    driver.drain();
    expect([log, timer.pending]).toEqual([["expires at 100"], false]);
  });

  it("counts from when it was set, not from when its task first runs", () => {
    timerOf().mod(100);
    driver.advance(60);
    driver.drain();
    expect(log).toEqual(["expires at 100"]);
  });

  it("set anew expires at the new time only", () => {
    const timer = timerOf();
    timer.mod(100);
    driver.advance(60);
    expect(timer.mod(100)).toBe(true);
    driver.drain();
    expect(log).toEqual(["expires at 160"]);
  });

  it("deleted does not expire, and may be set again", () => {
    const timer = timerOf();
    timer.mod(100);
    expect([timer.delete(), timer.delete(), timer.pending]).toEqual([true, false, false]);
    driver.drain();
    expect([log, driver.now]).toEqual([[], 0]);
    timer.mod(5);
    driver.drain();
    expect(log).toEqual(["expires at 5"]);
  });
});
