import type { Sleepable } from "../blocking/suspension.ts";
import { ERRNO } from "../notifier/errno.ts";
import { handleMmFault, migrationEntryWait } from "../sim/cpu/fault.ts";
import type { HugePmd } from "../sim/cpu/page-table.ts";
import { PAGE_SIZE, PMD_SIZE, pmdStart } from "../sim/cpu/units.ts";
import { PFN_2018, pfn2018, type SnapshotRange } from "./snapshot-range.ts";

const { EAGAIN, EBUSY, EFAULT } = ERRNO;
const { NONE, VALID, WRITE, DEVICE_PRIVATE, ERROR } = PFN_2018;

/** What has to be done for an entry. */
type Need = "nothing" | "fault" | "write-fault";

/**
 * The page table walk of v4.19: `hmm_vma_walk_pmd` and what it calls. A request is used up by the fault
 * that it causes: what the second look finds is what there is.
 */
export class VmaWalk {
  /** Entries before it are done. */
  last: number;
  readonly #range: SnapshotRange;
  readonly #faults: boolean;

  constructor(range: SnapshotRange, faults: boolean) {
    this.#range = range;
    this.#faults = faults;
    this.last = range.start;
  }

  /**
   * 0, or negated: EAGAIN, a page has been faulted in, go on from `last`; EBUSY, the same, but the mmap lock
   * has been dropped; EFAULT, a page cannot be had.
   */
  *run(): Sleepable<number> {
    const { mm, end } = this.#range;
    let at = this.last;
    while (at < end) {
      if (mm.points) yield { kind: "point", label: "hmm_vma_walk:before pmd" };
      const next = Math.min(pmdStart(at) + PMD_SIZE, end);
      const pmd = mm.pageTable.pmdOf(at);
      const result =
        pmd === undefined
          ? yield* this.#walkHole(at, next)
          : pmd.kind === "huge"
            ? yield* this.#walkHuge(at, next, pmd)
            : yield* this.#walkTable(at, next);
      if (result !== 0) return result;
      at = next;
    }
    return 0;
  }

  *#walkHole(start: number, end: number): Sleepable<number> {
    return yield* this.#fill(start, end, this.#rangeNeed(start, end, 0n));
  }

  *#walkHuge(start: number, end: number, { pages, writable }: HugePmd): Sleepable<number> {
    const flags = presentFlags(writable);
    const need = this.#rangeNeed(start, end, flags);
    if (need !== "nothing") return yield* this.#fill(start, end, need);
    for (let address = start; address < end; address += PAGE_SIZE) {
      const { pfn } = pages[(address - pmdStart(address)) / PAGE_SIZE];
      this.#set(address, pfn2018(pfn, flags));
    }
    this.last = end;
    return 0;
  }

  *#walkTable(start: number, end: number): Sleepable<number> {
    const { mm } = this.#range;
    for (let address = start; address < end; address += PAGE_SIZE) {
      if (mm.points) yield { kind: "point", label: "hmm_vma_walk:before pte" };
      const result = yield* this.#handlePte(address, end);
      if (result !== 0) return result;
    }
    this.last = end;
    return 0;
  }

  /** `hmm_vma_handle_pte` */
  *#handlePte(address: number, end: number): Sleepable<number> {
    const { mm } = this.#range;
    const input = this.#get(address);
    const pte = mm.pageTable.pteOf(address);
    const flags = pte === undefined || pte.kind === "swap" ? 0n : presentFlags(pte.writable);
    this.#set(address, NONE);
    switch (pte?.kind) {
      case "present":
      case "special": {
        const need = this.#need(input, flags);
        if (need !== "nothing") return yield* this.#fill(address, end, need);
        const frame = pte.kind === "special" ? pte.pfn : pte.page.pfn;
        this.#set(address, pfn2018(frame, flags));
        return 0;
      }
      case "device-private": {
        const need = this.#need(input, flags | DEVICE_PRIVATE);
        if (need !== "nothing") return yield* this.#fill(address, end, need);
        this.#set(address, pfn2018(pte.page.pfn, flags | DEVICE_PRIVATE));
        return 0;
      }
      case "migration":
        if (this.#need(input, 0n) === "nothing") return 0;
        this.last = address;
        yield* migrationEntryWait(mm, address, pte);
        return -EAGAIN;
      case "device-exclusive":
        // Nothing that these kernels know of.
        this.#set(address, ERROR);
        return -EFAULT;
      default: {
        const need = this.#need(input, 0n);
        return need === "nothing" ? 0 : yield* this.#fill(address, end, need);
      }
    }
  }

  /** `hmm_vma_walk_hole_`: everything to the end of the table is faulted in, in the same way, or empty. */
  *#fill(start: number, end: number, need: Need): Sleepable<number> {
    this.last = start;
    for (let address = start; address < end; address += PAGE_SIZE) {
      this.#set(address, NONE);
      if (need === "nothing") continue;
      const result = yield* this.#fault(address, need === "write-fault");
      if (result !== -EAGAIN) return result;
    }
    return need === "nothing" ? 0 : -EAGAIN;
  }

  /** `hmm_vma_do_fault`. It allows the fault to drop the mmap lock, whatever its caller said. */
  *#fault(address: number, write: boolean): Sleepable<number> {
    const { mm, vma } = this.#range;
    switch (yield* handleMmFault(mm, vma, address, { write, allowRetry: true })) {
      case "retry":
        return -EBUSY;
      case "sigbus":
        this.#set(address, ERROR);
        return -EFAULT;
      default:
        return -EAGAIN;
    }
  }

  /** `hmm_range_need_fault`: the first of them that needs anything. */
  #rangeNeed(start: number, end: number, cpuFlags: bigint): Need {
    for (let address = start; address < end; address += PAGE_SIZE) {
      const need = this.#need(this.#get(address), cpuFlags);
      if (need !== "nothing") return need;
    }
    return "nothing";
  }

  /** `hmm_pte_need_fault` */
  #need(input: bigint, cpuFlags: bigint): Need {
    if (!this.#faults || (input & VALID) === 0n) return "nothing";
    if ((cpuFlags & DEVICE_PRIVATE) !== 0n) {
      if ((input & DEVICE_PRIVATE) === 0n) return "nothing";
      return (input & WRITE) === 0n ? "fault" : "write-fault";
    }
    if ((input & WRITE) !== 0n && (cpuFlags & WRITE) === 0n) return "write-fault";
    return (cpuFlags & VALID) === 0n ? "fault" : "nothing";
  }

  #get(address: number): bigint {
    return this.#range.pfns[(address - this.#range.start) / PAGE_SIZE];
  }

  #set(address: number, entry: bigint): void {
    this.#range.pfns[(address - this.#range.start) / PAGE_SIZE] = entry;
  }
}

function presentFlags(writable: boolean): bigint {
  return writable ? VALID | WRITE : VALID;
}
