import type { Sleepable } from "../../../blocking/suspension.ts";
import type { Address } from "../../../engine/addresses.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { IntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, contains } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, Mirrored } from "../interval-driver.ts";
import { RangeSet } from "../range-set.ts";

export type GpusvmPersonality = "asksBeforeLocking";

/** `notifier_size`: 512 MiB or more is advised. */
const CHUNK = 512 * 1024 * 1024;

/**
 * Shared virtual memory of GPUs, `drivers/gpu/drm/drm_gpusvm.c`, which came after v6.12 and runs by its rules: an
 * interval notifier for each chunk of the address space in which something is mirrored, and one reader / writer
 * semaphore for all.
 *
 *     invalidate, non-blocking   refuse, wherever in the chunk the range is
 *     invalidate, blockable      notifier_lock for writing { set_seq; the driver drops what is in the range }
 *     get_pages                  read_begin; pages looked up; notifier_lock for reading { read_retry: again; map }
 *
 * Chunks make for few notifiers, and for refusals and retries that concern nothing that is mapped. What it
 * mirrors are ranges inside a chunk.
 */
export const gpusvm: DriverModel<Gpusvm, GpusvmPersonality> = {
  name: "gpusvm",
  era: "v6.12",
  kind: "interval",
  personalities: {
    asksBeforeLocking:
      "read_retry is asked before the lock is taken: an invalidation in between goes unnoticed, and stale pages are mapped",
  },
  asMerged: [],
  attach: (context, options) => new Gpusvm(context, options).open(),
};

/** `struct drm_gpusvm_range` */
interface GpusvmRange {
  readonly range: AddressRange;
  readonly chunk: Mirrored;
}

/** A GPU's view of a process: `struct drm_gpusvm`. */
export class Gpusvm extends IntervalDriver<Mirrored, GpusvmPersonality> {
  readonly locks: { readonly notifierLock: NamedLock; readonly driverLock: NamedLock };
  readonly #ranges = new RangeSet<GpusvmRange>();

  constructor(context: DriverContext, options?: DriverOptions<GpusvmPersonality>) {
    super(context, gpusvm, options);
    this.locks = {
      notifierLock: context.lock(`notifier_lock of ${this.name}`, "rwsem"),
      driverLock: context.lock(`lock of ${this.name}`, "mutex"),
    };
  }

  get state(): { readonly notifiers: number; readonly ranges: number } {
    return { notifiers: this.mirrored.size, ranges: this.#ranges.size };
  }

  /** `drm_gpusvm_range_find_or_insert`, under a lock of the driver's own */
  override *mirror(range: AddressRange): Sleepable<number> {
    const chunkRange = chunkOf(range.start);
    if (!contains(chunkRange, range) || this.context.mm.users === 0) return -ERRNO.EINVAL;
    yield* this.lock(this.locks.driverLock, "driver lock");
    const isFree = this.#ranges.overlapping(range).length === 0;
    if (isFree) {
      const chunk = this.mirrored.at(chunkRange) ?? this.make(chunkRange);
      if (this.mirrored.at(chunkRange) === undefined) yield* this.insert(chunk);
      this.#ranges.add({ range, chunk });
    }
    this.locks.driverLock.unlock();
    return isFree ? 0 : -ERRNO.EINVAL;
  }

  /** The GPU faults: `drm_gpusvm_range_get_pages`. */
  *access(range: AddressRange): Sleepable<number> {
    const found = this.#ranges.containing(range);
    if (found === undefined) return -ERRNO.EFAULT;
    const { chunk } = found;
    // It may have been given up meanwhile, and only the chunk be there.
    const isThere = (): boolean => this.#ranges.at(found.range) === found;
    const install = (): void => {
      if (isThere() && !chunk.device.covers(found.range)) chunk.device.install(found.range);
    };
    const { notifierLock } = this.locks;
    const userLock = { lock: notifierLock, what: "notifier_lock", mode: "read" } as const;
    const errno = this.has("asksBeforeLocking")
      ? yield* this.#askBeforeLocking(chunk, install)
      : yield* this.collideAndRetry(chunk, userLock, install);
    return isThere() ? errno : -ERRNO.EFAULT;
  }

  /** `drm_gpusvm_range_remove`. With its last range the chunk's notifier goes. */
  override *unmirror(range: AddressRange): Sleepable<number> {
    const { notifierLock, driverLock } = this.locks;
    yield* this.lock(driverLock, "driver lock");
    const found = this.#ranges.at(range);
    if (found !== undefined) {
      const { chunk } = found;
      yield* this.lock(notifierLock, "notifier_lock");
      this.#ranges.delete(found);
      chunk.device.tearDown(range);
      notifierLock.unlock();
      if (![...this.#ranges].some((one) => one.chunk === chunk)) yield* this.remove(chunk);
    }
    driverLock.unlock();
    return found === undefined ? -ERRNO.EINVAL : 0;
  }

  /** `drm_gpusvm_fini` */
  override *detach(): Sleepable<undefined> {
    for (const { range } of this.#ranges) yield* this.unmirror(range);
  }

  protected make(range: AddressRange): Mirrored {
    return new Mirrored(this.context, this.name, range);
  }

  /** `drm_gpusvm_notifier_invalidate` */
  protected ops(chunk: Mirrored): IntervalNotifierOps {
    return {
      invalidate: {
        blocking: (_, range, sequence) => this.#invalidate(chunk, range, sequence),
        nonblocking: () => false,
      },
    };
  }

  *#invalidate(chunk: Mirrored, range: AddressRange, sequence: number): Sleepable<undefined> {
    yield* this.lock(this.locks.notifierLock, "notifier_lock");
    chunk.notifier.setSequence(sequence);
    chunk.device.tearDown(range);
    this.locks.notifierLock.unlock();
  }

  *#askBeforeLocking(chunk: Mirrored, install: () => void): Sleepable<number> {
    const { notifierLock } = this.locks;
    let sequence: number;
    do {
      sequence = yield* chunk.notifier.readBeginSleepable();
      if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    } while (chunk.notifier.readRetry(sequence));
    yield* this.lock(notifierLock, "notifier_lock", "read");
    install();
    notifierLock.unlock();
    return 0;
  }
}

/** The chunk of an address. */
function chunkOf(address: Address): AddressRange {
  if (typeof address === "number") {
    const start = address - (address % CHUNK);
    return { start, end: start + CHUNK };
  }
  const start = address - (address % BigInt(CHUNK));
  return { start, end: start + BigInt(CHUNK) };
}
