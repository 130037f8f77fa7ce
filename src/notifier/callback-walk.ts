import { runAsync } from "../blocking/asynchronous-driver.ts";
import { isSleepable, type Sleepable, type Wait } from "../blocking/suspension.ts";
import { IntervalidateError } from "../errors.ts";

/** What a callback that was given up gives back: it has refused. */
export const GIVEN_UP: unique symbol = Symbol("given up");

/** So often is a callback asked to unwind. */
const UNWINDS_MAX = 8;

/**
 * Callbacks that are called one after the other, with what happens before, between and after them. It
 * is one state machine for all drivers: plain functions in a loop, generators as they come.
 */
export interface CallbackWalk {
  /** Whether the callbacks may sleep. */
  readonly mayBlock: boolean;
  /** Goes on to the next callback; false when all is done. */
  next(): boolean;
  /** Names the current callback as a place to be preempted. */
  label(): string;
  /** Calls the current callback. */
  call(): unknown;
  /** Takes the answer of the current callback. */
  settle(answer: unknown): void;
  /** Whether the current callback cannot be given up, because it cannot refuse. */
  mustFinish(): boolean;
  /** For when the current callback, which must not sleep, reaches a wait. */
  sleepReporter(): (wait: Wait) => void;
  /** The current callback would not be unwound. */
  reportStuck(): void;
  /** Somebody threw, or gave up: closes what has been opened. */
  fail(error: unknown): void;
}

/**
 * Runs the callbacks as far as they are plain functions. At the first generator it hands over: what
 * comes back has to be run to the end.
 */
export function runPlain(walk: CallbackWalk): Sleepable<undefined> | undefined {
  try {
    while (walk.next()) {
      const answer = walk.call();
      if (isUnfinished(answer)) return runFrom(walk, answer);
      walk.settle(answer);
    }
  } catch (error) {
    walk.fail(error);
    throw error;
  }
  return undefined;
}

/** Runs the callbacks as generators; with `points` a task may be preempted before each. */
export function* runSleepable(walk: CallbackWalk, points: boolean): Sleepable<undefined> {
  let done = false;
  try {
    while (walk.next()) {
      if (points) yield { kind: "point", label: walk.label() };
      const answer = walk.call();
      if (isUnfinished(answer)) walk.settle(yield* drive(walk, answer));
      else walk.settle(answer);
    }
    done = true;
  } catch (error) {
    done = true;
    walk.fail(error);
    throw error;
  } finally {
    if (!done) walk.fail(undefined);
  }
}

/** The rest of a walk whose current callback turned out to be a generator. */
function* runFrom(walk: CallbackWalk, answer: unknown): Sleepable<undefined> {
  let done = false;
  try {
    walk.settle(yield* drive(walk, answer));
    done = true;
  } catch (error) {
    done = true;
    walk.fail(error);
    throw error;
  } finally {
    if (!done) walk.fail(undefined);
  }
  yield* runSleepable(walk, false);
}

/** Passes on what a callback yields. One that must not sleep is reported, and really sleeps. */
function* drive(walk: CallbackWalk, answer: unknown): Sleepable<unknown> {
  const body = mustBeSleepable(answer);
  if (walk.mayBlock) return yield* body;
  const report = walk.sleepReporter();
  let result = body.next();
  try {
    while (!result.done) {
      if (sleeps(result.value)) report(result.value as Wait);
      yield result.value;
      result = body.next();
    }
  } finally {
    if (!result.done) body.return(undefined);
  }
  return result.value;
}

/**
 * Runs callbacks that must not sleep, at once. A generator that reaches a wait, even a ready one, is
 * given up there: its `finally` blocks run, and it counts as a refusal. One that cannot refuse is
 * never given up; it is finished in the background.
 */
export function runWithoutSleeping(walk: CallbackWalk): void {
  try {
    while (walk.next()) {
      const answer = walk.call();
      if (!isUnfinished(answer)) {
        walk.settle(answer);
      } else if (walk.mustFinish()) {
        runNowOrLater(drive(walk, answer));
        walk.settle(undefined);
      } else {
        walk.settle(unwindAtSleep(walk, mustBeSleepable(answer)));
      }
    }
  } catch (error) {
    walk.fail(error);
    throw error;
  }
}

function unwindAtSleep(walk: CallbackWalk, body: Sleepable<unknown>): unknown {
  let result = body.next();
  while (!result.done) {
    const suspension = result.value;
    // Spinning for a lock whose holder cannot run meanwhile would never end either.
    if (suspension.kind === "wait" && (!suspension.spins || !suspension.ready())) {
      walk.sleepReporter()(suspension);
      // A finally block that yields ends its unwinding there, so it is asked again.
      for (let i = 0; i < UNWINDS_MAX && !result.done; i += 1) result = body.return(undefined);
      if (!result.done) walk.reportStuck();
      return GIVEN_UP;
    }
    result = body.next();
  }
  return result.value;
}

/** Runs a body that does not have to sleep. @throws {IntervalidateError} WOULD_BLOCK if it has to */
export function runAtOnce<T>(body: Sleepable<T>, what: string): T {
  let result = body.next();
  while (!result.done) {
    const suspension = result.value;
    if (suspension.kind === "wait" && !suspension.ready()) {
      result = body.throw(
        new IntervalidateError(
          "WOULD_BLOCK",
          `${what} has to sleep for ${suspension.resource}: use the door named ...Async, or let a driver run the one named ...Sleepable.`,
        ),
      );
      continue;
    }
    result = body.next();
  }
  return result.value;
}

/** Runs a body that cannot fail as far as it goes without sleeping, and the rest in the background. */
export function runNowOrLater(body: Sleepable<unknown>): void {
  let result = body.next();
  while (!result.done) {
    const suspension = result.value;
    if (suspension.kind === "wait" && !suspension.ready()) {
      void runAsync(resumed(body, suspension));
      return;
    }
    result = body.next();
  }
}

function* resumed(body: Sleepable<unknown>, wait: Wait): Sleepable<undefined> {
  yield wait;
  yield* body;
}

/** Whether an answer is no result yet: a generator, or a promise, which is an error. */
function isUnfinished(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && !("approved" in answer);
}

function sleeps(suspension: { readonly kind: string; readonly spins?: boolean }): boolean {
  return suspension.kind === "wait" && suspension.spins !== true;
}

function mustBeSleepable(answer: unknown): Sleepable<unknown> {
  if (isSleepable(answer)) return answer;
  const what = typeof (answer as { then?: unknown }).then === "function" ? "promise" : "object";
  throw new IntervalidateError(
    "ARGUMENT",
    `A callback returned ${what === "promise" ? "a promise" : "an object"}: one that may sleep has to be a generator function that yields its waits.`,
  );
}

/** Whether a callback was written as a generator, so that it needs a driver that can sleep. */
export function isGeneratorFunction(callback: unknown): boolean {
  return Object.prototype.toString.call(callback) === "[object GeneratorFunction]";
}
