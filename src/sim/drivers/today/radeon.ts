import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { locksOf } from "../interval-driver.ts";
import { GpuDriver, UserptrBo } from "./gpu-driver.ts";

export type RadeonPersonality = "reclaimInValidate";

/**
 * radeon, `drivers/gpu/drm/radeon/radeon_mn.c` of v6.12: an interval notifier for each object, under the
 * object's own reservation lock.
 *
 *     invalidate, object not bound   approve
 *     invalidate, non-blocking       refuse
 *     invalidate, blockable          reserve { wait for the fences; move the object to the CPU }
 *     submission                     mmap lock { reserve { bind; submit } }
 *
 * It has no read side, and so no callback sets the sequence: whoever binds holds the mmap lock instead, which
 * keeps out the invalidations that hold it for writing and no others. What it mirrors are buffer objects.
 */
export const radeon: DriverModel<Radeon, RadeonPersonality> = {
  name: "radeon",
  era: "v6.12",
  kind: "interval",
  personalities: {
    reclaimInValidate:
      "moving an object to the CPU allocates memory with reclaim in the callback: reclaim may enter the same callback, which waits for the reservation for ever",
  },
  // `ttm_sys_man_alloc`
  asMerged: ["reclaimInValidate"],
  attach: (context, options) => new Radeon(context, options).open(),
};

class RadeonBo extends UserptrBo {
  readonly reservation: NamedLock;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    super(context, driver, range);
    this.reservation = context.lock(`reservation of ${this.name}`, "mutex");
  }

  /** The GPU has it mapped: `radeon_ttm_tt_is_bound`. */
  get bound(): boolean {
    return this.device.ranges.length > 0;
  }
}

/** A client of a GPU. */
export class Radeon extends GpuDriver<RadeonBo, RadeonPersonality> {
  constructor(context: DriverContext, options?: DriverOptions<RadeonPersonality>) {
    super(context, radeon, options);
  }

  get state(): { readonly bos: number; readonly bound: number; readonly fences: number } {
    const bound = [...this.mirrored].filter((bo) => bo.bound).length;
    return { bos: this.mirrored.size, bound, fences: this.fences };
  }

  get locks(): Readonly<Record<string, NamedLock>> {
    return locksOf([...this.mirrored].map((thing) => thing.reservation));
  }

  /** Commands that use the range are submitted: `radeon_cs_ioctl`. */
  *access(range: AddressRange): Sleepable<number> {
    const bo = this.find(range);
    if (bo === undefined) return -ERRNO.EFAULT;
    const { mm, mmapLock } = this.context;
    bo.users.add(1);
    yield* mmapLock.lock("read");
    yield* this.lock(bo.reservation, "reservation");
    const alive = mm.users > 0;
    if (alive && !bo.bound) bo.device.install(bo.range);
    if (alive) bo.fences.add(1);
    bo.reservation.unlock();
    mmapLock.unlock();
    bo.users.add(-1);
    return alive ? 0 : -ERRNO.EFAULT;
  }

  protected make(range: AddressRange): RadeonBo {
    return new RadeonBo(this.context, this.name, range);
  }

  /** `radeon_mn_invalidate` */
  protected ops(bo: RadeonBo): IntervalNotifierOps {
    return {
      invalidate: {
        blocking: () => (bo.bound ? this.#unbind(bo) : undefined),
        nonblocking: () => !bo.bound,
      },
    };
  }

  *#unbind(bo: RadeonBo): Sleepable<undefined> {
    yield* this.lock(bo.reservation, "reservation");
    yield* bo.fences.waitForZero();
    // `ttm_bo_validate`
    const { context } = this;
    yield* context.allocate(this.has("reclaimInValidate") ? "GFP_KERNEL" : "GFP_NOWAIT");
    bo.device.tearDown(bo.range);
    bo.reservation.unlock();
  }
}
