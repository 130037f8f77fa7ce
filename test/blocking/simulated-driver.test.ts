import { describe, expect, it } from "vitest";
import { RwSemaphore } from "../../src/blocking/rw-semaphore.ts";
import { DeadlockError, SimulatedDriver } from "../../src/blocking/simulated-driver.ts";
import type { Sleepable, Wait } from "../../src/blocking/suspension.ts";
import { WaitQueue } from "../../src/blocking/wait-queue.ts";
import { Random } from "../../src/sim/random.ts";

const point = { kind: "point", label: "here" } as const;

function driverOf(seed: number, blocked: string[] = []): SimulatedDriver {
  return new SimulatedDriver({
    chooser: new Random(seed),
    onBlock: (task, wait) => blocked.push(`${task}: ${wait.resource}`),
  });
}

/** A gate that is opened once. */
function gate(): { wait: Wait; open: () => void } {
  let isOpen = false;
  const queue = new WaitQueue();
  const wait: Wait = {
    kind: "wait",
    resource: "gate",
    queue,
    killable: false,
    ready: () => isOpen,
  };
  return {
    wait,
    open: () => {
      isOpen = true;
      queue.wakeAll();
    },
  };
}

function* steps(log: string[], name: string, count: number): Sleepable<undefined> {
  for (let i = 0; i < count; i += 1) {
    log.push(`${name}${i}`);
    yield point;
  }
}

describe("the schedule", () => {
  it("is a function of the seed, and every interleaving is reached", () => {
    const run = (seed: number): string => {
      const driver = driverOf(seed);
      const log: string[] = [];
      driver.spawn("a", steps(log, "a", 2));
      driver.spawn("b", steps(log, "b", 2));
      driver.drain();
      return log.join(" ");
    };
    expect(run(7)).toBe(run(7));
    const seen = new Set(Array.from({ length: 200 }, (_, seed) => run(seed)));
    expect(seen.size).toBe(6);
  });

  it("runs a step from one yield to the next", () => {
    const driver = driverOf(1);
    const log: string[] = [];
    driver.spawn("a", steps(log, "a", 3));
    expect(driver.step()).toBe(true);
    expect(log).toEqual(["a0"]);
    driver.drain();
    expect(driver.step()).toBe(false);
    expect(driver.steps).toBe(4);
  });
});

describe("waiting", () => {
  it("a sleeper runs again only when its wait is ready", () => {
    const blocked: string[] = [];
    const driver = driverOf(1, blocked);
    const { wait, open } = gate();
    const log: string[] = [];
    driver.spawn("sleeper", sleeper());
    function* sleeper(): Sleepable<undefined> {
      do yield wait;
      while (!wait.ready());
      log.push("through");
    }
    while (driver.step());
    expect([log, blocked]).toEqual([[], ["sleeper: gate"]]);
    open();
    driver.drain();
    expect(log).toEqual(["through"]);
  });

  it("a woken task that finds its wait not ready goes back to sleep without a step", () => {
    const driver = driverOf(1);
    const { wait, open } = gate();
    driver.spawn(
      "sleeper",
      (function* (): Sleepable<undefined> {
        do yield wait;
        while (!wait.ready());
      })(),
    );
    while (driver.step());
    const before = driver.steps;
    wait.queue.wakeAll();
    expect(driver.step()).toBe(false);
    expect(driver.steps).toBe(before);
    open();
    driver.drain();
    expect(driver.alive).toBe(0);
  });

  it("a task that nobody can wake is a deadlock, not a hang", () => {
    const driver = driverOf(1);
    driver.spawn(
      "sleeper",
      (function* (): Sleepable<undefined> {
        yield gate().wait;
      })(),
    );
    expect(() => driver.drain()).toThrow(DeadlockError);
  });
});

describe("virtual time", () => {
  it("passes only when told, and wakes sleepers in the order of their due times", () => {
    const driver = driverOf(3);
    const log: string[] = [];
    for (const span of [30, 10, 20]) {
      driver.spawn(
        `${span}`,
        (function* (): Sleepable<undefined> {
          yield* driver.sleep(span);
          log.push(`${span} at ${driver.now}`);
        })(),
      );
    }
    while (driver.step());
    expect(log).toEqual([]);
    driver.advance(10);
    while (driver.step());
    expect(log).toEqual(["10 at 10"]);
    driver.drain();
    expect(log).toEqual(["10 at 10", "20 at 20", "30 at 30"]);
  });
});

describe("the foreground", () => {
  it("lets the tasks run while it waits, and one step at each point", () => {
    const driver = driverOf(1);
    const { wait, open } = gate();
    const log: string[] = [];
    driver.spawn(
      "opener",
      (function* (): Sleepable<undefined> {
        log.push("first");
        yield point;
        open();
      })(),
    );
    const result = driver.complete(
      "front",
      (function* (): Sleepable<string> {
        yield point;
        log.push("between");
        do yield wait;
        while (!wait.ready());
        return "through";
      })(),
    );
    expect([result, log]).toEqual(["through", ["first", "between"]]);
  });

  it("lets time pass if only a timer can help, and reports a deadlock if nothing can", () => {
    const driver = driverOf(1);
    driver.complete("front", driver.sleep(500));
    expect(driver.now).toBe(500);
    expect(() =>
      driver.complete(
        "front",
        (function* (): Sleepable<undefined> {
          yield gate().wait;
        })(),
      ),
    ).toThrow(/front waits for gate/);
  });
});

describe("the reader / writer semaphore", () => {
  it("admits many readers or one writer, and a waiting writer keeps new readers out", () => {
    const driver = driverOf(1);
    const lock = new RwSemaphore("lock");
    expect([lock.tryRead(), lock.tryRead()]).toEqual([true, true]);
    let writing = false;
    driver.spawn(
      "writer",
      (function* (): Sleepable<undefined> {
        yield* lock.write();
        writing = true;
      })(),
    );
    while (driver.step());
    expect([writing, lock.tryRead()]).toEqual([false, false]);
    lock.endRead();
    while (driver.step());
    expect(writing).toBe(false);
    lock.endRead();
    driver.drain();
    expect([writing, lock.tryRead()]).toEqual([true, false]);
    lock.endWrite();
    expect(lock.tryRead()).toBe(true);
  });

  it("a writer that gives up lets readers in again", () => {
    const lock = new RwSemaphore("lock");
    lock.tryRead();
    const writing = lock.write();
    writing.next();
    expect(lock.tryRead()).toBe(false);
    writing.return(undefined);
    expect(lock.tryRead()).toBe(true);
  });

  it("refuses ends without a beginning", () => {
    const lock = new RwSemaphore("lock");
    expect(() => lock.endRead()).toThrow();
    expect(() => lock.endWrite()).toThrow();
  });
});

describe("stepping by hand", () => {
  function* reader(wait: Wait): Sleepable<string> {
    yield point;
    yield wait;
    return "read";
  }

  it("runs the task that is named, and no other", () => {
    const driver = driverOf(1);
    const { wait, open } = gate();
    const task = driver.spawn("a", reader(wait));
    const other = driver.spawn("b", reader(wait));
    expect(task.state).toEqual({ kind: "new" });
    driver.stepTask(task);
    expect(task.state).toEqual({ kind: "point", label: "here" });
    driver.stepTask(task);
    expect(task.state).toEqual({ kind: "wait", wait, ready: false });
    expect(driver.stepTask(task)).toBe(false);
    open();
    expect(task.state).toEqual({ kind: "wait", wait, ready: true });
    expect(driver.stepTask(task)).toBe(true);
    expect(task.state).toEqual({ kind: "done", value: "read" });
    expect(driver.stepTask(task)).toBe(false);
    expect(other.state).toEqual({ kind: "new" });
    expect(driver.alive).toBe(1);
    driver.drain();
    expect(other.state).toEqual({ kind: "done", value: "read" });
  });

  it("keeps what a body throws, and what it yields that is no suspension is an error", () => {
    const driver = driverOf(1);
    const task = driver.spawn(
      "a",
      (function* () {
        yield Promise.resolve() as never;
      })(),
    );
    driver.stepTask(task);
    expect(task.state).toMatchObject({
      kind: "failed",
      error: { message: "task a yielded something that is neither a wait nor a point" },
    });
    expect(driver.alive).toBe(0);
  });
});

describe("a signal", () => {
  const killable = (): { wait: Wait; open: () => void } => {
    const { wait, open } = gate();
    return { wait: { ...wait, killable: true }, open };
  };

  function* waiter(...waits: Wait[]): Sleepable<undefined> {
    for (const wait of waits) yield wait;
  }

  it("ends a killable wait that a task sleeps in", () => {
    const driver = driverOf(1);
    const { wait } = killable();
    const task = driver.spawn("a", waiter(wait));
    driver.stepTask(task);
    driver.signal(task);
    expect(task.state).toEqual({ kind: "wait", wait, ready: true });
    driver.stepTask(task);
    expect(task.state).toMatchObject({
      kind: "failed",
      error: { code: "INTERRUPTED", errno: "EINTR" },
    });
  });

  it("that is pending ends the next killable wait, even if it is ready, and no other", () => {
    const driver = driverOf(1);
    const first = gate();
    const second = killable();
    first.open();
    second.open();
    const task = driver.spawn("a", waiter(first.wait, second.wait));
    driver.signal(task);
    driver.stepTask(task);
    driver.stepTask(task);
    expect(task.state).toEqual({ kind: "wait", wait: second.wait, ready: true });
    driver.stepTask(task);
    expect(task.state).toMatchObject({ kind: "failed", error: { code: "INTERRUPTED" } });
  });
});
