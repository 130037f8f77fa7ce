import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, intersection } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, locksOf, Mirrored } from "../interval-driver.ts";

export type Mlx5Personality = "refusalKeepsMutex";

/**
 * On-demand paging of mlx5, `drivers/infiniband/hw/mlx5/odp.c` and `core/umem_odp.c` of v6.12: an interval
 * notifier for each region, under the region's own mutex. Of the counters of 2018 nothing is left.
 *
 *     invalidate, non-blocking   refuse
 *     invalidate, blockable      umem_mutex { set_seq; zap the hardware's entries; unmap DMA }
 *     fault                      read_begin; pages looked up; umem_mutex { read_retry: again; map }
 *
 * What it mirrors are memory regions.
 */
export const mlx5: DriverModel<Mlx5, Mlx5Personality> = {
  name: "mlx5",
  era: "v6.12",
  kind: "interval",
  personalities: {
    refusalKeepsMutex:
      "a non-blocking start takes the mutex if it can, and refuses without releasing it, as a lock was forgotten in 2019: the next fault, and the next invalidation, wait for ever",
  },
  asMerged: [],
  attach: (context, options) => new Mlx5(context, options).open(),
};

/** `struct ib_umem_odp` */
class Umem extends Mirrored {
  readonly mutex: NamedLock;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    super(context, driver, range);
    this.mutex = context.lock(`umem_mutex of ${this.name}`, "mutex");
  }
}

/** The regions of one process on one RDMA device. */
export class Mlx5 extends IntervalDriver<Umem, Mlx5Personality> {
  constructor(context: DriverContext, options?: DriverOptions<Mlx5Personality>) {
    super(context, mlx5, options);
  }

  get locks(): Readonly<Record<string, NamedLock>> {
    return locksOf([...this.mirrored].map((thing) => thing.mutex));
  }

  get state(): { readonly umems: number } {
    return { umems: this.mirrored.size };
  }

  /** The device faults: `pagefault_real_mr`, `ib_umem_odp_map_dma_and_lock`. */
  *access(range: AddressRange): Sleepable<number> {
    const umem = this.find(range);
    if (umem === undefined) return -ERRNO.EFAULT;
    const userLock = { lock: umem.mutex, what: "umem_mutex" };
    return yield* this.collideAndRetry(umem, userLock, () => {
      if (!umem.device.covers(range)) umem.device.install(range);
    });
  }

  protected make(range: AddressRange): Umem {
    return new Umem(this.context, this.name, range);
  }

  /** `mlx5_ib_invalidate_range` */
  protected ops(umem: Umem): IntervalNotifierOps {
    return {
      invalidate: {
        blocking: (_, range, sequence) => this.#invalidate(umem, range, sequence),
        nonblocking: () => {
          if (this.has("refusalKeepsMutex")) umem.mutex.tryLock();
          return false;
        },
      },
    };
  }

  *#invalidate(umem: Umem, range: AddressRange, sequence: number): Sleepable<undefined> {
    yield* this.lock(umem.mutex, "umem_mutex");
    umem.notifier.setSequence(sequence);
    umem.device.tearDown(intersection(umem.range, range));
    umem.mutex.unlock();
  }
}
