import { Mutex } from "../../blocking/mutex.ts";
import type { DevicePagemap } from "./device-pagemap.ts";
import type { FileMapping } from "./file-mapping.ts";

/** What a freed page reads as: the bytes with which the kernel poisons it. */
export const PAGE_POISON = 0xaaaaaaaa;

/** Somebody used a page through a stale reference. */
export interface UseAfterFree {
  readonly pfn: number;
  readonly access: "read" | "write";
}

/** What a page tells the memory that it is part of. */
export interface PageOwner {
  freed(page: Page): void;
  usedAfterFree(use: UseAfterFree): void;
}

export interface PageOrigin {
  /** The device whose memory it is. */
  readonly pagemap?: DevicePagemap | undefined;
  /** The file in whose cache it is. */
  readonly file?: FileMapping | undefined;
}

/**
 * One page of memory, `struct page`. Its contents are one number. Every page table entry that maps it
 * holds a reference, as the page cache does; a mirror's entry holds none, so that a mirror which is
 * told too late touches a freed page.
 */
export class Page {
  readonly pfn: number;
  readonly pagemap: DevicePagemap | undefined;
  readonly file: FileMapping | undefined;
  /** `lock_page`: held while a page is reclaimed, migrated or made exclusive. */
  readonly lock: Mutex;
  readonly #owner: PageOwner;
  #references = 1;
  #data: number;

  /** For `PhysicalMemory` only. */
  constructor(owner: PageOwner, pfn: number, data: number, origin: PageOrigin) {
    this.#owner = owner;
    this.pfn = pfn;
    this.pagemap = origin.pagemap;
    this.file = origin.file;
    this.#data = data;
    this.lock = new Mutex(`page ${pfn}`);
  }

  /** `page_count` */
  get references(): number {
    return this.#references;
  }

  get freed(): boolean {
    return this.#references === 0;
  }

  /** Of no file: `PageAnon`. The zero page is neither. */
  get anonymous(): boolean {
    return this.file === undefined;
  }

  /** `get_page` */
  get(): undefined {
    if (this.freed) throw new Error(`get of page ${this.pfn}, which has been freed`);
    this.#references += 1;
  }

  /** `put_page`: the last one frees it. */
  put(): undefined {
    if (this.freed) throw new Error(`put of page ${this.pfn}, which has been freed`);
    this.#references -= 1;
    if (this.freed) this.#owner.freed(this);
  }

  /** The contents; poison, and a report, if the page has been freed. */
  read(): number {
    if (!this.freed) return this.#data;
    this.#owner.usedAfterFree({ pfn: this.pfn, access: "read" });
    return PAGE_POISON;
  }

  /** Changes the contents; only a report if the page has been freed. */
  write(data: number): undefined {
    if (this.freed) this.#owner.usedAfterFree({ pfn: this.pfn, access: "write" });
    else this.#data = data;
  }
}
