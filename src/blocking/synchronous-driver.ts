import { IntervalidateError } from "../errors.ts";
import { runAsync } from "./asynchronous-driver.ts";
import { advance, Interrupter } from "./driving.ts";
import type { Sleepable, Wait } from "./suspension.ts";

/** Runs a generator that does not have to sleep. @throws {IntervalidateError} WOULD_BLOCK if it has to */
export function runAtOnce<T>(body: Sleepable<T>, what: string): T {
  const interrupter = new Interrupter();
  let result = advance(body);
  while (!result.done) {
    const suspension = result.value;
    if (suspension.kind === "wait" && !suspension.ready()) {
      result = interrupter.interrupt(body, wouldBlock(what, suspension));
    } else {
      result = advance(body);
    }
  }
  return result.value;
}

/** What runs into a wait that is not ready where nobody may sleep is told this. */
export function wouldBlock(what: string, wait: Wait): IntervalidateError {
  return new IntervalidateError(
    "WOULD_BLOCK",
    `${what} has to sleep for ${wait.resource}: use the door named ...Async, or let a driver run the one named ...Sleepable.`,
  );
}

/**
 * Runs a generator as far as it goes without sleeping, and the rest in the background. What it throws
 * there is an unhandled rejection, as of any promise for which nobody waits.
 */
export function runNowOrLater(body: Sleepable<unknown>): void {
  let result = advance(body);
  while (!result.done) {
    const suspension = result.value;
    if (suspension.kind === "wait" && !suspension.ready()) {
      void runAsync(resumed(body, suspension));
      return;
    }
    result = advance(body);
  }
}

function* resumed(body: Sleepable<unknown>, wait: Wait): Sleepable<undefined> {
  yield wait;
  yield* body;
}
