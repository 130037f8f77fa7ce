// The operations of a soak that change something. Each draws its arguments, does the same to a set and
// to its model, and compares what comes back.

import { Digest } from "./bucket.ts";
import { drawInterval } from "./draw.ts";
import {
  arrange,
  checkLists,
  chosen,
  columnsOf,
  doors,
  drawOverlap,
  drawQueries,
  expectArgument,
  listFor,
  listOf,
  listText,
  type Step,
  sequenceOf,
  sizeUpTo,
  withEnd,
} from "./step.ts";
import { bigintOf, emptyRange, type Range, WORD_MAX } from "./words.ts";
import { describe, type Side } from "./world.ts";

const EVERYTHING: Range = { startHigh: 0, startLow: 0, lastHigh: WORD_MAX, lastLow: WORD_MAX };
/** The arguments of the operation under way. */
const range = emptyRange();

export function insert(step: Step): void {
  const { world, side, random } = step;
  drawInterval(random, step.spread, side.model, range);
  const [start, last] = doors(random, range);
  world.note(side, () => `insert(${describe(range)}, ${step.sequence})`);
  const handle = side.set.insert(start, last, step.sequence);
  world.result(handle);
  world.admit(side, handle, range, step.sequence);
}

export function remove(step: Step): void {
  const { world, side } = step;
  const handle = chosen(step);
  if (handle === 0) return;
  world.note(side, () => `remove(${handle})`);
  world.equal(side.set.remove(handle), true, "remove");
  world.equal(side.set.has(handle), false, "has of what was removed");
  world.retire(side, handle);
}

/** Towards the wanted size; back and forth around it. */
export function insertOrRemove(step: Step): void {
  const { size } = step.side.model;
  const insertions = size > step.wanted + 8 ? 1 : size < step.wanted ? 7 : 4;
  if (step.random.chance(insertions, 8)) insert(step);
  else remove(step);
}

/** A batch: any size, ordered or not, equal or not; into an empty set up to all that it shall hold. */
export function insertMany(step: Step): void {
  const { world, side, random, spread } = step;
  const { set, model } = side;
  const missing = Math.max(0, step.wanted - model.size);
  const most = model.size === 0 ? missing : Math.min(missing, step.wanted >> 3);
  const length = most === 0 ? 0 : sizeUpTo(random, most);
  const ranges = Array.from({ length }, () => {
    const drawn = emptyRange();
    drawInterval(random, spread, model, drawn);
    return withEnd(drawn);
  });
  arrange(random, ranges);
  world.note(side, () => `insertMany(${listOf(ranges)}, ${step.sequence})`);
  const handles = set.insertMany(...columnsOf(ranges), step.sequence);
  world.result(listText(handles));
  world.equal(handles.length, length, "handles of insertMany");
  for (const [i, drawn] of ranges.entries()) {
    world.admit(side, handles[i] as number, drawn, step.sequence);
  }
}

export function move(step: Step): void {
  const { world, side, random } = step;
  const handle = chosen(step);
  if (handle === 0) return;
  drawInterval(random, step.spread, side.model, range);
  const [start, last] = doors(random, range);
  world.note(side, () => `move(${handle}, ${describe(range)})`);
  world.equal(side.set.move(handle, start, last), true, "move");
  side.model.move(handle, range);
  world.compareInterval(side, handle);
}

export function removeOverlapping(step: Step): void {
  const { world, side } = step;
  drawOverlap(step, range);
  const hits = side.model.hits(range);
  const [start, last] = doors(step.random, range);
  world.note(side, () => `removeOverlapping(${describe(range)})`);
  world.equal(side.set.removeOverlapping(start, last), hits.length, "removeOverlapping");
  for (const handle of hits) world.retire(side, handle);
  world.compareCounts(side);
}

export function clear(step: Step): void {
  const { world, side } = step;
  world.note(side, () => "clear()");
  side.set.clear();
  side.model.clear();
  world.compareCounts(side);
}

/** A set's locks are taken for a while only: else every wide invalidation were refused. */
export function lockOrUnlock(step: Step): void {
  const { world, side, random } = step;
  const handle = chosen(step);
  if (handle === 0) return;
  const { set, model } = side;
  if (model.heldLocks > 2 + model.size / 16) {
    unlockAll(step);
  } else if (model.isLocked(handle)) {
    world.note(side, () => `unlock(${handle})`);
    set.unlock(handle);
    world.equal(set.isLocked(handle), false, "isLocked after unlock");
    model.setLocked(handle, false);
  } else if (random.chance(1, 2)) {
    world.note(side, () => `tryLock(${handle})`);
    world.equal(set.tryLock(handle), true, "tryLock");
    world.equal(set.tryLock(handle), false, "tryLock again");
    model.setLocked(handle, true);
  } else {
    world.note(side, () => `unlock(${handle})`);
    expectArgument(step, () => set.unlock(handle));
  }
  world.compareCounts(side);
}

function unlockAll(step: Step): void {
  const { world, side } = step;
  const locked = new Uint32Array(side.model.heldLocks);
  world.note(side, () => `collectLocked(${describe(EVERYTHING)}, ${locked.length})`);
  const total = side.set.collectLocked(0, bigintOf(WORD_MAX, WORD_MAX), locked);
  world.equal(total, locked.length, "locked intervals");
  for (const handle of locked) {
    world.check(side.model.isLocked(handle), () => `${handle} is listed as locked`);
    world.note(side, () => `unlock(${handle})`);
    side.set.unlock(handle);
    side.model.setLocked(handle, false);
  }
}

export function setSequence(step: Step): void {
  const { world, side } = step;
  const handle = chosen(step);
  if (handle === 0) return;
  const sequence = sequenceOf(step);
  world.note(side, () => `setSequence(${handle}, ${sequence})`);
  side.set.setSequence(handle, sequence);
  side.model.setSequence(handle, sequence);
  world.equal(side.set.sequenceOf(handle), sequence, "sequenceOf");
}

export function transfer(step: Step): void {
  const { world, side, random } = step;
  const target = world.sides[random.below(world.sides.length)] as Side;
  const handle = chosen(step);
  if (handle === 0) return;
  side.set.reserve(1);
  world.note(side, () => `transferTo(${target.name}, ${handle})`);
  side.set.transferTo(target.set, handle);
  side.set.reserve(-1);
  const sequence = side.model.sequenceOf(handle);
  const locked = side.model.isLocked(handle) ? 1 : 0;
  side.model.read(handle, range);
  side.model.remove(handle);
  target.model.add(handle, range, sequence, locked);
  world.compareInterval(target, handle);
  world.equal(side.set.has(handle), side === target, "has of what was transferred");
}

export function invalidate(step: Step): void {
  const { world, side, random } = step;
  drawOverlap(step, range);
  const { expected, isLocked } = hitsAndLocks(side);
  const sequence = sequenceOf(step);
  const list = listFor(step, expected.count);
  const [start, last] = doors(random, range);
  const silent = random.chance(1, 8);
  const text = silent ? "" : `, ${list.length}`;
  world.note(side, () => `invalidate(${describe(range)}, ${sequence}${text})`);
  const total = side.set.invalidate(start, last, sequence, silent ? undefined : list);
  if (isLocked) {
    world.equal(total, -1, "invalidate of a locked interval");
    return;
  }
  if (silent) world.equal(total, expected.count, "invalidate");
  else world.checkListed(side, range, expected, total, list);
  side.model.forEachHit(range, (bucket, row) => {
    bucket.sequence[row] = sequence;
  });
}

function hitsAndLocks(side: Side): { expected: Digest; isLocked: boolean } {
  const expected = new Digest();
  let isLocked = false;
  side.model.forEachHit(range, (bucket, row) => {
    expected.add(bucket.handle[row] as number);
    if (bucket.locked[row] === 1) isLocked = true;
  });
  return { expected, isLocked };
}

/** All of the ranges or, if any of them hits a locked interval, none. */
export function invalidateMany(step: Step): void {
  const { world, side } = step;
  const { model } = side;
  const ranges = drawQueries(step);
  const sequence = sequenceOf(step);
  let isLocked = false;
  for (const drawn of ranges) {
    model.forEachHit(drawn, (bucket, row) => {
      if (bucket.locked[row] === 1) isLocked = true;
    });
  }
  world.note(side, () => `invalidateMany(${listOf(ranges)}, ${sequence})`);
  const lists = side.set.invalidateMany(...columnsOf(ranges), sequence);
  world.equal(lists === undefined, isLocked, "invalidateMany of a locked interval");
  if (lists === undefined) return;
  checkLists(step, ranges, lists);
  for (const drawn of ranges) {
    model.forEachHit(drawn, (bucket, row) => {
      bucket.sequence[row] = sequence;
    });
  }
}

export function invalidateUnlocked(step: Step): void {
  const { world, side } = step;
  drawOverlap(step, range);
  const sequence = sequenceOf(step);
  let expected = 0;
  side.model.forEachHit(range, (bucket, row) => {
    if (bucket.locked[row] === 1) return;
    bucket.sequence[row] = sequence;
    expected += 1;
  });
  const [start, last] = doors(step.random, range);
  world.note(side, () => `invalidateUnlocked(${describe(range)}, ${sequence})`);
  const total = side.set.invalidateUnlocked(start, last, sequence);
  world.equal(total, expected, "invalidateUnlocked");
}
