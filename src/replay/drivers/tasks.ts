import type { SimulatedDriver, SimulatedTask } from "../../blocking/simulated-driver.ts";
import type { Sleepable, Wait } from "../../blocking/suspension.ts";
import type { Clock } from "../../sim/clock.ts";
import { KernelBug } from "../../sim/drivers/kernel-bug.ts";
import { TaskNames } from "./task-names.ts";

/** What is to be told about tasks. */
export interface TaskWatcher {
  /** The task at work is about to sleep, or to spin. */
  blocked(task: string, wait: Wait): void;
  /** It has got what it waited for. */
  woken(task: string, wait: Wait, microseconds: number): void;
  /** It ran into a kernel trap and is gone, with the locks that it holds. */
  trapped(task: string, bug: KernelBug): void;
}

/** A task that sleeps. */
export interface Sleeper {
  readonly task: string;
  readonly resource: string;
}

/** Runs tasks and knows which one is at work. */
export class Tasks implements Clock {
  readonly #driver: SimulatedDriver;
  readonly #watcher: TaskWatcher;
  readonly #names = new TaskNames();
  readonly #sleepers = new Map<string, Wait>();
  #current = "nobody";

  constructor(driver: SimulatedDriver, watcher: TaskWatcher) {
    this.#driver = driver;
    this.#watcher = watcher;
  }

  /** The name of the task that is at work just now. */
  get current(): string {
    return this.#current;
  }

  get now(): number {
    return this.#driver.now;
  }

  /** Those who sleep now, in the order in which they fell asleep. */
  get sleepers(): readonly Sleeper[] {
    return [...this.#sleepers].map(([task, { resource }]) => ({ task, resource }));
  }

  sleep(microseconds: number): Sleepable<undefined> {
    return this.#driver.sleep(microseconds);
  }

  /** Adds a task; it gets a name of its own, made from this one. */
  spawn(what: string, body: Sleepable<unknown>): SimulatedTask {
    return this.#driver.spawn(what, this.#named(what, body));
  }

  *#named(what: string, body: Sleepable<unknown>): Sleepable<unknown> {
    const { name, release } = this.#names.take(what);
    try {
      return yield* this.#tracked(name, body);
    } catch (error) {
      if (!(error instanceof KernelBug)) throw error;
      this.#watcher.trapped(name, error);
      return undefined;
    } finally {
      release();
    }
  }

  *#tracked(name: string, body: Sleepable<unknown>): Sleepable<unknown> {
    for (;;) {
      const before = this.#current;
      this.#current = name;
      let result: IteratorResult<
        Sleepable<unknown> extends Generator<infer S> ? S : never,
        unknown
      >;
      let sleeps = false;
      try {
        result = body.next();
        if (!result.done && result.value.kind === "wait" && !result.value.ready()) {
          sleeps = true;
          this.#watcher.blocked(name, result.value);
        }
      } finally {
        this.#current = before;
      }
      if (result.done) return result.value;
      if (!sleeps) {
        yield result.value;
        continue;
      }
      const wait = result.value as Wait;
      const since = this.#driver.now;
      this.#sleepers.set(name, wait);
      yield wait;
      this.#sleepers.delete(name);
      this.#watcher.woken(name, wait, this.#driver.now - since);
    }
  }
}
