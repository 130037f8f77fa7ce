// Draws addresses as tests of the engine want them: by a spread, and close to what is there already,
// because bounds that touch are where an answer goes wrong.

import type { Random } from "../../src/sim/random.ts";
import type { Spread } from "../engine/support.ts";
import type { Model } from "./model.ts";
import { emptyRange, type Range, setLast, WORD_MAX } from "./words.ts";

/** One query in so many is for the whole space. */
const WHOLE_SPACE_IN = 1024;
/** Queries far from any interval are at most so wide that about so many hits are expected. */
const HITS_EXPECTED_BITS = 6;

const neighbour = emptyRange();

/** A range of the spread, or, one time in three, one that touches or overlaps a present interval. */
export function drawInterval(random: Random, spread: Spread, model: Model, range: Range): void {
  if (model.size > 0 && random.chance(1, 3)) {
    drawBoundNearby(random, spread, model, range);
  } else {
    drawStart(random, spread, range);
  }
  drawLast(random, spread, random.below(spread.lengthBits + 1), range);
}

export function drawQuery(random: Random, spread: Spread, model: Model, range: Range): void {
  if (random.chance(1, WHOLE_SPACE_IN)) {
    range.startHigh = 0;
    range.startLow = 0;
    range.lastHigh = WORD_MAX;
    range.lastLow = WORD_MAX;
    return;
  }
  if (model.size > 0 && random.chance(1, 2)) {
    drawBoundNearby(random, spread, model, range);
    if (random.chance(1, 2)) {
      setLast(range, 0, 0);
      return;
    }
  } else {
    drawStart(random, spread, range);
  }
  const sparse = spread.bits - (32 - Math.clz32(model.size)) + HITS_EXPECTED_BITS;
  const bits = random.below(Math.max(1, Math.min(spread.bits, sparse)) + 1);
  // Queries need not keep to the alignment of what is there.
  if (random.chance(1, 2)) drawLast(random, spread, bits, range);
  else drawUnalignedLast(random, bits, range);
}

/** One address: a bound of a present interval, or any of the spread. */
export function drawAddress(random: Random, spread: Spread, model: Model, range: Range): void {
  if (model.size > 0 && random.chance(1, 2)) drawBoundNearby(random, spread, model, range);
  else drawStart(random, spread, range);
}

function drawStart(random: Random, spread: Spread, range: Range): void {
  const { bits, alignment } = spread;
  range.startHigh = bits > 32 ? random.next() >>> (64 - bits) : 0;
  range.startLow = bits < 32 ? random.next() >>> (32 - bits) : random.next();
  range.startLow = (range.startLow & ~((1 << alignment) - 1)) >>> 0;
}

/** Starts at a bound of a present interval, or one unit before or after it. */
function drawBoundNearby(random: Random, spread: Spread, model: Model, range: Range): void {
  model.read(model.choose(random.next(), random.next()), neighbour);
  const unit = 1 << spread.alignment;
  const atStart = random.chance(1, 2);
  range.startHigh = atStart ? neighbour.startHigh : neighbour.lastHigh;
  range.startLow = atStart ? neighbour.startLow : neighbour.lastLow;
  const low = range.startLow + (random.below(3) - 1) * (random.chance(1, 2) ? unit : 1);
  if (low < 0) {
    if (range.startHigh === 0) return;
    range.startHigh -= 1;
  } else if (low > WORD_MAX) {
    if (range.startHigh === WORD_MAX) return;
    range.startHigh += 1;
  }
  range.startLow = low >>> 0;
}

function drawLast(random: Random, spread: Spread, bits: number, range: Range): void {
  drawUnalignedLast(random, bits, range);
  range.lastLow = (range.lastLow | ((1 << spread.alignment) - 1)) >>> 0;
}

/** A length below 2^bits, from 1 on. */
function drawUnalignedLast(random: Random, bits: number, range: Range): void {
  const high = bits > 32 ? random.next() >>> (64 - bits) : 0;
  const low = bits >= 32 ? random.next() : bits === 0 ? 0 : random.next() >>> (32 - bits);
  setLast(range, high, low);
}
