import { Completion } from "../../../blocking/completion.ts";
import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type {
  IntervalNotifierOps,
  UncheckedIntervalNotifierOps,
} from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import { type AddressRange, intersection, rangeText, without } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, Mirrored } from "../interval-driver.ts";
import { RangeSet } from "../range-set.ts";

export type GntdevPersonality = "earlyCheckRemoved";

/** `GNTTAB_UNMAP_REFS_DELAY` */
const UNMAP_DELAY_US = 5000;

/**
 * Grants of other domains, `drivers/xen/gntdev.c` and `grant-table.c` of v6.12, in a paravirtualised guest: an
 * interval notifier for each mapping of grants.
 *
 *     invalidate, non-blocking   refuse, before anything is looked at
 *     invalidate, blockable      unmap the grants that are in the range; no lock
 *     unmap                      pages not in use: hypercall; else a delayed work tries again, after 5 ms, 10 ms, ...
 *     mmap                       mmap lock { insert; map }
 *
 * The interval is fixed at mmap time, though the process may have unmapped a part of it since: that part is
 * refused all the same. Grants are mapped under the mmap lock once and for all, so there is no read side,
 * and no callback sets the sequence. The callback does not wait for pages that are in use. What it mirrors
 * are mappings of grants.
 */
export const gntdev: DriverModel<Gntdev, GntdevPersonality> = {
  name: "gntdev",
  era: "v6.12",
  kind: "interval",
  personalities: {
    earlyCheckRemoved:
      "a non-blocking start unmaps as well, and waits for the delayed work, and so for whoever uses the pages",
  },
  asMerged: [],
  attach: (context, options) => new Gntdev(context, options).open(),
};

/** Grants that are being unmapped: `struct gntab_unmap_queue_data`. */
interface Unmap {
  readonly map: Mirrored;
  readonly range: AddressRange;
  /** How often the work has tried. */
  age: number;
  readonly work: Work;
  readonly done: Completion;
}

/** An open file of `/dev/xen/gntdev`: `struct gntdev_priv`. */
export class Gntdev extends IntervalDriver<Mirrored, GntdevPersonality> {
  readonly locks: Readonly<Record<string, NamedLock>> = {};
  override readonly workqueues: { readonly events: Workqueue };
  override readonly operations: {
    /** Somebody else uses the pages, such as another driver that has pinned them. */
    readonly pin: DeviceOperation;
    readonly unpin: DeviceOperation;
  } = {
    pin: (range) => this.#pin(range),
    unpin: (range) => this.#unpin(range),
  };
  /** `being_removed` */
  readonly #unmaps = new RangeSet<Unmap>();
  readonly #pins = new RangeSet<{ readonly range: AddressRange }>();

  constructor(context: DriverContext, options?: DriverOptions<GntdevPersonality>) {
    super(context, gntdev, options);
    this.workqueues = { events: context.workqueue(`events of ${this.name}`) };
  }

  /** `unmapping` counts what the delayed works are at. */
  get state(): { readonly maps: number; readonly unmapping: number; readonly pins: number } {
    return { maps: this.mirrored.size, unmapping: this.#unmaps.size, pins: this.#pins.size };
  }

  /** `gntdev_mmap`. No invalidation can be open that holds the mmap lock. */
  override *mirror(range: AddressRange): Sleepable<number> {
    const { mm, mmapLock } = this.context;
    if (this.mirrored.overlapping(range).length > 0 || mm.users === 0) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    yield* mmapLock.lock();
    const map = this.make(range);
    yield* this.insert(map, true);
    map.device.install(range);
    mmapLock.unlock();
    return 0;
  }

  /** The process touches the grants: there is no fault that could bring back what was unmapped. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before use`);
    return this.find(range)?.device.covers(range) ? 0 : -ERRNO.EFAULT;
  }

  /** `gntdev_vma_close`. Grants that are in use stay mapped until the work comes that finds them unused. */
  protected override *remove(map: Mirrored): Sleepable<undefined> {
    map.dying = true;
    yield* map.notifier.removeSleepable();
    this.#unmapGrantPages(map, map.range);
    this.mirrored.delete(map);
  }

  protected make(range: AddressRange): Mirrored {
    return new Mirrored(this.context, this.name, range);
  }

  /** `gntdev_invalidate` */
  protected ops(map: Mirrored): IntervalNotifierOps | UncheckedIntervalNotifierOps {
    const driver = this;
    if (this.has("earlyCheckRemoved")) {
      return {
        *invalidate(_, range) {
          driver.#unmapGrantPages(map, range);
          yield* driver.#finish(map);
          return true;
        },
      };
    }
    return {
      invalidate: {
        blocking: (_, range) => this.#unmapGrantPages(map, range),
        nonblocking: () => false,
      },
    };
  }

  /** `unmap_grant_pages`: what is being unmapped already is left alone. */
  #unmapGrantPages(map: Mirrored, range: AddressRange): undefined {
    let parts = map.device.within(intersection(map.range, range));
    for (const unmap of this.#unmaps) parts = without(parts, unmap.range);
    for (const part of parts) {
      const name = `${rangeText(part)} of ${this.name}`;
      const work = this.workqueues.events.work(`gnttab_unmap_work of ${name}`, () => {
        unmap.age += 1;
        return this.#unmapRefsAsync(unmap);
      });
      const done = new Completion(`unmap of ${name}`);
      const unmap: Unmap = { map, range: part, age: 0, work, done };
      this.#unmaps.add(unmap);
      this.#unmapRefsAsync(unmap);
    }
  }

  /** `__gnttab_unmap_refs_async` */
  #unmapRefsAsync(unmap: Unmap): undefined {
    const { map, range, age, work, done } = unmap;
    if (this.#pins.overlapping(range).length > 0) {
      this.workqueues.events.queueDelayed(work, UNMAP_DELAY_US * (age + 1));
      return;
    }
    map.device.tearDown(range);
    this.#unmaps.delete(unmap);
    done.completeAll();
  }

  /** Waits until what is being unmapped is unmapped: `unmap_grant_pages_sync`. */
  *#finish(map: Mirrored): Sleepable<undefined> {
    for (const unmap of this.#unmaps) {
      if (unmap.map !== map) continue;
      this.context.tell({ kind: "work-wait", work: unmap.work.name });
      yield* unmap.done.wait();
    }
  }

  *#pin(range: AddressRange): Sleepable<number> {
    if ((yield* this.access(range)) !== 0) return -ERRNO.EFAULT;
    this.#pins.add({ range });
    return 0;
  }

  *#unpin(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before unpin`);
    const pin = this.#pins.at(range);
    if (pin === undefined) return -ERRNO.EINVAL;
    this.#pins.delete(pin);
    return 0;
  }
}
