import type { CpuMm } from "./cpu-mm.ts";
import type { Page } from "./page.ts";
import { type Pte, pageOfPte } from "./pte.ts";
import { PAGE_SIZE, TASK_SIZE } from "./units.ts";

/** A place where a page is mapped. */
export interface Mapping {
  readonly mm: CpuMm;
  readonly address: number;
  /** Undefined for a part of a huge mapping. */
  readonly pte: Pte | undefined;
}

/**
 * Everybody who maps a page, process by process: `rmap_walk`. Found by looking everywhere, so that there is
 * no second record of what is mapped that could be wrong.
 */
export function rmapWalk(page: Page, processes: Iterable<CpuMm>): readonly Mapping[] {
  const found: Mapping[] = [];
  for (const mm of processes) {
    const { pageTable } = mm;
    for (const [address, pte] of pageTable.entriesIn(0, TASK_SIZE)) {
      if (pageOfPte(pte) === page) found.push({ mm, address, pte });
    }
    for (const at of pageTable.hugeIn(0, TASK_SIZE)) {
      const pmd = pageTable.pmdOf(at);
      const index = pmd?.kind === "huge" ? pmd.pages.indexOf(page) : -1;
      if (index >= 0) found.push({ mm, address: at + index * PAGE_SIZE, pte: undefined });
    }
  }
  return found;
}
