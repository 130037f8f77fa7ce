import { IntervalidateError } from "../errors.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import { checkPages, PAGE_SIZE } from "../sim/cpu/units.ts";
import type { VmArea } from "../sim/cpu/vm-area.ts";

/**
 * The entries of 2018, whose encoding was the driver's own: this one is that of amdgpu. As a request, VALID
 * asks for a fault, WRITE for one that allows writing, DEVICE_PRIVATE for one that brings a page back
 * from a device.
 */
export const PFN_2018 = {
  NONE: 0n,
  VALID: 1n,
  WRITE: 2n,
  DEVICE_PRIVATE: 4n,
  ERROR: 0xffff_ffff_ffff_fffen,
  SPECIAL: 0xffff_ffff_ffff_fffcn,
} as const;

const FRAME_SHIFT = 12n;

/** An entry for a page. */
export function pfn2018(frame: number, flags: bigint): bigint {
  return (BigInt(frame) << FRAME_SHIFT) | flags;
}

/** The frame number of a valid entry. */
export function frameOfPfn2018(entry: bigint): number {
  return Number(entry >> FRAME_SHIFT);
}

/** A part of one mapping that is being looked up: `struct hmm_range` of v4.19. */
export class SnapshotRange {
  readonly mm: CpuMm;
  readonly vma: VmArea;
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  /** One entry for each page. */
  readonly pfns: BigUint64Array;
  /** Changed by invalidations as long as it is linked. */
  valid = false;

  /**
   * @throws {IntervalidateError} RANGE, for an empty range too, which is a BUG in the kernel; ARGUMENT if `pfns` has
   *   not one entry for each page
   */
  constructor(
    mm: CpuMm,
    vma: VmArea,
    start: number,
    end: number,
    pfns: BigUint64Array = new BigUint64Array((end - start) / PAGE_SIZE),
  ) {
    checkPages(start, end);
    if (pfns.length !== (end - start) / PAGE_SIZE) {
      throw new IntervalidateError(
        "ARGUMENT",
        `A range of ${(end - start) / PAGE_SIZE} pages needs as many entries, but has ${pfns.length}.`,
      );
    }
    this.mm = mm;
    this.vma = vma;
    this.start = start;
    this.end = end;
    this.pfns = pfns;
  }

  /** Gives all entries from an address on the same value. */
  fill(entry: bigint, from: number = this.start): undefined {
    this.pfns.fill(entry, (from - this.start) / PAGE_SIZE);
  }
}
