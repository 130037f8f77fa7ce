import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import type { Pte } from "./pte.ts";
import type { VmArea } from "./vm-area.ts";

/**
 * Gives a child the pages of one mapping of its parent: `copy_page_range`. Private pages are shared from
 * here on until one of the two writes, so the parent's entries lose their write permission: one
 * invalidation of the parent, none of the child, which has no mirrors yet. The caller holds the
 * parent's mmap lock for writing. What the child can fault in by itself is not copied.
 */
export function* copyPageRange(parent: CpuMm, child: CpuMm, vma: VmArea): Sleepable<undefined> {
  if (!vma.special && !vma.anonymousPages) return;
  const { start, end } = vma;
  if (vma.shared) {
    copyEntries(parent, child, vma);
    return;
  }
  const event = vma.kind === "hugetlb" ? "CLEAR" : "PROTECTION_PAGE";
  yield* parent.invalidated({ start, end, event }, () => {
    if (copyEntries(parent, child, vma)) parent.tellPteChange(start, end);
  });
}

/** Whether the parent lost a permission. */
function copyEntries(parent: CpuMm, child: CpuMm, vma: VmArea): boolean {
  const { start, end } = vma;
  let changed = false;
  for (const [address, pte] of parent.pageTable.entriesIn(start, end)) {
    const copy = vma.shared ? pte : withoutWrite(pte);
    if (copy !== pte) {
      parent.pageTable.set(address, copy);
      changed = true;
    }
    if (copy.kind !== "special" && copy.kind !== "swap") copy.page.get();
    child.pageTable.set(address, copy);
  }
  for (const at of parent.pageTable.hugeIn(start, end)) {
    const pmd = parent.pageTable.pmdOf(at);
    if (pmd?.kind !== "huge") continue;
    changed ||= pmd.writable;
    parent.pageTable.setHuge(at, pmd.pages, false);
    for (const page of pmd.pages) page.get();
    child.pageTable.setHuge(at, pmd.pages, false);
  }
  return changed;
}

/** `copy_nonpresent_pte` and `copy_present_pte`: a page that a device has for itself comes back first. */
function withoutWrite(pte: Pte): Pte {
  switch (pte.kind) {
    case "device-exclusive":
      return { kind: "present", page: pte.page, writable: false };
    case "swap":
      return pte;
    default:
      return pte.writable ? { ...pte, writable: false } : pte;
  }
}
