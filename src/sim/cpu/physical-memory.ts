import type { CpuMm } from "./cpu-mm.ts";
import type { DevicePagemap } from "./device-pagemap.ts";
import type { FileMapping } from "./file-mapping.ts";
import { Page, type PageOrigin, type PageOwner, type UseAfterFree } from "./page.ts";
import { PMD_ORDER } from "./units.ts";

/** The pages of devices have frame numbers of their own. */
const FIRST_DEVICE_PFN = 2 ** 36;

/**
 * The pages of one machine. Frame numbers ascend and are never used again, so a stale one is always
 * recognised.
 */
export class PhysicalMemory implements PageOwner {
  /** Mapped for reading wherever an anonymous mapping has been read and never written. */
  readonly zeroPage: Page;
  /** The processes that have not exited, in the order in which they came. */
  readonly processes: Set<CpuMm> = new Set();
  readonly #pages = new Map<number, Page>();
  readonly #usesAfterFree: UseAfterFree[] = [];
  #nextPfn = 1;
  #nextDevicePfn: number = FIRST_DEVICE_PFN;
  #used = 0;

  constructor() {
    this.zeroPage = this.allocate(0);
    this.#used = 0;
  }

  /** Pages allocated and not freed, without the zero page. */
  get pagesInUse(): number {
    return this.#used;
  }

  /** Reads and writes of freed pages, as they happened. */
  get usesAfterFree(): readonly UseAfterFree[] {
    return this.#usesAfterFree;
  }

  /** A page with one reference, which is the caller's. */
  allocate(data: number): Page {
    return this.#make(this.#nextPfn++, data, {});
  }

  /** The page of a file's cache. */
  allocateForFile(file: FileMapping, data: number): Page {
    return this.#make(this.#nextPfn++, data, { file });
  }

  /** A page of a device, locked: `zone_device_page_init`. */
  allocateDevicePage(pagemap: DevicePagemap, data: number): Page {
    const page = this.#make(this.#nextDevicePfn++, data, { pagemap });
    page.lock.tryLock();
    return page;
  }

  /** The pages of a huge mapping: zeroed, with consecutive frame numbers from a multiple of their number. */
  allocateHuge(): readonly Page[] {
    const count = 2 ** PMD_ORDER;
    const first = Math.ceil(this.#nextPfn / count) * count;
    this.#nextPfn = first + count;
    return Array.from({ length: count }, (_, at) => this.#make(first + at, 0, {}));
  }

  /** `pfn_to_page`: undefined for frames without a `struct page`. Freed pages are still found. */
  pageOf(pfn: number): Page | undefined {
    return this.#pages.get(pfn);
  }

  freed(_page: Page): void {
    this.#used -= 1;
  }

  usedAfterFree(use: UseAfterFree): void {
    this.#usesAfterFree.push(use);
  }

  #make(pfn: number, data: number, origin: PageOrigin): Page {
    const page = new Page(this, pfn, data, origin);
    this.#pages.set(pfn, page);
    this.#used += 1;
    return page;
  }
}
