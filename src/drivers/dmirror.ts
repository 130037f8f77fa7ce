import type { Sleepable } from "../blocking/suspension.ts";
import { Dmirror } from "../hmm/dmirror.ts";
import { DmirrorDevice } from "../hmm/dmirror-device.ts";
import { ERRNO } from "../notifier/errno.ts";
import { mmap, munmap } from "../sim/cpu/syscalls.ts";
import { PAGE_SIZE } from "../sim/cpu/units.ts";
import { type AddressRange, endOf } from "../sim/drivers/address-range.ts";
import type { DriverContext } from "../sim/drivers/context.ts";
import type { DeviceOperation, Driver, DriverModel } from "../sim/drivers/driver-model.ts";
import { NamedLock } from "../sim/named-lock.ts";

/**
 * The mirror of the kernel's tests, `lib/test_hmm.c` of v6.12, as one driver among others: one interval notifier
 * over the whole address space but its last page. It is the reference for good behaviour.
 *
 *     invalidate   own MIGRATE: nothing
 *                  mutex (tried in non-blocking mode, contended: refuse) { set_seq; drop entries }
 *     fault        read_begin; hmm_range_fault; mutex { read_retry: again; install }
 *
 * Other than most it really reads the pages of the process: what it mirrors are anonymous mappings, and to give
 * one up is to unmap it.
 */
export const dmirror: DriverModel<DmirrorDriver, never> = {
  name: "dmirror",
  era: "v6.12",
  kind: "interval",
  personalities: {},
  asMerged: [],
  *attach(context, options) {
    const { cpuMm, scheduler } = context;
    const name = options?.name ?? dmirror.name;
    const device = new DmirrorDevice(name, cpuMm.memory);
    const mirror = yield* Dmirror.open(cpuMm, device, { name, clock: scheduler });
    return new DmirrorDriver(context, mirror);
  },
};

/** A mirror of a process. It is the owner of events that have its name. */
export class DmirrorDriver implements Driver {
  readonly #mirror: Dmirror;
  readonly locks: { readonly mutex: NamedLock };
  readonly workqueues: Readonly<Record<string, never>> = {};
  readonly operations: {
    readonly write: DeviceOperation;
    /** The pages go to the device, where CPUs cannot reach them. */
    readonly migrateToDevice: DeviceOperation;
    readonly migrateToSystem: DeviceOperation;
    /** The pages are for the device alone until a CPU touches them. */
    readonly exclusive: DeviceOperation;
  };
  #closed = false;

  constructor(context: DriverContext, mirror: Dmirror) {
    this.#mirror = mirror;
    this.locks = { mutex: new NamedLock(mirror.mutex.name, mirror.mutex, context) };
    this.operations = {
      *write(range) {
        const { start, pages } = pagesOf(range);
        return (yield* mirror.write(start, new Array<number>(pages).fill(1))).errno;
      },
      *migrateToDevice(range) {
        const { start, pages } = pagesOf(range);
        return (yield* mirror.migrateToDevice(start, pages)).errno;
      },
      migrateToSystem(range) {
        const { start, pages } = pagesOf(range);
        return mirror.migrateToSystem(start, pages);
      },
      *exclusive(range) {
        const { start, pages } = pagesOf(range);
        return (yield* mirror.exclusive(start, pages)).errno;
      },
    };
  }

  get name(): string {
    return this.#mirror.name;
  }

  /** Entries of consecutive pages are one. */
  get entries(): readonly AddressRange[] {
    const ranges: { start: number; end: number }[] = [];
    for (const at of [...this.#mirror.entries.keys()].sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last?.end === at) last.end += PAGE_SIZE;
      else ranges.push({ start: at, end: at + PAGE_SIZE });
    }
    return ranges;
  }

  /** `cpuFaults` counts those of the process, which the device causes as well. */
  get state(): { readonly mappings: number; readonly entries: number; readonly cpuFaults: number } {
    const { mm, entries } = this.#mirror;
    return { mappings: mm.vmas.all.length, entries: entries.size, cpuFaults: mm.faults };
  }

  /** The process maps memory, which is mirrored as all of it. */
  *mirror(range: AddressRange): Sleepable<number> {
    const { mm } = this.#mirror;
    const { start, end } = pagesOf(range);
    if (mm.vmas.overlapping(start, end).length > 0) return -ERRNO.EINVAL;
    yield* mmap(mm, { kind: "anonymous", start, end });
    return 0;
  }

  /** The device reads: `dmirror_read`. */
  *access(range: AddressRange): Sleepable<number> {
    if (this.#closed) return -ERRNO.EFAULT;
    const { start, pages } = pagesOf(range);
    return (yield* this.#mirror.read(start, pages)).errno;
  }

  *unmirror(range: AddressRange): Sleepable<number> {
    const { mm } = this.#mirror;
    const { start, end } = pagesOf(range);
    if (mm.vmas.overlapping(start, end).length === 0) return -ERRNO.EINVAL;
    return yield* munmap(mm, start, end);
  }

  /** `dmirror_fops_release` */
  *detach(): Sleepable<undefined> {
    if (this.#closed) return;
    this.#closed = true;
    yield* this.#mirror.close();
  }
}

function pagesOf(range: AddressRange): { start: number; end: number; pages: number } {
  const start = Number(range.start);
  const end = Number(endOf(range));
  return { start, end, pages: (end - start) / PAGE_SIZE };
}
