import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, overlap } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";

export type Gru2018Personality = "missingEnd" | "extraEnd";

/**
 * GRU of SGI, `drivers/misc/sgi-gru/grutlbpurge.c` and `grufault.c` of v4.19: a counter, and a wait queue.
 *
 *     start   active += 1; asid lock { TLB handle { flush the device's TLB for the range } }    any mode and range
 *     end     active -= 1; wake all
 *     fault   wait for active = 0, look the page up, drop it into the TLB, unless that was flushed meanwhile
 *
 * It keeps the count from start to end. The device follows the whole address space, whatever it is told to
 * mirror. The locks are spinlocks, the second one part of the hardware.
 */
export const gru2018: DriverModel<Gru2018, Gru2018Personality> = {
  name: "gru-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    missingEnd: "end does nothing: faults wait for ever",
    extraEnd: "end counts twice: the count falls below zero, and faults wait for ever as well",
  },
  asMerged: [],
  attach: (context, options) => new Gru2018(context, options).register(),
};

/** A TLB entry that is on its way. */
interface Dropin {
  readonly range: AddressRange;
  flushed: boolean;
}

/** A process on GRU chiplets: `struct gru_mm_struct`. */
export class Gru2018 extends ListDriver<Gru2018Personality> {
  readonly locks: { readonly asidLock: NamedLock; readonly tgh: NamedLock };
  /** `ms_range_active` */
  readonly #active: Counter;
  readonly #dropins = new Set<Dropin>();
  #released = false;

  constructor(context: DriverContext, options?: DriverOptions<Gru2018Personality>) {
    super(context, gru2018, options);
    this.locks = {
      asidLock: context.lock(`ms_asid_lock of ${this.name}`, "spinlock"),
      tgh: context.lock(`TLB handle of ${this.name}`, "spinlock"),
    };
    this.#active = new Counter(`ms_range_active of ${this.name}`);
  }

  get state(): { readonly active: number; readonly released: boolean } {
    return { active: this.#active.value, released: this.#released };
  }

  /** `gru_alloc_gts`: a context, for whatever range. */
  *mirror(): Sleepable<number> {
    yield* this.context.allocate("GFP_KERNEL");
    return 0;
  }

  /** The device misses a page: `gru_user_dropin`. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      yield* this.#active.waitForZero();
      const dropin = { range, flushed: false };
      this.#dropins.add(dropin);
      const found = yield* this.context.getUserPages();
      this.#dropins.delete(dropin);
      if (!found) return -ERRNO.EFAULT;
      // The hardware ignores an entry if a flush has come between.
      if (dropin.flushed) continue;
      if (!this.device.covers(range)) this.device.install(range);
      return 0;
    }
  }

  /** A context is unloaded: its TLB entries are flushed. */
  *unmirror(range: AddressRange): Sleepable<number> {
    yield* this.#flushTlbRange(range);
    return 0;
  }

  /** `gru_drop_mmu_notifier` */
  override *detach(): Sleepable<undefined> {
    yield* super.detach();
    for (const range of this.entries) yield* this.#flushTlbRange(range);
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: () => this.#end(),
      release: () => {
        this.#released = true;
        return undefined;
      },
    };
  }

  /** `gru_invalidate_range_start`. The mode makes no difference. */
  *#start(range: AddressRange): Sleepable<number> {
    this.#active.add(1);
    yield* this.#flushTlbRange(range);
    return 0;
  }

  /** `gru_invalidate_range_end` */
  #end(): undefined {
    if (this.has("missingEnd")) return;
    this.#active.add(this.has("extraEnd") ? -2 : -1);
  }

  /** `gru_flush_tlb_range` */
  *#flushTlbRange(range: AddressRange): Sleepable<undefined> {
    yield* this.lock(this.locks.asidLock, "ms_asid_lock");
    yield* this.locks.tgh.lock();
    for (const dropin of this.#dropins) {
      if (overlap(dropin.range, range)) dropin.flushed = true;
    }
    this.device.tearDown(range);
    this.locks.tgh.unlock();
    this.locks.asidLock.unlock();
  }
}
