import type { DevicePagemap } from "../sim/cpu/device-pagemap.ts";
import type { PhysicalMemory } from "../sim/cpu/physical-memory.ts";
import { PMD_ORDER } from "../sim/cpu/units.ts";
import {
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmmPfnToMapOrder,
  hmmPfnToPfn,
} from "./hmm-pfn.ts";

/**
 * How the CPU maps a page: `error`, `none`, or `read` or `write` after where it is, if that is not
 * ordinary memory, and before `huge`, if it is mapped by a huge mapping.
 */
export type DmirrorProtection =
  | "error"
  | "none"
  | `${"" | "zero " | "local " | "remote "}${"read" | "write"}${"" | " huge"}`;

/** `dmirror_mkentry` */
export function protectionOf(
  entry: bigint,
  memory: PhysicalMemory,
  device: DevicePagemap,
): DmirrorProtection {
  if ((entry & HMM_PFN_ERROR) !== 0n) return "error";
  if ((entry & HMM_PFN_VALID) === 0n) return "none";
  const page = memory.pageOf(hmmPfnToPfn(entry));
  const access = (entry & HMM_PFN_WRITE) === 0n ? "read" : "write";
  const huge = hmmPfnToMapOrder(entry) === PMD_ORDER ? " huge" : "";
  if (page === memory.zeroPage) return `zero ${access}${huge}`;
  if (page?.pagemap === undefined) return `${access}${huge}`;
  return `${page.pagemap === device ? "local" : "remote"} ${access}${huge}`;
}
