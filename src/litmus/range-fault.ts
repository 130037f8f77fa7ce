import { HMM_PFN_ERROR, HMM_PFN_VALID, HMM_PFN_WRITE, hmmPfnToMapOrder } from "../hmm/hmm-pfn.ts";
import { nameOf } from "./declared.ts";
import type { Item } from "./source.ts";

const BITS: Readonly<Record<string, bigint>> = { fault: HMM_PFN_VALID, write: HMM_PFN_WRITE };

/** Request flags, in the order of the file: `fault`, `[fault, write]`. */
export function pfnFlagsOf(item: Item): bigint {
  let flags = 0n;
  for (const one of item.items) flags |= BITS[nameOf(one, Object.keys(BITS), "request flag")];
  return flags;
}

/** An entry as files write it: `none`, `error`, `read`, `write`, or a request that is still there. */
export function textOfPfn(pfn: bigint): string {
  if ((pfn & HMM_PFN_ERROR) !== 0n) return "error";
  const order = hmmPfnToMapOrder(pfn);
  const huge = order === 0 ? "" : ` order ${order}`;
  const writable = (pfn & HMM_PFN_WRITE) !== 0n;
  if ((pfn & HMM_PFN_VALID) === 0n) return writable ? "requested write" : "none";
  return `${writable ? "write" : "read"}${huge}`;
}
