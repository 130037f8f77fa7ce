import { Mutex } from "../blocking/mutex.ts";
import type { Point, Sleepable } from "../blocking/suspension.ts";
import { ERRNO } from "../notifier/errno.ts";
import type { IntervalNotifier, IntervalNotifierOps } from "../notifier/interval-notifier.ts";
import type { CallbackRange } from "../notifier/range.ts";
import type { Clock } from "../sim/clock.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import { makeDeviceExclusive } from "../sim/cpu/exclusive.ts";
import {
  type MigrateVma,
  migrateVmaFinalize,
  migrateVmaPages,
  migrateVmaSetup,
} from "../sim/cpu/migrate.ts";
import type { Page } from "../sim/cpu/page.ts";
import { downRead, lock, tryLock, unlock, upRead } from "../sim/cpu/told-locks.ts";
import { checkPages, PAGE_SIZE } from "../sim/cpu/units.ts";
import { type Collider, collideAndRetry } from "./collide-and-retry.ts";
import { type DeviceEntry, DeviceTable } from "./device-table.ts";
import type { DevicePageUser, DmirrorDevice } from "./dmirror-device.ts";
import { type DmirrorProtection, protectionOf } from "./dmirror-protection.ts";
import { HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE, HMM_PFN_WRITE, hmmPfnToPfn } from "./hmm-pfn.ts";

/** Pages that are asked for at a time. */
const BATCH: number = 64 * PAGE_SIZE;
/** The last page of the space is not mirrored: `ULONG_MAX & PAGE_MASK` is a length. */
const MIRRORED_LENGTH: bigint = (1n << 64n) - BigInt(PAGE_SIZE);
/** The mirror has no entry for a page. */
const ENOENT = 2;

/** What a command came to: `struct hmm_dmirror_cmd`. */
export interface DmirrorResult {
  /** 0, or a negated error number. */
  readonly errno: number;
  /** The contents of the pages that the device has read or written, one number each. */
  readonly data: readonly number[];
  /** How often pages had to be asked for; one request is served in batches of 64 pages. */
  readonly faults: number;
}

export interface DmirrorSnapshot {
  readonly errno: number;
  /** One for each page, up to the batch that failed. */
  readonly protections: readonly DmirrorProtection[];
}

export interface DmirrorOptions {
  /** Names the mirror in events. Default: the name of the device. */
  readonly name?: string;
  /** Bounds the retries. */
  readonly clock: Pick<Clock, "now">;
}

/**
 * The mirror of the kernel's `lib/test_hmm.c`, v6.12: the reference for how an interval notifier is used.
 * It mirrors one address space as one device sees it, page by page and on demand.
 *
 * Its callback takes the mutex, only if it is free where it must not sleep, sets the sequence and drops
 * the entries of the range. Reads of the device collide with invalidations and try again.
 *
 * It ignores MIGRATE events that its own device caused, since whoever causes them sees to the entries: but not to
 * reads that are on their way. Like the kernel's it is for tests that do not migrate what they read at the
 * same time. A driver that does has to set the sequence for such an event too.
 *
 * Points, if the address space yields them: `NAME:before set_seq`, `NAME:before read_retry`,
 * `NAME:before install`, `NAME:before copy`.
 */
export class Dmirror implements DevicePageUser, Collider {
  readonly name: string;
  readonly mm: CpuMm;
  readonly device: DmirrorDevice;
  /** The user lock: held by the callback, and from the look at the sequence to the last entry installed. */
  readonly mutex: Mutex;
  readonly clock: Pick<Clock, "now">;
  readonly #table: DeviceTable;
  #notifier: IntervalNotifier | undefined;

  private constructor(mm: CpuMm, device: DmirrorDevice, options: DmirrorOptions) {
    this.mm = mm;
    this.device = device;
    this.name = options.name ?? device.owner;
    this.mutex = new Mutex(`mutex of ${this.name}`);
    this.clock = options.clock;
    this.#table = new DeviceTable(this.name, mm);
  }

  /** Begins to mirror an address space: `dmirror_fops_open`. */
  static *open(mm: CpuMm, device: DmirrorDevice, options: DmirrorOptions): Sleepable<Dmirror> {
    const mirror = new Dmirror(mm, device, options);
    const ops = mirror.#ops(mirror.name, ({ start, end }) => mirror.#table.drop(start, end));
    mirror.#notifier = yield* mm.space.insertIntervalSleepable(0, MIRRORED_LENGTH, ops);
    return mirror;
  }

  /** Its interval notifier. */
  get notifier(): IntervalNotifier {
    if (this.#notifier === undefined) throw new Error(`${this.name} has been closed`);
    return this.#notifier;
  }

  /** The device's page table, by address. */
  get entries(): ReadonlyMap<number, DeviceEntry> {
    return this.#table.entries;
  }

  /** Ends mirroring: `dmirror_fops_release`. Waits for invalidations that may have hit the mirror. */
  *close(): Sleepable<undefined> {
    yield* this.notifier.removeSleepable();
    this.#notifier = undefined;
    this.#table.drop(0, MIRRORED_LENGTH);
  }

  /** The device reads so many pages: `dmirror_read`. @throws {IntervalidateError} RANGE */
  *read(start: number, pages: number): Sleepable<DmirrorResult> {
    const end = start + pages * PAGE_SIZE;
    checkPages(start, end);
    const data: number[] = [];
    return yield* this.#access(start, end, false, data, () =>
      this.#table.read(start + data.length * PAGE_SIZE, end, data),
    );
  }

  /** The device writes pages, one number each: `dmirror_write`. @throws {IntervalidateError} RANGE */
  *write(start: number, values: readonly number[]): Sleepable<DmirrorResult> {
    const end = start + values.length * PAGE_SIZE;
    checkPages(start, end);
    const data: number[] = [];
    return yield* this.#access(start, end, true, data, () =>
      this.#table.write(start, values, data),
    );
  }

  /**
   * How the CPU maps so many pages, without changing that: `dmirror_snapshot`. Each batch subscribes to its
   * own range for the time of its walk.
   *
   * @throws {IntervalidateError} RANGE
   */
  *snapshot(start: number, pages: number): Sleepable<DmirrorSnapshot> {
    const end = start + pages * PAGE_SIZE;
    checkPages(start, end);
    const protections: DmirrorProtection[] = [];
    const errno = yield* this.#inBatches(start, end, (from, to) =>
      this.#rangeSnapshot(from, to, protections),
    );
    return { errno, protections };
  }

  /**
   * Moves so many pages into the device's memory and reads them there: `dmirror_migrate_to_device`. Pages
   * that cannot be moved stay; -ENOENT then.
   *
   * As in the kernel's, nothing guards against somebody who gives the pages up while they are on their way.
   *
   * @throws {IntervalidateError} RANGE
   */
  *migrateToDevice(start: number, pages: number): Sleepable<DmirrorResult> {
    const end = start + pages * PAGE_SIZE;
    const { device } = this;
    const mirror = this;
    const errno = yield* this.#migrate(start, end, "system", function* (args) {
      device.allocateAndCopy(args, mirror);
      yield* migrateVmaPages(args);
      yield* mirror.#finalizeAndMap(args);
      return undefined;
    });
    return errno === 0 ? yield* this.#readBack(start, end) : failed(errno);
  }

  /**
   * Moves so many pages back to where CPUs can reach them: `dmirror_migrate_to_system`. The error number.
   *
   * @throws {IntervalidateError} RANGE
   */
  *migrateToSystem(start: number, pages: number): Sleepable<number> {
    const end = start + pages * PAGE_SIZE;
    const { device } = this;
    return yield* this.#migrate(start, end, "device-private", function* (args) {
      yield* device.copyToSystem(args);
      yield* migrateVmaPages(args);
      return undefined;
    });
  }

  /**
   * Takes so many pages for the device alone and reads them: `dmirror_exclusive`. -EBUSY if that cannot be had
   * of all. Unlike the kernel's it is the owner of the events. It does not ignore them: what it has
   * mapped before is dropped, and mapped anew once the page is exclusive.
   *
   * As in the kernel's, nothing guards against somebody who gives the pages up before they are mapped.
   *
   * @throws {IntervalidateError} RANGE
   */
  *exclusive(start: number, pages: number): Sleepable<DmirrorResult> {
    const { mm } = this;
    const { mmapLock } = mm.space;
    const end = start + pages * PAGE_SIZE;
    checkPages(start, end);
    const mirror = this;
    const errno = yield* this.#inBatches(start, end, function* (from, to) {
      yield* downRead(mmapLock, mm.tell);
      const complete = yield* mirror.#takeExclusive(from, to);
      upRead(mmapLock, mm.tell);
      return complete ? 0 : -ERRNO.EBUSY;
    });
    return errno === 0 ? yield* this.#readBack(start, end) : failed(errno);
  }

  /** A page that this mirror has in its device's memory leaves it. */
  forget(address: number): void {
    this.#table.drop(address, address + PAGE_SIZE);
  }

  /** `dmirror_interval_invalidate`, and for snapshots `dmirror_snapshot_invalidate`. */
  #ops(name: string, drop: (range: CallbackRange) => void): IntervalNotifierOps {
    const mirror = this;
    const { mm, mutex } = this;
    const apply = (notifier: IntervalNotifier, range: CallbackRange, sequence: number): void => {
      notifier.setSequence(sequence);
      drop(range);
      unlock(mutex, mm.tell);
    };
    return {
      name,
      invalidate: {
        *blocking(notifier, range, sequence): Sleepable<undefined> {
          if (mirror.#isOwn(range)) return;
          yield* lock(mutex, mm.tell);
          if (mm.points) yield mirror.#point("before set_seq");
          apply(notifier, range, sequence);
        },
        nonblocking(notifier, range, sequence) {
          if (mirror.#isOwn(range)) return true;
          if (!tryLock(mutex, mm.tell)) return false;
          apply(notifier, range, sequence);
          return true;
        },
      },
    };
  }

  #isOwn({ event, owner }: CallbackRange): boolean {
    return event === "MIGRATE" && owner === this.device.owner;
  }

  /** Uses the entries there are, and asks for the pages that have none, until all have been used. */
  *#access(
    start: number,
    end: number,
    write: boolean,
    data: readonly number[],
    use: () => Sleepable<boolean>,
  ): Sleepable<DmirrorResult> {
    for (let faults = 0; ; faults += 1) {
      yield* lock(this.mutex, this.mm.tell);
      const complete = yield* use();
      unlock(this.mutex, this.mm.tell);
      if (complete) return { errno: 0, data, faults };
      // `dmirror_fault`
      const errno = yield* this.#inBatches(start + data.length * PAGE_SIZE, end, (from, to) =>
        this.#rangeFault(from, to, write),
      );
      if (errno !== 0) return { errno, data, faults };
    }
  }

  /**
   * Goes through a range in batches up to the first error, while the process is kept alive. -EINVAL if it is
   * gone; the kernel's device would ask for its pages for ever.
   */
  *#inBatches(
    start: number,
    end: number,
    act: (from: number, to: number) => Sleepable<number>,
  ): Sleepable<number> {
    if (!this.mm.mmgetNotZero()) return -ERRNO.EINVAL;
    try {
      for (let at = start; at < end; at += BATCH) {
        const errno = yield* act(at, Math.min(at + BATCH, end));
        if (errno !== 0) return errno;
      }
      return 0;
    } finally {
      yield* this.mm.mmput();
    }
  }

  /** `dmirror_range_fault` */
  *#rangeFault(start: number, end: number, write: boolean): Sleepable<number> {
    const pfns = new BigUint64Array((end - start) / PAGE_SIZE);
    const errno = yield* collideAndRetry(this, {
      notifier: this.notifier,
      start,
      end,
      pfns,
      defaultFlags: write ? HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE : HMM_PFN_REQ_FAULT,
      pfnFlagsMask: 0n,
      devPrivateOwner: this.device.owner,
    });
    if (errno !== 0) return errno;
    const installed = yield* this.#doFault(start, pfns, write);
    unlock(this.mutex, this.mm.tell);
    return installed;
  }

  /** `dmirror_do_fault`, under the mutex: what its table allocates there must not reclaim. */
  *#doFault(start: number, pfns: BigUint64Array, write: boolean): Sleepable<number> {
    const { mm } = this;
    if (mm.points) yield this.#point("before install");
    mm.tell({ kind: "allocate", context: "GFP_ATOMIC", reclaims: false });
    const entries: DeviceEntry[] = [];
    for (const pfn of pfns) {
      const page = mm.memory.pageOf(hmmPfnToPfn(pfn));
      const writable = (pfn & HMM_PFN_WRITE) !== 0n;
      if (page === undefined || (write && !writable)) return -ERRNO.EFAULT;
      entries.push({ page, access: writable ? "write" : "read" });
    }
    this.#table.install(start, entries);
    return 0;
  }

  /** `dmirror_range_snapshot` */
  *#rangeSnapshot(start: number, end: number, protections: DmirrorProtection[]): Sleepable<number> {
    // Any invalidation of the range makes the whole snapshot void: the sequence says enough.
    const ops = this.#ops(`${this.name} snapshot`, () => {});
    const notifier = yield* this.mm.space.insertIntervalSleepable(start, end - start, ops);
    try {
      const pfns = new BigUint64Array((end - start) / PAGE_SIZE);
      const errno = yield* collideAndRetry(this, {
        notifier,
        start,
        end,
        pfns,
        defaultFlags: 0n,
        pfnFlagsMask: 0n,
        devPrivateOwner: this.device.owner,
      });
      if (errno !== 0) return errno;
      for (const pfn of pfns) protections.push(protectionOf(pfn, this.mm.memory, this.device));
      unlock(this.mutex, this.mm.tell);
      return 0;
    } finally {
      yield* notifier.removeSleepable();
    }
  }

  /** Migration, mapping by mapping, and in batches. */
  *#migrate(
    start: number,
    end: number,
    select: MigrateVma["select"],
    move: (args: MigrateVma) => Sleepable<undefined>,
  ): Sleepable<number> {
    checkPages(start, end);
    const { mm, device } = this;
    const { mmapLock } = mm.space;
    if (!mm.mmgetNotZero()) return -ERRNO.EINVAL;
    yield* downRead(mmapLock, mm.tell);
    let errno = 0;
    for (let at = start; at < end && errno === 0; ) {
      const vma = mm.vmas.lookup(at);
      if (!vma?.protection.read) {
        errno = -ERRNO.EINVAL;
        break;
      }
      const next = Math.min(end, at + BATCH, vma.end);
      const args: MigrateVma = {
        mm,
        vma,
        start: at,
        end: next,
        pgmapOwner: device.owner,
        select,
        sources: [],
        destinations: [],
      };
      errno = yield* migrateVmaSetup(args);
      if (errno === 0) {
        yield* move(args);
        migrateVmaFinalize(args);
      }
      at = next;
    }
    upRead(mmapLock, mm.tell);
    yield* mm.mmput();
    return errno;
  }

  /** `dmirror_migrate_finalize_and_map` */
  *#finalizeAndMap({ start, vma, sources, destinations }: MigrateVma): Sleepable<undefined> {
    const entries = destinations.map((page, at): DeviceEntry | undefined => {
      const source = sources[at];
      if (source === undefined || page === undefined) return undefined;
      const writable = source.page === undefined ? vma.protection.write : source.writable;
      return { page, access: writable ? "write" : "read" };
    });
    yield* this.#map(start, entries);
  }

  /** Whether every page of the batch has become the device's own. */
  *#takeExclusive(start: number, end: number): Sleepable<boolean> {
    const { mm } = this;
    const pages = yield* makeDeviceExclusive(mm, start, end, this.device.owner);
    // `dmirror_atomic_map`
    const mapped =
      pages.length === (end - start) / PAGE_SIZE
        ? yield* this.#map(start, pages.map(exclusiveEntry))
        : 0;
    for (const page of pages) {
      if (page === undefined) continue;
      unlock(page.lock, mm.tell);
      page.put();
    }
    return start + mapped * PAGE_SIZE === end;
  }

  /** Maps pages that nobody else can have changed: they are locked. How many there were. */
  *#map(start: number, entries: readonly (DeviceEntry | undefined)[]): Sleepable<number> {
    const { mm, mutex } = this;
    yield* lock(mutex, mm.tell);
    if (mm.points) yield this.#point("before install");
    const mapped = this.#table.install(start, entries);
    unlock(mutex, mm.tell);
    return mapped;
  }

  /** Returns the data that was moved, for whoever wants to compare it. */
  *#readBack(start: number, end: number): Sleepable<DmirrorResult> {
    const data: number[] = [];
    yield* lock(this.mutex, this.mm.tell);
    const complete = yield* this.#table.read(start, end, data);
    unlock(this.mutex, this.mm.tell);
    return { errno: complete ? 0 : -ENOENT, data, faults: 0 };
  }

  #point(what: string): Point {
    return { kind: "point", label: `${this.name}:${what}` };
  }
}

function failed(errno: number): DmirrorResult {
  return { errno, data: [], faults: 0 };
}

function exclusiveEntry(page: Page | undefined): DeviceEntry | undefined {
  return page && { page, access: "atomic" };
}
