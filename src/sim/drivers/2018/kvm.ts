import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, intersection } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { KernelBug } from "../kernel-bug.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type Kvm2018Personality = "missingEnd" | "extraEnd" | "reschedulesInUnmap";

/**
 * KVM, `virt/kvm/kvm_main.c` of v4.19: a counter and a sequence under one spinlock.
 *
 *     start   mmu_lock { count += 1; unmap; flush }          any mode, any range: never refuses
 *     end     mmu_lock { sequence += 1; count -= 1 }
 *     fault   sequence sampled, page looked up,
 *             mmu_lock { again if count > 0 or the sequence has changed; map }
 *
 * It keeps the count from start to end. What it mirrors are memory slots.
 */
export const kvm2018: DriverModel<Kvm2018, Kvm2018Personality> = {
  name: "kvm-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    missingEnd:
      "end does nothing: the count stays raised, and every fault of the guest is tried again for ever",
    extraEnd: "end counts twice: the count falls below zero, which is a bug trap",
    reschedulesInUnmap:
      "the loop that unmaps gives the processor up in any mode, as on arm64 before v5.9: a sleep in non-blocking start",
  },
  asMerged: [],
  attach: (context, options) => new Kvm2018(context, options).register(),
};

/** A virtual machine. */
export class Kvm2018 extends ListDriver<Kvm2018Personality> {
  readonly locks: { readonly mmuLock: NamedLock; readonly slotsLock: NamedLock };
  /** `mmu_notifier_count`: invalidations that are open. */
  readonly #count: Counter;
  /** `mmu_notifier_seq`: invalidations that have ended. */
  #sequence = 0;
  /** Faults of the guest that had to begin again. */
  #retries = 0;
  readonly #memslots = new RangeSet<{ readonly range: AddressRange }>();

  constructor(context: DriverContext, options?: DriverOptions<Kvm2018Personality>) {
    super(context, kvm2018, options);
    this.locks = {
      mmuLock: context.lock(`mmu_lock of ${this.name}`, "spinlock"),
      slotsLock: context.lock(`slots_lock of ${this.name}`, "mutex"),
    };
    this.#count = new Counter(`mmu_notifier_count of ${this.name}`);
  }

  get state(): { readonly count: number; readonly sequence: number; readonly retries: number } {
    return { count: this.#count.value, sequence: this.#sequence, retries: this.#retries };
  }

  /** A memory slot is added: `kvm_set_memory_region`. */
  *mirror(range: AddressRange): Sleepable<number> {
    const { slotsLock } = this.locks;
    yield* this.lock(slotsLock, "slots_lock");
    const free = this.#memslots.overlapping(range).length === 0;
    if (free) this.#memslots.add({ range });
    slotsLock.unlock();
    return free ? 0 : -ERRNO.EINVAL;
  }

  /** A memory slot is deleted, with what was mapped of it. */
  *unmirror(range: AddressRange): Sleepable<number> {
    const { slotsLock, mmuLock } = this.locks;
    yield* this.lock(slotsLock, "slots_lock");
    const slot = this.#memslots.at(range);
    if (slot !== undefined) {
      this.#memslots.delete(slot);
      yield* this.#lock();
      this.device.tearDown(range);
      mmuLock.unlock();
    }
    slotsLock.unlock();
    return slot === undefined ? -ERRNO.EINVAL : 0;
  }

  /** The guest touches memory until it is mapped or cannot be: `tdp_page_fault`. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      if (this.#memslots.containing(range) === undefined) return -ERRNO.EFAULT;
      const sequence = this.#sequence;
      if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
      yield* this.#lock();
      const retry = this.#count.value > 0 || this.#sequence !== sequence;
      if (!retry && !this.device.covers(range)) this.device.install(range);
      this.locks.mmuLock.unlock();
      if (!retry) return 0;
      this.#retries += 1;
      // The guest faults again at once, but nothing can come of it before the count is 0.
      yield* this.#count.waitForZero();
    }
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: () => this.#end(),
      release: () => this.#flushShadowAll(),
    };
  }

  /** `kvm_mmu_notifier_invalidate_range_start`. The mode makes no difference. */
  *#start(range: CallbackRange): Sleepable<number> {
    yield* this.#lock();
    this.#count.add(1);
    for (const slot of this.#memslots.overlapping(range)) {
      this.device.tearDown(intersection(slot.range, range));
      if (this.has("reschedulesInUnmap")) yield* this.#reschedule();
    }
    this.locks.mmuLock.unlock();
    return 0;
  }

  /** `kvm_mmu_notifier_invalidate_range_end`. The sequence first: who sees the count sees it too. */
  *#end(): Sleepable<undefined> {
    if (this.has("missingEnd")) return;
    yield* this.#lock();
    this.#sequence += 1;
    this.#count.add(this.has("extraEnd") ? -2 : -1);
    this.locks.mmuLock.unlock();
    const { value } = this.#count;
    if (value < 0) throw new KernelBug(`mmu_notifier_count of ${this.name} is ${value}`);
  }

  /** `kvm_mmu_notifier_release` */
  *#flushShadowAll(): Sleepable<undefined> {
    yield* this.#lock();
    for (const slot of this.#memslots) this.device.tearDown(slot.range);
    this.locks.mmuLock.unlock();
  }

  /** `cond_resched_lock` */
  *#reschedule(): Sleepable<undefined> {
    this.locks.mmuLock.unlock();
    yield* this.context.mightSleep("the processor");
    yield* this.locks.mmuLock.lock();
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.mmuLock, "mmu_lock");
  }
}
