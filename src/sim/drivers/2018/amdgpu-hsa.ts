import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work } from "../../workqueue.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import {
  AMDGPU_MN_PERSONALITIES,
  AmdgpuMn2018,
  type AmdgpuMn2018Personality,
} from "./amdgpu-mn.ts";

/** `AMDGPU_USERPTR_RESTORE_DELAY_MS` */
const RESTORE_DELAY_US = 1000;

/**
 * amdgpu, compute, `amdgpu_mn.c` and `amdgpu_amdkfd_gpuvm.c` of v4.19: the same locks as graphics. Its
 * queues are filled by the process itself, so there is no submission to keep out.
 *
 *     start, non-blocking   read_lock; an object in the range: read_unlock, -EAGAIN
 *     start, blockable      read_lock; evict each object in the range: the first stops all queues of the process,
 *                           and has them restored a millisecond later
 *     end                   read_unlock
 *     restore work          look the pages of what was evicted up; go on if nothing was evicted meanwhile, else
 *                           try again
 *
 * It keeps the semaphore for reading from start to end. What it mirrors are buffer objects.
 */
export const amdgpuHsa2018: DriverModel<AmdgpuHsa2018, AmdgpuMn2018Personality> = {
  name: "amdgpu-hsa-2018",
  era: "v4.19",
  kind: "list",
  personalities: AMDGPU_MN_PERSONALITIES,
  asMerged: ["sleepsOnInnerLock"],
  attach: (context, options) => new AmdgpuHsa2018(context, options).register(),
};

interface HsaBo {
  readonly range: AddressRange;
  /** Evictions since it was restored last. */
  invalid: number;
}

/** A compute process on a GPU. */
export class AmdgpuHsa2018 extends AmdgpuMn2018<HsaBo> {
  /** Held to stop the queues, and to run them again. */
  readonly #queuesLock: NamedLock;
  /** `evicted_bos`: evictions since the queues ran. They run while it is 0. */
  readonly #evictions: Counter;
  readonly #restore: Work;

  constructor(context: DriverContext, options?: DriverOptions<AmdgpuMn2018Personality>) {
    super(context, amdgpuHsa2018, options);
    this.#queuesLock = context.lock(`queues of ${this.name}`, "mutex");
    this.#evictions = new Counter(`evicted_bos of ${this.name}`);
    this.#restore = this.workqueues.events.work(`restore_userptr of ${this.name}`, () =>
      this.#restoreUserptr(),
    );
  }

  get state(): {
    readonly recursion: number;
    readonly bos: number;
    readonly evictions: number;
    readonly queuesRun: boolean;
  } {
    const evictions = this.#evictions.value;
    return { recursion: this.recursion, bos: this.bos.size, evictions, queuesRun: evictions === 0 };
  }

  /** `amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu`: the pages are looked up at once. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.bos.at(range) !== undefined) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    yield* this.writeLock();
    const bo = { range, invalid: 0 };
    this.bos.add(bo);
    this.writeUnlock();
    if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    // Whoever evicted it meanwhile has also seen to its restoration.
    if (bo.invalid === 0) this.device.install(range);
    return 0;
  }

  /** `amdgpu_amdkfd_gpuvm_free_memory_of_gpu` */
  *unmirror(range: AddressRange): Sleepable<number> {
    const bo = this.bos.at(range);
    if (bo === undefined) return -ERRNO.EINVAL;
    yield* this.writeLock();
    this.bos.delete(bo);
    this.device.tearDown(range);
    this.writeUnlock();
    return 0;
  }

  /** A user queue touches the range, as soon as it runs. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.#evictions.waitForZero();
    return this.device.covers(range) ? 0 : -ERRNO.EFAULT;
  }

  /** `amdgpu_amdkfd_evict_userptr` */
  protected *invalidate(bo: HsaBo): Sleepable<undefined> {
    bo.invalid += 1;
    this.#evictions.add(1);
    if (this.#evictions.value === 1) {
      // `kgd2kfd_quiesce_mm`
      yield* this.lock(this.#queuesLock, "queues");
      this.#queuesLock.unlock();
      this.workqueues.events.queueDelayed(this.#restore, RESTORE_DELAY_US);
    }
    this.device.tearDown(bo.range);
  }

  /** `amdgpu_amdkfd_restore_userptr_worker` */
  *#restoreUserptr(): Sleepable<undefined> {
    const evictions = this.#evictions.value;
    if (evictions === 0 || !(yield* this.context.getUserPages())) return;
    if (this.#evictions.value !== evictions) {
      this.workqueues.events.queueDelayed(this.#restore, RESTORE_DELAY_US);
      return;
    }
    for (const bo of this.bos) {
      if (bo.invalid > 0) this.device.install(bo.range);
      bo.invalid = 0;
    }
    this.#evictions.add(-evictions);
    // `kgd2kfd_resume_mm`
    yield* this.lock(this.#queuesLock, "queues");
    this.#queuesLock.unlock();
  }
}
