// What is played: mixes of addresses, sizes of worlds, and which history is which.

import { SPREADS, type Spread } from "../engine/support.ts";

/** Addresses of one history: the spreads follow one another, while what is there stays. */
export interface Mix {
  readonly name: string;
  readonly spreads: readonly Spread[];
}

export const MIXES: readonly Mix[] = [
  ["2^16"],
  ["2^31"],
  ["2^47"],
  ["2^64"],
  ["2^64, any length"],
  ["2^16", "2^64"],
  ["pages of 2^47", "2^47"],
  ["2^16", "2^64, any length", "2^16"],
].map((names) => ({
  name: names.join(" then "),
  spreads: names.map((name) => SPREADS.find((spread) => spread.name === name) as Spread),
}));

interface Size {
  readonly name: "tiny" | "middle" | "large";
  readonly setCount: number;
  /** Intervals per set. */
  readonly wanted: number;
  readonly steps: number;
  /** Steps between two checks of all structural invariants. */
  readonly verifyEvery: number;
  /** Steps between two comparisons of every interval. */
  readonly compareEvery: number;
  /** Intervals per set in the rounds of draining and refilling at the end. */
  readonly refilled: number;
}

/** A tiny set fits one bucket of the model, which then is a scan. */
const TINY: Size = {
  name: "tiny",
  setCount: 3,
  wanted: 20,
  steps: 10_000,
  verifyEvery: 4,
  compareEvery: 64,
  refilled: 20,
};
const MIDDLE: Size = {
  name: "middle",
  setCount: 2,
  wanted: 1000,
  steps: 30_000,
  verifyEvery: 512,
  compareEvery: 8192,
  refilled: 1000,
};
const LARGE: Size = {
  name: "large",
  setCount: 1,
  wanted: 100_000,
  steps: 60_000,
  verifyEvery: 16_384,
  compareEvery: 32_768,
  refilled: 30_000,
};

/** Sizes of each mix in a round; after them comes one large history, of each round's own mix. */
const SIZES = [TINY, TINY, TINY, TINY, MIDDLE];
const ROUND = MIXES.length * SIZES.length + 1;

/** One world from its start to its end: a function of a seed and a number. */
export interface History {
  readonly seed: number;
  readonly number: number;
  readonly mix: Mix;
  readonly size: Size;
}

export function historyOf(seed: number, number: number): History {
  const place = number % ROUND;
  const isLarge = place === ROUND - 1;
  const mix = isLarge
    ? Math.floor(number / ROUND) % MIXES.length
    : Math.floor(place / SIZES.length);
  const size = isLarge ? LARGE : (SIZES[place % SIZES.length] as Size);
  return { seed, number, mix: MIXES[mix] as Mix, size };
}

export function spreadAt(history: History, step: number): Spread {
  const { spreads } = history.mix;
  const index = Math.floor((step * spreads.length) / history.size.steps);
  return spreads[Math.min(index, spreads.length - 1)] as Spread;
}

/** Full, then a quarter, then full again. */
export function wantedAt({ size }: History, step: number): number {
  const part = Math.floor((step * 20) / size.steps);
  return part >= 14 && part < 17 ? size.wanted >> 2 : size.wanted;
}
