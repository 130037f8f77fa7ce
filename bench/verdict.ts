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

/** What a contender may still take in a cell. */
export class Budget {
  readonly seconds: number;
  #spent: number;
  #begin = performance.now();

  /** @param spent seconds that other work took on its behalf */
  constructor(seconds: number, spent: number) {
    this.seconds = seconds;
    this.#spent = spent;
  }

  /** @throws {TooSlow} if so much more would be too much */
  demand(seconds: number, what: string): void {
    const spent = this.#spent + (performance.now() - this.#begin) / 1000;
    if (spent + seconds <= this.seconds) return;
    throw new TooSlow(`${what}: ${(spent + seconds).toFixed(1)} s of ${this.seconds} s`);
  }
}
