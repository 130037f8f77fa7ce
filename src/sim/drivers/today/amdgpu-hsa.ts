import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, Mirrored } from "../interval-driver.ts";

export type AmdgpuHsaPersonality = "flushesRestoreWork";

/** `AMDGPU_USERPTR_RESTORE_DELAY_MS` */
const RESTORE_DELAY_US = 1000;

/**
 * amdgpu, compute, `amdgpu_hmm.c` and `amdgpu_amdkfd_gpuvm.c` of v6.12: an interval notifier for each object, and
 * one mutex of the process for all. The process fills its queues itself, so there is no submission to
 * keep out: the queues are stopped, and run again once all pages are there.
 *
 *     invalidate, non-blocking   refuse
 *     invalidate, blockable      notifier_lock { set_seq; the first eviction stops the queues, and has them restored
 *                                a millisecond later }
 *     restore work   lock { read_begin of what was evicted; pages looked up; notifier_lock {
 *                    read_retry, or more evictions: a millisecond later again; map; run the queues } }
 *
 * What it mirrors are buffer objects.
 */
export const amdgpuHsa: DriverModel<AmdgpuHsa, AmdgpuHsaPersonality> = {
  name: "amdgpu-hsa",
  era: "v6.12",
  kind: "interval",
  personalities: {
    flushesRestoreWork:
      "the callback waits for the restore work under notifier_lock, which the work takes first of all: a deadlock",
  },
  asMerged: [],
  attach: (context, options) => new AmdgpuHsa(context, options).open(),
};

class HsaBo extends Mirrored {
  /** Evicted, and not restored. */
  invalid = false;
}

/** A compute process on a GPU: `struct amdkfd_process_info`. */
export class AmdgpuHsa extends IntervalDriver<HsaBo, AmdgpuHsaPersonality> {
  readonly locks: {
    readonly notifierLock: NamedLock;
    readonly lock: NamedLock;
    /** Held to stop the queues, and to run them again. */
    readonly queues: NamedLock;
  };
  override readonly workqueues: { readonly events: Workqueue };
  /** `evicted_bos`: evictions since the queues ran. They run while it is 0. */
  readonly #evictions: Counter;
  readonly #restore: Work;

  constructor(context: DriverContext, options?: DriverOptions<AmdgpuHsaPersonality>) {
    super(context, amdgpuHsa, options);
    this.locks = {
      notifierLock: context.lock(`notifier_lock of ${this.name}`, "mutex"),
      lock: context.lock(`lock of ${this.name}`, "mutex"),
      queues: context.lock(`queues of ${this.name}`, "mutex"),
    };
    this.workqueues = { events: context.workqueue(`events of ${this.name}`) };
    this.#evictions = new Counter(`evicted_bos of ${this.name}`);
    this.#restore = this.workqueues.events.work(`restore_userptr of ${this.name}`, () =>
      this.#restoreUserptr(),
    );
  }

  get state(): {
    readonly bos: number;
    readonly evictions: number;
    readonly queuesRun: boolean;
  } {
    const evictions = this.#evictions.value;
    return { bos: this.mirrored.size, evictions, queuesRun: evictions === 0 };
  }

  /** `amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu`: the pages are looked up and mapped at once. */
  override *mirror(range: AddressRange): Sleepable<number> {
    const errno = yield* super.mirror(range);
    const bo = this.mirrored.at(range);
    if (errno !== 0 || bo === undefined) return errno;
    const userLock = { lock: this.locks.notifierLock, what: "notifier_lock" };
    return yield* this.collideAndRetry(bo, userLock, () => bo.device.install(range));
  }

  /** A user queue touches the range, as soon as it runs. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.#evictions.waitForZero();
    return this.find(range)?.device.covers(range) ? 0 : -ERRNO.EFAULT;
  }

  override *detach(): Sleepable<undefined> {
    yield* super.detach();
    yield* this.workqueues.events.cancelSync(this.#restore);
  }

  protected make(range: AddressRange): HsaBo {
    return new HsaBo(this.context, this.name, range);
  }

  /** `amdgpu_hmm_invalidate_hsa` */
  protected ops(bo: HsaBo): IntervalNotifierOps {
    return {
      invalidate: {
        blocking: (_, __, sequence) => this.#evictUserptr(bo, sequence),
        nonblocking: () => false,
      },
    };
  }

  /** `amdgpu_amdkfd_gpuvm_free_memory_of_gpu`: the restore work finds it no more. */
  protected override *quiesce(bo: HsaBo): Sleepable<undefined> {
    yield* this.lock(this.locks.lock, "lock");
    this.locks.lock.unlock();
    yield* super.quiesce(bo);
  }

  /** `amdgpu_amdkfd_evict_userptr` */
  *#evictUserptr(bo: HsaBo, sequence: number): Sleepable<undefined> {
    const { notifierLock, queues } = this.locks;
    const { events } = this.workqueues;
    yield* this.lock(notifierLock, "notifier_lock");
    bo.notifier.setSequence(sequence);
    bo.invalid = true;
    this.#evictions.add(1);
    if (this.#evictions.value === 1) {
      // `kgd2kfd_quiesce_mm`
      yield* this.lock(queues, "queues");
      queues.unlock();
      events.queueDelayed(this.#restore, RESTORE_DELAY_US);
    }
    bo.device.tearDown(bo.range);
    if (this.has("flushesRestoreWork")) yield* events.flush(this.#restore);
    notifierLock.unlock();
  }

  /** `amdgpu_amdkfd_restore_userptr_worker` */
  *#restoreUserptr(): Sleepable<undefined> {
    const { notifierLock, lock } = this.locks;
    yield* this.lock(notifierLock, "notifier_lock");
    const evictions = this.#evictions.value;
    notifierLock.unlock();
    if (evictions === 0) return;
    yield* this.lock(lock, "lock");
    const isRestored = yield* this.#validate(evictions);
    lock.unlock();
    if (!isRestored) this.workqueues.events.queueDelayed(this.#restore, RESTORE_DELAY_US);
  }

  /** `update_invalid_user_pages` and `confirm_valid_user_pages_locked`. False: to be tried again. */
  *#validate(evictions: number): Sleepable<boolean> {
    const { notifierLock, queues } = this.locks;
    const invalid = [...this.mirrored].filter((bo) => bo.invalid && !bo.dying);
    const sequences: number[] = [];
    for (const { notifier } of invalid) sequences.push(yield* notifier.readBeginSleepable());
    // With the process gone there is nothing to restore.
    if (!(yield* this.context.getUserPages())) return true;
    yield* this.lock(notifierLock, "notifier_lock");
    const retries = invalid.filter(({ notifier }, at) => notifier.readRetry(sequences[at]));
    const isCurrent = retries.length === 0 && this.#evictions.value === evictions;
    if (isCurrent) {
      for (const bo of invalid) {
        bo.device.install(bo.range);
        bo.invalid = false;
      }
      this.#evictions.add(-evictions);
      // `kgd2kfd_resume_mm`
      yield* this.lock(queues, "queues");
      queues.unlock();
    }
    notifierLock.unlock();
    return isCurrent;
  }
}
