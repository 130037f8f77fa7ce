import { isSleepable, type Sleepable } from "../blocking/suspension.ts";
import { EAGAIN } from "../notifier/errno.ts";
import type { CallbackRange } from "../notifier/range.ts";
import { downRead, downReadTrylock, lock, tryLock, unlock, upRead } from "../sim/cpu/told-locks.ts";
import { PAGE_SIZE } from "../sim/cpu/units.ts";
import type { Hmm } from "./hmm.ts";

/** The versions of HMM between its arrival and the interval notifiers that replaced it. */
export type HmmVariantName = "hmm-4.19" | "hmm-refuse" | "hmm-4.20" | "hmm-5.2" | "hmm-5.3";

/** How one version answers invalidations. */
export interface HmmVariant {
  readonly name: HmmVariantName;
  /** `hmm.lock` is a mutex, not a spinlock. */
  readonly sleepingLock: boolean;
  /**
   * Unregistering a mirror forgets the process, whoever else mirrors it: until v5.1. Later ones count
   * their mirrors.
   */
  readonly forgetsProcess: boolean;
  /**
   * Ranges are valid while no invalidation is open, and become so again: since v5.2. Before, a range that has
   * been hit stays invalid.
   */
  readonly countsInvalidations: boolean;
  /** `hmm_invalidate_range_start` */
  start(hmm: Hmm, range: CallbackRange): number | Sleepable<number>;
  /** `hmm_invalidate_range_end` */
  end(hmm: Hmm, range: CallbackRange): Sleepable<undefined>;
}

const EARLY = {
  sleepingLock: false,
  forgetsProcess: true,
  countsInvalidations: false,
} as const;

/**
 * v4.19. Start only counts; mirrors hear of the invalidation at its end, where it must not sleep if start was
 * not allowed to, and does. Between start and end a range still says that it is valid.
 */
const V4_19: HmmVariant = {
  ...EARLY,
  name: "hmm-4.19",
  start(hmm) {
    hmm.sequence += 1;
    return 0;
  },
  *end(hmm, range): Sleepable<undefined> {
    yield* markRanges(hmm, range);
    yield* downRead(hmm.mirrorsSem, hmm.tell);
    yield* syncMirrors(hmm, range, true);
    upRead(hmm.mirrorsSem, hmm.tell);
  },
};

/** An early proposal, and an interim patch: memory with a mirror is never reaped. Else as `hmm-4.20`. */
const REFUSE: HmmVariant = {
  ...EARLY,
  name: "hmm-refuse",
  *start(hmm, range) {
    return range.blockable ? yield* invalidate(hmm, range) : EAGAIN;
  },
  *end(hmm, range): Sleepable<undefined> {
    yield* markRanges(hmm, range);
  },
};

/**
 * Mirrors are told at the start, and may refuse; on the way to them it sleeps in any mode. A range that is linked
 * while the invalidation is open is valid until the end, and what is installed by it until then stays.
 */
const V4_20: HmmVariant = {
  ...EARLY,
  name: "hmm-4.20",
  *start(hmm, range) {
    return yield* invalidate(hmm, range);
  },
  *end(hmm, range): Sleepable<undefined> {
    yield* markRanges(hmm, range);
  },
};

/**
 * Counts open invalidations. A refusal leaves the count raised, that of a mirror is lost on its way out, and
 * end sleeps. And as valid again is not valid still, an invalidation that comes and goes during a lookup
 * leaves no trace.
 */
const V5_2: HmmVariant = {
  sleepingLock: true,
  forgetsProcess: false,
  countsInvalidations: true,
  name: "hmm-5.2",
  *start(hmm, range) {
    if (!(yield* lockFor(hmm, range))) return EAGAIN;
    raise(hmm, range);
    unlock(hmm.lock, hmm.tell);
    if (!(yield* downReadFor(hmm, range))) return EAGAIN;
    yield* syncMirrors(hmm, range, range.blockable === true);
    upRead(hmm.mirrorsSem, hmm.tell);
    // What the mirrors answered was stored in a variable of an inner block.
    return 0;
  },
  *end(hmm): Sleepable<undefined> {
    yield* lock(hmm.lock, hmm.tell);
    lower(hmm);
    unlock(hmm.lock, hmm.tell);
  },
};

/** The same without the first three defects. The last one went with the interval notifiers of v5.5. */
const V5_3: HmmVariant = {
  sleepingLock: false,
  forgetsProcess: false,
  countsInvalidations: true,
  name: "hmm-5.3",
  *start(hmm, range) {
    yield* lock(hmm.lock, hmm.tell);
    raise(hmm, range);
    unlock(hmm.lock, hmm.tell);
    let result = EAGAIN;
    if (yield* downReadFor(hmm, range)) {
      result = yield* syncMirrors(hmm, range, range.blockable === true);
      upRead(hmm.mirrorsSem, hmm.tell);
    }
    if (result === 0) return 0;
    yield* lock(hmm.lock, hmm.tell);
    lower(hmm);
    unlock(hmm.lock, hmm.tell);
    return result;
  },
  *end(hmm): Sleepable<undefined> {
    yield* lock(hmm.lock, hmm.tell);
    lower(hmm);
    unlock(hmm.lock, hmm.tell);
  },
};

export const HMM_VARIANTS: Readonly<Record<HmmVariantName, HmmVariant>> = {
  "hmm-4.19": V4_19,
  "hmm-refuse": REFUSE,
  "hmm-4.20": V4_20,
  "hmm-5.2": V5_2,
  "hmm-5.3": V5_3,
};

/** `hmm_invalidate_range`: ranges, then mirrors, up to the first that refuses. */
function* invalidate(hmm: Hmm, range: CallbackRange): Sleepable<number> {
  yield* markRanges(hmm, range);
  yield* downRead(hmm.mirrorsSem, hmm.tell);
  const result = yield* syncMirrors(hmm, range, range.blockable === true);
  upRead(hmm.mirrorsSem, hmm.tell);
  return result;
}

/** Makes the ranges that are hit invalid, and empties what they have found there. */
function* markRanges(hmm: Hmm, { start, end }: CallbackRange): Sleepable<undefined> {
  if (hmm.points) yield { kind: "point", label: `before ${hmm.name}.ranges` };
  yield* lock(hmm.lock, hmm.tell);
  for (const range of hmm.ranges) {
    if (isApart(range, start, end)) continue;
    range.valid = false;
    const from = Math.max(Number(start), range.start);
    const to = Math.min(Number(end), range.end);
    range.pfns.fill(0n, (from - range.start) / PAGE_SIZE, (to - range.start) / PAGE_SIZE);
  }
  unlock(hmm.lock, hmm.tell);
}

/** Off by one: what ends where the range starts is not apart. */
function isApart(
  range: { readonly start: number; readonly end: number },
  start: CallbackRange["start"],
  end: CallbackRange["end"],
): boolean {
  return end < range.start || start >= range.end;
}

/** Calls the mirrors, newest first, up to one that refuses where that is allowed. The semaphore is held. */
function* syncMirrors(hmm: Hmm, range: CallbackRange, blockable: boolean): Sleepable<number> {
  const { start, end, event } = range;
  for (const mirror of [...hmm.mirrors]) {
    if (hmm.points) yield { kind: "point", label: `before ${mirror.name}.sync` };
    const update = { start, end, event, blockable };
    const answer = mirror.ops.syncCpuDevicePagetables(mirror, update);
    const result = isSleepable(answer) ? yield* answer : answer;
    if (!blockable && result === EAGAIN) return EAGAIN;
  }
  return 0;
}

/** One more invalidation is open. */
function raise(hmm: Hmm, { start, end }: CallbackRange): void {
  hmm.notifiers += 1;
  for (const range of hmm.ranges) {
    if (!isApart(range, start, end)) range.valid = false;
  }
}

/** One less; after the last one every range is valid again, whatever has happened to it. */
function lower(hmm: Hmm): void {
  hmm.notifiers -= 1;
  if (hmm.notifiers !== 0) return;
  for (const range of hmm.ranges) range.valid = true;
  hmm.wakeReaders();
}

function* lockFor(hmm: Hmm, { blockable }: CallbackRange): Sleepable<boolean> {
  if (!blockable) return tryLock(hmm.lock, hmm.tell);
  yield* lock(hmm.lock, hmm.tell);
  return true;
}

function* downReadFor(hmm: Hmm, { blockable }: CallbackRange): Sleepable<boolean> {
  if (!blockable) return downReadTrylock(hmm.mirrorsSem, hmm.tell);
  yield* downRead(hmm.mirrorsSem, hmm.tell);
  return true;
}
