import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import type { FaultResult } from "./fault.ts";
import type { Page } from "./page.ts";
import type { VmArea } from "./vm-area.ts";

/** A CPU touched a page of a device. */
export interface DeviceFault {
  readonly mm: CpuMm;
  readonly vma: VmArea;
  readonly address: number;
  /** The device's page; a reference is held for the time of the call. */
  readonly page: Page;
}

/** Memory of a device that CPUs cannot reach: `struct dev_pagemap` of type MEMORY_DEVICE_PRIVATE. */
export interface DevicePagemap {
  /** By this tag a driver recognises its own pages, and the events that it causes. */
  readonly owner: unknown;
  /** `migrate_to_ram`: brings the page back. The caller holds the mmap lock for reading. */
  migrateToRam(fault: DeviceFault): Sleepable<FaultResult>;
}
