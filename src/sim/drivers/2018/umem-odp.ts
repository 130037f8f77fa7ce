import { Completion } from "../../../blocking/completion.ts";
import type { Sleepable } from "../../../blocking/suspension.ts";
import { EAGAIN, ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, intersection, rangeText } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type UmemOdp2018Personality = "noUndo" | "keepsRwsem";

/**
 * On-demand paging of RDMA, `drivers/infiniband/core/umem_odp.c` of v4.19: counters and a completion for each
 * region, and a counter for all of them.
 *
 *     start   umem_rwsem for reading (tried in non-blocking mode) { context count += 1;
 *               non-blocking: a region in the range: -EAGAIN
 *               blockable:    each region in the range: umem_mutex { count += 1 }; umem_mutex { unmap } }
 *     end     umem_rwsem for reading { each region in the range: umem_mutex { sequence += 1; count -= 1;
 *               at 0 let faults go on } }; context count -= 1; at 0: umem_rwsem for writing { new regions get
 *               counters of their own }
 *     fault   sequence sampled, pages looked up, umem_mutex { map, or else wait for the region's count to be 0 }
 *
 * It keeps the counts from start to end. A region that is registered meanwhile has not seen the starts of what
 * is open, so all its faults wait until nothing is. End sleeps in any mode. It may refuse although it has an
 * end: a kernel that rolls back lowers counts that were never raised.
 *
 * Other than in the kernel the notifier is registered at once, and not with the first region.
 */
export const umemOdp2018: DriverModel<UmemOdp2018, UmemOdp2018Personality> = {
  name: "umem-odp-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    noUndo:
      "a refusal leaves the context count raised: it never comes back to 0, and new regions never get counters of their own",
    keepsRwsem:
      "umem_rwsem is kept from start to end, as in v4.20 to v5.3, and by a refusal for ever: regions can neither come nor go",
  },
  asMerged: ["noUndo"],
  attach: (context, options) => new UmemOdp2018(context, options).register(),
};

/** `struct ib_umem_odp` */
interface Umem {
  readonly range: AddressRange;
  readonly mutex: NamedLock;
  /** `mn_counters_active`: the next two tell of all that is open. */
  countersActive: boolean;
  count: number;
  sequence: number;
  /** `notifier_completion`: faults may go on. */
  readonly quiet: Completion;
  /** The process is gone. */
  dying: boolean;
  /** The device may fault. */
  live: boolean;
  /** Faults that are being served. */
  readonly faults: Counter;
}

/** The regions of one process on one RDMA device: `struct ib_ucontext`. */
export class UmemOdp2018 extends ListDriver<UmemOdp2018Personality> {
  readonly locks: { readonly umemRwsem: NamedLock };
  readonly #umems = new RangeSet<Umem>();
  /** `context->notifier_count` */
  #count = 0;

  constructor(context: DriverContext, options?: DriverOptions<UmemOdp2018Personality>) {
    super(context, umemOdp2018, options);
    this.locks = { umemRwsem: context.lock(`umem_rwsem of ${this.name}`, "rwsem") };
  }

  /** `umemCount` is the sum over the regions; `pending` counts those without counters of their own. */
  get state(): {
    readonly contextCount: number;
    readonly umems: number;
    readonly umemCount: number;
    readonly pending: number;
  } {
    let umemCount = 0;
    let pending = 0;
    for (const umem of this.#umems) {
      umemCount += umem.count;
      if (!umem.countersActive) pending += 1;
    }
    return { contextCount: this.#count, umems: this.#umems.size, umemCount, pending };
  }

  /** `ib_umem_odp_get` */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#umems.at(range) !== undefined) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    const name = `${rangeText(range)} of ${this.name}`;
    yield* this.#lockContext("write");
    this.#umems.add({
      range,
      mutex: this.context.lock(`umem_mutex of ${name}`, "mutex"),
      countersActive: this.#count === 0,
      count: 0,
      sequence: 0,
      quiet: new Completion(`notifier_completion of ${name}`),
      dying: false,
      live: true,
      faults: new Counter(`faults of ${name}`),
    });
    this.locks.umemRwsem.unlock();
    return 0;
  }

  /** `ib_umem_odp_release`, before which mlx5 sees to it that no fault is at work */
  *unmirror(range: AddressRange): Sleepable<number> {
    const umem = this.#umems.at(range);
    if (!umem?.live) return -ERRNO.EINVAL;
    umem.live = false;
    // In the kernel a fault that waits gives up after a second, and the device faults again.
    umem.quiet.completeAll();
    yield* umem.faults.waitForZero();
    yield* this.#unmap(umem, range);
    yield* this.#lockContext("write");
    this.#umems.delete(umem);
    this.locks.umemRwsem.unlock();
    return 0;
  }

  /** The device faults, until its fault has been served: `mlx5_ib_page_fault`. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      const umem = this.#umems.containing(range);
      if (!umem?.live || umem.dying) return -ERRNO.EFAULT;
      umem.faults.add(1);
      const errno = yield* this.#fault(umem, range);
      umem.faults.add(-1);
      if (errno !== EAGAIN) return errno;
    }
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: (range) => this.#end(range),
      release: () => this.#release(),
    };
  }

  /** `ib_umem_odp_map_dma_pages`; -EAGAIN after a collision, when nothing is open any more. */
  *#fault(umem: Umem, range: AddressRange): Sleepable<number> {
    const { sequence } = umem;
    yield* this.context.allocate("GFP_KERNEL");
    if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    yield* this.lock(umem.mutex, "umem_mutex");
    // `ib_umem_mmu_notifier_retry`
    const retry = !umem.countersActive || umem.count !== 0 || umem.sequence !== sequence;
    if (!retry && !this.device.covers(range)) this.device.install(range);
    umem.mutex.unlock();
    if (!retry) return 0;
    yield* umem.quiet.wait();
    return EAGAIN;
  }

  /** `ib_umem_notifier_invalidate_range_start` */
  *#start(range: CallbackRange): Sleepable<number> {
    const { umemRwsem } = this.locks;
    if (range.blockable) yield* this.#lockContext("read");
    else if (!umemRwsem.tryLock("read")) return EAGAIN;
    this.#count += 1;
    const hit = this.#umems.overlapping(range);
    const refuses = hit.length > 0 && !range.blockable;
    if (!refuses) {
      for (const umem of hit) {
        yield* this.#raise(umem);
        yield* this.#unmap(umem, range);
      }
    } else if (!this.has("noUndo")) {
      this.#count -= 1;
    }
    if (!this.has("keepsRwsem")) umemRwsem.unlock();
    return refuses ? EAGAIN : 0;
  }

  /** `ib_umem_notifier_invalidate_range_end`. It is not told the mode, and sleeps in any. */
  *#end(range: CallbackRange): Sleepable<undefined> {
    const { umemRwsem } = this.locks;
    if (!this.has("keepsRwsem")) yield* this.#lockContext("read");
    for (const umem of this.#umems.overlapping(range)) yield* this.#lower(umem);
    umemRwsem.unlock();
    this.#count -= 1;
    if (this.#count === 0 && this.state.pending > 0) yield* this.#activateCounters();
  }

  /** `ib_umem_notifier_release`. The counts stay raised, so that nothing is mapped any more. */
  *#release(): Sleepable<undefined> {
    this.#count += 1;
    yield* this.#lockContext("read");
    for (const umem of this.#umems) {
      yield* this.#raise(umem);
      umem.dying = true;
      umem.quiet.completeAll();
      yield* this.#unmap(umem, umem.range);
    }
    this.locks.umemRwsem.unlock();
  }

  /** `ib_umem_notifier_start_account` */
  *#raise(umem: Umem): Sleepable<undefined> {
    yield* this.lock(umem.mutex, "umem_mutex");
    if (umem.countersActive) {
      if (umem.count === 0) umem.quiet.reinit();
      umem.count += 1;
    }
    umem.mutex.unlock();
  }

  /** `ib_umem_notifier_end_account` */
  *#lower(umem: Umem): Sleepable<undefined> {
    yield* this.lock(umem.mutex, "umem_mutex");
    if (umem.countersActive) {
      umem.sequence += 1;
      umem.count -= 1;
      if (umem.count === 0) umem.quiet.completeAll();
    }
    umem.mutex.unlock();
  }

  /** `ib_umem_odp_unmap_dma_pages` */
  *#unmap(umem: Umem, range: AddressRange): Sleepable<undefined> {
    yield* this.lock(umem.mutex, "umem_mutex");
    this.device.tearDown(intersection(umem.range, range));
    umem.mutex.unlock();
  }

  /** `ib_ucontext_notifier_end_account`, when nothing is open */
  *#activateCounters(): Sleepable<undefined> {
    yield* this.#lockContext("write");
    if (this.#count === 0) {
      for (const umem of this.#umems) {
        if (umem.countersActive) continue;
        yield* this.lock(umem.mutex, "umem_mutex");
        umem.countersActive = true;
        umem.quiet.completeAll();
        umem.mutex.unlock();
      }
    }
    this.locks.umemRwsem.unlock();
  }

  #lockContext(mode: "read" | "write"): Sleepable<undefined> {
    return this.lock(this.locks.umemRwsem, "umem_rwsem", mode);
  }
}
