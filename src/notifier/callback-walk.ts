import { advance, unwind } from "../blocking/driving.ts";
import { isSleepable, type Sleepable, type Suspension, type Wait } from "../blocking/suspension.ts";
import { runNowOrLater, wouldBlock } from "../blocking/synchronous-driver.ts";
import { IntervalidateError } from "../errors.ts";

/** What a callback that was given up gives back: it has refused. */
export const GIVEN_UP: unique symbol = Symbol("given up");

/**
 * What is owed once the current callback has begun: nothing, because it may refuse; its own end; or its
 * own end and all that follows, because the outcome is settled.
 */
export type Obligation = "none" | "callback" | "rest";

/** A thrown value, which may be anything. */
export interface Failure {
  readonly error: unknown;
}

/**
 * Callbacks that are called one after the other, with what happens before, between and after them. It
 * is one state machine for all drivers: plain functions in a loop, generators as they come. A callback
 * that throws does not end the walk: what is open is closed first, and what others are owed is done.
 */
export interface CallbackWalk {
  /** Whether the callbacks may sleep. */
  readonly mayBlock: boolean;
  /** What was thrown first. It is thrown again when all is done. */
  readonly failure: Failure | undefined;
  /** Goes on to the next callback; false when all is done. */
  next(): boolean;
  /** Names the current callback as a place to be preempted. */
  label(): string;
  /** Calls the current callback. */
  call(): unknown;
  /** Takes the answer of the current callback. */
  settle(answer: unknown): void;
  obligation(): Obligation;
  /** For when the current callback, which must not sleep, reaches a wait. */
  sleepReporter(): (wait: Wait) => void;
  /** The current callback would not be unwound. */
  reportStuck(): void;
  /** The current callback threw, or, if undefined, its driver gave up. From here on the walk only closes. */
  fail(failure: Failure | undefined): void;
}

/** Runs the callbacks as generators; with `points` a task may be preempted before each. */
export function runSleepable(walk: CallbackWalk, points: boolean): Sleepable<undefined> {
  return runFrom(walk, { points, rethrows: true });
}

interface RunOptions {
  readonly points: boolean;
  /** Whether there is somebody to be told what was thrown. */
  readonly rethrows: boolean;
}

/** The same, where the current callback may have answered already, with a generator. */
function* runFrom(
  walk: CallbackWalk,
  { points, rethrows }: RunOptions,
  answered?: unknown,
): Sleepable<undefined> {
  let answer = answered;
  let isGivenUp = true;
  try {
    while (answer !== undefined || walk.next()) {
      try {
        if (answer === undefined) {
          if (points) yield { kind: "point", label: walk.label() };
          answer = walk.call();
        }
        if (isUnfinished(answer)) {
          const body = mustBeSleepable(answer);
          const { done, value } = advance(body);
          answer = done ? value : yield* drive(walk, body, value);
        }
        walk.settle(answer);
      } catch (error) {
        walk.fail({ error });
      }
      answer = undefined;
    }
    isGivenUp = false;
  } finally {
    if (isGivenUp) {
      walk.fail(undefined);
      runNowOrLater(runFrom(walk, { points: false, rethrows: false }));
    }
  }
  if (rethrows) rethrow(walk);
}

/**
 * Passes on what a callback yields, from its first suspension on. One that must not sleep is reported, and
 * really sleeps.
 */
function* drive(
  walk: CallbackWalk,
  body: Sleepable<unknown>,
  first: Suspension,
): Sleepable<unknown> {
  const report = walk.mayBlock ? undefined : walk.sleepReporter();
  let result: IteratorResult<Suspension, unknown> = { done: false, value: first };
  try {
    while (!result.done) {
      const suspension = result.value;
      if (report !== undefined && suspension.kind === "wait" && !suspension.spins) {
        report(suspension);
      }
      let failure: Failure | undefined;
      try {
        yield suspension;
      } catch (error) {
        failure = { error };
      }
      result = advance(body, failure);
    }
  } finally {
    if (!result.done) unwind(body);
  }
  return result.value;
}

/**
 * Runs the callbacks at once. A generator is given up where it would sleep, and in a walk that may not
 * block already at a wait that is ready: its `finally` blocks run, and it has refused, or, where it
 * could not, failed. What is owed is never given up; it is finished in the background. The current
 * callback may have answered already, with a generator.
 *
 * @throws {IntervalidateError} WOULD_BLOCK if a callback that may sleep would have to
 */
export function runAtOnce(walk: CallbackWalk, answered?: unknown): void {
  let answer = answered;
  while (answer !== undefined || walk.next()) {
    let owed: unknown;
    try {
      answer ??= walk.call();
      if (!isUnfinished(answer)) walk.settle(answer);
      else if (walk.obligation() === "rest") owed = answer;
      else walk.settle(runGenerator(walk, answer));
    } catch (error) {
      walk.fail({ error });
    }
    if (owed !== undefined) {
      finishNowOrLater(walk, owed);
      return;
    }
    answer = undefined;
  }
  rethrow(walk);
}

function finishNowOrLater(walk: CallbackWalk, answer: unknown): void {
  const hasFailed = walk.failure !== undefined;
  runNowOrLater(runFrom(walk, { points: false, rethrows: !hasFailed }, answer));
  if (hasFailed) rethrow(walk);
}

function runGenerator(walk: CallbackWalk, answer: unknown): unknown {
  if (walk.obligation() === "none") return runToSleep(walk, mustBeSleepable(answer));
  const body = mustBeSleepable(answer);
  const { done, value } = advance(body);
  if (!done) runNowOrLater(drive(walk, body, value));
  return undefined;
}

function runToSleep(walk: CallbackWalk, body: Sleepable<unknown>): unknown {
  let result = advance(body);
  while (!result.done) {
    const suspension = result.value;
    if (suspension.kind === "wait" && sleeps(walk, suspension)) {
      if (!walk.mayBlock) walk.sleepReporter()(suspension);
      if (!unwind(body)) walk.reportStuck();
      if (walk.mayBlock) throw wouldBlock("A callback", suspension);
      return GIVEN_UP;
    }
    result = advance(body);
  }
  return result.value;
}

function sleeps({ mayBlock }: CallbackWalk, wait: Wait): boolean {
  // Spinning for a lock whose holder cannot run meanwhile would never end either.
  return (!mayBlock && !wait.spins) || !wait.ready();
}

function rethrow({ failure }: CallbackWalk): void {
  if (failure !== undefined) throw failure.error;
}

/** Whether an answer is no result yet: a generator, or a promise, which is an error. */
export function isUnfinished(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null;
}

/** @throws {IntervalidateError} ARGUMENT for a promise, or another object */
export function mustBeSleepable(answer: unknown): Sleepable<unknown> {
  if (isSleepable(answer)) return answer;
  const isPromise = typeof (answer as { then?: unknown }).then === "function";
  throw new IntervalidateError(
    "ARGUMENT",
    `A callback returned ${isPromise ? "a promise" : "an object"}: one that may sleep has to be a generator function that yields its waits.`,
  );
}
