import { Completion } from "../../../blocking/completion.ts";
import type { Sleepable } from "../../../blocking/suspension.ts";
import { EAGAIN, ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import { type AddressRange, intersection, overlap, rangeText, without } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type XenGntdev2018Personality = "waitsForUnmap" | "earlyCheckRemoved";

/** `GNTTAB_UNMAP_REFS_DELAY` */
const UNMAP_DELAY_US = 5000;

/**
 * Grants of other domains, `drivers/xen/gntdev.c` and `grant-table.c` of v4.19, in a paravirtualised guest: the
 * memory belongs to another domain, and to unmap it takes a hypercall for which nobody may use the pages.
 *
 *     start, non-blocking   mutex tried, contended: -EAGAIN, whatever the range is; a map in the range: -EAGAIN
 *     start, blockable      mutex { each map in the range: unmap the grants that are inside it }
 *     end                   none
 *     unmap                 pages not in use: hypercall; else a delayed work tries again, after 5 ms, 10 ms, 15 ms, ...
 *
 * As merged start waits until that is done, with the mutex held, be it for ever; since 2022 (dbe97cff7dd9)
 * the rest is left to the work. It keeps nothing from start to end. What it mirrors are maps.
 */
export const xenGntdev2018: DriverModel<XenGntdev2018, XenGntdev2018Personality> = {
  name: "xen-gntdev-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    waitsForUnmap:
      "start waits for the delayed work, and so for whoever uses the pages: a deadlock if that is somebody who waits for this start",
    earlyCheckRemoved:
      "a map in the range is no reason to refuse: a non-blocking start unmaps as well, and schedules the delayed work, for which it may then wait",
  },
  asMerged: ["waitsForUnmap"],
  attach: (context, options) => new XenGntdev2018(context, options).register(),
};

/** `struct grant_map` */
interface GrantMap {
  readonly range: AddressRange;
  /** The process has it mapped: `map->vma`. */
  hasVma: boolean;
  /** It goes with its mapping: it is in `freeable_maps`. */
  freeable: boolean;
}

/** Grants that are being unmapped: `struct gntab_unmap_queue_data`. */
interface Unmap {
  readonly range: AddressRange;
  /** How often the work has tried. */
  age: number;
  readonly work: Work;
  readonly done: Completion;
}

/** An open file of `/dev/xen/gntdev`: `struct gntdev_priv`. */
export class XenGntdev2018 extends ListDriver<XenGntdev2018Personality> {
  readonly locks: { readonly lock: NamedLock };
  override readonly workqueues: { readonly events: Workqueue };
  override readonly operations: {
    /** Somebody else uses the pages, such as another driver that has pinned them. */
    readonly pin: DeviceOperation;
    readonly unpin: DeviceOperation;
    /** `IOCTL_GNTDEV_UNMAP_GRANT_REF`: the map goes as soon as the process has unmapped it. */
    readonly release: DeviceOperation;
  } = {
    pin: (range) => this.#pin(range),
    unpin: (range) => this.#unpin(range),
    release: (range) => this.#releaseMap(range),
  };
  readonly #maps = new RangeSet<GrantMap>();
  /** `being_removed` */
  readonly #unmaps = new RangeSet<Unmap>();
  readonly #pins = new RangeSet<{ readonly range: AddressRange }>();

  constructor(context: DriverContext, options?: DriverOptions<XenGntdev2018Personality>) {
    super(context, xenGntdev2018, options);
    this.locks = { lock: context.lock(`lock of ${this.name}`, "mutex") };
    this.workqueues = { events: context.workqueue(`events of ${this.name}`) };
  }

  /** `unmapping` counts what the delayed works are at. */
  get state(): {
    readonly maps: number;
    readonly freeable: number;
    readonly unmapping: number;
    readonly pins: number;
  } {
    const freeable = [...this.#maps].filter((map) => map.freeable).length;
    const maps = this.#maps.size - freeable;
    return { maps, freeable, unmapping: this.#unmaps.size, pins: this.#pins.size };
  }

  /** Grants are mapped: `IOCTL_GNTDEV_MAP_GRANT_REF`, and `gntdev_mmap`, which the mmap lock is held for. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#maps.overlapping(range).some(({ hasVma }) => hasVma)) return -ERRNO.EINVAL;
    if (this.context.mm.users === 0) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    yield* this.context.mmapLock.lock();
    yield* this.#lock();
    this.#maps.add({ range, hasVma: true, freeable: false });
    this.locks.lock.unlock();
    this.device.install(range);
    this.context.mmapLock.unlock();
    return 0;
  }

  /** The process touches the grants: there is no fault that could bring back what was unmapped. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before access`);
    return this.device.covers(range) ? 0 : -ERRNO.EFAULT;
  }

  /** The process unmaps the map, with the invalidation that this is: `gntdev_vma_close`. */
  *unmirror(range: AddressRange): Sleepable<number> {
    const map = this.#maps.at(range);
    if (!map?.hasVma) return -ERRNO.EINVAL;
    const { mm, mmapLock } = this.context;
    yield* mmapLock.lock();
    const window = yield* mm.invalidateRangeStartSleepable(range);
    yield* window.endSleepable();
    yield* this.#lock();
    map.hasVma = false;
    if (map.freeable) this.#maps.delete(map);
    this.locks.lock.unlock();
    mmapLock.unlock();
    return 0;
  }

  protected ops(): UncheckedListNotifierOps {
    return {
      invalidateRangeStart: (range) => this.#start(range),
      release: () => this.#release(),
    };
  }

  /** `mn_invl_range_start` */
  *#start(range: CallbackRange): Sleepable<number> {
    if (range.blockable) yield* this.#lock();
    else if (!this.locks.lock.tryLock()) return EAGAIN;
    let errno = 0;
    for (const map of this.#inKernelOrder()) {
      errno = yield* this.#unmapIfInRange(map, range);
      if (errno !== 0) break;
    }
    this.locks.lock.unlock();
    return errno;
  }

  /** `unmap_if_in_range`. The check of the mode is all that keeps a non-blocking start from what follows. */
  *#unmapIfInRange(map: GrantMap, range: CallbackRange): Sleepable<number> {
    if (!map.hasVma || !overlap(map.range, range)) return 0;
    if (!range.blockable && !this.has("earlyCheckRemoved")) return EAGAIN;
    yield* this.#unmapGrantPages(intersection(map.range, range));
    return 0;
  }

  /** `mn_release` */
  *#release(): Sleepable<undefined> {
    yield* this.#lock();
    for (const { range, hasVma } of this.#inKernelOrder()) {
      if (hasVma) yield* this.#unmapGrantPages(range);
    }
    this.locks.lock.unlock();
  }

  /** `unmap_grant_pages`: what is being unmapped already is left alone. */
  *#unmapGrantPages(range: AddressRange): Sleepable<undefined> {
    let parts = this.device.within(range);
    for (const unmap of this.#unmaps) parts = without(parts, unmap.range);
    for (const part of parts) {
      const unmap = this.#makeUnmap(part);
      this.#unmaps.add(unmap);
      this.#tryUnmap(unmap);
      if (!this.has("waitsForUnmap")) continue;
      this.context.tell({ kind: "work-wait", work: unmap.work.name });
      yield* unmap.done.wait();
    }
  }

  #makeUnmap(range: AddressRange): Unmap {
    const name = `${rangeText(range)} of ${this.name}`;
    const work = this.workqueues.events.work(`gnttab_unmap_work of ${name}`, () => {
      unmap.age += 1;
      return this.#tryUnmap(unmap);
    });
    const unmap = { range, age: 0, work, done: new Completion(`unmap of ${name}`) };
    return unmap;
  }

  /** `__gnttab_unmap_refs_async` */
  #tryUnmap(unmap: Unmap): undefined {
    const { range, age, work, done } = unmap;
    if (this.#pins.overlapping(range).length > 0) {
      this.workqueues.events.queueDelayed(work, UNMAP_DELAY_US * (age + 1));
      return;
    }
    this.device.tearDown(range);
    this.#unmaps.delete(unmap);
    done.completeAll();
  }

  /** Live maps before freeable ones. */
  #inKernelOrder(): readonly GrantMap[] {
    const maps = [...this.#maps];
    return [...maps.filter((map) => !map.freeable), ...maps.filter((map) => map.freeable)];
  }

  *#pin(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before pin`);
    if (!this.device.covers(range)) return -ERRNO.EFAULT;
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

  *#releaseMap(range: AddressRange): Sleepable<number> {
    const map = this.#maps.at(range);
    if (map === undefined || map.freeable) return -ERRNO.EINVAL;
    yield* this.#lock();
    map.freeable = true;
    if (!map.hasVma) this.#maps.delete(map);
    this.locks.lock.unlock();
    return 0;
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.lock, "lock");
  }
}
