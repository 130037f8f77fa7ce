import type { Sleepable } from "../../blocking/suspension.ts";
import { IntervalidateError } from "../../errors.ts";
import type { AddressSpace } from "../../notifier/address-space.ts";
import { ERRNO } from "../../notifier/errno.ts";
import { copyPageRange } from "./copy.ts";
import { CpuMm } from "./cpu-mm.ts";
import { FileMapping } from "./file-mapping.ts";
import { splitHugeAtBounds } from "./huge.ts";
import { changeProtection } from "./protect.ts";
import { downRead, downWrite, upRead, upWrite } from "./told-locks.ts";
import { checkPages, hex, PAGE_SIZE, PMD_SIZE } from "./units.ts";
import { type Protection, VmArea, type VmAreaOptions } from "./vm-area.ts";
import { unmapPageRange, zapPageRangeSingle } from "./zap.ts";

/** Page frames of drivers, which have no `struct page`, are numbered from here. */
const FIRST_BARE_PFN = 2 ** 40;

/**
 * Adds a mapping: `mmap` with an address that is free. Nobody need be told: there is nothing yet that
 * could be stale. A `pfnmap` is filled at once, as `remap_pfn_range` does.
 *
 * @throws {IntervalidateError} RANGE or ARGUMENT; nothing has changed then
 */
export function* mmap(mm: CpuMm, options: VmAreaOptions): Sleepable<VmArea> {
  const { kind, start, end } = options;
  checkPages(start, end);
  if (kind === "hugetlb" && (start % PMD_SIZE !== 0 || end % PMD_SIZE !== 0)) {
    throw new IntervalidateError(
      "RANGE",
      `A hugetlb mapping consists of whole huge pages of 0x${PMD_SIZE.toString(16)}, but is [${hex(start)}, ${hex(end)}).`,
    );
  }
  if (kind.endsWith("-file") && options.file === undefined) {
    throw new IntervalidateError("ARGUMENT", `A mapping of kind ${kind} needs a \`file\`.`);
  }
  yield* downWrite(mm.space.mmapLock, mm.tell);
  try {
    const own =
      kind === "shmem" && options.file === undefined ? anonymousFile(mm, options) : undefined;
    const vma = new VmArea(own === undefined ? options : { ...options, file: own });
    mm.vmas.insert(vma);
    // The mapping keeps it from here on.
    own?.put();
    if (kind === "pfnmap") {
      for (let at = start; at < end; at += PAGE_SIZE) insertBarePage(mm, vma, at);
    }
    return vma;
  } finally {
    upWrite(mm.space.mmapLock, mm.tell);
  }
}

/**
 * Maps a bare frame where nothing is mapped yet: `vmf_insert_mixed`.
 *
 * @throws {IntervalidateError} ARGUMENT unless the mapping is a mixedmap or a pfnmap that has the address
 */
export function insertBarePage(mm: CpuMm, vma: VmArea, address: number): undefined {
  const isInside = address >= vma.start && address < vma.end && address % PAGE_SIZE === 0;
  if (!isInside || !(vma.mixedmap || vma.kind === "pfnmap")) {
    throw new IntervalidateError(
      "ARGUMENT",
      `A bare frame needs a page of a mixedmap or a pfnmap, but ${hex(address)} is none of [${hex(vma.start)}, ${hex(vma.end)}).`,
    );
  }
  const pfn = FIRST_BARE_PFN + address / PAGE_SIZE;
  mm.pageTable.set(address, { kind: "special", pfn, writable: vma.protection.write });
}

/** Removes what is mapped in `[start, end)`: `munmap`. Holes are no error. */
export function* munmap(mm: CpuMm, start: number, end: number): Sleepable<number> {
  checkPages(start, end);
  yield* downWrite(mm.space.mmapLock, mm.tell);
  const result = yield* doMunmap(mm, start, end);
  upWrite(mm.space.mmapLock, mm.tell);
  return result;
}

/** `do_munmap`: the caller holds the mmap lock for writing. One invalidation over the whole range. */
export function* doMunmap(mm: CpuMm, start: number, end: number): Sleepable<number> {
  const { vmas, pageTable } = mm;
  if (cutsHugetlb(mm, start, end)) return -ERRNO.EINVAL;
  yield* splitVmas(mm, start, end);
  const doomed = vmas.overlapping(start, end);
  if (doomed.length === 0) return 0;
  for (const vma of doomed) vmas.remove(vma);
  yield* mm.invalidated({ start, end, event: "UNMAP" }, () => unmapPageRange(mm, start, end));
  pageTable.freeTables(start, end, (from, to) => vmas.overlapping(from, to).length > 0);
  return 0;
}

/**
 * Changes what may be done with `[start, end)`: `mprotect`. One invalidation for each mapping. -ENOMEM if
 * a part of it is not mapped; what comes before that part has been changed then.
 */
export function* mprotect(
  mm: CpuMm,
  start: number,
  end: number,
  protection: Protection,
): Sleepable<number> {
  checkPages(start, end);
  const { mmapLock } = mm.space;
  yield* downWrite(mmapLock, mm.tell);
  const result = yield* doMprotect(mm, start, end, protection);
  upWrite(mmapLock, mm.tell);
  return result;
}

function* doMprotect(
  mm: CpuMm,
  start: number,
  end: number,
  protection: Protection,
): Sleepable<number> {
  if (cutsHugetlb(mm, start, end)) return -ERRNO.EINVAL;
  yield* splitVmas(mm, start, end);
  let at = start;
  while (at < end) {
    const vma = mm.vmas.lookup(at);
    if (vma === undefined) return -ERRNO.ENOMEM;
    yield* changeProtection(mm, vma, protection);
    at = vma.end;
  }
  return 0;
}

/**
 * Gives up the memory of `[start, end)` and keeps the mappings: `madvise(MADV_DONTNEED)`. One invalidation
 * for each mapping. -EINVAL for what is locked or belongs to a driver, -ENOMEM if a part is not mapped;
 * the rest has been given up then, up to the first -EINVAL.
 */
export function* madviseDontneed(mm: CpuMm, start: number, end: number): Sleepable<number> {
  checkPages(start, end);
  const { mmapLock } = mm.space;
  yield* downRead(mmapLock, mm.tell);
  const result = yield* doMadvise(mm, start, end);
  upRead(mmapLock, mm.tell);
  return result;
}

function* doMadvise(mm: CpuMm, start: number, end: number): Sleepable<number> {
  if (cutsHugetlb(mm, start, end)) return -ERRNO.EINVAL;
  let result = 0;
  let at = start;
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.start > at) result = -ERRNO.ENOMEM;
    if (vma.mlocked || vma.kind === "pfnmap") return -ERRNO.EINVAL;
    yield* zapPageRangeSingle(mm, vma, start, end);
    at = vma.end;
  }
  return at < end ? -ERRNO.ENOMEM : result;
}

/** Makes a child with a copy of everything: `fork`, as far as memory goes. The child has no mirrors. */
export function* fork(parent: CpuMm, space: AddressSpace): Sleepable<CpuMm> {
  const { memory, points, tell } = parent;
  const child = new CpuMm({ space, memory, points, events: tell });
  yield* downWrite(parent.space.mmapLock, tell);
  for (const vma of parent.vmas.all) {
    child.vmas.insert(vma.copy());
    yield* copyPageRange(parent, child, vma);
  }
  upWrite(parent.space.mmapLock, tell);
  return child;
}

/** Makes mappings begin and end where a range does: `split_vma`. */
function* splitVmas(mm: CpuMm, start: number, end: number): Sleepable<undefined> {
  for (const bound of [start, end]) {
    const vma = mm.vmas.lookup(bound);
    if (vma === undefined || vma.start === bound) continue;
    yield* splitHugeAtBounds(mm, bound, bound);
    mm.vmas.split(bound);
  }
}

/** Huge pages of hugetlbfs are given up and changed as a whole only. */
function cutsHugetlb(mm: CpuMm, start: number, end: number): boolean {
  return [start, end].some(
    (bound) => bound % PMD_SIZE !== 0 && mm.vmas.lookup(bound)?.kind === "hugetlb",
  );
}

function anonymousFile({ memory }: CpuMm, { start, end }: VmAreaOptions): FileMapping {
  return new FileMapping({ memory, pages: (end - start) / PAGE_SIZE });
}
