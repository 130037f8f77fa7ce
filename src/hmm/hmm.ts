import { Mutex } from "../blocking/mutex.ts";
import { RwSemaphore } from "../blocking/rw-semaphore.ts";
import { SpinLock } from "../blocking/spin-lock.ts";
import { type Sleepable, waitUntil } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import type { ListNotifier, MaySleep } from "../notifier/list-notifier.ts";
import type { InvalidationEvent, NotifierRange } from "../notifier/range.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import type { Tell } from "../sim/cpu/told-locks.ts";
import type { HmmVariant } from "./hmm-variants.ts";
import type { SnapshotRange } from "./snapshot-range.ts";

/** What a mirror is told of an invalidation, `[start, end)`: `struct hmm_update`. */
export interface HmmUpdate {
  readonly start: NotifierRange["start"];
  readonly end: NotifierRange["end"];
  readonly event: InvalidationEvent;
  /** Whether the mirror may sleep. In hmm-4.19 nobody knows, and everybody may. */
  readonly blockable: boolean;
}

/** `struct hmm_mirror_ops` */
export interface HmmMirrorOps {
  /**
   * Brings the device's page table in line with the CPU's. 0 or nothing approves; -EAGAIN refuses, where the
   * update is not blockable.
   */
  syncCpuDevicePagetables(
    mirror: HmmMirror,
    update: HmmUpdate,
  ): number | undefined | Sleepable<number | undefined>;
  /** The process goes away. */
  release?(mirror: HmmMirror): MaySleep;
}

/** A driver's mirror of one process: `struct hmm_mirror`. */
export class HmmMirror {
  readonly name: string;
  readonly ops: HmmMirrorOps;
  /** What it is registered with. Undefined before and after. */
  hmm: Hmm | undefined;

  constructor(name: string, ops: HmmMirrorOps) {
    this.name = name;
    this.ops = ops;
  }
}

/** What HMM keeps for one process: `struct hmm`. Its fields change as the kernel's do. */
export class Hmm {
  readonly name: string;
  readonly variant: HmmVariant;
  readonly points: boolean;
  readonly tell: Tell;
  /** The process, until it is forgotten. */
  mm: CpuMm | undefined;
  /** Protects `ranges`, and `notifiers`. */
  readonly lock: SpinLock | Mutex;
  /** Ranges that are being looked up. */
  readonly ranges: Set<SnapshotRange> = new Set();
  /** Protects `mirrors`. */
  readonly mirrorsSem: RwSemaphore;
  /** Newest first. */
  readonly mirrors: HmmMirror[] = [];
  /** Mirrors that are registered and not unregistered, for variants that count them: `kref`. */
  references = 0;
  /** Invalidations that have been counted in v4.19. */
  sequence = 0;
  /** Open invalidations, for variants that count them. */
  notifiers = 0;
  /** The process has been released. */
  dead = false;
  /** The embedded list notifier, as soon as it is registered. */
  notifier: ListNotifier | undefined;
  readonly #readers = new WaitQueue();

  constructor(mm: CpuMm, variant: HmmVariant) {
    this.name = `hmm of ${mm.space.name}`;
    this.variant = variant;
    this.points = mm.points;
    this.tell = mm.tell;
    this.mm = mm;
    const lockName = `lock of ${this.name}`;
    this.lock = variant.sleepingLock ? new Mutex(lockName) : new SpinLock(lockName);
    this.mirrorsSem = new RwSemaphore(`mirrors_sem of ${this.name}`);
  }

  /** @internal */
  wakeReaders(): undefined {
    this.#readers.wakeAll();
  }

  /** @internal Sleeps until no invalidation is open, or the process is gone. */
  *waitUntilValid(): Sleepable<undefined> {
    yield* waitUntil(
      () => this.notifiers === 0 || this.dead,
      this.#readers,
      `valid ranges of ${this.name}`,
    );
  }
}
