import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type {
  IntervalNotifierOps,
  UncheckedIntervalNotifierOps,
} from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { GpuDriver, UserptrBo } from "./gpu-driver.ts";

export type AmdgpuGfxPersonality = "noModeCheck";

/**
 * amdgpu, graphics, `drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c` and `amdgpu_cs.c` of v6.12: an interval notifier
 * for each object, and one mutex of the device for all.
 *
 *     invalidate, non-blocking   refuse
 *     invalidate, blockable      notifier_lock { set_seq; wait without limit for the fences of the object }
 *     command submission         read_begin; pages looked up; notifier_lock { read_retry: again; submit }
 *
 * Fences are added under the lock, so none is added behind the callback's back. What it mirrors are buffer
 * objects.
 */
export const amdgpuGfx: DriverModel<AmdgpuGfx, AmdgpuGfxPersonality> = {
  name: "amdgpu-gfx",
  era: "v6.12",
  kind: "interval",
  personalities: {
    noModeCheck:
      "the callback does the same in any mode: in non-blocking mode it sleeps for the mutex, and for the GPU",
  },
  asMerged: [],
  attach: (context, options) => new AmdgpuGfx(context, options).open(),
};

/** A client of a GPU. */
export class AmdgpuGfx extends GpuDriver<UserptrBo, AmdgpuGfxPersonality> {
  readonly locks: { readonly notifierLock: NamedLock };

  constructor(context: DriverContext, options?: DriverOptions<AmdgpuGfxPersonality>) {
    super(context, amdgpuGfx, options);
    this.locks = { notifierLock: context.lock(`notifier_lock of ${this.name}`, "mutex") };
  }

  get state(): { readonly bos: number; readonly fences: number } {
    return { bos: this.mirrored.size, fences: this.fences };
  }

  /** Commands that use the range are submitted: `amdgpu_cs_ioctl`, restarted until its pages stay. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.context.allocate("GFP_KERNEL");
    const bo = this.find(range);
    if (bo === undefined) return -ERRNO.EFAULT;
    const userLock = { lock: this.locks.notifierLock, what: "notifier_lock" };
    // `amdgpu_cs_submit`. No memory may be allocated under this lock.
    return yield* this.collideAndRetry(bo, userLock, () => {
      bo.fences.add(1);
      if (!bo.device.covers(bo.range)) bo.device.install(bo.range);
    });
  }

  protected make(range: AddressRange): UserptrBo {
    return new UserptrBo(this.context, this.name, range);
  }

  /** `amdgpu_hmm_invalidate_gfx` */
  protected ops(bo: UserptrBo): IntervalNotifierOps | UncheckedIntervalNotifierOps {
    const driver = this;
    if (this.has("noModeCheck")) {
      return {
        *invalidate(_, __, sequence) {
          yield* driver.#invalidate(bo, sequence);
          return true;
        },
      };
    }
    return {
      invalidate: {
        blocking: (_, __, sequence) => this.#invalidate(bo, sequence),
        nonblocking: () => false,
      },
    };
  }

  *#invalidate(bo: UserptrBo, sequence: number): Sleepable<undefined> {
    yield* this.lock(this.locks.notifierLock, "notifier_lock");
    bo.notifier.setSequence(sequence);
    yield* bo.fences.waitForZero();
    // Once the GPU is idle nobody uses the entries any more.
    bo.device.tearDown(bo.range);
    this.locks.notifierLock.unlock();
  }
}
