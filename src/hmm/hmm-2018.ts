import { isSleepable, type Sleepable } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import { IntervalidateError } from "../errors.ts";
import { ERRNO } from "../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../notifier/list-notifier.ts";
import { allocate } from "../sim/allocation.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import { downWrite, lock, unlock, upWrite } from "../sim/cpu/told-locks.ts";
import { Hmm, type HmmMirror } from "./hmm.ts";
import { HMM_VARIANTS, type HmmVariant, type HmmVariantName } from "./hmm-variants.ts";
import { PFN_2018, type SnapshotRange } from "./snapshot-range.ts";
import { VmaWalk } from "./vma-walk.ts";

const { EAGAIN, EINVAL, ENOMEM, EPERM } = ERRNO;

export interface Hmm2018Options {
  /** Default: `hmm-4.19`. */
  readonly variant?: HmmVariantName;
  /**
   * Whether `mirrors_sem` is dropped around the release callbacks of mirrors, so that they may wait for work that
   * invalidates something itself. Default: true, as in every version.
   */
  readonly dropsMirrorsSem?: boolean;
}

/**
 * HMM as it was from v4.14 to v5.4, in one of its versions. It has a list notifier of its own in each process that
 * somebody mirrors, by which it tells mirrors of invalidations, and makes the ranges invalid that drivers are
 * looking up. Error numbers are negated.
 *
 * It is made for address spaces of profile `v4.19`. In those of later ones a refusal is rolled back, which
 * these versions do not expect.
 */
export class Hmm2018 {
  readonly variant: HmmVariant;
  readonly #dropsMirrorsSem: boolean;
  /** `mm->hmm` */
  readonly #byMm = new Map<CpuMm, Hmm>();
  /** Those who wait for one to be forgotten. */
  readonly #forgotten = new WaitQueue();

  /** @throws {IntervalidateError} ARGUMENT if there is no such variant */
  constructor(options: Hmm2018Options = {}) {
    const { variant = "hmm-4.19", dropsMirrorsSem = true } = options;
    if (!Object.hasOwn(HMM_VARIANTS, variant)) {
      throw new IntervalidateError(
        "ARGUMENT",
        `There is no HMM ${String(variant)}: choose one of ${Object.keys(HMM_VARIANTS).join(", ")}.`,
      );
    }
    this.variant = HMM_VARIANTS[variant];
    this.#dropsMirrorsSem = dropsMirrorsSem;
  }

  /** What there is for a process: `mm->hmm`. */
  hmmOf(mm: CpuMm): Hmm | undefined {
    return this.#byMm.get(mm);
  }

  /**
   * Begins to tell a mirror of what happens to a process: `hmm_mirror_register`. The caller holds the mmap lock for
   * writing. 0; -EINVAL without a mirror or a process; -ENOMEM.
   *
   * Versions that forget the process spin here for ever if one of several mirrors has been unregistered.
   */
  *mirrorRegister(mirror: HmmMirror | null, mm: CpuMm | null): Sleepable<number> {
    if (mirror === null || mm === null || !mirror.ops) return -EINVAL;
    for (;;) {
      const hmm = yield* this.#hmmRegister(mm);
      if (hmm === undefined) return -ENOMEM;
      mirror.hmm = hmm;
      yield* downWrite(hmm.mirrorsSem, hmm.tell);
      if (hmm.mm !== undefined) {
        hmm.mirrors.unshift(mirror);
        hmm.references += 1;
        upWrite(hmm.mirrorsSem, hmm.tell);
        return 0;
      }
      upWrite(hmm.mirrorsSem, hmm.tell);
      mirror.hmm = undefined;
      // Somebody is about to free it: the kernel looks again and again.
      yield* this.#spinUntilForgotten(mm, hmm);
    }
  }

  /** Ends that: `hmm_mirror_unregister`. The last mirror takes the list notifier along. */
  *mirrorUnregister(mirror: HmmMirror): Sleepable<undefined> {
    const { hmm } = mirror;
    if (hmm === undefined) return;
    const { forgetsProcess } = this.variant;
    yield* downWrite(hmm.mirrorsSem, hmm.tell);
    unlinkMirror(hmm, mirror);
    hmm.references -= 1;
    const isLast = forgetsProcess ? hmm.mirrors.length === 0 : hmm.references === 0;
    mirror.hmm = undefined;
    const { mm } = hmm;
    if (forgetsProcess) hmm.mm = undefined;
    upWrite(hmm.mirrorsSem, hmm.tell);
    if (!isLast || mm === undefined) return;
    if (hmm.notifier !== undefined) {
      if (mm.space.profile === "v4.19") mm.space.unregisterNoRelease(hmm.notifier);
      else yield* mm.space.unregisterSleepable(hmm.notifier);
    }
    yield* this.#forget(mm, hmm);
  }

  /**
   * Looks up what the CPU maps, without changing that: `hmm_vma_get_pfns`. The caller holds the mmap lock.
   * After 0, and only then, the range is linked, and `vmaRangeDone` is owed. -EINVAL: it leaves its mapping, or
   * that cannot be mirrored; -ENOMEM: nobody mirrors the process; -EPERM: the mapping cannot be read.
   */
  *vmaGetPfns(range: SnapshotRange): Sleepable<number> {
    const hmm = this.#check(range);
    if (typeof hmm === "number") return hmm;
    yield* this.#link(hmm, range);
    yield* new VmaWalk(range, false).run();
    return 0;
  }

  /**
   * The same, but pages that entries ask for are faulted in: `hmm_vma_fault`. Moreover -EBUSY: a fault has
   * dropped the mmap lock, which the caller holds no longer; -EFAULT: a page cannot be had. After an error
   * the range is not linked, and what could not be looked up is empty.
   *
   * @param _block meant to keep faults from dropping the lock; v4.19 lets them do so all the same
   */
  *vmaFault(range: SnapshotRange, _block: boolean): Sleepable<number> {
    const hmm = this.#check(range);
    if (typeof hmm === "number") {
      if (hmm === -ENOMEM) range.fill(PFN_2018.NONE);
      return hmm;
    }
    yield* this.#link(hmm, range);
    const walk = new VmaWalk(range, true);
    let result: number;
    do result = yield* walk.run();
    while (result === -EAGAIN);
    if (result !== 0) {
      range.fill(PFN_2018.NONE, walk.last);
      yield* this.vmaRangeDone(range);
    }
    return result;
  }

  /**
   * Ends a lookup: `hmm_vma_range_done`. Whether what was found may be used; the driver asks under the lock under
   * which it updates its device, and looks everything up again if not.
   */
  *vmaRangeDone(range: SnapshotRange): Sleepable<boolean> {
    const hmm = this.hmmOf(range.mm);
    if (hmm === undefined) {
      range.fill(PFN_2018.NONE);
      return false;
    }
    yield* lock(hmm.lock, hmm.tell);
    hmm.ranges.delete(range);
    unlock(hmm.lock, hmm.tell);
    return range.valid;
  }

  /**
   * Sleeps until no invalidation is open, or the process is gone: `hmm_range_wait_until_valid`, in versions that
   * count them. The kernel gives up after a second.
   */
  *rangeWaitUntilValid(mm: CpuMm): Sleepable<undefined> {
    const hmm = this.hmmOf(mm);
    if (hmm !== undefined) yield* hmm.waitUntilValid();
  }

  /** `hmm_register`: what there is for a process, made if there is nothing. Undefined if somebody else was faster. */
  *#hmmRegister(mm: CpuMm): Sleepable<Hmm | undefined> {
    const present = this.hmmOf(mm);
    if (present !== undefined) return present;
    yield* allocate("GFP_KERNEL", { events: mm.tell });
    const hmm = new Hmm(mm, this.variant);
    yield* lock(mm.pageTableLock, mm.tell);
    const isFirst = !this.#byMm.has(mm);
    if (isFirst) this.#byMm.set(mm, hmm);
    unlock(mm.pageTableLock, mm.tell);
    if (!isFirst) return undefined;
    try {
      hmm.notifier = yield* mm.space.unchecked.register(this.#ops(hmm), { mmapLocked: true });
    } catch (error) {
      yield* this.#forget(mm, hmm);
      if (error instanceof IntervalidateError && error.errno !== undefined) return undefined;
      throw error;
    }
    return hmm;
  }

  #ops(hmm: Hmm): UncheckedListNotifierOps {
    const { variant } = this;
    const hmm2018 = this;
    return {
      name: hmm.name,
      *invalidateRangeStart(range) {
        const answer = variant.start(hmm, range);
        return isSleepable(answer) ? yield* answer : answer;
      },
      *invalidateRangeEnd(range) {
        yield* variant.end(hmm, range);
        return undefined;
      },
      *release() {
        yield* hmm2018.#release(hmm);
        return undefined;
      },
    };
  }

  /** `hmm_release` */
  *#release(hmm: Hmm): Sleepable<undefined> {
    if (this.variant.countsInvalidations) {
      hmm.dead = true;
      yield* lock(hmm.lock, hmm.tell);
      for (const range of hmm.ranges) range.valid = false;
      hmm.wakeReaders();
      unlock(hmm.lock, hmm.tell);
    }
    yield* downWrite(hmm.mirrorsSem, hmm.tell);
    for (let mirror = hmm.mirrors.shift(); mirror !== undefined; mirror = hmm.mirrors.shift()) {
      if (mirror.ops.release === undefined) continue;
      // A callback may wait for work that calls notifiers, which take the semaphore.
      if (this.#dropsMirrorsSem) upWrite(hmm.mirrorsSem, hmm.tell);
      const answer = mirror.ops.release(mirror);
      if (isSleepable(answer)) yield* answer;
      if (this.#dropsMirrorsSem) yield* downWrite(hmm.mirrorsSem, hmm.tell);
    }
    upWrite(hmm.mirrorsSem, hmm.tell);
  }

  *#forget(mm: CpuMm, hmm: Hmm): Sleepable<undefined> {
    yield* lock(mm.pageTableLock, mm.tell);
    if (this.#byMm.get(mm) === hmm) this.#byMm.delete(mm);
    unlock(mm.pageTableLock, mm.tell);
    this.#forgotten.wakeAll();
  }

  *#spinUntilForgotten(mm: CpuMm, hmm: Hmm): Sleepable<undefined> {
    const wait = {
      kind: "wait",
      resource: `${hmm.name} to be freed`,
      queue: this.#forgotten,
      killable: false,
      spins: true,
      ready: () => this.#byMm.get(mm) !== hmm,
    } as const;
    do yield wait;
    while (!wait.ready());
  }

  /** What every lookup checks first. */
  #check(range: SnapshotRange): Hmm | number {
    const { mm, vma, start, end } = range;
    if (start < vma.start || end > vma.end) return -EINVAL;
    const hmm = this.hmmOf(mm);
    if (hmm === undefined) return -ENOMEM;
    if (hmm.notifier === undefined) return -EINVAL;
    if (vma.special || vma.kind === "hugetlb") {
      range.fill(PFN_2018.SPECIAL);
      return -EINVAL;
    }
    if (!vma.protection.read) {
      range.fill(PFN_2018.NONE);
      return -EPERM;
    }
    return hmm;
  }

  *#link(hmm: Hmm, range: SnapshotRange): Sleepable<undefined> {
    yield* lock(hmm.lock, hmm.tell);
    range.valid = hmm.notifiers === 0;
    hmm.ranges.add(range);
    unlock(hmm.lock, hmm.tell);
  }
}

function unlinkMirror(hmm: Hmm, mirror: HmmMirror): void {
  const at = hmm.mirrors.indexOf(mirror);
  if (at >= 0) hmm.mirrors.splice(at, 1);
}
