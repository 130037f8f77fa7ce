export type { Access } from "../sim/cpu/access.ts";
export { readUser, writeUser } from "../sim/cpu/access.ts";
export type { CpuMmOptions } from "../sim/cpu/cpu-mm.ts";
export { CpuMm } from "../sim/cpu/cpu-mm.ts";
export type { DeviceFault, DevicePagemap } from "../sim/cpu/device-pagemap.ts";
export { makeDeviceExclusive } from "../sim/cpu/exclusive.ts";
export type { FaultFlags, FaultResult } from "../sim/cpu/fault.ts";
export { handleMmFault } from "../sim/cpu/fault.ts";
export type { FileMappingOptions } from "../sim/cpu/file-mapping.ts";
export { FileMapping } from "../sim/cpu/file-mapping.ts";
export { splitHugePmd } from "../sim/cpu/huge.ts";
export type { MigrateSource, MigrateVma } from "../sim/cpu/migrate.ts";
export { migrateVmaFinalize, migrateVmaPages, migrateVmaSetup } from "../sim/cpu/migrate.ts";
export type { Page, UseAfterFree } from "../sim/cpu/page.ts";
export { PAGE_POISON } from "../sim/cpu/page.ts";
export type { PageTable } from "../sim/cpu/page-table.ts";
export { PhysicalMemory } from "../sim/cpu/physical-memory.ts";
export type { Pte } from "../sim/cpu/pte.ts";
export { tryToUnmap } from "../sim/cpu/reclaim.ts";
export {
  doMunmap,
  fork,
  insertBarePage,
  madviseDontneed,
  mmap,
  mprotect,
  munmap,
} from "../sim/cpu/syscalls.ts";
export { PAGE_SIZE, PMD_SIZE } from "../sim/cpu/units.ts";
export type { Protection, VmArea, VmAreaOptions } from "../sim/cpu/vm-area.ts";
export { unmapPageRange, zapPageRangeSingle } from "../sim/cpu/zap.ts";
export type { Collider } from "./collide-and-retry.ts";
export { collideAndRetry } from "./collide-and-retry.ts";
export type { DeviceEntry } from "./device-table.ts";
export type { DmirrorOptions, DmirrorResult, DmirrorSnapshot } from "./dmirror.ts";
export { Dmirror } from "./dmirror.ts";
export { DmirrorDevice } from "./dmirror-device.ts";
export type { DmirrorProtection } from "./dmirror-protection.ts";
export type { HmmMirrorOps, HmmUpdate } from "./hmm.ts";
export { Hmm, HmmMirror } from "./hmm.ts";
export type { Hmm2018Options } from "./hmm-2018.ts";
export { Hmm2018 } from "./hmm-2018.ts";
export {
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmmPfnFlagsOrder,
  hmmPfnToMapOrder,
  hmmPfnToPfn,
} from "./hmm-pfn.ts";
export type { HmmVariantName } from "./hmm-variants.ts";
export type { Mirror2018Options } from "./mirror-2018.ts";
export { Mirror2018 } from "./mirror-2018.ts";
export type { HmmRange } from "./range-fault.ts";
export { hmmRangeFault } from "./range-fault.ts";
export { frameOfPfn2018, PFN_2018, SnapshotRange } from "./snapshot-range.ts";
