import { Mutex } from "../blocking/mutex.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import { END } from "../engine/addresses.ts";
import { EAGAIN, ERRNO } from "../notifier/errno.ts";
import type { MaySleep } from "../notifier/list-notifier.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import {
  downRead,
  downWrite,
  lock,
  tryLock,
  unlock,
  upRead,
  upWrite,
} from "../sim/cpu/told-locks.ts";
import { checkPages, PAGE_SIZE } from "../sim/cpu/units.ts";
import { type DeviceEntry, DeviceTable } from "./device-table.ts";
import { HmmMirror, type HmmUpdate } from "./hmm.ts";
import type { Hmm2018 } from "./hmm-2018.ts";
import { frameOfPfn2018, PFN_2018, SnapshotRange } from "./snapshot-range.ts";

const { EBUSY, EFAULT, EINVAL } = ERRNO;

export interface Mirror2018Options {
  readonly name: string;
  /** What it does when the process goes away, beside forgetting its entries. */
  readonly release?: () => MaySleep;
}

/**
 * A driver as `Documentation/vm/hmm.rst` of v4.19 describes it: it looks ranges up, and installs what it finds under
 * its own lock if the range is still valid; when it is told of an invalidation it drops what it has of it
 * under the same lock, only if that is free where it must not sleep.
 *
 * Points, if the address space yields them: `NAME:before range_done`, `NAME:before install`, `NAME:before drop`,
 * `NAME:before copy`.
 */
export class Mirror2018 {
  readonly mm: CpuMm;
  readonly hmm: Hmm2018;
  /** What HMM knows it by. */
  readonly mirror: HmmMirror;
  /** `driver->update`: protects the device's page table. */
  readonly mutex: Mutex;
  readonly #table: DeviceTable;

  constructor(hmm: Hmm2018, mm: CpuMm, options: Mirror2018Options) {
    const { name, release } = options;
    this.mm = mm;
    this.hmm = hmm;
    this.mutex = new Mutex(`mutex of ${name}`);
    this.#table = new DeviceTable(name, mm);
    this.mirror = new HmmMirror(name, {
      syncCpuDevicePagetables: (_mirror, update) => this.#sync(update),
      release: () => this.#release(release),
    });
  }

  get name(): string {
    return this.mirror.name;
  }

  /** The device's page table, by address. */
  get entries(): ReadonlyMap<number, DeviceEntry> {
    return this.#table.entries;
  }

  /** Registers it, under the mmap lock. The error number. */
  *register(): Sleepable<number> {
    const { mm } = this;
    yield* downWrite(mm.space.mmapLock, mm.tell);
    const result = yield* this.hmm.mirrorRegister(this.mirror, mm);
    upWrite(mm.space.mmapLock, mm.tell);
    return result;
  }

  /** Unregisters it. What it has mapped is forgotten. */
  *unregister(): Sleepable<undefined> {
    yield* this.hmm.mirrorUnregister(this.mirror);
    this.#table.drop(0, END);
  }

  /**
   * Makes the device map so many pages of one mapping, faulted in if they are missing. 0, or a negated error number:
   * what `vmaFault` returns but EBUSY, or EFAULT if a page is not to be had as it is asked for.
   *
   * @throws {IntervalidateError} RANGE
   */
  *populate(start: number, pages: number, write = false): Sleepable<number> {
    const { mm, hmm, mutex } = this;
    const { mmapLock } = mm.space;
    const end = start + pages * PAGE_SIZE;
    checkPages(start, end);
    for (;;) {
      if (hmm.variant.countsInvalidations) yield* hmm.rangeWaitUntilValid(mm);
      yield* downRead(mmapLock, mm.tell);
      const vma = mm.vmas.lookup(start);
      const range = vma && new SnapshotRange(mm, vma, start, end);
      range?.fill(write ? PFN_2018.VALID | PFN_2018.WRITE : PFN_2018.VALID);
      const result = range === undefined ? -EINVAL : yield* hmm.vmaFault(range, true);
      // The fault has dropped the lock.
      if (result === -EBUSY) continue;
      if (range === undefined || result !== 0) {
        upRead(mmapLock, mm.tell);
        return result;
      }
      yield* lock(mutex, mm.tell);
      if (mm.points) yield { kind: "point", label: `${this.name}:before range_done` };
      const valid = yield* hmm.vmaRangeDone(range);
      const installed = valid ? yield* this.#install(range, write) : 0;
      unlock(mutex, mm.tell);
      upRead(mmapLock, mm.tell);
      if (valid) return installed;
    }
  }

  /** The device reads pages that it has mapped; up to the first that it has not. */
  *read(start: number, pages: number): Sleepable<readonly number[]> {
    const data: number[] = [];
    yield* lock(this.mutex, this.mm.tell);
    yield* this.#table.read(start, start + pages * PAGE_SIZE, data);
    unlock(this.mutex, this.mm.tell);
    return data;
  }

  /** Under the mutex. */
  *#install({ start, pfns }: SnapshotRange, write: boolean): Sleepable<number> {
    const { mm } = this;
    if (mm.points) yield { kind: "point", label: `${this.name}:before install` };
    const entries: DeviceEntry[] = [];
    for (const pfn of pfns) {
      const page =
        (pfn & PFN_2018.VALID) === 0n ? undefined : mm.memory.pageOf(frameOfPfn2018(pfn));
      const writable = (pfn & PFN_2018.WRITE) !== 0n;
      if (page === undefined || (write && !writable)) return -EFAULT;
      entries.push({ page, access: writable ? "write" : "read" });
    }
    this.#table.install(start, entries);
    return 0;
  }

  *#sync({ start, end, blockable }: HmmUpdate): Sleepable<number> {
    const { mm, mutex } = this;
    if (blockable) yield* lock(mutex, mm.tell);
    else if (!tryLock(mutex, mm.tell)) return EAGAIN;
    if (mm.points) yield { kind: "point", label: `${this.name}:before drop` };
    this.#table.drop(start, end);
    unlock(mutex, mm.tell);
    return 0;
  }

  *#release(rest: (() => MaySleep) | undefined): Sleepable<undefined> {
    const { mm, mutex } = this;
    yield* lock(mutex, mm.tell);
    this.#table.drop(0, END);
    unlock(mutex, mm.tell);
    const answer = rest?.();
    if (answer !== undefined) yield* answer;
  }
}
