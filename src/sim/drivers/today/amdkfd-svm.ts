import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedIntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import { type AddressRange, intersection } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, locksOf, Mirrored } from "../interval-driver.ts";

export type AmdkfdSvmPersonality = "noModeCheck";

/**
 * Shared virtual memory of amdkfd, `drivers/gpu/drm/amd/amdkfd/kfd_svm.c` of v6.12: an interval notifier for each
 * range, under the range's own mutex.
 *
 *     invalidate      RELEASE: nothing
 *                     range lock { set_seq; evict; UNMAP: also have a work remove the range }     in any mode
 *     deferred work   remove the notifiers of ranges that the process has unmapped
 *     GPU fault       read_begin; pages looked up; range lock { read_retry: again; map }
 *
 * The callback never looks at the mode: in a non-blocking start it sleeps for the mutex. The kernel does not
 * notice, since it watches list notifiers only. With XNACK, so that eviction is to drop entries which the GPU
 * faults in again; without it the queues are stopped as in amdgpu-hsa. What it mirrors are ranges.
 */
export const amdkfdSvm: DriverModel<AmdkfdSvm, AmdkfdSvmPersonality> = {
  name: "amdkfd-svm",
  era: "v6.12",
  kind: "interval",
  personalities: {
    noModeCheck:
      "the callback does the same in any mode, and sleeps for the mutex in a non-blocking start; without it the mutex is tried, and contended it refuses",
  },
  // `svm_range_cpu_invalidate_pagetables`
  asMerged: ["noModeCheck"],
  attach: (context, options) => new AmdkfdSvm(context, options).open(),
};

class SvmRange extends Mirrored {
  readonly lock: NamedLock;
  /** The process has unmapped some of it: the work removes it. */
  unmapped = false;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    super(context, driver, range);
    this.lock = context.lock(`lock of ${this.name}`, "mutex");
  }
}

/** A compute process on GPUs: `struct svm_range_list`. */
export class AmdkfdSvm extends IntervalDriver<SvmRange, AmdkfdSvmPersonality> {
  override readonly workqueues: { readonly events: Workqueue };
  readonly #deferredListWork: Work;

  constructor(context: DriverContext, options?: DriverOptions<AmdkfdSvmPersonality>) {
    super(context, amdkfdSvm, options);
    this.workqueues = { events: context.workqueue(`events of ${this.name}`) };
    this.#deferredListWork = this.workqueues.events.work(`deferred_list_work of ${this.name}`, () =>
      this.#removeUnmapped(),
    );
  }

  get locks(): Readonly<Record<string, NamedLock>> {
    return locksOf([...this.mirrored].map((thing) => thing.lock));
  }

  /** `unmapped` counts ranges that wait for the work. */
  get state(): { readonly ranges: number; readonly unmapped: number } {
    const unmapped = [...this.mirrored].filter((range) => range.unmapped).length;
    return { ranges: this.mirrored.size, unmapped };
  }

  /** A GPU faults: `svm_range_restore_pages`, `svm_range_validate_and_map`. */
  *access(range: AddressRange): Sleepable<number> {
    const svmRange = this.find(range);
    if (svmRange === undefined || svmRange.unmapped) return -ERRNO.EFAULT;
    const userLock = { lock: svmRange.lock, what: "range lock" };
    return yield* this.collideAndRetry(svmRange, userLock, () => {
      if (!svmRange.device.covers(svmRange.range)) svmRange.device.install(svmRange.range);
    });
  }

  override *detach(): Sleepable<undefined> {
    yield* this.workqueues.events.flush(this.#deferredListWork);
    yield* super.detach();
  }

  protected make(range: AddressRange): SvmRange {
    return new SvmRange(this.context, this.name, range);
  }

  /** `svm_range_cpu_invalidate_pagetables` */
  protected ops(svmRange: SvmRange): UncheckedIntervalNotifierOps {
    const driver = this;
    return {
      *invalidate(_, range, sequence) {
        if (range.event === "RELEASE") return true;
        if (range.blockable || driver.has("noModeCheck")) {
          yield* driver.lock(svmRange.lock, "range lock");
        } else if (!svmRange.lock.tryLock()) {
          return false;
        }
        svmRange.notifier.setSequence(sequence);
        driver.#evict(svmRange, range);
        svmRange.lock.unlock();
        return true;
      },
    };
  }

  /** `svm_range_evict`, and `svm_range_unmap_from_cpu`, which cannot remove the notifier from its own callback */
  #evict(svmRange: SvmRange, range: CallbackRange): void {
    svmRange.device.tearDown(intersection(svmRange.range, range));
    if (range.event !== "UNMAP") return;
    svmRange.unmapped = true;
    this.workqueues.events.queue(this.#deferredListWork);
  }

  /** `svm_range_deferred_list_work`. The kernel splits a range of which some is left. */
  *#removeUnmapped(): Sleepable<undefined> {
    for (const svmRange of this.mirrored) {
      if (svmRange.unmapped && !svmRange.dying) yield* this.remove(svmRange);
    }
  }
}
