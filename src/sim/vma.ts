import type { Address } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";

/** What a mapping maps, as far as the OOM reaper tells it apart. */
export type VmaKind =
  /** private and anonymous */
  | "anonymous"
  | "private-file"
  | "shared-file"
  /** shared and anonymous: backed by a file all the same */
  | "shmem"
  | "hugetlb"
  /** bare page frames of a driver, without a `struct page` */
  | "pfnmap";

/** One mapping of a process, `[start, end)`: `struct vm_area_struct`. */
export interface Vma {
  readonly kind: VmaKind;
  readonly start: Address;
  readonly end: Address;
  /** Locked in memory: `VM_LOCKED`. Default: false. */
  readonly mlocked?: boolean;
}

/**
 * The mappings of a process as the reaper walks them: not empty, ascending, apart.
 *
 * @throws {IntervalidateError} RANGE
 */
export function vmaList(vmas: readonly Vma[]): readonly Vma[] {
  let last: Vma | undefined;
  for (const vma of vmas) {
    if (vma.start >= vma.end) {
      throw new IntervalidateError("RANGE", `A mapping is not empty, but ${rangeOf(vma)} is.`);
    }
    if (last !== undefined && vma.start < last.end) {
      throw new IntervalidateError(
        "RANGE",
        `Mappings ascend and do not overlap, but ${rangeOf(vma)} comes after ${rangeOf(last)}.`,
      );
    }
    last = vma;
  }
  return vmas;
}

/**
 * Whether only the victim loses by giving the mapping up, and it can be done without waiting: not for
 * huge pages, page frames of drivers, and what others may share.
 */
export function isReapable(vma: Vma, sparesMlocked: boolean): boolean {
  if (vma.kind !== "anonymous" && vma.kind !== "private-file") return false;
  return !(sparesMlocked && vma.mlocked === true);
}

function rangeOf({ start, end }: Vma): string {
  return `[0x${start.toString(16)}, 0x${end.toString(16)})`;
}
