// The operations of a soak that only ask. Each draws its arguments, asks a set and its model the same,
// and compares the answers.

import { Digest } from "./bucket.ts";
import { drawAddress, drawQuery } from "./draw.ts";
import {
  checkLists,
  chosen,
  columnsOf,
  doors,
  drawOverlap,
  drawQueries,
  expectArgument,
  listFor,
  listOf,
  type Step,
} from "./step.ts";
import { bigintOf, emptyRange, textOf } from "./words.ts";
import { addressOf, describe } from "./world.ts";

/** The arguments of the operation under way. */
const range = emptyRange();

export function collect(step: Step): void {
  const { world, side, random } = step;
  drawOverlap(step, range);
  const expected = side.model.digest(range);
  const list = listFor(step, expected.count);
  const [start, last] = doors(random, range);
  world.note(side, () => `collect(${describe(range)}, ${list.length})`);
  const total = side.set.collect(start, last, list);
  world.checkListed(side, range, expected, total, list);
}

export function count(step: Step): void {
  const { world, side } = step;
  drawOverlap(step, range);
  const [start, last] = doors(step.random, range);
  world.note(side, () => `count(${describe(range)})`);
  world.equal(side.set.count(start, last), side.model.digest(range).count, "count");
}

export function some(step: Step): void {
  const { world, side } = step;
  drawOverlap(step, range);
  const [start, last] = doors(step.random, range);
  world.note(side, () => `some(${describe(range)})`);
  world.equal(side.set.some(start, last), side.model.digest(range).count > 0, "some");
}

export function collectLocked(step: Step): void {
  const { world, side, random } = step;
  drawOverlap(step, range);
  const expected = new Digest();
  side.model.forEachHit(range, (bucket, row) => {
    if (bucket.locked[row] === 1) expected.add(bucket.handle[row] as number);
  });
  const list = world.room(expected.count + random.below(4));
  const [start, last] = doors(random, range);
  world.note(side, () => `collectLocked(${describe(range)}, ${list.length})`);
  const total = side.set.collectLocked(start, last, list);
  world.checkListed(side, range, expected, total, list);
}

export function queryMany(step: Step): void {
  const { world, side } = step;
  const ranges = drawQueries(step);
  world.note(side, () => `queryMany(${listOf(ranges)})`);
  checkLists(step, ranges, side.set.queryMany(...columnsOf(ranges)));
}

export function nearest(step: Step): void {
  const { world, side, random } = step;
  const { set, model } = side;
  drawAddress(random, step.spread, model, range);
  const { startHigh: high, startLow: low } = range;
  const at = addressOf(high, low, random.chance(1, 2));
  world.note(side, () => `firstAfter(${textOf(high, low)})`);
  world.equal(set.firstAfter(at) ?? 0, model.firstAfter(high, low), "firstAfter");
  world.note(side, () => `firstBefore(${textOf(high, low)})`);
  world.equal(set.firstBefore(at) ?? 0, model.firstBefore(high, low), "firstBefore");
}

export function gaps(step: Step): void {
  const { world, side } = step;
  drawQuery(step.random, step.spread, side.model, range);
  const expected = side.model.gaps(range);
  const [start, last] = doors(step.random, range);
  world.note(side, () => `gaps(${describe(range)})`);
  const found = side.set.gaps(start, last);
  world.equal(found.length, expected.length, "number of gaps");
  for (const [i, gap] of expected.entries()) {
    const [from, to] = found[i] as [bigint, bigint];
    world.equal(from, bigintOf(gap.startHigh, gap.startLow), "start of a gap");
    world.equal(to - 1n, bigintOf(gap.lastHigh, gap.lastLow), "last of a gap");
  }
}

export function ordered(step: Step): void {
  const { world, side } = step;
  drawOverlap(step, range);
  const expected = side.model.ordered(range);
  const [start, last] = doors(step.random, range);
  world.note(side, () => `ordered(${describe(range)})`);
  const found = side.set.ordered(start, last);
  world.equal(found.length, expected.length, "number of hits in order");
  for (const [i, handle] of expected.entries()) world.equal(found[i], handle, "a hit in order");
}

/** A live handle is known with all its properties; a stale one, or any other number, is refused. */
export function inspect(step: Step): void {
  const { world, side, random } = step;
  const handle = chosen(step);
  if (handle !== 0) world.compareInterval(side, handle);
  const { stale } = world;
  const number =
    random.chance(3, 4) && stale.length > 0
      ? (stale[random.below(stale.length)] as number)
      : random.next() >>> random.below(32);
  for (const other of world.sides) {
    const { set, model } = other;
    const isLive = model.has(number);
    world.note(other, () => `has(${number}), and what it refuses`);
    world.equal(set.has(number), isLive, "has");
    if (isLive) continue;
    const refusals = [set.remove(number), set.tryLock(number), set.isLocked(number)];
    refusals.push(set.move(number, 1, 2), set.startOf(number) !== undefined);
    refusals.push(set.lastOf(number) !== undefined);
    world.equal(refusals.indexOf(true), -1, "call that accepted what is no live handle");
    // An error with its stack costs more than all the rest.
    if (random.chance(1, 16)) expectArgument(step, () => set.sequenceOf(number));
  }
}
