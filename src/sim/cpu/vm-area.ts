import { IntervalidateError } from "../../errors.ts";
import type { Vma, VmaKind } from "../vma.ts";
import type { FileMapping } from "./file-mapping.ts";
import { hex, PAGE_SIZE } from "./units.ts";

/** What may be done with a mapping. */
export interface Protection {
  readonly read: boolean;
  readonly write: boolean;
}

export interface VmAreaOptions extends Partial<Protection> {
  readonly kind: VmaKind;
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  /** Locked in memory: `VM_LOCKED`. */
  readonly mlocked?: boolean;
  /** Registers of a device: `VM_IO`. */
  readonly io?: boolean;
  /** Ordinary pages and bare frames side by side: `VM_MIXEDMAP`. */
  readonly mixedmap?: boolean;
  /** Transparent huge pages are wanted: `VM_HUGEPAGE`. */
  readonly hugepages?: boolean;
  /** For the kinds that are backed by a file; `shmem` may do without, and then gets one. */
  readonly file?: FileMapping;
  /** The page of the file at `start`. Default: 0. */
  readonly fileOffset?: number;
}

/** A mapping of a simulated process, `struct vm_area_struct`: a `Vma` that a page table belongs to. */
export class VmArea implements Vma {
  readonly kind: VmaKind;
  readonly start: number;
  readonly end: number;
  readonly mlocked: boolean;
  readonly io: boolean;
  readonly mixedmap: boolean;
  readonly hugepages: boolean;
  readonly file: FileMapping | undefined;
  readonly fileOffset: number;
  /** `VM_READ` and `VM_WRITE`: changed by mprotect only, under the mmap lock. */
  protection: Protection;
  /** It has had an anonymous page: `anon_vma`. Fork has nothing to copy otherwise. */
  anonymousPages = false;

  constructor(options: VmAreaOptions) {
    this.kind = options.kind;
    this.start = options.start;
    this.end = options.end;
    this.mlocked = options.mlocked ?? false;
    this.io = options.io ?? false;
    this.mixedmap = options.mixedmap ?? false;
    this.hugepages = options.hugepages ?? false;
    this.file = options.file;
    this.fileOffset = options.fileOffset ?? 0;
    this.protection = { read: options.read ?? true, write: options.write ?? true };
  }

  /** Writes are seen by everybody who maps the same: `VM_SHARED`. */
  get shared(): boolean {
    return this.kind === "shared-file" || this.kind === "shmem" || this.kind === "pfnmap";
  }

  /** Nobody but its driver knows its pages: `VM_SPECIAL`. */
  get special(): boolean {
    return this.io || this.mixedmap || this.kind === "pfnmap";
  }

  /** The page of the file that is mapped at an address. */
  pageOffset(address: number): number {
    return this.fileOffset + (address - this.start) / PAGE_SIZE;
  }

  /** The same mapping of a part of it, or for another process. */
  copy(start: number = this.start, end: number = this.end): VmArea {
    const copy = new VmArea({
      ...this.protection,
      kind: this.kind,
      start,
      end,
      mlocked: this.mlocked,
      io: this.io,
      mixedmap: this.mixedmap,
      hugepages: this.hugepages,
      ...(this.file !== undefined && { file: this.file }),
      fileOffset: this.pageOffset(start),
    });
    copy.anonymousPages = this.anonymousPages;
    return copy;
  }
}

/** The mappings of one process, ascending and apart: the maple tree of its `mm`. */
export class VmaTree {
  #areas: VmArea[] = [];

  /** Ascending. */
  get all(): readonly VmArea[] {
    return this.#areas;
  }

  /** The mapping of an address: `vma_lookup`. */
  lookup(address: number): VmArea | undefined {
    const vma = this.find(address);
    return vma !== undefined && vma.start <= address ? vma : undefined;
  }

  /** The first mapping that ends above an address: `find_vma`. */
  find(address: number): VmArea | undefined {
    return this.#areas.find(({ end }) => end > address);
  }

  /** Those that have a part in `[start, end)`, ascending. */
  overlapping(start: number, end: number): readonly VmArea[] {
    return this.#areas.filter((vma) => vma.start < end && vma.end > start);
  }

  /** @throws {IntervalidateError} RANGE if something is mapped there already */
  insert(vma: VmArea): undefined {
    const [other] = this.overlapping(vma.start, vma.end);
    if (other !== undefined) {
      throw new IntervalidateError(
        "RANGE",
        `[${hex(vma.start)}, ${hex(vma.end)}) overlaps the mapping [${hex(other.start)}, ${hex(other.end)}): unmap that first.`,
      );
    }
    this.#areas = [...this.#areas, vma].sort((a, b) => a.start - b.start);
    vma.file?.get();
  }

  remove(vma: VmArea): undefined {
    this.#areas = this.#areas.filter((other) => other !== vma);
    vma.file?.put();
  }

  /** Makes two mappings out of the one that an address lies inside of; at its start nothing is done. */
  split(address: number): undefined {
    const vma = this.lookup(address);
    if (vma === undefined || vma.start === address) return;
    const parts = [vma.copy(vma.start, address), vma.copy(address, vma.end)];
    this.#areas = this.#areas.flatMap((other) => (other === vma ? parts : [other]));
    vma.file?.get();
  }
}
