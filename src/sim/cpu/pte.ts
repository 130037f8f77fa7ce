import { Mutex } from "../../blocking/mutex.ts";
import type { Page } from "./page.ts";

/** The page is there. */
export interface PresentPte {
  readonly kind: "present";
  readonly page: Page;
  readonly writable: boolean;
}

/** A bare frame of a driver, without a `struct page`: `pte_special`. */
export interface SpecialPte {
  readonly kind: "special";
  readonly pfn: number;
  readonly writable: boolean;
}

export interface SwapPte {
  readonly kind: "swap";
  readonly slot: SwapSlot;
}

/** The page is on its way to another one: whoever needs it waits. */
export interface MigrationPte {
  readonly kind: "migration";
  readonly page: Page;
  readonly writable: boolean;
}

/** The page is in the memory of a device, where CPUs cannot reach it. */
export interface DevicePrivatePte {
  readonly kind: "device-private";
  readonly page: Page;
  readonly writable: boolean;
}

/** The page is in ordinary memory, but a device has it for itself until a CPU touches it. */
export interface DeviceExclusivePte {
  readonly kind: "device-exclusive";
  readonly page: Page;
  readonly writable: boolean;
  readonly owner: unknown;
}

/** A page table entry that is not empty. Entries are replaced, never changed: identity is `pte_same`. */
export type Pte =
  | PresentPte
  | SpecialPte
  | SwapPte
  | MigrationPte
  | DevicePrivatePte
  | DeviceExclusivePte;

/** A page that has been swapped out. */
export class SwapSlot {
  readonly data: number;
  /** Held while the device reads or writes it: who faults meanwhile has to wait, or to come back. */
  readonly lock: Mutex;

  constructor(address: number, data: number) {
    this.data = data;
    this.lock = new Mutex(`swap cache page of 0x${address.toString(16)}`);
  }
}

/** The page that an entry keeps a reference to. */
export function pageOfPte(pte: Pte): Page | undefined {
  return pte.kind === "special" || pte.kind === "swap" ? undefined : pte.page;
}
