import { SpinLock } from "../../blocking/spin-lock.ts";
import type { Point, Sleepable } from "../../blocking/suspension.ts";
import type { AddressSpace } from "../../notifier/address-space.ts";
import type { NotifierRange } from "../../notifier/range.ts";
import { allocate } from "../allocation.ts";
import type { TaskEvent } from "../events.ts";
import { exitMmap } from "./exit.ts";
import type { Page } from "./page.ts";
import { PageTable } from "./page-table.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { VmaTree } from "./vm-area.ts";

export interface CpuMmOptions {
  /** The notifiers and the mmap lock of the process. */
  readonly space: AddressSpace;
  /** The pages of the machine, shared by its processes. */
  readonly memory: PhysicalMemory;
  /** Whether operations yield a point wherever they may be preempted. Default: false. */
  readonly points?: boolean;
  /** Receives locks, allocations and changes of entries, as they happen. It must not throw. */
  readonly events?: (event: TaskEvent) => void;
}

/**
 * The memory of one process as its CPUs see it: mappings and page table, `struct mm_struct`. What a
 * process does with it are functions named as in the kernel; each brackets its changes with the
 * notifier calls of `space`.
 */
export class CpuMm {
  readonly space: AddressSpace;
  readonly memory: PhysicalMemory;
  readonly points: boolean;
  readonly vmas: VmaTree = new VmaTree();
  readonly pageTable: PageTable = new PageTable();
  /** `page_table_lock`: for what belongs to the whole page table. Entries change in one step each. */
  readonly pageTableLock: SpinLock;
  readonly tell: (event: TaskEvent) => void;
  #faults = 0;
  #users = 1;

  constructor(options: CpuMmOptions) {
    this.space = options.space;
    this.memory = options.memory;
    this.points = options.points ?? false;
    this.tell = options.events ?? (() => {});
    this.pageTableLock = new SpinLock(`page table lock of ${options.space.name}`);
    this.memory.processes.add(this);
  }

  /** Page faults handled so far. */
  get faults(): number {
    return this.#faults;
  }

  /** Who keeps the memory from being torn down, the process itself included: `mm_users`. */
  get users(): number {
    return this.#users;
  }

  /** Keeps the memory from being torn down: `mmget_not_zero`. False if that has begun. */
  mmgetNotZero(): boolean {
    if (this.#users === 0) return false;
    this.#users += 1;
    return true;
  }

  /** Gives one use back: `mmput`. The last one tears the memory down. Exit of the process is one. */
  *mmput(): Sleepable<undefined> {
    if (this.#users === 0) throw new Error(`mmput of ${this.space.name}, which nobody uses`);
    this.#users -= 1;
    if (this.#users === 0) yield* exitMmap(this);
  }

  /** @internal */
  countFault(): undefined {
    this.#faults += 1;
  }

  /** @internal A page, for which somebody else's may have to be reclaimed first. */
  *allocatePage(data: number): Sleepable<Page> {
    yield* allocate("GFP_KERNEL", { events: this.tell });
    return this.memory.allocate(data);
  }

  /** @internal The pages of a huge mapping. */
  *allocateHugePage(): Sleepable<readonly Page[]> {
    yield* allocate("GFP_KERNEL", { events: this.tell });
    return this.memory.allocateHuge();
  }

  /** @internal Entries that mirrors may have copied allow less than before, or are gone. */
  tellPteChange(start: number, end: number): undefined {
    this.tell({ kind: "pte-change", mm: this.space.name, start, end });
  }

  /**
   * @internal Changes entries between the start and the end of an invalidation. The change sees the
   * page table as it is then, whatever was there before the start.
   */
  *invalidated<T>(range: NotifierRange, change: () => T): Sleepable<T> {
    const window = yield* this.space.invalidateRangeStartSleepable(range);
    if (this.points) yield BEFORE_CHANGE;
    const result = change();
    yield* window.endSleepable();
    return result;
  }
}

const BEFORE_CHANGE: Point = { kind: "point", label: "before pte change" };
