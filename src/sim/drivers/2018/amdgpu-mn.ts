import type { Sleepable } from "../../../blocking/suspension.ts";
import { EAGAIN } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Workqueue } from "../../workqueue.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { Driver, DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type AmdgpuMn2018Personality = "sleepsOnInnerLock";

/** What comes of the mistakes. */
export const AMDGPU_MN_PERSONALITIES: Readonly<Record<AmdgpuMn2018Personality, string>> = {
  sleepsOnInnerLock:
    "a non-blocking start tries the mutex, and then sleeps on the reader / writer semaphore behind it",
};

/**
 * What both notifiers of amdgpu have in common, `drivers/gpu/drm/amd/amdgpu/amdgpu_mn.c` of v4.19: its objects
 * are under a semaphore, for reading from start to end, for writing while commands are submitted. Since
 * one task may start several invalidations, only the first start takes it.
 *
 *     read_lock     mutex (tried in non-blocking mode) { recursion += 1; from 0: semaphore for reading }
 *     read_unlock   recursion -= 1; to 0: semaphore released, by whoever comes last
 */
export abstract class AmdgpuMn2018<
  Bo extends { readonly range: AddressRange },
> extends ListDriver<AmdgpuMn2018Personality> {
  readonly locks: { readonly readLock: NamedLock; readonly lock: NamedLock };
  override readonly workqueues: Readonly<Record<"events", Workqueue>>;
  protected readonly bos: RangeSet<Bo> = new RangeSet<Bo>();
  #recursion = 0;

  constructor(
    context: DriverContext,
    model: Pick<DriverModel<Driver, AmdgpuMn2018Personality>, "name" | "asMerged">,
    options?: DriverOptions<AmdgpuMn2018Personality>,
  ) {
    super(context, model, options);
    this.locks = {
      readLock: context.lock(`read_lock of ${this.name}`, "mutex"),
      lock: context.lock(`lock of ${this.name}`, "rwsem"),
    };
    this.workqueues = { events: context.workqueue(`events of ${this.name}`) };
  }

  /** `recursion`: open invalidations. */
  protected get recursion(): number {
    return this.#recursion;
  }

  protected ops(): UncheckedListNotifierOps {
    const destroy = this.workqueues.events.work(`destroy of ${this.name}`, () => this.#destroy());
    return {
      invalidateRangeStart: (range) => this.#start(range),
      invalidateRangeEnd: () => this.#readUnlock(),
      release: () => {
        this.workqueues.events.queue(destroy);
        return undefined;
      },
    };
  }

  /** Ends what the device does with an object in the range, with the semaphore held for reading. */
  protected abstract invalidate(bo: Bo): Sleepable<undefined>;

  /** `amdgpu_mn_lock` */
  protected writeLock(): Sleepable<undefined> {
    return this.lock(this.locks.lock, "lock");
  }

  /** `amdgpu_mn_unlock` */
  protected writeUnlock(): void {
    this.locks.lock.unlock();
  }

  /** `amdgpu_mn_invalidate_range_start_gfx`, and `_hsa` */
  *#start(range: CallbackRange): Sleepable<number> {
    if (!(yield* this.#readLock(range))) return EAGAIN;
    for (const bo of this.bos.overlapping(range)) {
      if (!range.blockable) {
        this.#readUnlock();
        return EAGAIN;
      }
      yield* this.invalidate(bo);
    }
    return 0;
  }

  /** `amdgpu_mn_read_lock` */
  *#readLock({ blockable }: CallbackRange): Sleepable<boolean> {
    const { readLock, lock } = this.locks;
    if (blockable) yield* this.lock(readLock, "read_lock");
    else if (!readLock.tryLock()) return false;
    this.#recursion += 1;
    let taken = true;
    if (this.#recursion === 1) {
      if (blockable || this.has("sleepsOnInnerLock")) yield* this.lock(lock, "lock", "read");
      else taken = lock.tryLock("read");
    }
    if (!taken) this.#recursion -= 1;
    readLock.unlock();
    return taken;
  }

  /** `amdgpu_mn_read_unlock` */
  #readUnlock(): undefined {
    this.#recursion -= 1;
    if (this.#recursion === 0) this.locks.lock.unlock();
  }

  /** `amdgpu_mn_destroy` */
  *#destroy(): Sleepable<undefined> {
    yield* this.writeLock();
    for (const bo of this.bos) {
      this.bos.delete(bo);
      this.device.tearDown(bo.range);
    }
    this.writeUnlock();
    yield* this.detach();
  }
}
