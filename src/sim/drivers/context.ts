import type { Sleepable, Wait } from "../../blocking/suspension.ts";
import { WaitQueue } from "../../blocking/wait-queue.ts";
import type { AddressSpace } from "../../notifier/address-space.ts";
import { type AllocationContext, allocate, mayReclaim } from "../allocation.ts";
import type { Scheduler } from "../clock.ts";
import { CpuMm } from "../cpu/cpu-mm.ts";
import { PhysicalMemory } from "../cpu/physical-memory.ts";
import type { TaskEvent } from "../events.ts";
import { type LockKind, type LockUser, NamedLock } from "../named-lock.ts";
import { Workqueue } from "../workqueue.ts";

export interface DriverContextOptions {
  readonly mm: AddressSpace;
  /** Runs the driver's work, and has its time. */
  readonly scheduler: Scheduler;
  /** Receives at once what tasks do. */
  readonly events: (event: TaskEvent) => void;
  /** The name of the task that is at work just now: it holds the locks that are taken. */
  readonly currentTask: () => string;
  /** Whether that task is in a no-reclaim scope. Default: it is not. */
  readonly noReclaim?: () => boolean;
  /** What direct reclaim does, in the task that allocates. Default: nothing. */
  readonly reclaim?: () => Sleepable<unknown>;
  /**
   * The memory of the process, for drivers that look at its page table. Default: one in which nothing is mapped
   * but what such drivers mirror.
   */
  readonly cpuMm?: CpuMm;
  /** Yield a point before every critical section. Default: false. */
  readonly points?: boolean;
}

/** The kernel around the drivers of one address space. */
export class DriverContext implements LockUser {
  readonly mm: AddressSpace;
  readonly scheduler: Scheduler;
  /** The lock that whoever looks up pages takes for reading. */
  readonly mmapLock: NamedLock;
  readonly #options: DriverContextOptions;
  #cpuMm: CpuMm | undefined;

  constructor(options: DriverContextOptions) {
    this.#options = options;
    this.mm = options.mm;
    this.scheduler = options.scheduler;
    this.mmapLock = new NamedLock(options.mm.mmapLock.name, options.mm.mmapLock, this);
  }

  /** Whether there are places to be preempted at. */
  get points(): boolean {
    return this.#options.points ?? false;
  }

  /** The memory of the process. */
  get cpuMm(): CpuMm {
    const { mm, points } = this;
    const { cpuMm, events } = this.#options;
    this.#cpuMm ??= cpuMm ?? new CpuMm({ space: mm, memory: new PhysicalMemory(), points, events });
    return this.#cpuMm;
  }

  get currentTask(): string {
    return this.#options.currentTask();
  }

  tell(event: TaskEvent): void {
    this.#options.events(event);
  }

  /** Makes a lock. Its name has to be unique among all locks: `mmu_lock of kvm`. */
  lock(name: string, kind: LockKind): NamedLock {
    return new NamedLock(name, kind, this);
  }

  /** Makes a workqueue. An ordered one has a `maxActive` of 1. */
  workqueue(name: string, maxActive?: number): Workqueue {
    const { scheduler, events } = this.#options;
    return new Workqueue({
      name,
      scheduler,
      events,
      ...(maxActive !== undefined && { maxActive }),
    });
  }

  /** A place to be preempted at, if there are such. */
  *point(label: string): Sleepable<undefined> {
    if (this.points) yield { kind: "point", label };
  }

  /** A place that may sleep and need not: `might_sleep`, `cond_resched`. */
  *mightSleep(resource: string): Sleepable<undefined> {
    const wait: Wait = {
      kind: "wait",
      resource,
      queue: new WaitQueue(),
      killable: false,
      ready: () => true,
    };
    yield wait;
  }

  /** An allocation by the task at work, with the reclaim that it may enter. */
  *allocate(context: AllocationContext): Sleepable<undefined> {
    const noReclaim = this.#options.noReclaim?.() ?? false;
    const { events, reclaim } = this.#options;
    yield* allocate(context, { noReclaim, events });
    if (reclaim !== undefined && mayReclaim(context, noReclaim)) yield* reclaim();
  }

  /** Looks up, or faults in, pages of the process: `get_user_pages`. False once it has gone. */
  *getUserPages(): Sleepable<boolean> {
    yield* this.mmapLock.lock("read");
    const alive = this.mm.users > 0;
    this.mmapLock.unlock();
    return alive;
  }
}
