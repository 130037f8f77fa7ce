import type { WaitQueue } from "./wait-queue.ts";

/**
 * A place where a function really may sleep. Core code loops: `do yield wait; while (!take())`, so
 * a driver only ever says "look again" and never hands anything over.
 */
export interface Wait {
  readonly kind: "wait";
  /** What is waited for, in words: shown in reports and counted by drivers. */
  readonly resource: string;
  /** Woken whenever `ready` may have become true. */
  readonly queue: WaitQueue;
  /** Whether a signal may end the wait. */
  readonly killable: boolean;
  /** A pure predicate over shared state: would a look now succeed? */
  ready(): boolean;
}

/** A place where a task may be preempted, but never sleeps. */
export interface Point {
  readonly kind: "point";
  readonly label: string;
}

export type Suspension = Wait | Point;

/**
 * A function that may sleep: a generator that yields where it may. Nothing travels back through a
 * yield; results are read from shared state after resuming, which keeps a replay a function of the
 * schedule alone. A function that never sleeps is a plain function.
 */
export type Sleepable<T> = Generator<Suspension, T, void>;
