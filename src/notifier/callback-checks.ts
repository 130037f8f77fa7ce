import { IntervalidateError } from "../errors.ts";
import type { IntervalNotifierOps, UncheckedIntervalNotifierOps } from "./interval-notifier.ts";
import type { ListNotifierOps, UncheckedListNotifierOps } from "./list-notifier.ts";
import type { Profile } from "./profile.ts";

/** Callbacks of list notifiers that may sleep. */
const MAY_SLEEP = ["invalidateRangeEnd", "invalidateRange", "release"] as const;

/** Callbacks of list notifiers that never sleep. */
const NEVER_SLEEP = [
  "allocNotifier",
  "freeNotifier",
  "clearFlushYoung",
  "clearYoung",
  "testYoung",
  "archInvalidateSecondaryTlbs",
] as const;

/**
 * What the types say about a list notifier's callbacks, for those who have none.
 *
 * @throws {IntervalidateError} ARGUMENT
 */
export function checkListOps<Data>(
  ops: ListNotifierOps<Data> | UncheckedListNotifierOps<Data>,
): void {
  checkObject(ops);
  for (const name of MAY_SLEEP) checkOptional(name, ops[name], false);
  for (const name of NEVER_SLEEP) checkOptional(name, ops[name], true);
  checkModes("invalidateRangeStart", ops.invalidateRangeStart);
}

/** The same for an interval notifier. @throws {IntervalidateError} ARGUMENT */
export function checkIntervalOps(
  ops: IntervalNotifierOps | UncheckedIntervalNotifierOps,
  profile: Profile,
): void {
  checkObject(ops);
  const { invalidate, invalidateStart } = ops;
  if ((invalidate === undefined) === (invalidateStart === undefined)) {
    throw bad("An interval notifier has either invalidate or invalidateStart.");
  }
  if (invalidateStart !== undefined && !profile.twoPassCallbacks) {
    throw bad(`Profile ${profile.name} has no invalidateStart: use invalidate.`);
  }
  checkModes("invalidate", invalidate);
  checkModes("invalidateStart", invalidateStart);
}

/** Whether a callback was written as a generator, so that it needs a driver that can sleep. */
export function isGeneratorFunction(callback: unknown): boolean {
  return kindOf(callback) === "[object GeneratorFunction]";
}

function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

function checkObject(ops: unknown): void {
  if (typeof ops === "object" && ops !== null) return;
  throw bad(`The callbacks of a notifier are an object, but this is ${typeName(ops)}.`);
}

/** One callback for both modes, or one for each. */
function checkModes(name: string, callback: unknown): void {
  if (typeof callback !== "object" || callback === null) {
    checkOptional(name, callback, false);
    return;
  }
  const { blocking, nonblocking } = callback as { blocking?: unknown; nonblocking?: unknown };
  checkFunction(`${name}.blocking`, blocking, false);
  checkFunction(`${name}.nonblocking`, nonblocking, true);
}

function checkOptional(name: string, callback: unknown, isPlain: boolean): void {
  if (callback !== undefined) checkFunction(name, callback, isPlain);
}

function checkFunction(name: string, callback: unknown, isPlain: boolean): void {
  if (typeof callback !== "function") {
    throw bad(`${name} must be a function, but is ${typeName(callback)}.`);
  }
  if (kindOf(callback).startsWith("[object Async")) {
    throw bad(
      `${name} must not be async: nobody can wait for a promise here; ${REMEDY[+isPlain]}.`,
    );
  }
  if (isPlain && isGeneratorFunction(callback)) {
    throw bad(`${name} must never sleep, but is a generator function; ${REMEDY[1]}.`);
  }
}

const REMEDY = ["if it may sleep, make it a generator function", "make it a plain function"];

function typeName(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function bad(message: string): IntervalidateError {
  return new IntervalidateError("ARGUMENT", message);
}
