import { WaitQueue } from "../../blocking/wait-queue.ts";
import type { Page } from "./page.ts";
import type { Pte } from "./pte.ts";
import { PAGE_SIZE, PMD_SIZE, pmdStart } from "./units.ts";

/** A table of entries, by address; missing ones are empty. */
interface PteTable {
  readonly kind: "table";
  readonly entries: Map<number, Pte>;
}

/** One entry of the upper level that maps 512 pages. */
export interface HugePmd {
  readonly kind: "huge";
  readonly pages: readonly Page[];
  readonly writable: boolean;
}

/** What the upper level has for 2 MiB. */
export type Pmd = PteTable | HugePmd;

/**
 * The page table of one process, in two levels: `pmd_t` and `pte_t`. It knows nothing of notifiers:
 * whoever changes an entry that mirrors may have copied brackets the change.
 *
 *     address ─▶ upper level, 2 MiB each ─┬▶ empty
 *                                         ├▶ table ─▶ entries of 4 KiB
 *                                         └▶ huge mapping
 */
export class PageTable {
  /** Those who wait for a migration to end. */
  readonly migrated: WaitQueue = new WaitQueue();
  readonly #pmds = new Map<number, Pmd>();

  pmdOf(address: number): Pmd | undefined {
    return this.#pmds.get(pmdStart(address));
  }

  /** The entry of an address; of a huge mapping, what it would be if it were split. */
  pteOf(address: number): Pte | undefined {
    const pmd = this.pmdOf(address);
    if (pmd?.kind !== "huge") return pmd?.entries.get(address);
    const page = pmd.pages[(address - pmdStart(address)) / PAGE_SIZE];
    return { kind: "present", page, writable: pmd.writable };
  }

  /** Sets an entry; the table is made if it is missing. */
  set(address: number, pte: Pte): undefined {
    const at = pmdStart(address);
    let pmd = this.#pmds.get(at);
    if (pmd === undefined) {
      pmd = { kind: "table", entries: new Map() };
      this.#pmds.set(at, pmd);
    }
    this.#replace(tableOf(pmd), address, pte);
  }

  /** Empties an entry. */
  clear(address: number): undefined {
    const pmd = this.pmdOf(address);
    if (pmd !== undefined) this.#replace(tableOf(pmd), address, undefined);
  }

  /** Maps 2 MiB by one entry, in place of nothing or of another huge mapping. */
  setHuge(address: number, pages: readonly Page[], writable: boolean): undefined {
    this.#pmds.set(pmdStart(address), { kind: "huge", pages, writable });
  }

  clearHuge(address: number): undefined {
    this.#pmds.delete(pmdStart(address));
  }

  /** Replaces a huge mapping by a table of entries that map the same pages. */
  splitHuge(address: number): undefined {
    const at = pmdStart(address);
    const pmd = this.#pmds.get(at);
    if (pmd?.kind !== "huge") return;
    const { pages, writable } = pmd;
    const entries = new Map<number, Pte>();
    for (const [index, page] of pages.entries()) {
      entries.set(at + index * PAGE_SIZE, { kind: "present", page, writable });
    }
    this.#pmds.set(at, { kind: "table", entries });
  }

  /** Whether any table or huge mapping is there for a part of `[start, end)`. */
  isPopulated(start: number, end: number): boolean {
    return this.#startsIn(start, end).length > 0;
  }

  /** The entries of `[start, end)` that are not empty, ascending; none of huge mappings. */
  entriesIn(start: number, end: number): readonly (readonly [address: number, pte: Pte])[] {
    const found: [number, Pte][] = [];
    for (const at of this.#startsIn(start, end)) {
      const pmd = this.#pmds.get(at);
      if (pmd?.kind !== "table") continue;
      for (const [address, pte] of pmd.entries) {
        if (address >= start && address < end) found.push([address, pte]);
      }
    }
    return found.sort(([a], [b]) => a - b);
  }

  /** The starts of the huge mappings that overlap `[start, end)`, ascending. */
  hugeIn(start: number, end: number): readonly number[] {
    return this.#startsIn(start, end).filter((at) => this.#pmds.get(at)?.kind === "huge");
  }

  /** Gives up the tables of `[start, end)` that are empty and that nobody else needs: `free_pgtables`. */
  freeTables(start: number, end: number, isNeeded: (start: number, end: number) => boolean): void {
    for (const at of this.#startsIn(start, end)) {
      const pmd = this.#pmds.get(at);
      if (pmd?.kind !== "table" || pmd.entries.size > 0 || isNeeded(at, at + PMD_SIZE)) continue;
      this.#pmds.delete(at);
    }
  }

  #startsIn(start: number, end: number): number[] {
    const starts = [...this.#pmds.keys()].filter((at) => at < end && at + PMD_SIZE > start);
    return starts.sort((a, b) => a - b);
  }

  #replace(entries: Map<number, Pte>, address: number, pte: Pte | undefined): void {
    const wasMigrating = entries.get(address)?.kind === "migration";
    if (pte === undefined) entries.delete(address);
    else entries.set(address, pte);
    if (wasMigrating) this.migrated.wakeAll();
  }
}

function tableOf(pmd: Pmd): Map<number, Pte> {
  if (pmd.kind === "huge")
    throw new Error("a huge mapping has to be split before a part of it is changed");
  return pmd.entries;
}
