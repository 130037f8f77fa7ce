import type { Address } from "../engine/addresses.ts";

/** Why a range is invalidated: the kernel's `enum mmu_notifier_event` without its prefix. */
export type InvalidationEvent =
  /** munmap, mremap, process exit */
  | "UNMAP"
  /** page table entries cleared: zap, madvise, copy-on-write, reclaim, migration */
  | "CLEAR"
  /** mprotect: the flags of the whole mapping tell all */
  | "PROTECTION_VMA"
  /** single pages write-protected: fork, dirty tracking */
  | "PROTECTION_PAGE"
  | "SOFT_DIRTY"
  /** the address space is torn down */
  | "RELEASE"
  /** migration to or from device memory; the range carries its owner */
  | "MIGRATE"
  /** device-exclusive access; the range carries its owner */
  | "EXCLUSIVE";

/** One invalidation, as its caller describes it: `struct mmu_notifier_range`. */
export interface NotifierRange {
  /** First byte that changes. */
  readonly start: Address;
  /** One past the last byte that changes; `END` (or `0n`) is the end of the space. */
  readonly end: Address;
  /** Default: `UNMAP`. */
  readonly event?: InvalidationEvent;
  /** A tag by which whoever caused the event recognises it as its own. */
  readonly owner?: unknown;
}
