import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import { Counter } from "../../counter.ts";
import { type AddressRange, rangeText } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import {
  AMDGPU_MN_PERSONALITIES,
  AmdgpuMn2018,
  type AmdgpuMn2018Personality,
} from "./amdgpu-mn.ts";

/**
 * amdgpu, graphics, `amdgpu_mn.c` and `amdgpu_cs.c` of v4.19.
 *
 *     start, non-blocking   read_lock; an object in the range: read_unlock, -EAGAIN
 *     start, blockable      read_lock; wait without limit for the fences of each object in the range
 *     end                   read_unlock
 *     command submission    look the pages up; lock for writing { again if they have been invalidated; submit }
 *
 * It keeps the semaphore for reading from start to end, so nobody submits meanwhile; but a start without
 * an end blocks submission for ever. It may refuse although it has an end: a kernel that rolls back
 * releases what was never taken, and then the semaphore is not taken any more. What it mirrors are
 * buffer objects.
 */
export const amdgpuGfx2018: DriverModel<AmdgpuGfx2018, AmdgpuMn2018Personality> = {
  name: "amdgpu-gfx-2018",
  era: "v4.19",
  kind: "list",
  personalities: AMDGPU_MN_PERSONALITIES,
  asMerged: ["sleepsOnInnerLock"],
  attach: (context, options) => new AmdgpuGfx2018(context, options).register(),
};

interface GfxBo {
  readonly range: AddressRange;
  /** `mmu_invalidations` */
  invalidations: number;
  /** What that was when its pages were looked up last; undefined if they have not been. */
  pagesOf: number | undefined;
  /** Fences that have not signalled. */
  readonly fences: Counter;
}

/** A client of a GPU. */
export class AmdgpuGfx2018 extends AmdgpuMn2018<GfxBo> {
  override readonly operations: {
    /** The GPU is done with the commands that use the range: their fences signal. */
    readonly signal: DeviceOperation;
  } = { signal: (range) => this.#signal(range) };
  #restarts = 0;

  constructor(context: DriverContext, options?: DriverOptions<AmdgpuMn2018Personality>) {
    super(context, amdgpuGfx2018, options);
  }

  /** `restarts` counts submissions that found their pages invalidated. */
  get state(): {
    readonly recursion: number;
    readonly bos: number;
    readonly fences: number;
    readonly restarts: number;
  } {
    let fences = 0;
    for (const bo of this.bos) fences += bo.fences.value;
    return { recursion: this.recursion, bos: this.bos.size, fences, restarts: this.#restarts };
  }

  /** `amdgpu_mn_register` */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.bos.at(range) !== undefined) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    yield* this.writeLock();
    const fences = new Counter(`fences of ${rangeText(range)} of ${this.name}`);
    this.bos.add({ range, invalidations: 0, pagesOf: undefined, fences });
    this.writeUnlock();
    return 0;
  }

  /** `amdgpu_mn_unregister`, after the GPU is done */
  *unmirror(range: AddressRange): Sleepable<number> {
    const bo = this.bos.at(range);
    if (bo === undefined) return -ERRNO.EINVAL;
    yield* bo.fences.waitForZero();
    yield* this.writeLock();
    this.bos.delete(bo);
    this.device.tearDown(range);
    this.writeUnlock();
    return 0;
  }

  /** Commands that use the range are submitted: `amdgpu_cs_ioctl`, restarted until its pages stay. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      const bo = this.bos.containing(range);
      if (bo === undefined) return -ERRNO.EFAULT;
      if (bo.pagesOf !== bo.invalidations) {
        // `amdgpu_ttm_tt_get_user_pages`: what was the count before is good until it changes.
        const { invalidations } = bo;
        if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
        bo.pagesOf = invalidations;
      }
      // No memory may be allocated under this lock.
      yield* this.writeLock();
      const isCurrent = bo.pagesOf === bo.invalidations;
      if (isCurrent) {
        bo.fences.add(1);
        if (!this.device.covers(bo.range)) this.device.install(bo.range);
      }
      this.writeUnlock();
      if (isCurrent) return 0;
      this.#restarts += 1;
    }
  }

  /** `amdgpu_mn_invalidate_node`. Once the GPU is idle nobody uses the entries any more. */
  protected *invalidate(bo: GfxBo): Sleepable<undefined> {
    bo.invalidations += 1;
    yield* bo.fences.waitForZero();
    this.device.tearDown(bo.range);
  }

  *#signal(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before the fences signal`);
    const bo = this.bos.containing(range);
    if (bo === undefined) return -ERRNO.EINVAL;
    bo.fences.add(-bo.fences.value);
    return 0;
  }
}
