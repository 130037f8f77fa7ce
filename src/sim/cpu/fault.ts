import type { Sleepable } from "../../blocking/suspension.ts";
import { waitUntil } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { removeDeviceExclusiveEntry } from "./exclusive.ts";
import { splitHugePmd } from "./huge.ts";
import type { Page } from "./page.ts";
import type { DevicePrivatePte, MigrationPte, PresentPte, SpecialPte, SwapPte } from "./pte.ts";
import { upRead } from "./told-locks.ts";
import { PAGE_SIZE, PMD_SIZE, pmdStart } from "./units.ts";
import type { VmArea } from "./vm-area.ts";

/** What came of a fault. `done` may mean "look again": whoever faulted tries the access once more. */
export type FaultResult =
  | "done"
  /** The mmap lock has been dropped, because something had to be waited for: `VM_FAULT_RETRY`. */
  | "retry"
  /** There is no memory to be had for it: `VM_FAULT_SIGBUS`. */
  | "sigbus";

export interface FaultFlags {
  readonly write: boolean;
  /** The fault may drop the mmap lock: `FAULT_FLAG_ALLOW_RETRY`. Default: false. */
  readonly allowRetry?: boolean;
}

/**
 * Makes a page accessible: `handle_mm_fault`. The caller holds the mmap lock for reading and has found
 * that the mapping allows the access. Only what takes something away from mirrors is an invalidation:
 * filling an empty entry is none, replacing the page of one is.
 */
export function* handleMmFault(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  flags: FaultFlags,
): Sleepable<FaultResult> {
  mm.countFault();
  if (mm.points) yield { kind: "point", label: "before page fault" };
  const pmd = mm.pageTable.pmdOf(address);
  if (vma.kind === "hugetlb") return yield* hugetlbFault(mm, vma, address, flags);
  if (pmd === undefined && wantsHugePage(vma, address)) {
    return yield* doHugePmdAnonymousPage(mm, vma, address);
  }
  if (pmd?.kind === "huge") {
    if (!flags.write || pmd.writable) return "done";
    if (pmd.pages.every((page) => page.references === 1)) {
      mm.pageTable.setHuge(address, pmd.pages, true);
      return "done";
    }
    yield* splitHugePmd(mm, address);
  }
  return yield* handlePteFault(mm, vma, address, flags);
}

/** Waits until the page has arrived, or does not go: `migration_entry_wait`. */
export function* migrationEntryWait(
  mm: CpuMm,
  address: number,
  pte: MigrationPte,
): Sleepable<undefined> {
  yield* waitUntil(
    () => mm.pageTable.pteOf(address) !== pte,
    mm.pageTable.migrated,
    `migration of page ${pte.page.pfn}`,
  );
}

function* handlePteFault(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  flags: FaultFlags,
): Sleepable<FaultResult> {
  const pte = mm.pageTable.pteOf(address);
  if (pte === undefined) return yield* doPteMissing(mm, vma, address, flags);
  switch (pte.kind) {
    case "swap":
      return yield* doSwapPage(mm, vma, address, pte, flags);
    case "migration":
      yield* migrationEntryWait(mm, address, pte);
      return "done";
    case "device-private":
      return yield* doDevicePrivate(mm, vma, address, pte);
    case "device-exclusive":
      yield* removeDeviceExclusiveEntry(mm, address, pte);
      return "done";
    default:
      if (!flags.write || pte.writable) return "done";
      return yield* doWpPage(mm, vma, address, pte);
  }
}

/** `do_pte_missing`: anonymous memory, or a page of a file. */
function* doPteMissing(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  flags: FaultFlags,
): Sleepable<FaultResult> {
  if (vma.kind === "anonymous") {
    if (flags.write) yield* fillAnonymous(mm, vma, address, 0);
    else mapPage(mm, address, mm.memory.zeroPage, false);
    return "done";
  }
  const page = vma.special ? undefined : vma.file?.page(vma.pageOffset(address));
  if (page === undefined) return "sigbus";
  if (!vma.shared && flags.write) {
    yield* fillAnonymous(mm, vma, address, page.read());
  } else {
    // Memory has nobody to be told of a first write; a file has.
    const writable = vma.protection.write && (vma.kind === "shmem" || (vma.shared && flags.write));
    mapPage(mm, address, page, writable);
  }
  return "done";
}

/** Maps a new page of the process's own, unless somebody has been faster. */
function* fillAnonymous(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  data: number,
): Sleepable<undefined> {
  const page = yield* mm.allocatePage(data);
  if (mm.pageTable.pteOf(address) === undefined) mapAnonymous(mm, vma, address, page);
  else page.put();
}

function mapAnonymous(mm: CpuMm, vma: VmArea, address: number, page: Page): void {
  vma.anonymousPages = true;
  mm.pageTable.set(address, { kind: "present", page, writable: vma.protection.write });
}

function mapPage(mm: CpuMm, address: number, page: Page, writable: boolean): void {
  page.get();
  mm.pageTable.set(address, { kind: "present", page, writable });
}

/** `do_swap_page`. The page that comes back is this process's own. */
function* doSwapPage(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  pte: SwapPte,
  flags: FaultFlags,
): Sleepable<FaultResult> {
  const { lock, data } = pte.slot;
  if (!lock.tryLock()) {
    if (flags.allowRetry) {
      upRead(mm.space.mmapLock, mm.tell);
      yield* lock.lock();
      lock.unlock();
      return "retry";
    }
    yield* lock.lock();
  }
  if (mm.pageTable.pteOf(address) === pte) {
    const page = yield* mm.allocatePage(data);
    if (mm.pageTable.pteOf(address) === pte) {
      vma.anonymousPages = true;
      mm.pageTable.set(address, {
        kind: "present",
        page,
        writable: flags.write && vma.protection.write,
      });
    } else {
      page.put();
    }
  }
  lock.unlock();
  return "done";
}

function* doDevicePrivate(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  { page }: DevicePrivatePte,
): Sleepable<FaultResult> {
  const { pagemap } = page;
  if (pagemap === undefined) throw new Error(`page ${page.pfn} belongs to no device`);
  page.get();
  const result = yield* pagemap.migrateToRam({ mm, vma, address, page });
  page.put();
  return result;
}

/** `do_wp_page`: a write to a page that is mapped for reading only. */
function* doWpPage(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  pte: PresentPte | SpecialPte,
): Sleepable<FaultResult> {
  const { write: writable } = vma.protection;
  if (vma.shared) {
    mm.pageTable.set(address, { ...pte, writable });
    return "done";
  }
  if (pte.kind === "special") return "sigbus";
  const { page } = pte;
  const isOwn = page.anonymous && page !== mm.memory.zeroPage && page.references === 1;
  if (isOwn) mm.pageTable.set(address, { ...pte, writable });
  else yield* wpPageCopy(mm, vma, address, pte);
  return "done";
}

/** `wp_page_copy`: breaks copy-on-write. Mirrors that have the old page must drop it. */
function* wpPageCopy(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  pte: PresentPte,
): Sleepable<undefined> {
  const { page } = pte;
  page.get();
  const copy = yield* mm.allocatePage(0);
  copy.write(page.read());
  const range = { start: address, end: address + PAGE_SIZE, event: "CLEAR" } as const;
  yield* mm.invalidated(range, () => {
    if (mm.pageTable.pteOf(address) !== pte) {
      // Somebody was faster.
      copy.put();
      return;
    }
    mapAnonymous(mm, vma, address, copy);
    page.put();
    mm.tellPteChange(range.start, range.end);
  });
  page.put();
}

function wantsHugePage(vma: VmArea, address: number): boolean {
  const start = pmdStart(address);
  return (
    vma.hugepages && vma.kind === "anonymous" && start >= vma.start && start + PMD_SIZE <= vma.end
  );
}

/** `do_huge_pmd_anonymous_page`, and the same for hugetlbfs. */
function* doHugePmdAnonymousPage(mm: CpuMm, vma: VmArea, address: number): Sleepable<FaultResult> {
  const pages = yield* mm.allocateHugePage();
  if (mm.pageTable.pmdOf(address) === undefined) {
    vma.anonymousPages = true;
    mm.pageTable.setHuge(address, pages, vma.protection.write);
  } else {
    for (const page of pages) page.put();
  }
  return "done";
}

/** `hugetlb_fault` */
function* hugetlbFault(
  mm: CpuMm,
  vma: VmArea,
  address: number,
  flags: FaultFlags,
): Sleepable<FaultResult> {
  const pmd = mm.pageTable.pmdOf(address);
  if (pmd?.kind !== "huge") return yield* doHugePmdAnonymousPage(mm, vma, address);
  if (!flags.write || pmd.writable) return "done";
  if (pmd.pages.every((page) => page.references === 1)) {
    mm.pageTable.setHuge(address, pmd.pages, true);
    return "done";
  }
  const { pages } = pmd;
  for (const page of pages) page.get();
  const copies = yield* mm.allocateHugePage();
  for (const [at, copy] of copies.entries()) copy.write(pages[at].read());
  const start = pmdStart(address);
  const end = start + PMD_SIZE;
  yield* mm.invalidated({ start, end, event: "CLEAR" }, () => {
    const isSame = mm.pageTable.pmdOf(address) === pmd;
    if (isSame) {
      mm.pageTable.setHuge(address, copies, true);
      mm.tellPteChange(start, end);
    }
    for (const page of isSame ? pages : copies) page.put();
  });
  for (const page of pages) page.put();
  return "done";
}
