import type { Sleepable } from "../../../blocking/suspension.ts";
import { EAGAIN, ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Workqueue } from "../../workqueue.ts";
import { type AddressRange, rangeText } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type Radeon2018Personality = "reclaimInValidate" | "reclaimInRegister";

/**
 * radeon, `drivers/gpu/drm/radeon/radeon_mn.c` of v4.19: all objects of the address space under one mutex.
 *
 *     start, non-blocking   mutex tried, contended: -EAGAIN, whatever the range is; an object in the range: -EAGAIN
 *     start, blockable      mutex { each bound object in the range: reserve, wait for its fences, move it to
 *                           the CPU, unreserve }
 *     end                   none
 *
 * It keeps nothing from start to end, and nothing keeps objects from being bound again meanwhile but that
 * whoever binds needs the mmap lock. What it mirrors are buffer objects.
 */
export const radeon2018: DriverModel<Radeon2018, Radeon2018Personality> = {
  name: "radeon-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    reclaimInValidate:
      "moving an object to the CPU allocates memory with reclaim, under the mutex: reclaim enters the callback, which waits for the mutex for ever",
    reclaimInRegister:
      "an object is registered under the mutex with an allocation that may reclaim: the same cycle",
  },
  // `radeon_mn_register`
  asMerged: ["reclaimInRegister"],
  attach: (context, options) => new Radeon2018(context, options).register(),
};

interface RadeonBo {
  readonly range: AddressRange;
  readonly reservation: NamedLock;
  /** Its pages are mapped by the GPU: `tt_bound`. */
  bound: boolean;
  /** Fences that have not signalled. */
  readonly fences: Counter;
}

/** A client of a GPU. */
export class Radeon2018 extends ListDriver<Radeon2018Personality> {
  readonly locks: { readonly lock: NamedLock };
  override readonly workqueues: { readonly events: Workqueue };
  override readonly operations: {
    /** The GPU is done with the commands that use the range: their fences signal. */
    readonly signal: DeviceOperation;
  } = { signal: (range) => this.#signal(range) };
  readonly #bos = new RangeSet<RadeonBo>();

  constructor(context: DriverContext, options?: DriverOptions<Radeon2018Personality>) {
    super(context, radeon2018, options);
    this.locks = { lock: context.lock(`lock of ${this.name}`, "mutex") };
    this.workqueues = { events: context.workqueue(`events of ${this.name}`) };
  }

  get state(): { readonly bos: number; readonly bound: number; readonly fences: number } {
    let bound = 0;
    let fences = 0;
    for (const bo of this.#bos) {
      if (bo.bound) bound += 1;
      fences += bo.fences.value;
    }
    return { bos: this.#bos.size, bound, fences };
  }

  /** `radeon_mn_register` */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#bos.at(range) !== undefined) return -ERRNO.EINVAL;
    const name = `${rangeText(range)} of ${this.name}`;
    yield* this.#lock();
    if (this.has("reclaimInRegister")) yield* this.context.allocate("GFP_KERNEL");
    this.#bos.add({
      range,
      reservation: this.context.lock(`reservation of ${name}`, "mutex"),
      bound: false,
      fences: new Counter(`fences of ${name}`),
    });
    this.locks.lock.unlock();
    return 0;
  }

  /** `radeon_mn_unregister`, after the GPU is done */
  *unmirror(range: AddressRange): Sleepable<number> {
    const bo = this.#bos.at(range);
    if (bo === undefined) return -ERRNO.EINVAL;
    yield* bo.fences.waitForZero();
    yield* this.#lock();
    this.#bos.delete(bo);
    this.device.tearDown(range);
    this.locks.lock.unlock();
    return 0;
  }

  /** Commands that use the range are submitted: `radeon_cs_ioctl`, which takes the mmap lock first of all. */
  *access(range: AddressRange): Sleepable<number> {
    const bo = this.#bos.containing(range);
    if (bo === undefined) return -ERRNO.EFAULT;
    const { mmapLock, mm } = this.context;
    yield* mmapLock.lock("read");
    yield* this.lock(bo.reservation, "reservation");
    const alive = mm.users > 0;
    if (alive && !bo.bound) this.device.install(bo.range);
    if (alive) {
      bo.bound = true;
      bo.fences.add(1);
    }
    bo.reservation.unlock();
    mmapLock.unlock();
    return alive ? 0 : -ERRNO.EFAULT;
  }

  protected ops(): UncheckedListNotifierOps {
    const destroy = this.workqueues.events.work(`destroy of ${this.name}`, () => this.#destroy());
    return {
      invalidateRangeStart: (range) => this.#start(range),
      release: () => {
        this.workqueues.events.queue(destroy);
        return undefined;
      },
    };
  }

  /** `radeon_mn_invalidate_range_start` */
  *#start(range: CallbackRange): Sleepable<number> {
    if (range.blockable) yield* this.#lock();
    else if (!this.locks.lock.tryLock()) return EAGAIN;
    const hit = this.#bos.overlapping(range);
    const refuses = hit.length > 0 && !range.blockable;
    if (!refuses) for (const bo of hit) yield* this.#unbind(bo);
    this.locks.lock.unlock();
    return refuses ? EAGAIN : 0;
  }

  /** The object moves to the CPU's domain: `ttm_bo_validate`. */
  *#unbind(bo: RadeonBo): Sleepable<undefined> {
    if (!bo.bound) return;
    yield* this.lock(bo.reservation, "reservation");
    yield* bo.fences.waitForZero();
    if (this.has("reclaimInValidate")) yield* this.context.allocate("GFP_KERNEL");
    bo.bound = false;
    this.device.tearDown(bo.range);
    bo.reservation.unlock();
  }

  /** `radeon_mn_destroy` */
  *#destroy(): Sleepable<undefined> {
    yield* this.#lock();
    for (const bo of this.#bos) {
      this.#bos.delete(bo);
      this.device.tearDown(bo.range);
    }
    this.locks.lock.unlock();
    yield* this.detach();
  }

  *#signal(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before the fences signal`);
    const bo = this.#bos.containing(range);
    if (bo === undefined) return -ERRNO.EINVAL;
    bo.fences.add(-bo.fences.value);
    return 0;
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.lock, "lock");
  }
}
