// Makes a failing history short: leaves out steps as long as it still fails.

import { type Conditions, type Failure, play } from "./history.ts";
import type { History } from "./plan.ts";

export interface Shrunk {
  readonly steps: readonly number[];
  readonly failure: Failure;
  /** What the steps do, in words. */
  readonly notes: readonly string[];
}

/**
 * The shortest failing part found by playing at most about `budget` steps; undefined if the failure
 * is not one of the steps alone.
 */
export function shrink(
  history: History,
  conditions: Conditions,
  failure: Failure,
  budget: number,
): Shrunk | undefined {
  const until = Math.min(failure.step + 1, history.size.steps);
  let steps: readonly number[] = Array.from({ length: until }, (_, i) => i);
  let left = budget;
  const fails = (candidate: readonly number[]): readonly number[] | undefined => {
    left -= candidate.length;
    const { failure: found } = play(history, conditions, { steps: candidate });
    // It may fail earlier than before.
    return found === undefined ? undefined : candidate.filter((step) => step <= found.step);
  };
  const whole = fails(steps);
  if (whole === undefined) return undefined;
  steps = whole;
  for (let part = steps.length >> 1; part > 0 && left > 0; ) {
    let isShorter = false;
    for (let from = 0; from < steps.length && left > 0; ) {
      const kept = fails([...steps.slice(0, from), ...steps.slice(from + part)]);
      if (kept === undefined) {
        from += part;
      } else {
        steps = kept;
        isShorter = true;
      }
    }
    if (!isShorter || part > steps.length >> 1) part >>= 1;
  }
  const notes: string[] = [];
  const last = play(history, conditions, { steps, notes });
  return { steps, failure: last.failure as Failure, notes };
}
