import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { splitHugeAtBounds } from "./huge.ts";
import { pageOfPte } from "./pte.ts";
import { PMD_SIZE } from "./units.ts";
import type { VmArea } from "./vm-area.ts";

/**
 * Empties all entries of `[start, end)` and gives their pages back: `unmap_page_range`. The caller has
 * the invalidation open, as the OOM reaper does; huge mappings lie inside or outside as a whole.
 */
export function unmapPageRange(mm: CpuMm, start: number, end: number): undefined {
  const { pageTable } = mm;
  const entries = pageTable.entriesIn(start, end);
  const huge = pageTable.hugeIn(start, end);
  for (const [address, pte] of entries) {
    pageTable.clear(address);
    pageOfPte(pte)?.put();
  }
  for (const at of huge) {
    if (at < start || at + PMD_SIZE > end)
      throw new Error("a huge mapping cannot be zapped in part");
    const pmd = pageTable.pmdOf(at);
    pageTable.clearHuge(at);
    if (pmd?.kind === "huge") for (const page of pmd.pages) page.put();
  }
  if (entries.length > 0 || huge.length > 0) mm.tellPteChange(start, end);
}

/**
 * Gives up the memory of a part of one mapping, which stays: `zap_page_range_single`. The caller holds
 * the mmap lock, or a reverse-map lock.
 */
export function* zapPageRangeSingle(
  mm: CpuMm,
  vma: VmArea,
  start: number,
  end: number,
): Sleepable<undefined> {
  const from = Math.max(start, vma.start);
  const to = Math.min(end, vma.end);
  const window = yield* mm.space.invalidateRangeStartSleepable({
    start: from,
    end: to,
    event: "CLEAR",
  });
  // Nested: a second invalidation inside of this one.
  yield* splitHugeAtBounds(mm, from, to);
  if (mm.points) yield { kind: "point", label: "before pte change" };
  unmapPageRange(mm, from, to);
  yield* window.endSleepable();
}
