import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import type { Protection, VmArea } from "./vm-area.ts";

/**
 * Changes what may be done with one mapping: `mprotect_fixup` and `change_protection`. The caller holds
 * the mmap lock for writing. One invalidation, unless no table of the mapping has been filled yet. What
 * becomes writable is found out by the next fault.
 */
export function* changeProtection(
  mm: CpuMm,
  vma: VmArea,
  protection: Protection,
): Sleepable<undefined> {
  const { start, end } = vma;
  vma.protection = protection;
  if (!mm.pageTable.isPopulated(start, end)) return;
  yield* mm.invalidated({ start, end, event: "PROTECTION_VMA" }, () => {
    const isLess = writeProtect(mm, vma, protection.write) || !protection.read;
    if (isLess) mm.tellPteChange(start, end);
  });
}

/** Takes the write permission away from every entry of a mapping. Whether there was one that had it. */
function writeProtect(mm: CpuMm, { start, end }: VmArea, write: boolean): boolean {
  const { pageTable } = mm;
  if (write) return false;
  let changed = false;
  for (const [address, pte] of pageTable.entriesIn(start, end)) {
    if (pte.kind === "swap" || !pte.writable) continue;
    pageTable.set(address, { ...pte, writable: false });
    changed = true;
  }
  for (const at of pageTable.hugeIn(start, end)) {
    const pmd = pageTable.pmdOf(at);
    if (pmd?.kind !== "huge" || !pmd.writable) continue;
    pageTable.setHuge(at, pmd.pages, false);
    changed = true;
  }
  return changed;
}
