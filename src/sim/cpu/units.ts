import { IntervalidateError } from "../../errors.ts";

/** Bytes of a page. */
export const PAGE_SIZE = 0x1000;
/** A huge mapping maps 2^9 pages by one entry of the upper level. */
export const PMD_ORDER = 9;
/** Bytes that one table of page table entries, or one huge mapping, covers. */
export const PMD_SIZE: number = PAGE_SIZE * 2 ** PMD_ORDER;
/** One past the last address that a process can map: 47 bits, so addresses are exact numbers. */
export const TASK_SIZE: number = 2 ** 47 - PAGE_SIZE;

/** The start of the table or huge mapping that an address belongs to. */
export function pmdStart(address: number): number {
  return address - (address % PMD_SIZE);
}

/**
 * Checks that `[start, end)` is not empty and consists of whole pages that a process can map.
 *
 * @throws {IntervalidateError} RANGE
 */
export function checkPages(start: number, end: number): void {
  if (isPageBound(start) && isPageBound(end) && start < end) return;
  throw new IntervalidateError(
    "RANGE",
    `Memory is mapped in whole pages of 0x1000 below 0x${TASK_SIZE.toString(16)}, and not empty, but the range is [${hex(start)}, ${hex(end)}).`,
  );
}

export function hex(address: number): string {
  return Number.isSafeInteger(address) ? `0x${address.toString(16)}` : String(address);
}

function isPageBound(address: number): boolean {
  return (
    Number.isSafeInteger(address) &&
    address >= 0 &&
    address <= TASK_SIZE &&
    address % PAGE_SIZE === 0
  );
}
