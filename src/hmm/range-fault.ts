import type { Sleepable } from "../blocking/suspension.ts";
import { IntervalidateError } from "../errors.ts";
import { ERRNO } from "../notifier/errno.ts";
import type { IntervalNotifier } from "../notifier/interval-notifier.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import { handleMmFault, migrationEntryWait } from "../sim/cpu/fault.ts";
import type { HugePmd } from "../sim/cpu/page-table.ts";
import type { Pte } from "../sim/cpu/pte.ts";
import { checkPages, hex, PAGE_SIZE, PMD_ORDER, PMD_SIZE, pmdStart } from "../sim/cpu/units.ts";
import type { VmArea } from "../sim/cpu/vm-area.ts";
import {
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmmPfnFlagsOrder,
} from "./hmm-pfn.ts";

/** What a driver wants to know of `[start, end)`, and what it learns: `struct hmm_range`. */
export interface HmmRange {
  /** It covers the range. */
  readonly notifier: IntervalNotifier;
  /** What `readBegin` returned. */
  readonly notifierSequence: number;
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  /** One entry for each page: what is asked for, and then what was found. */
  readonly pfns: BigUint64Array;
  /** Asked for of every page. */
  readonly defaultFlags: bigint;
  /** The bits of an input entry that count. */
  readonly pfnFlagsMask: bigint;
  /** Pages in the memory of this device are reported, and not brought back. */
  readonly devPrivateOwner?: unknown;
}

const { EBUSY, EFAULT, EPERM } = ERRNO;

/**
 * Looks up, and faults in where that is asked for, what the CPU maps in a range: `hmm_range_fault` of
 * v6.12. The caller holds the mmap lock. An entry is asked for what `(input & pfnFlagsMask) | defaultFlags`
 * says; without `HMM_PFN_REQ_FAULT` the page is only looked at.
 *
 * Returns 0: every entry is an output. Or, negated: EBUSY, an invalidation has hit the notifier since
 * `readBegin`, begin again there; EFAULT, a page that is asked for cannot be had; EPERM, it cannot be had
 * for writing. Entries before the failing one are outputs then, the rest is still as it was.
 *
 * 0 says nothing about now: only `readRetry` under the driver's lock does.
 *
 * @throws {IntervalidateError} RANGE or ARGUMENT
 */
export function* hmmRangeFault(mm: CpuMm, range: HmmRange): Sleepable<number> {
  checkRange(mm, range);
  const walk: Walk = { mm, range, last: range.start };
  let result: number;
  do {
    if (mm.points) yield { kind: "point", label: "hmm_range_fault:before check_retry" };
    if (range.notifier.checkRetry(range.notifierSequence)) return -EBUSY;
    result = yield* walkPageRange(walk);
  } while (result === -EBUSY);
  return result;
}

/** `struct hmm_vma_walk` */
interface Walk {
  readonly mm: CpuMm;
  readonly range: HmmRange;
  /** Where to go on: entries before it are outputs, the others still inputs. */
  last: number;
}

/** What has to be done for an entry. */
type Need = "nothing" | "fault" | "write-fault";

function checkRange(mm: CpuMm, { notifier, start, end, pfns }: HmmRange): void {
  checkPages(start, end);
  const pages = (end - start) / PAGE_SIZE;
  if (pfns.length !== pages) {
    throw new IntervalidateError(
      "ARGUMENT",
      `[${hex(start)}, ${hex(end)}) has ${pages} pages, so \`pfns\` needs as many entries, but has ${pfns.length}.`,
    );
  }
  const { space } = mm;
  if (notifier.mm !== space || notifier.start > start || notifier.end < end) {
    throw new IntervalidateError(
      "ARGUMENT",
      `hmmRangeFault needs a notifier of ${space.name} that covers [${hex(start)}, ${hex(end)}), but ${notifier.name} is one of ${notifier.mm.name} from ${notifier.start} to ${notifier.end}.`,
    );
  }
  if (space.mmapLock.readers === 0 && !space.mmapLock.writing) {
    throw new IntervalidateError(
      "ARGUMENT",
      `hmmRangeFault needs the ${space.mmapLock.name}, which nobody holds: take it for reading.`,
    );
  }
}

/** `walk_page_range` with `hmm_walk_ops`: mapping by mapping, and table by table. */
function* walkPageRange(walk: Walk): Sleepable<number> {
  const { vmas } = walk.mm;
  const { end } = walk.range;
  let at = walk.last;
  while (at < end) {
    const vma = vmas.lookup(at);
    const next = Math.min(vma?.end ?? vmas.find(at)?.start ?? end, end);
    const result =
      vma === undefined ? walkUnmapped(walk, at, next) : yield* walkVma(walk, vma, at, next);
    if (result !== 0) return result;
    at = next;
  }
  return 0;
}

function* walkVma(walk: Walk, vma: VmArea, start: number, end: number): Sleepable<number> {
  // No pages, or no permission: whoever may not read may not write either.
  if (vma.io || vma.kind === "pfnmap" || !vma.protection.read) {
    return walkUnmapped(walk, start, end);
  }
  let at = start;
  while (at < end) {
    const next = Math.min(pmdStart(at) + PMD_SIZE, end);
    const result = yield* walkPmd(walk, vma, at, next);
    if (result !== 0) return result;
    at = next;
  }
  return 0;
}

/** `hmm_vma_walk_hole` outside of mappings, and `hmm_vma_walk_test` for those that cannot be mirrored. */
function walkUnmapped(walk: Walk, start: number, end: number): number {
  if (rangeNeed(walk, start, end, 0n) !== "nothing") return -EFAULT;
  fill(walk, start, end, HMM_PFN_ERROR);
  return 0;
}

/** `hmm_vma_walk_pmd`: what one table covers, or one huge mapping. */
function* walkPmd(walk: Walk, vma: VmArea, start: number, end: number): Sleepable<number> {
  const { mm } = walk;
  if (mm.points) yield { kind: "point", label: "hmm_range_fault:before pmd" };
  const pmd = mm.pageTable.pmdOf(start);
  if (pmd === undefined) return yield* walkHole(walk, vma, start, end);
  if (pmd.kind === "huge") return yield* handleHuge(walk, vma, start, end, pmd);
  for (let address = start; address < end; address += PAGE_SIZE) {
    if (mm.points) yield { kind: "point", label: "hmm_range_fault:before pte" };
    const result = yield* handlePte(walk, vma, address, end);
    if (result !== 0) return result;
  }
  return 0;
}

/** `hmm_vma_walk_hole`: there is not even a table. */
function* walkHole(walk: Walk, vma: VmArea, start: number, end: number): Sleepable<number> {
  const need = rangeNeed(walk, start, end, 0n);
  if (need !== "nothing") return yield* faultIn(walk, vma, start, end, need);
  fill(walk, start, end, 0n);
  return 0;
}

/** `hmm_vma_handle_pmd`, and `hmm_vma_walk_hugetlb_entry`, which looks at the first request only. */
function* handleHuge(
  walk: Walk,
  vma: VmArea,
  start: number,
  end: number,
  pmd: HugePmd,
): Sleepable<number> {
  const flags = presentFlags(pmd.writable) | hmmPfnFlagsOrder(PMD_ORDER);
  const need =
    vma.kind === "hugetlb"
      ? pteNeed(walk, inputOf(walk, start), flags)
      : rangeNeed(walk, start, end, flags);
  if (need !== "nothing") return yield* faultIn(walk, vma, start, end, need);
  for (let address = start; address < end; address += PAGE_SIZE) {
    const page = pmd.pages[(address - pmdStart(address)) / PAGE_SIZE];
    fill(walk, address, address + PAGE_SIZE, BigInt(page.pfn) | flags);
  }
  return 0;
}

/** `hmm_vma_handle_pte` */
function* handlePte(walk: Walk, vma: VmArea, address: number, end: number): Sleepable<number> {
  const { mm, range } = walk;
  const input = inputOf(walk, address);
  const pte = mm.pageTable.pteOf(address);
  if (pte?.kind === "device-private" && pte.page.pagemap?.owner === range.devPrivateOwner) {
    fill(walk, address, address + PAGE_SIZE, entryOf(pte.page.pfn, pte.writable));
    return 0;
  }
  const isPresent = pte?.kind === "present" || pte?.kind === "special";
  const need = pteNeed(walk, input, isPresent ? presentFlags(pte.writable) : 0n);
  if (need !== "nothing") {
    if (pte?.kind !== "migration") return yield* faultIn(walk, vma, address, end, need);
    walk.last = address;
    yield* migrationEntryWait(mm, address, pte);
    return -EBUSY;
  }
  if (pte?.kind === "special" && pteNeed(walk, input, 0n) !== "nothing") return -EFAULT;
  fill(walk, address, address + PAGE_SIZE, outputOf(pte));
  return 0;
}

/** What an entry that needs no fault is reported as. */
function outputOf(pte: Pte | undefined): bigint {
  if (pte?.kind === "present") return entryOf(pte.page.pfn, pte.writable);
  return pte?.kind === "special" ? HMM_PFN_ERROR : 0n;
}

/**
 * `hmm_vma_fault`: faults in everything from the entry that needs it to the end of its table, in the same
 * way, whether asked for or not. Success is -EBUSY: look again from there.
 */
function* faultIn(
  walk: Walk,
  vma: VmArea,
  start: number,
  end: number,
  need: Need,
): Sleepable<number> {
  const write = need === "write-fault";
  walk.last = start;
  if (write && !vma.protection.write) return -EPERM;
  for (let address = start; address < end; address += PAGE_SIZE) {
    if ((yield* handleMmFault(walk.mm, vma, address, { write })) !== "done") return -EFAULT;
  }
  return -EBUSY;
}

/** `hmm_pte_need_fault` */
function pteNeed({ range }: Walk, input: bigint, cpuFlags: bigint): Need {
  const request = (input & range.pfnFlagsMask) | range.defaultFlags;
  if ((request & HMM_PFN_REQ_FAULT) === 0n) return "nothing";
  if ((request & HMM_PFN_REQ_WRITE) !== 0n && (cpuFlags & HMM_PFN_WRITE) === 0n) {
    return "write-fault";
  }
  return (cpuFlags & HMM_PFN_VALID) === 0n ? "fault" : "nothing";
}

/** `hmm_range_need_fault`: what any of the entries needs. */
function rangeNeed(walk: Walk, start: number, end: number, cpuFlags: bigint): Need {
  let need: Need = "nothing";
  for (let address = start; address < end; address += PAGE_SIZE) {
    const one = pteNeed(walk, inputOf(walk, address), cpuFlags);
    if (one === "write-fault") return one;
    if (one === "fault") need = one;
  }
  return need;
}

function inputOf({ range }: Walk, address: number): bigint {
  return range.pfns[(address - range.start) / PAGE_SIZE];
}

/** `hmm_pfns_fill` */
function fill({ range }: Walk, start: number, end: number, entry: bigint): void {
  range.pfns.fill(entry, (start - range.start) / PAGE_SIZE, (end - range.start) / PAGE_SIZE);
}

function entryOf(pfn: number, writable: boolean): bigint {
  return BigInt(pfn) | presentFlags(writable);
}

function presentFlags(writable: boolean): bigint {
  return writable ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID;
}
