// What the tests of address spaces share.

import type { Sleepable, Suspension } from "../../src/blocking/suspension.ts";

export const PAGE = 0x1000;
/** The range of the mirror that most scenarios are about. */
export const I = [0x10000, 0x11000] as const;

/** Runs a sleepable up to its first wait that is not ready, and says whether it got to its end. */
export function runUntilBlocked<T>(body: Sleepable<T>): { done: true; value: T } | { done: false } {
  for (;;) {
    const result: IteratorResult<Suspension, T> = body.next();
    if (result.done) return { done: true, value: result.value };
    if (result.value.kind === "wait" && !result.value.ready()) return { done: false };
  }
}

/** What the sleepable returns; it must not block. */
export function complete<T>(body: Sleepable<T>): T {
  const result = runUntilBlocked(body);
  if (!result.done) throw new Error("blocked");
  return result.value;
}
