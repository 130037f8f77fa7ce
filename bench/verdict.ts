import type { Figures } from "./sampling.ts";

/** What became of a contender in a cell. */
export type Verdict =
  | ({ readonly verdict: "measured"; readonly configuration: string } & Figures)
  /** Its answers differ from the reference, or it threw. */
  | { readonly verdict: "wrong"; readonly detail: string }
  /** It would not get done within the budget. */
  | { readonly verdict: "too slow"; readonly detail: string }
  /** It has no such operation. */
  | { readonly verdict: "lacking" };

/** An answer that is not the reference's. */
class WrongAnswer extends Error {}

export class TooSlow extends Error {}

export function checkEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new WrongAnswer(`${what}: ${actual}, should be ${expected}`);
}

/** The clock is looked at after so many steps. */
const STEPS_AT_ONCE = 50;
/** After this part of the steps the rest is taken to go on at the same pace. */
const TELLING_PART = 0.1;

/** What a contender may still take in a cell. */
export class Budget {
  readonly #seconds: number;
  readonly #begin: number;

  /** @param spent seconds that other work took on its behalf */
  constructor(seconds: number, spent: number) {
    this.#seconds = seconds;
    this.#begin = performance.now() - spent * 1000;
  }

  /** @throws {TooSlow} if so much more would be too much */
  demand(seconds: number, what: string): void {
    const all = (performance.now() - this.#begin) / 1000 + seconds;
    if (all <= this.#seconds) return;
    throw new TooSlow(`${what}: ${all.toFixed(1)} s, may be ${this.#seconds} s`);
  }

  /** Does so many steps. @throws {TooSlow} as soon as it shows that they would take too long */
  watch(what: string, count: number, step: (i: number) => void): void {
    const begin = performance.now();
    for (let i = 0; i < count; i += 1) {
      step(i);
      if (i % STEPS_AT_ONCE !== 0) continue;
      const rest = i < count * TELLING_PART ? 0 : (count - i) / i;
      this.demand(((performance.now() - begin) / 1000) * rest, what);
    }
  }
}
