import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { PMD_SIZE, pmdStart } from "./units.ts";

/**
 * Replaces a huge mapping by entries for its pages: `__split_huge_pmd`. One invalidation over the whole
 * of it, although no page changes. Nothing happens if there is none.
 */
export function* splitHugePmd(mm: CpuMm, address: number): Sleepable<undefined> {
  if (mm.pageTable.pmdOf(address)?.kind !== "huge") return;
  const start = pmdStart(address);
  const end = start + PMD_SIZE;
  yield* mm.invalidated({ start, end, event: "CLEAR" }, () => {
    if (mm.pageTable.pmdOf(address)?.kind !== "huge") return;
    mm.pageTable.splitHuge(address);
    mm.tellPteChange(start, end);
  });
}

/** Splits the huge mappings that reach over a bound: `vma_adjust_trans_huge`. */
export function* splitHugeAtBounds(mm: CpuMm, start: number, end: number): Sleepable<undefined> {
  if (pmdStart(start) !== start) yield* splitHugePmd(mm, start);
  if (pmdStart(end) !== end) yield* splitHugePmd(mm, end);
}
