import { IntervalidateError } from "../errors.ts";
import { GENERATOR, type Sleepable, type Suspension } from "./suspension.ts";

const { next } = GENERATOR;

/** So often is a generator told or asked the same thing before a driver gives up on it. */
const PATIENCE = 8;

/**
 * Runs a generator to its next wait or point, or to its end, either on from where it is suspended or by
 * throwing an error there. What it yields that is neither, such as a promise, is thrown back at it.
 *
 * @throws what the generator throws
 */
export function advance<T>(
  body: Sleepable<T>,
  failure?: { readonly error: unknown },
): IteratorResult<Suspension, T> {
  let result = (
    failure === undefined ? next.call(body) : body.throw(failure.error)
  ) as IteratorResult<Suspension, T>;
  for (let patience = PATIENCE; !result.done; patience -= 1) {
    const error = foreignYield(result.value);
    if (error === undefined) break;
    if (patience === 0) {
      unwind(body);
      throw error;
    }
    result = body.throw(error);
  }
  return result;
}

/**
 * Asks a generator that is suspended to unwind, so that its `finally` blocks run. That is only a
 * request: a `finally` block that yields ends there, and is asked again. False if it would not end.
 */
export function unwind(body: Sleepable<unknown>): boolean {
  for (let patience = PATIENCE; patience > 0; patience -= 1) {
    if (body.return(undefined).done) return true;
  }
  return false;
}

/**
 * Throws errors into a generator at its waits. One that swallows them too often, and waits on, is
 * unwound, and the error is thrown to the driver instead.
 */
export class Interrupter {
  #patience = PATIENCE;

  interrupt<T>(body: Sleepable<T>, error: unknown): IteratorResult<Suspension, T> {
    if (this.#patience > 0) {
      this.#patience -= 1;
      return advance(body, { error });
    }
    unwind(body);
    throw error;
  }
}

function foreignYield(yielded: unknown): IntervalidateError | undefined {
  const kind = (yielded as Suspension | null | undefined)?.kind;
  if (kind === "wait" || kind === "point") return undefined;
  const isPromise = typeof (yielded as PromiseLike<unknown> | null)?.then === "function";
  return new IntervalidateError(
    "ARGUMENT",
    `A generator yielded ${isPromise ? "a promise" : `a value of type ${typeof yielded}`}, for which nobody can wait: \`yield*\` what may sleep, such as \`lock.lock()\`, or yield a wait or a point.`,
  );
}
