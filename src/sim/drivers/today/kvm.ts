import { type Sleepable, waitUntil } from "../../../blocking/suspension.ts";
import { WaitQueue } from "../../../blocking/wait-queue.ts";
import { EAGAIN, ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, hull, intersection, overlap } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { KernelBug } from "../kernel-bug.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type KvmPersonality = "missingEnd" | "swapsMemslotsAtOnce" | "reschedulesInUnmap";

/**
 * KVM, `virt/kvm/kvm_main.c` and `pfncache.c` of v6.12. It takes mmu_lock only for what it mirrors, so start
 * and end have to find the same memory slots.
 *
 *     start   mn_invalidate_lock { active += 1 }                              any mode, any range: never refuses
 *             gpc_lock { drop pfn caches in the range }
 *             a slot in the range: mmu_lock { in_progress += 1; widen the bounding range; zap; flush }
 *     end     a slot in the range: mmu_lock { sequence += 1; in_progress -= 1 }
 *             mn_invalidate_lock { active -= 1; at 0 wake the memslot updater }
 *     fault   sequence sampled, page looked up,
 *             mmu_lock { again if in_progress > 0 and the page is in the bounding range, or the sequence
 *                        has changed; map }
 *     memslot update   slots_lock { mn_invalidate_lock { wait for active = 0; swap } }
 *
 * It keeps both counts from start to end. The bounding range grows until in_progress is 0, so it holds pages
 * that nobody invalidates. The mode only forbids to yield while zapping. What it mirrors are memory slots;
 * the guest's page numbers are those of the process.
 */
export const kvm: DriverModel<Kvm, KvmPersonality> = {
  name: "kvm",
  era: "v6.12",
  kind: "list",
  personalities: {
    missingEnd:
      "end does nothing: faults in the bounding range are tried again for ever, and memory slots cannot be changed any more",
    swapsMemslotsAtOnce:
      "memory slots change while invalidations are open: end finds a slot that start did not, and in_progress falls below zero, which is a bug trap",
    reschedulesInUnmap:
      "zapping gives the processor up whatever the mode is: a sleep in non-blocking start",
  },
  asMerged: [],
  attach: (context, options) => new Kvm(context, options).register(),
};

/** `struct kvm_memory_slot` */
interface Memslot {
  readonly range: AddressRange;
  /** `KVM_MEMSLOT_INVALID`: it is being deleted, faults do not find it any more. */
  invalid: boolean;
}

/** A virtual machine. */
export class Kvm extends ListDriver<KvmPersonality> {
  readonly locks: {
    readonly mmuLock: NamedLock;
    readonly mnInvalidateLock: NamedLock;
    readonly gpcLock: NamedLock;
    readonly slotsLock: NamedLock;
  };
  override readonly operations: {
    /** Whether a fault could be served now: -EAGAIN if it would be tried again. */
    readonly retryGfn: DeviceOperation;
    /** The host itself uses a page of the guest, until it is invalidated: `kvm_gpc_refresh`. */
    readonly refreshPfnCache: DeviceOperation;
  } = {
    retryGfn: (range) => this.#retryGfn(range),
    refreshPfnCache: (range) => this.#refreshPfnCache(range),
  };
  /** `mn_active_invalidate_count`: invalidations that are open. */
  readonly #active: Counter;
  /** `mmu_invalidate_in_progress`: those among them that have found a slot. */
  #inProgress = 0;
  /** `mmu_invalidate_range_start` and `_end`: all that they have zapped. */
  #bounding: AddressRange | undefined;
  /** `mmu_invalidate_seq`: those of them that have ended. */
  #sequence = 0;
  /** Faults of the guest that had to begin again. */
  #retries = 0;
  #memslots = new RangeSet<Memslot>();
  #pfnCaches: readonly AddressRange[] = [];
  readonly #ended = new WaitQueue();

  constructor(context: DriverContext, options?: DriverOptions<KvmPersonality>) {
    super(context, kvm, options);
    this.locks = {
      mmuLock: context.lock(`mmu_lock of ${this.name}`, "spinlock"),
      mnInvalidateLock: context.lock(`mn_invalidate_lock of ${this.name}`, "spinlock"),
      gpcLock: context.lock(`gpc_lock of ${this.name}`, "spinlock"),
      slotsLock: context.lock(`slots_lock of ${this.name}`, "mutex"),
    };
    this.#active = new Counter(`mn_active_invalidate_count of ${this.name}`);
  }

  get state(): {
    readonly active: number;
    readonly inProgress: number;
    readonly sequence: number;
    readonly retries: number;
    readonly pfnCaches: number;
  } {
    return {
      active: this.#active.value,
      inProgress: this.#inProgress,
      sequence: this.#sequence,
      retries: this.#retries,
      pfnCaches: this.#pfnCaches.length,
    };
  }

  /** A memory slot is added: `kvm_set_memory_region`. */
  *mirror(range: AddressRange): Sleepable<number> {
    yield* this.lock(this.locks.slotsLock, "slots_lock");
    const free = this.#memslots.overlapping(range).length === 0;
    if (free) yield* this.#swapMemslots((slots) => slots.add({ range, invalid: false }));
    this.locks.slotsLock.unlock();
    return free ? 0 : -ERRNO.EINVAL;
  }

  /** A memory slot is deleted: first for faults, then what was mapped of it, then for invalidations. */
  *unmirror(range: AddressRange): Sleepable<number> {
    yield* this.lock(this.locks.slotsLock, "slots_lock");
    const slot = this.#memslots.at(range);
    if (slot !== undefined) {
      yield* this.#swapMemslots(() => {
        slot.invalid = true;
      });
      yield* this.#lockMmu();
      this.device.tearDown(range);
      this.locks.mmuLock.unlock();
      yield* this.#swapMemslots((slots) => slots.delete(slot));
    }
    this.locks.slotsLock.unlock();
    return slot === undefined ? -ERRNO.EINVAL : 0;
  }

  /** The guest touches memory until it is mapped or cannot be: `kvm_faultin_pfn`. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      if (!this.#hasMemslot(range)) return -ERRNO.EFAULT;
      const sequence = this.#sequence;
      if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
      yield* this.#lockMmu();
      // The kernel deletes a slot only after the faults that have found it, by SRCU.
      const retry = this.#mustRetry(sequence, range) || !this.#hasMemslot(range);
      if (!retry && !this.device.covers(range)) this.device.install(range);
      this.locks.mmuLock.unlock();
      if (!retry) return 0;
      this.#retries += 1;
      // The guest faults again at once, but nothing can come of it before an end.
      const mayPass = (): boolean => !this.#isBeingInvalidated(range);
      yield* waitUntil(mayPass, this.#ended, `bounding range of ${this.name}`);
    }
  }

  /** `kvm_destroy_vm`. Ends of starts that it has seen do not come any more. */
  override *detach(): Sleepable<undefined> {
    yield* super.detach();
    this.#active.add(-this.#active.value);
    for (const range of this.entries) this.device.tearDown(range);
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: (range) => this.#end(range),
      release: () => this.#flushShadowAll(),
    };
  }

  /** `kvm_mmu_notifier_invalidate_range_start` */
  *#start(range: CallbackRange): Sleepable<number> {
    const { mnInvalidateLock, gpcLock, mmuLock } = this.locks;
    yield* this.lock(mnInvalidateLock, "mn_invalidate_lock");
    this.#active.add(1);
    mnInvalidateLock.unlock();
    // Before mmu_lock is taken, which must not be held for the locks of the caches.
    yield* this.lock(gpcLock, "gpc_lock");
    this.#pfnCaches = this.#pfnCaches.filter((cache) => !overlap(cache, range));
    gpcLock.unlock();
    const slots = this.#memslots.overlapping(range);
    if (slots.length === 0) return 0;
    yield* this.#lockMmu();
    // `kvm_mmu_invalidate_begin`
    this.#inProgress += 1;
    if (this.#inProgress === 1) this.#bounding = undefined;
    for (const slot of slots) yield* this.#unmapGfnRange(intersection(slot.range, range), range);
    mmuLock.unlock();
    return 0;
  }

  /** `kvm_mmu_unmap_gfn_range` */
  *#unmapGfnRange(part: AddressRange, { blockable }: CallbackRange): Sleepable<undefined> {
    this.#bounding = this.#bounding === undefined ? part : hull(this.#bounding, part);
    this.device.tearDown(part);
    if (!blockable && !this.has("reschedulesInUnmap")) return;
    // `cond_resched_rwlock_write`
    this.locks.mmuLock.unlock();
    yield* this.context.mightSleep("the processor");
    yield* this.locks.mmuLock.lock();
  }

  /** `kvm_mmu_notifier_invalidate_range_end` */
  *#end(range: CallbackRange): Sleepable<undefined> {
    if (this.has("missingEnd")) return;
    const { mmuLock, mnInvalidateLock } = this.locks;
    if (this.#memslots.overlapping(range).length > 0) {
      yield* this.#lockMmu();
      // `kvm_mmu_invalidate_end`. The sequence first: who sees the count sees it too.
      this.#sequence += 1;
      this.#inProgress -= 1;
      mmuLock.unlock();
      if (this.#inProgress < 0) {
        throw new KernelBug(`mmu_invalidate_in_progress of ${this.name} is ${this.#inProgress}`);
      }
    }
    yield* this.lock(mnInvalidateLock, "mn_invalidate_lock");
    this.#active.add(-1);
    mnInvalidateLock.unlock();
    this.#ended.wakeAll();
  }

  /** `kvm_mmu_notifier_release` */
  *#flushShadowAll(): Sleepable<undefined> {
    yield* this.#lockMmu();
    for (const { range } of this.#memslots) this.device.tearDown(range);
    this.locks.mmuLock.unlock();
  }

  /** `kvm_swap_active_memslots`. There is one waiter at most, because of slots_lock. */
  *#swapMemslots(change: (slots: RangeSet<Memslot>) => void): Sleepable<undefined> {
    const { mnInvalidateLock } = this.locks;
    yield* this.lock(mnInvalidateLock, "mn_invalidate_lock");
    while (this.#active.value > 0 && !this.has("swapsMemslotsAtOnce")) {
      mnInvalidateLock.unlock();
      yield* this.#active.waitForZero();
      yield* this.lock(mnInvalidateLock, "mn_invalidate_lock");
    }
    change(this.#memslots);
    mnInvalidateLock.unlock();
  }

  *#retryGfn(range: AddressRange): Sleepable<number> {
    yield* this.#lockMmu();
    const retry = this.#mustRetry(this.#sequence, range);
    this.locks.mmuLock.unlock();
    return retry ? EAGAIN : 0;
  }

  /** `hva_to_pfn_retry`, with the check of `mmu_notifier_retry_cache` */
  *#refreshPfnCache(range: AddressRange): Sleepable<number> {
    for (;;) {
      if (!this.#hasMemslot(range)) return -ERRNO.EFAULT;
      const sequence = this.#sequence;
      if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
      yield* this.lock(this.locks.gpcLock, "gpc_lock");
      // Not in_progress: that rises only after the caches have been dropped.
      const retry = this.#active.value > 0 || this.#sequence !== sequence;
      if (!retry) this.#pfnCaches = [...this.#pfnCaches, range];
      this.locks.gpcLock.unlock();
      if (!retry) return 0;
      yield* this.#active.waitForZero();
    }
  }

  /** `mmu_invalidate_retry_gfn` */
  #mustRetry(sequence: number, range: AddressRange): boolean {
    return this.#isBeingInvalidated(range) || this.#sequence !== sequence;
  }

  #isBeingInvalidated(range: AddressRange): boolean {
    if (this.#inProgress === 0) return false;
    return this.#bounding === undefined || overlap(this.#bounding, range);
  }

  #hasMemslot(range: AddressRange): boolean {
    return this.#memslots.containing(range)?.invalid === false;
  }

  #lockMmu(): Sleepable<undefined> {
    return this.lock(this.locks.mmuLock, "mmu_lock");
  }
}
