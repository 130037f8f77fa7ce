import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { ListNotifier, UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, overlap } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type GruPersonality = "missingEnd";

/**
 * GRU of SGI, `drivers/misc/sgi-gru/grutlbpurge.c` and `grufault.c` of v6.12: the counter and the wait queue of
 * 2018. New is that its contexts share one notifier by `mmu_notifier_get` and `put`, and that it has no
 * release callback.
 *
 *     start   active += 1; TLB handle { flush the device's TLB for the range }    any mode and range: never refuses
 *     end     active -= 1; wake all
 *     fault   wait for active = 0, look the page up, drop it into the TLB, unless that was flushed meanwhile
 *
 * It keeps the count from start to end. What it mirrors are contexts; the device follows the whole address
 * space as soon as there is one.
 */
export const gru: DriverModel<Gru, GruPersonality> = {
  name: "gru",
  era: "v6.12",
  kind: "list",
  personalities: { missingEnd: "end does nothing: faults wait for ever" },
  asMerged: [],
  attach: (context, options) => new Gru(context, options).open(),
};

/** `struct gru_thread_state` */
interface Context {
  readonly range: AddressRange;
}

/** A TLB entry that is on its way. */
interface Dropin {
  readonly range: AddressRange;
  flushed: boolean;
}

/** A process on GRU chiplets: `struct gru_mm_struct`. */
export class Gru extends ListDriver<GruPersonality> {
  readonly locks: { readonly tgh: NamedLock };
  /** By this very object the notifier is found again. */
  readonly #ops: UncheckedListNotifierOps;
  readonly #contexts = new RangeSet<Context>();
  /** There is one as long as there are contexts. */
  #got: ListNotifier | undefined;
  /** `ms_range_active` */
  readonly #active: Counter;
  readonly #dropins = new Set<Dropin>();

  constructor(context: DriverContext, options?: DriverOptions<GruPersonality>) {
    super(context, gru, options);
    this.locks = { tgh: context.lock(`TLB handle of ${this.name}`, "spinlock") };
    this.#active = new Counter(`ms_range_active of ${this.name}`);
    this.#ops = { ...this.ops(), name: this.name };
  }

  get state(): { readonly active: number; readonly contexts: number } {
    return { active: this.#active.value, contexts: this.#contexts.size };
  }

  /** A context is made: `gru_alloc_gts`, `gru_register_mmu_notifier`. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#contexts.at(range) !== undefined || this.context.mm.users === 0) return -ERRNO.EINVAL;
    this.#got = yield* this.context.mm.unchecked.get(this.#ops);
    this.#contexts.add({ range });
    return 0;
  }

  /** A context is unloaded: its TLB entries are flushed, and the notifier is put. */
  *unmirror(range: AddressRange): Sleepable<number> {
    const context = this.#contexts.at(range);
    if (context === undefined || this.#got === undefined) return -ERRNO.EINVAL;
    this.#contexts.delete(context);
    yield* this.#flushTlbRange(range);
    // `gru_drop_mmu_notifier`
    this.context.mm.put(this.#got);
    return 0;
  }

  /** The device misses a page: `gru_user_dropin`. */
  *access(range: AddressRange): Sleepable<number> {
    while (this.#contexts.containing(range) !== undefined) {
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
    return -ERRNO.EFAULT;
  }

  /** The last context goes, and the notifier after the callbacks that run. */
  override *detach(): Sleepable<undefined> {
    for (const { range } of this.#contexts) yield* this.unmirror(range);
    yield* this.context.mm.synchronizeSleepable();
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: () => this.#end(),
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
    if (!this.has("missingEnd")) this.#active.add(-1);
  }

  /** `gru_flush_tlb_range` */
  *#flushTlbRange(range: AddressRange): Sleepable<undefined> {
    yield* this.lock(this.locks.tgh, "TLB handle");
    for (const dropin of this.#dropins) {
      if (overlap(dropin.range, range)) dropin.flushed = true;
    }
    this.device.tearDown(range);
    this.locks.tgh.unlock();
  }
}
