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
  /** Busy waiting, as for a spinlock: legal where sleeping is not. */
  readonly spins?: boolean;
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

/**
 * What all generators inherit. Each generator function gives its generators a prototype of their own too,
 * so what is looked up by name in many different ones is found slowly; this is not.
 */
export const GENERATOR: Sleepable<unknown> = Object.getPrototypeOf(
  Object.getPrototypeOf((function* () {})()),
);

/** Whether a callback's answer is a generator still to be run, rather than a plain result. */
export function isSleepable(answer: unknown): answer is Sleepable<unknown> {
  return Object.prototype.isPrototypeOf.call(GENERATOR, answer as object);
}

/** `wait_event`: sleeps until a condition holds; whoever may make it true wakes the queue. */
export function* waitUntil(
  ready: () => boolean,
  queue: WaitQueue,
  resource: string,
  killable = false,
): Sleepable<undefined> {
  const wait: Wait = { kind: "wait", resource, queue, killable, ready };
  do yield wait;
  while (!ready());
}
