import type { Address } from "../engine/addresses.ts";
import { closedLast } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";

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

/** One invalidation, as its callbacks see it. Half-open; the same object for all of them. */
export interface CallbackRange extends NotifierRange {
  readonly mm: AddressSpace;
  readonly event: InvalidationEvent;
  readonly owner: unknown;
  /**
   * Whether callbacks may sleep: `mmu_notifier_range_blockable`. Undefined in the end callbacks of
   * v4.19, which were not told.
   */
  readonly blockable: boolean | undefined;
}

const MAX = (1n << 64n) - 1n;

/**
 * The last byte of a range. Where `strict` is not asked for, empty and inverted ranges follow the
 * kernel's formula `end - 1` modulo 2^64: `[0, 0)` is everything, `[x, x)` what has x - 1 and x inside.
 *
 * @throws {IntervalidateError} RANGE or ARGUMENT
 */
export function lastOfRange(range: NotifierRange, strict: boolean): Address {
  if (typeof range !== "object" || range === null) {
    throw new IntervalidateError(
      "ARGUMENT",
      `A range is an object { start, end, event?, owner? }, but this is ${range === null ? "null" : typeof range}.`,
    );
  }
  const { start, end } = range;
  if (strict || !isDegenerate(start, end)) return closedLast(start, end);
  // No address space has an end above 2^64, so below its last byte it is exact as a bigint.
  return BigInt.asUintN(64, BigInt(end) - 1n);
}

/** Whether both bounds are addresses, and the end is not above the start. */
function isDegenerate(start: Address, end: Address): boolean {
  return isAddress(start) && isAddress(end) && end <= start;
}

function isAddress(value: Address): boolean {
  return typeof value === "bigint"
    ? value >= 0n && value <= MAX
    : Number.isSafeInteger(value) && value >= 0;
}
