import type { Sleepable } from "../blocking/suspension.ts";

/** Virtual time: a `SimulatedDriver` is one. */
export interface Clock {
  /** Microseconds since the start. */
  readonly now: number;
  /** Sleeps for so many microseconds from its first step, which yields the wait for it. */
  sleep(microseconds: number): Sleepable<undefined>;
}

/** A clock that runs tasks as well: a `SimulatedDriver` is one. */
export interface Scheduler extends Clock {
  /** Adds a task, which runs when it is chosen. */
  spawn(name: string, body: Sleepable<unknown>): unknown;
}
