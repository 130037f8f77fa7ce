import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { handleMmFault } from "./fault.ts";
import { splitHugePmd } from "./huge.ts";
import type { Page } from "./page.ts";
import type { DeviceExclusivePte } from "./pte.ts";
import { lock, tryLock, unlock } from "./told-locks.ts";
import { checkPages, PAGE_SIZE } from "./units.ts";

/**
 * Takes the pages of `[start, end)` away from the CPUs, so that a device can use them atomically:
 * `make_device_exclusive_range`. The caller holds the mmap lock for reading. It gets the pages locked
 * and with a reference each, and gives both back when it has mapped them; undefined for those that
 * could not be had. The list is cut at the first page that cannot be mapped for writing at all.
 *
 * A CPU that touches one of the pages later takes it back, with an EXCLUSIVE event of no owner.
 *
 * @throws {IntervalidateError} RANGE
 */
export function* makeDeviceExclusive(
  mm: CpuMm,
  start: number,
  end: number,
  owner: unknown,
): Sleepable<readonly (Page | undefined)[]> {
  checkPages(start, end);
  const pages: (Page | undefined)[] = [];
  for (let address = start; address < end; address += PAGE_SIZE) {
    const page = yield* getUserPage(mm, address);
    if (page === undefined) break;
    pages.push(page);
  }
  for (const [at, page] of pages.entries()) {
    if (page === undefined) continue;
    if (!tryLock(page.lock, mm.tell)) {
      page.put();
      pages[at] = undefined;
    } else if (!(yield* makeOneExclusive(mm, start + at * PAGE_SIZE, page, owner))) {
      unlock(page.lock, mm.tell);
      page.put();
      pages[at] = undefined;
    }
  }
  return pages;
}

/**
 * A CPU touched a page that a device has for itself: `remove_device_exclusive_entry`. It waits for whoever
 * is just making it exclusive.
 */
export function* removeDeviceExclusiveEntry(
  mm: CpuMm,
  address: number,
  pte: DeviceExclusivePte,
): Sleepable<undefined> {
  const { page } = pte;
  page.get();
  yield* lock(page.lock, mm.tell);
  const range = { start: address, end: address + PAGE_SIZE, event: "EXCLUSIVE" } as const;
  yield* mm.invalidated(range, () => {
    if (mm.pageTable.pteOf(address) !== pte) return;
    mm.pageTable.set(address, { kind: "present", page, writable: pte.writable });
    mm.tellPteChange(range.start, range.end);
  });
  unlock(page.lock, mm.tell);
  page.put();
}

/** A reference to a page that is mapped for writing: `get_user_pages_remote`. */
function* getUserPage(mm: CpuMm, address: number): Sleepable<Page | undefined> {
  const vma = mm.vmas.lookup(address);
  if (vma === undefined || vma.special || vma.kind === "hugetlb") return undefined;
  if (!vma.protection.write) return undefined;
  for (;;) {
    yield* splitHugePmd(mm, address);
    const pte = mm.pageTable.pteOf(address);
    if (pte?.kind === "present" && pte.writable) {
      pte.page.get();
      return pte.page;
    }
    if ((yield* handleMmFault(mm, vma, address, { write: true })) !== "done") return undefined;
  }
}

function* makeOneExclusive(
  mm: CpuMm,
  address: number,
  page: Page,
  owner: unknown,
): Sleepable<boolean> {
  // Only anonymous pages have one owner who could be asked to give them back.
  if (!page.anonymous) return false;
  const range = { start: address, end: address + PAGE_SIZE, event: "EXCLUSIVE", owner } as const;
  return yield* mm.invalidated(range, () => {
    const pte = mm.pageTable.pteOf(address);
    if (pte?.kind !== "present" || pte.page !== page || !pte.writable) return false;
    mm.pageTable.set(address, { kind: "device-exclusive", page, writable: true, owner });
    mm.tellPteChange(range.start, range.end);
    return true;
  });
}
