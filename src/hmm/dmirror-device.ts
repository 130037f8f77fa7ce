import type { Sleepable } from "../blocking/suspension.ts";
import type { DeviceFault, DevicePagemap } from "../sim/cpu/device-pagemap.ts";
import type { FaultResult } from "../sim/cpu/fault.ts";
import {
  type MigrateVma,
  migrateVmaFinalize,
  migrateVmaPages,
  migrateVmaSetup,
} from "../sim/cpu/migrate.ts";
import type { Page } from "../sim/cpu/page.ts";
import type { PhysicalMemory } from "../sim/cpu/physical-memory.ts";
import { PAGE_SIZE } from "../sim/cpu/units.ts";

/** Whoever has pages in the memory of a device, and has to be told that one goes. */
export interface DevicePageUser {
  /** The page of an address leaves the device. */
  forget(address: number): void;
}

/** The device of the kernel's `lib/test_hmm.c`: memory that CPUs cannot reach, for any number of mirrors. */
export class DmirrorDevice implements DevicePagemap {
  /** Its name: by it events and pages are recognised as its own. */
  readonly owner: string;
  readonly #memory: PhysicalMemory;
  /** `zone_device_data`: who put a page there. */
  readonly #users = new Map<Page, DevicePageUser>();

  constructor(owner: string, memory: PhysicalMemory) {
    this.owner = owner;
    this.#memory = memory;
  }

  /** Moves pages to the device: `dmirror_migrate_alloc_and_copy`. */
  allocateAndCopy({ sources, destinations }: MigrateVma, user: DevicePageUser): undefined {
    for (const [at, source] of sources.entries()) {
      if (source === undefined) continue;
      const page = this.#memory.allocateDevicePage(this, source.page?.read() ?? 0);
      this.#users.set(page, user);
      destinations[at] = page;
    }
  }

  /** Moves pages back: `dmirror_devmem_fault_alloc_and_copy`. */
  *copyToSystem({ mm, start, sources, destinations }: MigrateVma): Sleepable<undefined> {
    for (const [at, source] of sources.entries()) {
      if (source?.page === undefined) continue;
      const page = yield* mm.allocatePage(0);
      page.lock.tryLock();
      // From here on the device does not write any more, so nothing is lost by the copy.
      this.#users.get(source.page)?.forget(start + at * PAGE_SIZE);
      this.#users.delete(source.page);
      page.write(source.page.read());
      destinations[at] = page;
    }
  }

  /** `dmirror_devmem_fault` */
  *migrateToRam({ mm, vma, address, page }: DeviceFault): Sleepable<FaultResult> {
    const args: MigrateVma = {
      mm,
      vma,
      start: address,
      end: address + PAGE_SIZE,
      pgmapOwner: this.owner,
      select: "device-private",
      faultPage: page,
      sources: [],
      destinations: [],
    };
    if ((yield* migrateVmaSetup(args)) !== 0) return "sigbus";
    yield* this.copyToSystem(args);
    yield* migrateVmaPages(args);
    migrateVmaFinalize(args);
    return "done";
  }
}
