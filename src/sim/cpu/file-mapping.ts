import type { Page } from "./page.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

export interface FileMappingOptions {
  readonly memory: PhysicalMemory;
  /** In pages: a fault beyond it is a SIGBUS. */
  readonly pages: number;
  /** The contents of a page that is read for the first time. Default: zeros. */
  readonly contents?: (page: number) => number;
}

/**
 * A file and its page cache, `struct address_space`. Shared anonymous memory is a file too. The cache
 * keeps its pages until the last user of the file has gone; whoever made the file is the first.
 */
export class FileMapping {
  readonly pages: number;
  readonly #memory: PhysicalMemory;
  readonly #contents: (page: number) => number;
  readonly #cache = new Map<number, Page>();
  #users = 1;

  constructor({ memory, pages, contents = () => 0 }: FileMappingOptions) {
    this.#memory = memory;
    this.pages = pages;
    this.#contents = contents;
  }

  /** One more mapping of it. */
  get(): undefined {
    this.#users += 1;
  }

  /** One user less; the last one gives the cache up. */
  put(): undefined {
    this.#users -= 1;
    if (this.#users > 0) return;
    for (const page of this.#cache.values()) page.put();
    this.#cache.clear();
  }

  /** A page of the cache, read if it is not there: `filemap_fault`. Undefined beyond the end of the file. */
  page(at: number): Page | undefined {
    if (at >= this.pages) return undefined;
    let page = this.#cache.get(at);
    if (page === undefined) {
      page = this.#memory.allocateForFile(this, this.#contents(at));
      this.#cache.set(at, page);
    }
    return page;
  }
}
