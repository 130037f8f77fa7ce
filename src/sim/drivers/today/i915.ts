import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { locksOf } from "../interval-driver.ts";
import { GpuDriver, UserptrBo } from "./gpu-driver.ts";

export type I915Personality = "ignoresRetry";

/**
 * i915 userptr, `drivers/gpu/drm/i915/gem/i915_gem_userptr.c` of v6.12: an interval notifier for each object,
 * which does nothing but set the sequence.
 *
 *     invalidate   set_seq                       any mode, no lock: never refuses
 *     submission   read_begin; the sequence of the pages it has: go on; else
 *                  object lock { wait for the GPU; unbind }; pin pages
 *                  object lock { read_retry: again; bind }
 *                  object lock { read_retry: again; submit }
 *
 * Pages stay pinned, and mapped by the GPU, until the object is used again: whoever invalidates does not wait
 * for anybody, and commands that are on their way see the old pages. What it mirrors are buffer objects.
 */
export const i915: DriverModel<I915, I915Personality> = {
  name: "i915",
  era: "v6.12",
  kind: "interval",
  personalities: {
    ignoresRetry: "submission binds pages although read_retry was true: they may be stale",
  },
  asMerged: [],
  attach: (context, options) => new I915(context, options).open(),
};

class UserptrObject extends UserptrBo {
  readonly lock: NamedLock;
  /** `userptr.notifier_seq`: of the pages that it has. */
  pagesOf: number | undefined;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    super(context, driver, range);
    this.lock = context.lock(`lock of ${this.name}`, "mutex");
  }
}

/** A client of a GPU. */
export class I915 extends GpuDriver<UserptrObject, I915Personality> {
  #restarts = 0;

  constructor(context: DriverContext, options?: DriverOptions<I915Personality>) {
    super(context, i915, options);
  }

  get locks(): Readonly<Record<string, NamedLock>> {
    return locksOf([...this.mirrored].map((thing) => thing.lock));
  }

  /** `restarts` counts submissions that found their pages invalidated. */
  get state(): { readonly objects: number; readonly fences: number; readonly restarts: number } {
    return { objects: this.mirrored.size, fences: this.fences, restarts: this.#restarts };
  }

  /** Commands that use the range are submitted: `i915_gem_execbuffer2_ioctl`, restarted until its pages stay. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      const object = this.find(range);
      if (object === undefined) return -ERRNO.EFAULT;
      object.users.add(1);
      let errno = yield* this.#submitInit(object);
      if (errno === 0) errno = yield* this.#submitDone(object);
      object.users.add(-1);
      if (errno !== -ERRNO.EAGAIN) return errno;
      this.#restarts += 1;
    }
  }

  protected make(range: AddressRange): UserptrObject {
    return new UserptrObject(this.context, this.name, range);
  }

  /** `i915_gem_userptr_invalidate` */
  protected ops(): IntervalNotifierOps {
    return {
      invalidate: {
        blocking: (notifier, _, sequence) => notifier.setSequence(sequence),
        nonblocking(notifier, _, sequence) {
          notifier.setSequence(sequence);
          return true;
        },
      },
    };
  }

  /** `i915_gem_object_userptr_submit_init`. -EAGAIN if it was invalidated meanwhile. */
  *#submitInit(object: UserptrObject): Sleepable<number> {
    const sequence = yield* object.notifier.readBeginSleepable();
    yield* this.lock(object.lock, "object lock");
    const isCurrent = object.pagesOf === sequence;
    if (!isCurrent) {
      // `i915_gem_object_userptr_unbind`: here is who waits for the GPU.
      yield* object.fences.waitForZero();
      object.device.tearDown(object.range);
      object.pagesOf = undefined;
    }
    object.lock.unlock();
    if (isCurrent) return 0;
    yield* this.context.allocate("GFP_KERNEL");
    if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    yield* this.lock(object.lock, "object lock");
    const retry = object.notifier.readRetry(sequence) && !this.has("ignoresRetry");
    if (!retry) {
      object.pagesOf = sequence;
      object.device.install(object.range);
    }
    object.lock.unlock();
    return retry ? -ERRNO.EAGAIN : 0;
  }

  /** `i915_gem_object_userptr_submit_done`. -EAGAIN if it was invalidated meanwhile. */
  *#submitDone(object: UserptrObject): Sleepable<number> {
    yield* this.lock(object.lock, "object lock");
    const { pagesOf } = object;
    const isStale = pagesOf === undefined || object.notifier.checkRetry(pagesOf);
    const submits = !isStale || this.has("ignoresRetry");
    if (submits) object.fences.add(1);
    object.lock.unlock();
    return submits ? 0 : -ERRNO.EAGAIN;
  }
}
