import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

/**
 * SCIF of Xeon Phi, `drivers/misc/mic/scif/scif_dma.c` of v4.19: temporary windows that are cached with their
 * pages pinned.
 *
 *     start       tc_lock { every cached window in the range: rmalock { into the list of what is to be freed };
 *                 queue the misc work }                   any mode: never refuses
 *     end         empty
 *     misc work   for each: wait for the DMA engine, unpin
 *
 * It keeps nothing from start to end; the pin keeps the pages until the work has run. Its end does nothing, so
 * it matters to nobody who calls it how often.
 */
export const scif2018: DriverModel<Scif2018, never> = {
  name: "scif-2018",
  era: "v4.19",
  kind: "list",
  personalities: {},
  asMerged: [],
  attach: (context, options) => new Scif2018(context, options).register(),
};

interface CachedWindow {
  readonly range: AddressRange;
}

/** An endpoint. */
export class Scif2018 extends ListDriver {
  readonly locks: { readonly tcLock: NamedLock; readonly rmalock: NamedLock };
  override readonly workqueues: { readonly misc: Workqueue };
  readonly #windows = new RangeSet<CachedWindow>();
  readonly #miscWork: Work;
  /** `scif_info.rma_tc` */
  #toFree: readonly CachedWindow[] = [];

  constructor(context: DriverContext, options?: DriverOptions<never>) {
    super(context, scif2018, options);
    this.locks = {
      tcLock: context.lock(`tc_lock of ${this.name}`, "spinlock"),
      rmalock: context.lock(`rmalock of ${this.name}`, "spinlock"),
    };
    this.workqueues = { misc: context.workqueue(`misc of ${this.name}`) };
    this.#miscWork = this.workqueues.misc.work(`misc_work of ${this.name}`, () =>
      this.#destroyInvalid(),
    );
  }

  get state(): { readonly windows: number; readonly toFree: number; readonly pinned: number } {
    const windows = this.#windows.size;
    return { windows, toFree: this.#toFree.length, pinned: this.device.ranges.length };
  }

  /** A window is cached in advance: as `access`, but it must not be there. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#windows.overlapping(range).length > 0) return -ERRNO.EINVAL;
    return yield* this.access(range);
  }

  /** A copy that uses the cache: the window is found there, or made: `scif_register_temp`. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    const cached = this.#windows.containing(range) !== undefined;
    this.locks.tcLock.unlock();
    if (cached) return 0;
    yield* this.context.allocate("GFP_KERNEL");
    if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    yield* this.#lock();
    // `scif_query_tcw`: what is in the way of the new one goes.
    yield* this.#destroy(range);
    this.#windows.add({ range });
    this.device.install(range);
    this.locks.tcLock.unlock();
    return 0;
  }

  /** The window is taken out of the cache. */
  *unmirror(range: AddressRange): Sleepable<number> {
    if (this.#windows.at(range) === undefined) return -ERRNO.EINVAL;
    yield* this.#lock();
    yield* this.#destroy(range);
    this.locks.tcLock.unlock();
    return 0;
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: () => undefined,
      release: () => this.#release(),
    };
  }

  /** `scif_mmu_notifier_invalidate_range_start`. The mode makes no difference. */
  *#start(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    yield* this.#destroy(range);
    this.locks.tcLock.unlock();
    return 0;
  }

  /** `scif_mmu_notifier_release` */
  *#release(): Sleepable<undefined> {
    yield* this.#lock();
    for (const { range } of this.#windows) yield* this.#destroy(range);
    this.locks.tcLock.unlock();
    this.workqueues.misc.queue(this.#miscWork);
  }

  /** `__scif_rma_destroy_tcw`, under tc_lock */
  *#destroy(range: AddressRange): Sleepable<undefined> {
    for (const window of this.#windows.overlapping(range)) {
      this.#windows.delete(window);
      yield* this.locks.rmalock.lock();
      this.#toFree = [...this.#toFree, window];
      this.locks.rmalock.unlock();
      this.workqueues.misc.queue(this.#miscWork);
    }
  }

  /** `scif_rma_destroy_tcw_invalid` */
  *#destroyInvalid(): Sleepable<undefined> {
    for (;;) {
      yield* this.lock(this.locks.rmalock, "rmalock");
      const [window, ...rest] = this.#toFree;
      this.#toFree = rest;
      this.locks.rmalock.unlock();
      if (window === undefined) return;
      yield* this.context.mightSleep(`DMA of ${this.name}`);
      // What has been cached again in its place is pinned on its own.
      const reused = this.#windows.overlapping(window.range);
      if (reused.length === 0) this.device.tearDown(window.range);
    }
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.tcLock, "tc_lock");
  }
}
