import { type Sleepable, waitUntil } from "../../../blocking/suspension.ts";
import { WaitQueue } from "../../../blocking/wait-queue.ts";
import { EAGAIN, ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import { type AddressRange, rangeText } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type I9152018Personality = "flushUnderSpinlock" | "reclaimUnderDeviceMutex";

/**
 * i915 userptr, `drivers/gpu/drm/i915/i915_gem_userptr.c` of v4.19: an interval tree under a spinlock, and
 * works that do what may sleep.
 *
 *     start, non-blocking   tree empty: 0 without the lock; an object in the range: -EAGAIN
 *     start, blockable      spinlock { take every object in the range out of the tree, queue its cancel work }
 *                           flush the whole workqueue
 *     cancel work           wait for the GPU; struct_mutex { unbind, give the pages back }
 *     end                   none
 *
 * It keeps nothing from start to end: the pages are pinned, and an object that was cancelled looks its pages
 * up again. What it mirrors are objects.
 */
export const i9152018: DriverModel<I9152018, I9152018Personality> = {
  name: "i915-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    flushUnderSpinlock:
      "the workqueue is flushed before the spinlock is released: a sleep with preemption off, and a deadlock, because the work takes the lock",
    reclaimUnderDeviceMutex:
      "memory is allocated with reclaim under struct_mutex: reclaim enters the callback, which waits for work that waits for the mutex",
  },
  // `__i915_gem_userptr_get_pages_schedule` allocates its worker so.
  asMerged: ["reclaimUnderDeviceMutex"],
  attach: (context, options) => new I9152018(context, options).register(),
};

/** `struct drm_i915_gem_object` with its `i915_mmu_object`. */
interface UserptrObject {
  readonly range: AddressRange;
  /** `obj->mm.lock` */
  readonly mutex: NamedLock;
  readonly cancel: Work;
  /** In the tree, so that invalidations see it. */
  attached: boolean;
  hasPages: boolean;
  /** `obj->userptr.work`: who looks the pages up, until that is done or cancelled. */
  worker: object | undefined;
  /** Commands that the GPU has not done with. */
  readonly busy: Counter;
}

/** One client of a GPU. */
export class I9152018 extends ListDriver<I9152018Personality> {
  readonly locks: { readonly lock: NamedLock; readonly structMutex: NamedLock };
  override readonly workqueues: { readonly release: Workqueue; readonly acquire: Workqueue };
  override readonly operations: {
    /** The GPU is done with the commands that use the range. */
    readonly retire: DeviceOperation;
  } = { retire: (range) => this.#retire(range) };
  readonly #objects = new RangeSet<UserptrObject>();
  /** Those who wait for pages. */
  readonly #waiters = new WaitQueue();

  constructor(context: DriverContext, options?: DriverOptions<I9152018Personality>) {
    super(context, i9152018, options);
    this.locks = {
      lock: context.lock(`mn->lock of ${this.name}`, "spinlock"),
      structMutex: context.lock(`struct_mutex of ${this.name}`, "mutex"),
    };
    this.workqueues = {
      release: context.workqueue(`i915-userptr-release of ${this.name}`),
      acquire: context.workqueue(`i915-userptr-acquire of ${this.name}`),
    };
  }

  get state(): {
    readonly objects: number;
    readonly attached: number;
    readonly busy: number;
    readonly cancelling: number;
  } {
    const objects = [...this.#objects];
    return {
      objects: objects.length,
      attached: objects.filter(({ attached }) => attached).length,
      busy: objects.filter(({ busy }) => busy.value > 0).length,
      cancelling: objects.filter(({ cancel }) => cancel.busy).length,
    };
  }

  /** `i915_gem_userptr_ioctl` */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#objects.at(range) !== undefined) return -ERRNO.EINVAL;
    const name = `${rangeText(range)} of ${this.name}`;
    const object: UserptrObject = {
      range,
      mutex: this.context.lock(`mm.lock of ${name}`, "mutex"),
      cancel: this.workqueues.release.work(`cancel_userptr of ${name}`, () => this.#cancel(object)),
      attached: false,
      hasPages: false,
      worker: undefined,
      busy: new Counter(`GPU commands on ${name}`),
    };
    yield* this.context.allocate("GFP_KERNEL");
    this.#objects.add(object);
    return 0;
  }

  /** The object is freed. */
  *unmirror(range: AddressRange): Sleepable<number> {
    const object = this.#objects.at(range);
    if (object === undefined) return -ERRNO.EINVAL;
    yield* object.busy.waitForZero();
    yield* this.#lockDevice();
    yield* this.#putPages(object);
    this.locks.structMutex.unlock();
    this.#objects.delete(object);
    return 0;
  }

  /** Commands that use the range are submitted, again and again until its object has its pages: `execbuffer`. */
  *access(range: AddressRange): Sleepable<number> {
    for (;;) {
      const object = this.#objects.containing(range);
      if (object === undefined || this.context.mm.users === 0) return -ERRNO.EFAULT;
      yield* this.#lockDevice();
      if (object.hasPages) object.busy.add(1);
      else if (object.worker === undefined) yield* this.#schedule(object);
      const { hasPages, worker } = object;
      this.locks.structMutex.unlock();
      if (hasPages) return 0;
      const done = (): boolean => object.worker !== worker;
      yield* waitUntil(done, this.#waiters, `pages of ${rangeText(object.range)}`);
    }
  }

  protected ops(): UncheckedListNotifierOps {
    return { invalidateRangeStart: (range) => this.#start(range) };
  }

  /** `i915_gem_userptr_mn_invalidate_range_start` */
  *#start(range: CallbackRange): Sleepable<number> {
    // As the kernel does, without the lock.
    if (this.state.attached === 0) return 0;
    yield* this.lock(this.locks.lock, "mn->lock");
    const hit = this.#objects.overlapping(range).filter(({ attached }) => attached);
    if (hit.length > 0 && !range.blockable) {
      this.locks.lock.unlock();
      return EAGAIN;
    }
    for (const object of hit) {
      this.workqueues.release.queue(object.cancel);
      object.attached = false;
    }
    const flushes = hit.length > 0;
    if (flushes && this.has("flushUnderSpinlock")) yield* this.workqueues.release.flushAll();
    this.locks.lock.unlock();
    if (flushes) yield* this.workqueues.release.flushAll();
    return 0;
  }

  /** `cancel_userptr`. Whoever has not got its pages yet just forgets about them. */
  *#cancel(object: UserptrObject): Sleepable<undefined> {
    yield* this.lock(object.mutex, "mm.lock");
    const { worker } = object;
    object.worker = undefined;
    object.mutex.unlock();
    this.#waiters.wakeAll();
    if (worker !== undefined) return;
    yield* object.busy.waitForZero();
    yield* this.#lockDevice();
    yield* this.#putPages(object);
    this.locks.structMutex.unlock();
  }

  /** `__i915_gem_userptr_get_pages_schedule`, under struct_mutex, under which nobody may look pages up. */
  *#schedule(object: UserptrObject): Sleepable<undefined> {
    if (this.has("reclaimUnderDeviceMutex")) yield* this.context.allocate("GFP_KERNEL");
    const { acquire } = this.workqueues;
    const name = `get_pages of ${rangeText(object.range)} of ${this.name}`;
    const work = acquire.work(name, () => this.#getPages(object, work));
    object.worker = work;
    acquire.queue(work);
    yield* this.#setActive(object, true);
  }

  /** `__i915_gem_userptr_get_pages_worker`. It is ignored if it was cancelled meanwhile. */
  *#getPages(object: UserptrObject, work: Work): Sleepable<undefined> {
    const found = yield* this.context.getUserPages();
    yield* this.lock(object.mutex, "mm.lock");
    if (object.worker === work) {
      object.worker = undefined;
      object.hasPages = found;
      if (found) this.device.install(object.range);
      else yield* this.#setActive(object, false);
    }
    object.mutex.unlock();
    this.#waiters.wakeAll();
  }

  /** `i915_gem_userptr_put_pages` */
  *#putPages(object: UserptrObject): Sleepable<undefined> {
    yield* this.#setActive(object, false);
    object.hasPages = false;
    this.device.tearDown(object.range);
  }

  /** `__i915_gem_userptr_set_active`. Not while a cancel work waits to run; as in the kernel nobody looks. */
  *#setActive(object: UserptrObject, active: boolean): Sleepable<undefined> {
    yield* this.lock(this.locks.lock, "mn->lock");
    object.attached = active && !object.cancel.pending;
    this.locks.lock.unlock();
  }

  *#retire(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before the GPU is done`);
    const object = this.#objects.containing(range);
    if (object === undefined) return -ERRNO.EINVAL;
    object.busy.add(-object.busy.value);
    return 0;
  }

  /** The last object is freed: `i915_mmu_notifier_free`. */
  override *detach(): Sleepable<undefined> {
    for (const { range } of this.#objects) yield* this.unmirror(range);
    yield* super.detach();
  }

  #lockDevice(): Sleepable<undefined> {
    return this.lock(this.locks.structMutex, "struct_mutex");
  }
}
