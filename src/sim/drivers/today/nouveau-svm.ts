import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifier, IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { ListNotifier, ListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, lengthOf, overlap, rangeText, without } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import { DeviceEntries } from "../device-entries.ts";
import { DriverBase } from "../driver-base.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";

export type NouveauSvmPersonality = "removesUnderMutex";

/** `HMM_RANGE_DEFAULT_TIMEOUT`, in microseconds. */
const RANGE_TIMEOUT = 1_000_000;

/**
 * Shared virtual memory of nouveau, `drivers/gpu/drm/nouveau/nouveau_svm.c` of v6.12: a pair of notifiers
 * under one mutex. One of the list tears down; one of an interval, which lives for one fault, has the fault
 * tried again.
 *
 *     list      non-blocking: -EAGAIN, whatever the range is
 *               blockable:    mutex { own MIGRATE: nothing; else drop what is mapped outside the unmanaged window }
 *               end           none
 *     interval  own EXCLUSIVE: nothing
 *               mutex (tried in non-blocking mode, contended: refuse) { set_seq }
 *     fault     insert; read_begin; pages looked up; mutex { read_retry: again from read_begin; map }; remove
 *
 * The fault relies on the interval phase coming before the list: once the sequence is set under the mutex,
 * whatever was mapped before is still going to be dropped. But when the list refuses, nobody closes the
 * interval phase: after one non-blocking start the address space counts an invalidation for ever (but in
 * profile strict), and every later fault waits for it.
 */
export const nouveauSvm: DriverModel<NouveauSvm, NouveauSvmPersonality> = {
  name: "nouveau-svm",
  era: "v6.12",
  kind: "list and interval",
  personalities: {
    removesUnderMutex:
      "the fault removes its notifier under the mutex: it waits for invalidations whose callbacks wait for the mutex",
  },
  asMerged: [],
  attach: (context, options) => new NouveauSvm(context, options).init(),
};

/** A process on a GPU: `struct nouveau_svmm`. It is the owner of events that have its name. */
export class NouveauSvm extends DriverBase<NouveauSvmPersonality> {
  readonly locks: { readonly mutex: NamedLock };
  override readonly operations: {
    /** What the driver itself uses of the address space, which is not mirrored: given at init. */
    readonly setUnmanaged: DeviceOperation;
  } = { setUnmanaged: (range) => this.#setUnmanaged(range) };
  readonly #device: DeviceEntries;
  #notifier: ListNotifier | undefined;
  #unmanaged: AddressRange = { start: 0, end: 0 };
  #faults = 0;
  #retries = 0;

  constructor(context: DriverContext, options?: DriverOptions<NouveauSvmPersonality>) {
    super(context, nouveauSvm, options);
    this.locks = { mutex: context.lock(`mutex of ${this.name}`, "mutex") };
    this.#device = new DeviceEntries(context, this.name);
  }

  get entries(): readonly AddressRange[] {
    return this.#device.ranges;
  }

  /** `faults` counts the notifiers of faults; `retries` what they had to do again. */
  get state(): { readonly faults: number; readonly retries: number } {
    return { faults: this.#faults, retries: this.#retries };
  }

  /** `nouveau_svmm_init` */
  *init(): Sleepable<this> {
    const { mm } = this.context;
    this.#notifier = yield* mm.registerSleepable({ ...this.#teardownOps(), name: this.name });
    return this;
  }

  /** Nothing to do: it mirrors all there is outside the unmanaged window. */
  *mirror(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before mirror`);
    return overlap(this.#unmanaged, range) ? -ERRNO.EINVAL : 0;
  }

  /** What the GPU has mapped of it is dropped. */
  *unmirror(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    this.#device.tearDown(range);
    this.locks.mutex.unlock();
    return 0;
  }

  /** A GPU fault: `nouveau_range_fault`. */
  *access(range: AddressRange): Sleepable<number> {
    const { mm } = this.context;
    if (mm.users === 0 || overlap(this.#unmanaged, range)) return -ERRNO.EFAULT;
    this.#faults += 1;
    const ops = {
      ...this.#faultOps(),
      name: `${this.name} fault ${this.#faults} ${rangeText(range)}`,
    };
    const notifier = yield* mm.insertIntervalSleepable(range.start, lengthOf(range), ops);
    const errno = yield* this.#fault(notifier, range);
    if (errno === 0 && this.has("removesUnderMutex")) {
      yield* notifier.removeSleepable();
      this.locks.mutex.unlock();
    } else {
      if (errno === 0) this.locks.mutex.unlock();
      yield* notifier.removeSleepable();
    }
    return errno;
  }

  /** `nouveau_svmm_fini`. The notifier is freed after the callbacks that run. */
  *detach(): Sleepable<undefined> {
    const notifier = this.#notifier;
    this.#notifier = undefined;
    yield* this.#lock();
    for (const range of this.entries) this.#device.tearDown(range);
    this.locks.mutex.unlock();
    if (notifier !== undefined) this.context.mm.put(notifier);
  }

  #teardownOps(): ListNotifierOps {
    return {
      invalidateRangeStart: {
        blocking: (range) => this.#invalidateRange(range),
        nonblocking: () => false,
      },
    };
  }

  #faultOps(): IntervalNotifierOps {
    const { mutex } = this.locks;
    const driver = this;
    return {
      invalidate: {
        *blocking(notifier, range, sequence): Sleepable<undefined> {
          if (driver.#isOwn("EXCLUSIVE", range)) return;
          yield* driver.#lock();
          notifier.setSequence(sequence);
          mutex.unlock();
        },
        nonblocking(notifier, range, sequence) {
          if (driver.#isOwn("EXCLUSIVE", range)) return true;
          if (!mutex.tryLock()) return false;
          notifier.setSequence(sequence);
          mutex.unlock();
          return true;
        },
      },
    };
  }

  /** `nouveau_svmm_invalidate_range_start`, once it may sleep */
  *#invalidateRange(range: CallbackRange): Sleepable<undefined> {
    yield* this.#lock();
    if (this.#notifier !== undefined && !this.#isOwn("MIGRATE", range)) {
      for (const part of without([range], this.#unmanaged)) this.#device.tearDown(part);
    }
    this.locks.mutex.unlock();
  }

  /** After 0 the mutex is held. */
  *#fault(notifier: IntervalNotifier, range: AddressRange): Sleepable<number> {
    const { scheduler } = this.context;
    const deadline = scheduler.now + RANGE_TIMEOUT;
    while (scheduler.now <= deadline) {
      const sequence = yield* notifier.readBeginSleepable();
      if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
      yield* this.#lock();
      if (!notifier.readRetry(sequence)) {
        this.#device.install(range);
        return 0;
      }
      this.locks.mutex.unlock();
      this.#retries += 1;
    }
    return -ERRNO.EBUSY;
  }

  #isOwn(kind: "MIGRATE" | "EXCLUSIVE", { event, owner }: CallbackRange): boolean {
    return event === kind && owner === this.name;
  }

  *#setUnmanaged(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    this.#unmanaged = range;
    this.#device.tearDown(range);
    this.locks.mutex.unlock();
    return 0;
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.mutex, "mutex");
  }
}
