import type { Mutex } from "../blocking/mutex.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import { ERRNO } from "../notifier/errno.ts";
import type { Clock } from "../sim/clock.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import { downRead, lock, unlock, upRead } from "../sim/cpu/told-locks.ts";
import { type HmmRange, hmmRangeFault } from "./range-fault.ts";

/** `HMM_RANGE_DEFAULT_TIMEOUT`: so long do drivers try, in microseconds. */
const RANGE_TIMEOUT = 1_000_000;

/** What a driver brings along. */
export interface Collider {
  readonly mm: CpuMm;
  /** Names it in points: `NAME:before read_retry`. */
  readonly name: string;
  /** The user lock of its notifier. */
  readonly mutex: Mutex;
  readonly clock: Pick<Clock, "now">;
}

/**
 * The loop of every driver that reads what it mirrors and installs it only if no invalidation came
 * between:
 *
 *     again:  q = read_begin
 *             mmap lock { hmm_range_fault }      -EBUSY: again, other errors: give up
 *             user lock { read_retry(q)          true: again
 *                         install }
 *
 * After 0 the user lock is held, and what `pfns` says stays true for as long as it is. -EBUSY if that could
 * not be had for a second; the lock is not held then.
 */
export function* collideAndRetry(
  driver: Collider,
  request: Omit<HmmRange, "notifierSequence">,
): Sleepable<number> {
  const { mm, mutex, clock } = driver;
  const { notifier } = request;
  const deadline = clock.now + RANGE_TIMEOUT;
  while (clock.now <= deadline) {
    const notifierSequence = yield* notifier.readBeginSleepable();
    yield* downRead(mm.space.mmapLock, mm.tell);
    const errno = yield* hmmRangeFault(mm, { ...request, notifierSequence });
    upRead(mm.space.mmapLock, mm.tell);
    if (errno === -ERRNO.EBUSY) continue;
    if (errno !== 0) return errno;
    yield* lock(mutex, mm.tell);
    if (mm.points) yield { kind: "point", label: `${driver.name}:before read_retry` };
    if (!notifier.readRetry(notifierSequence)) return 0;
    unlock(mutex, mm.tell);
  }
  return -ERRNO.EBUSY;
}
