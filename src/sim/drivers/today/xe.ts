import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import { Counter } from "../../counter.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, Mirrored } from "../interval-driver.ts";

export type XePersonality = "skipsSetSequence";

/**
 * xe userptr, `drivers/gpu/drm/xe/xe_vm.c` of v6.12: an interval notifier for each mapping of a GPU's address
 * space, its VM, and one reader / writer semaphore of the VM for all.
 *
 *     invalidate, non-blocking   refuse
 *     invalidate, blockable      notifier_lock for writing { set_seq; not bound yet: done; wait without limit for
 *                                all fences of the VM; unmap }
 *     submission                 read_begin; pages looked up; notifier_lock for reading { read_retry: again; bind;
 *                                submit }
 *
 * Submissions do not exclude each other. Whoever invalidates one mapping waits for the commands that use
 * others as well. What it mirrors are mappings of the VM.
 */
export const xe: DriverModel<Xe, XePersonality> = {
  name: "xe",
  era: "v6.12",
  kind: "interval",
  personalities: {
    skipsSetSequence:
      "the callback tears down and does not set the sequence: a submission that looked the pages up before binds what has gone",
  },
  asMerged: [],
  attach: (context, options) => new Xe(context, options).open(),
};

/** `struct xe_userptr_vma` */
class UserptrVma extends Mirrored {
  /** It has been bound once. */
  initialBind = false;
}

/** A GPU's address space: `struct xe_vm`. */
export class Xe extends IntervalDriver<UserptrVma, XePersonality> {
  readonly locks: { readonly notifierLock: NamedLock };
  override readonly operations: {
    /** The GPU is done with all commands: the fences of the VM signal. */
    readonly signal: DeviceOperation;
  } = { signal: () => this.#signal() };
  /** Of the VM, that have not signalled. */
  readonly #fences: Counter;

  constructor(context: DriverContext, options?: DriverOptions<XePersonality>) {
    super(context, xe, options);
    this.locks = { notifierLock: context.lock(`notifier_lock of ${this.name}`, "rwsem") };
    this.#fences = new Counter(`fences of ${this.name}`);
  }

  get state(): { readonly vmas: number; readonly bound: number; readonly fences: number } {
    const bound = [...this.mirrored].filter(({ device }) => device.ranges.length > 0).length;
    return { vmas: this.mirrored.size, bound, fences: this.#fences.value };
  }

  /** Commands that use the range are submitted: `xe_exec_ioctl`, `xe_vma_userptr_pin_pages`. */
  *access(range: AddressRange): Sleepable<number> {
    const vma = this.find(range);
    if (vma === undefined) return -ERRNO.EFAULT;
    const { notifierLock } = this.locks;
    const userLock = { lock: notifierLock, what: "notifier_lock", mode: "read" } as const;
    return yield* this.collideAndRetry(vma, userLock, () => {
      if (!vma.device.covers(vma.range)) vma.device.install(vma.range);
      vma.initialBind = true;
      this.#fences.add(1);
    });
  }

  protected make(range: AddressRange): UserptrVma {
    return new UserptrVma(this.context, this.name, range);
  }

  /** `vma_userptr_invalidate` */
  protected ops(vma: UserptrVma): IntervalNotifierOps {
    return {
      invalidate: {
        blocking: (_, __, sequence) => this.#invalidate(vma, sequence),
        nonblocking: () => false,
      },
    };
  }

  /** And the GPU is done. */
  protected override *quiesce(vma: UserptrVma): Sleepable<undefined> {
    yield* super.quiesce(vma);
    yield* this.#fences.waitForZero();
  }

  *#invalidate(vma: UserptrVma, sequence: number): Sleepable<undefined> {
    const { notifierLock } = this.locks;
    yield* this.lock(notifierLock, "notifier_lock");
    if (!this.has("skipsSetSequence")) vma.notifier.setSequence(sequence);
    if (vma.initialBind) {
      yield* this.#fences.waitForZero();
      vma.device.tearDown(vma.range);
    }
    notifierLock.unlock();
  }

  *#signal(): Sleepable<number> {
    yield* this.context.point(`${this.name}:before the fences signal`);
    this.#fences.add(-this.#fences.value);
    return 0;
  }
}
