// What operations of a soak have in common: how they choose, and how they pass, their arguments.

import type { HitLists } from "../../src/engine/batches.ts";
import { IntervalidateError } from "../../src/errors.ts";
import type { Random } from "../../src/sim/random.ts";
import type { Spread } from "../engine/support.ts";
import { drawQuery } from "./draw.ts";
import { bigintOf, emptyRange, numberOf, type Range, SAFE_HIGH, WORD_MAX } from "./words.ts";
import { addressOf, describe, type Side, type World } from "./world.ts";

/** Some more than two of the batches that the engine takes at a time. */
const QUERIES_MAX = 300;

/** What a step of a history knows. */
export interface Step {
  readonly world: World;
  readonly side: Side;
  readonly random: Random;
  readonly spread: Spread;
  /** A value that no earlier step left in an interval. */
  readonly sequence: number;
  /** Intervals that the set ought to have about now. */
  readonly wanted: number;
}

/** Draws a query. One in so many has its start above its last: then the formula counts. */
export function drawOverlap(step: Step, range: Range): void {
  drawQuery(step.random, step.spread, step.side.model, range);
  if (!step.random.chance(1, 64)) return;
  const { startHigh, startLow } = range;
  range.startHigh = range.lastHigh;
  range.startLow = range.lastLow;
  range.lastHigh = startHigh;
  range.lastLow = startLow;
}

/** A batch of queries, in any order. */
export function drawQueries({ random, spread, side }: Step): Range[] {
  const ranges = Array.from({ length: sizeUpTo(random, QUERIES_MAX) }, () => {
    const drawn = emptyRange();
    drawQuery(random, spread, side.model, drawn);
    return withEnd(drawn);
  });
  arrange(random, ranges);
  return ranges;
}

export function checkLists({ world, side }: Step, ranges: Range[], lists: HitLists): void {
  const { offsets, handles } = lists;
  world.equal(offsets.length, ranges.length + 1, "number of offsets");
  world.equal(offsets[ranges.length], handles.length, "last offset");
  for (const [i, drawn] of ranges.entries()) {
    const list = handles.subarray(offsets[i], offsets[i + 1]);
    world.checkListed(side, drawn, side.model.digest(drawn), list.length, list);
  }
}

export function chosen({ side, random }: Step): number {
  const [first, second] = [random.next(), random.next()];
  return side.model.size === 0 ? 0 : side.model.choose(first, second);
}

/** Most often with room for all hits and a little more, now and then with less or none. */
export function listFor({ world, random }: Step, hits: number): Uint32Array {
  return world.room(random.chance(1, 8) ? random.below(hits + 1) : hits + random.below(4));
}

/** Mostly fresh, sometimes with the high bits that a sign could get lost in. */
export function sequenceOf({ random, sequence }: Step): number {
  return random.chance(1, 2) ? sequence : random.next();
}

export function doors(
  random: Random,
  { startHigh, startLow, lastHigh, lastLow }: Range,
): [number | bigint, number | bigint] {
  const asNumber = random.chance(3, 4);
  return [addressOf(startHigh, startLow, asNumber), addressOf(lastHigh, lastLow, asNumber)];
}

/** From 0 to `most`, all magnitudes alike. */
export function sizeUpTo(random: Random, most: number): number {
  return random.below(Math.min(most, 2 ** random.below(33 - Math.clz32(most))) + 1);
}

/** Half-open columns cannot say the whole space: it becomes all of it but address 0. */
export function withEnd(drawn: Range): Range {
  const { startHigh, startLow, lastHigh, lastLow } = drawn;
  const isWhole = (startHigh | startLow) === 0 && lastHigh === WORD_MAX && lastLow === WORD_MAX;
  if (isWhole) drawn.startLow = 1;
  return drawn;
}

/** As drawn, or ascending, or descending, or all equal. */
export function arrange(random: Random, ranges: Range[]): void {
  const order = random.below(8);
  if (order < 3) {
    const sign = order === 0 ? -1 : 1;
    ranges.sort((a, b) => sign * (a.startHigh - b.startHigh || a.startLow - b.startLow));
  } else if (order === 3) {
    for (const drawn of ranges) Object.assign(drawn, ranges[0]);
  }
}

export function columnsOf(
  ranges: readonly Range[],
): [Float64Array | BigUint64Array, Float64Array | BigUint64Array] {
  if (ranges.every(({ lastHigh }) => lastHigh < SAFE_HIGH - 1)) {
    return [
      Float64Array.from(ranges, ({ startHigh, startLow }) => numberOf(startHigh, startLow)),
      Float64Array.from(ranges, ({ lastHigh, lastLow }) => numberOf(lastHigh, lastLow) + 1),
    ];
  }
  return [
    BigUint64Array.from(ranges, ({ startHigh, startLow }) => bigintOf(startHigh, startLow)),
    BigUint64Array.from(ranges, ({ lastHigh, lastLow }) =>
      BigInt.asUintN(64, bigintOf(lastHigh, lastLow) + 1n),
    ),
  ];
}

export function expectArgument({ world }: Step, action: () => unknown): void {
  let code = "nothing";
  try {
    action();
  } catch (error) {
    if (!(error instanceof IntervalidateError)) throw error;
    code = error.code;
  }
  world.equal(code, "ARGUMENT", "what is thrown");
}

export function listOf(ranges: readonly Range[]): string {
  const shown = ranges.slice(0, 20).map((drawn) => `[${describe(drawn)}]`);
  return `${shown.join(" ")}${ranges.length > 20 ? ` ... ${ranges.length} in all` : ""}`;
}

export function listText(handles: Uint32Array): string {
  return `${handles.subarray(0, 20).join(" ")}${handles.length > 20 ? " ..." : ""}`;
}
