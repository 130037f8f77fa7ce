import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { SwapSlot } from "./pte.ts";
import { tryLock, unlock } from "./told-locks.ts";
import { PAGE_SIZE } from "./units.ts";

/**
 * Reclaims the page of an address: `try_to_unmap`. Anonymous pages go to swap, pages of files stay in
 * their cache. It holds no mmap lock, so it meets device reads in every place. False if there was
 * nothing to take, or not any more.
 */
export function* tryToUnmap(mm: CpuMm, address: number): Sleepable<boolean> {
  const vma = mm.vmas.lookup(address);
  const pte = mm.pageTable.pteOf(address);
  if (vma === undefined || vma.mlocked || vma.kind === "hugetlb") return false;
  if (mm.pageTable.pmdOf(address)?.kind !== "table" || pte?.kind !== "present") return false;
  const { page } = pte;
  if (page === mm.memory.zeroPage || !tryLock(page.lock, mm.tell)) return false;
  const range = { start: address, end: address + PAGE_SIZE, event: "CLEAR" } as const;
  const reclaimed = yield* mm.invalidated(range, () => {
    const now = mm.pageTable.pteOf(address);
    if (now?.kind !== "present" || now.page !== page) return false;
    if (page.anonymous) {
      mm.pageTable.set(address, { kind: "swap", slot: new SwapSlot(address, page.read()) });
    } else {
      mm.pageTable.clear(address);
    }
    page.put();
    mm.tellPteChange(range.start, range.end);
    return true;
  });
  unlock(page.lock, mm.tell);
  return reclaimed;
}
