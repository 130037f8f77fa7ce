/** The page can be read. */
export const HMM_PFN_VALID: bigint = 1n << 63n;
/** The page can be written. */
export const HMM_PFN_WRITE: bigint = 1n << 62n;
/** There is nothing that a device could use. Set in outputs only. */
export const HMM_PFN_ERROR: bigint = 1n << 61n;
/** Asks for a page that can be read: the same bit as `HMM_PFN_VALID`. */
export const HMM_PFN_REQ_FAULT: bigint = 1n << 63n;
/** Asks for one that can be written, `HMM_PFN_WRITE`. No effect without `HMM_PFN_REQ_FAULT`. */
export const HMM_PFN_REQ_WRITE: bigint = 1n << 62n;

const ORDER_SHIFT = 56n;
const ORDER_MASK = 0x1fn;
const FRAME_MASK = (1n << ORDER_SHIFT) - 1n;

/** The order with which the CPU maps an entry, in its place: `hmm_pfn_flags_order`. */
export function hmmPfnFlagsOrder(order: number): bigint {
  return BigInt(order) << ORDER_SHIFT;
}

/** The CPU maps 2^order pages by the entry that this one is part of: `hmm_pfn_to_map_order`. */
export function hmmPfnToMapOrder(entry: bigint): number {
  return Number((entry >> ORDER_SHIFT) & ORDER_MASK);
}

/** The frame number of a valid entry. */
export function hmmPfnToPfn(entry: bigint): number {
  return Number(entry & FRAME_MASK);
}
