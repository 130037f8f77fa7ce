import type { Sleepable } from "../../blocking/suspension.ts";
import { ERRNO } from "../../notifier/errno.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { splitHugePmd } from "./huge.ts";
import type { Page } from "./page.ts";
import type { Pte } from "./pte.ts";
import { rmapWalk } from "./rmap.ts";
import { tryLock, unlock } from "./told-locks.ts";
import { checkPages, PAGE_SIZE } from "./units.ts";
import type { VmArea } from "./vm-area.ts";

/** One page that migration has found. */
export interface MigrateSource {
  /** Locked, and with a reference. Undefined if the entry was empty, or mapped the zero page. */
  readonly page: Page | undefined;
  readonly writable: boolean;
}

/**
 * A migration of `[start, end)`, a part of one mapping, in three steps: `struct migrate_vma`.
 *
 *     migrateVmaSetup     finds the pages, and replaces their entries by migration entries
 *     (driver)            allocates the pages of `destinations`, locked, and copies
 *     migrateVmaPages     fills entries that were empty
 *     (driver)            maps the new pages in its device
 *     migrateVmaFinalize  puts the new pages into the page table, or the old ones back
 *
 * The mmap lock is held for reading all the time.
 */
export interface MigrateVma {
  readonly mm: CpuMm;
  readonly vma: VmArea;
  readonly start: number;
  readonly end: number;
  /** Tags the events, and in `device-private` selects the pages. */
  readonly pgmapOwner: unknown;
  /** Which pages are wanted: ordinary ones, or those of the device of `pgmapOwner`. */
  readonly select: "system" | "device-private";
  /** The page that a CPU is waiting for, to which the fault holds a reference. */
  readonly faultPage?: Page;
  /** One for each page of the range, from the setup on; undefined for those that stay. */
  sources: (MigrateSource | undefined)[];
  /** Where they go, if they do: pages of the driver, locked, with a reference that goes over to here. */
  destinations: (Page | undefined)[];
}

/**
 * Finds the pages and takes them out of every page table: `migrate_vma_setup`. One MIGRATE event over the
 * whole range, and a CLEAR in each other process that maps one of the pages. Left where they are: pages of
 * files, and pages that somebody else has locked or holds a reference to. -EINVAL for mappings of drivers,
 * of huge pages, and for ranges that leave the mapping.
 *
 * @throws {IntervalidateError} RANGE
 */
export function* migrateVmaSetup(args: MigrateVma): Sleepable<number> {
  const { mm, vma, start, end, pgmapOwner: owner } = args;
  checkPages(start, end);
  if (vma.special || vma.kind === "hugetlb") return -ERRNO.EINVAL;
  if (start < vma.start || end > vma.end) return -ERRNO.EINVAL;
  const window = yield* mm.space.invalidateRangeStartSleepable({
    start,
    end,
    event: "MIGRATE",
    owner,
  });
  for (const at of mm.pageTable.hugeIn(start, end)) yield* splitHugePmd(mm, at);
  if (mm.points) yield { kind: "point", label: "before pte change" };
  collect(args);
  yield* window.endSleepable();
  yield* unmap(args);
  return 0;
}

/**
 * Fills the entries that were empty at setup with the pages that the driver has allocated for them, if
 * they still are: `migrate_vma_pages`. They are announced as MIGRATE events as well.
 */
export function* migrateVmaPages(args: MigrateVma): Sleepable<undefined> {
  const { mm, vma, start, end, pgmapOwner: owner, sources, destinations } = args;
  const first = sources.findIndex((source, at) => source?.page === undefined && destinations[at]);
  if (first < 0) return;
  const range = { start: start + first * PAGE_SIZE, end, event: "MIGRATE", owner } as const;
  yield* mm.invalidated(range, () => {
    for (const [at, page] of destinations.entries()) {
      const source = sources[at];
      if (page === undefined || source === undefined || source.page !== undefined) continue;
      const address = start + at * PAGE_SIZE;
      const pte = mm.pageTable.pteOf(address);
      if (!isEmpty(mm, pte)) {
        sources[at] = undefined;
        continue;
      }
      if (pte?.kind === "present") pte.page.put();
      page.get();
      vma.anonymousPages = true;
      mm.pageTable.set(address, entryFor(page, vma.protection.write));
    }
    mm.tellPteChange(range.start, range.end);
  });
}

/**
 * Ends the migration: `migrate_vma_finalize`. Entries of pages that have a destination map that, the others
 * map the old page again; entries that somebody emptied meanwhile stay empty. Pages are unlocked,
 * references given back. It never sleeps.
 */
export function migrateVmaFinalize({ mm, sources, destinations }: MigrateVma): undefined {
  for (const [at, source] of sources.entries()) {
    const destination = destinations[at];
    if (source?.page !== undefined) {
      const { page } = source;
      removeMigrationPtes(mm, page, destination ?? page);
      unlock(page.lock, mm.tell);
      page.put();
    }
    if (destination !== undefined) {
      unlock(destination.lock, mm.tell);
      destination.put();
    }
  }
}

/** `migrate_vma_collect` */
function collect(args: MigrateVma): void {
  const { mm, start, end } = args;
  args.sources = [];
  args.destinations = [];
  let changed = false;
  for (let address = start; address < end; address += PAGE_SIZE) {
    const source = collectOne(args, address);
    args.sources.push(source);
    args.destinations.push(undefined);
    changed ||= source?.page !== undefined;
  }
  if (changed) mm.tellPteChange(start, end);
}

function collectOne(args: MigrateVma, address: number): MigrateSource | undefined {
  const { mm, vma, select, pgmapOwner } = args;
  const pte = mm.pageTable.pteOf(address);
  if (isEmpty(mm, pte)) {
    const isWanted = select === "system" && vma.kind === "anonymous";
    return isWanted ? { page: undefined, writable: false } : undefined;
  }
  if (pte?.kind !== (select === "system" ? "present" : "device-private")) return undefined;
  const { page, writable } = pte;
  if (!page.anonymous) return undefined;
  if (select === "device-private" && page.pagemap?.owner !== pgmapOwner) return undefined;
  if (!tryLock(page.lock, mm.tell)) return undefined;
  page.get();
  mm.pageTable.set(address, { kind: "migration", page, writable });
  return { page, writable };
}

/** `migrate_vma_unmap`: other processes lose the pages too; what cannot be moved is put back. */
function* unmap(args: MigrateVma): Sleepable<undefined> {
  const { mm, sources, faultPage } = args;
  for (const [at, source] of sources.entries()) {
    const page = source?.page;
    if (page === undefined) continue;
    // The migration's own reference, and that of a fault that waits for the page.
    const own = page === faultPage ? 2 : 1;
    if (page.references > own + 1) yield* tryToMigrate(mm, page);
    const mappings = rmapWalk(page, mm.memory.processes);
    const isUnmapped = mappings.every(({ pte }) => pte?.kind === "migration");
    if (isUnmapped && page.references === mappings.length + own) continue;
    removeMigrationPtes(mm, page, page);
    unlock(page.lock, mm.tell);
    page.put();
    sources[at] = undefined;
  }
}

/** `try_to_migrate`: takes a page out of the page tables of those who map it beside this process. */
function* tryToMigrate(mm: CpuMm, page: Page): Sleepable<undefined> {
  for (const { mm: other, address, pte } of rmapWalk(page, mm.memory.processes)) {
    if (pte?.kind === "migration") continue;
    yield* splitHugePmd(other, address);
    const range = { start: address, end: address + PAGE_SIZE, event: "CLEAR" } as const;
    yield* other.invalidated(range, () => {
      const now = other.pageTable.pteOf(address);
      if (now?.kind !== "present" && now?.kind !== "device-private") return;
      if (now.page !== page) return;
      other.pageTable.set(address, { kind: "migration", page, writable: now.writable });
      other.tellPteChange(range.start, range.end);
    });
  }
}

/** `remove_migration_ptes`: wherever a page was on its way, the page that it has become is mapped. */
function removeMigrationPtes(mm: CpuMm, from: Page, to: Page): void {
  for (const { mm: owner, address, pte } of rmapWalk(from, mm.memory.processes)) {
    if (pte?.kind !== "migration") continue;
    to.get();
    owner.pageTable.set(address, entryFor(to, pte.writable));
    from.put();
  }
}

function entryFor(page: Page, writable: boolean): Pte {
  return { kind: page.pagemap === undefined ? "present" : "device-private", page, writable };
}

/** Nobody has written there yet. */
function isEmpty(mm: CpuMm, pte: Pte | undefined): boolean {
  return pte === undefined || (pte.kind === "present" && pte.page === mm.memory.zeroPage);
}
