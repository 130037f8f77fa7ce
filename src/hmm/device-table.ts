import type { Point, Sleepable } from "../blocking/suspension.ts";
import type { CallbackRange } from "../notifier/range.ts";
import type { CpuMm } from "../sim/cpu/cpu-mm.ts";
import type { Page } from "../sim/cpu/page.ts";
import { PAGE_SIZE } from "../sim/cpu/units.ts";

/** An entry of the device's page table. It holds no reference to its page. */
export interface DeviceEntry {
  readonly page: Page;
  /** `atomic`: the device has the page for itself. */
  readonly access: "read" | "write" | "atomic";
}

/** The page table of one mirror. It changes, and the device looks at it, under the mirror's mutex only. */
export class DeviceTable {
  readonly #name: string;
  readonly #mm: CpuMm;
  readonly #entries = new Map<number, DeviceEntry>();

  constructor(name: string, mm: CpuMm) {
    this.#name = name;
    this.#mm = mm;
  }

  /** By address. */
  get entries(): ReadonlyMap<number, DeviceEntry> {
    return this.#entries;
  }

  /** Maps consecutive pages; where there is none, nothing changes. How many have been mapped. */
  install(start: number, entries: readonly (DeviceEntry | undefined)[]): number {
    let mapped = 0;
    for (const [at, entry] of entries.entries()) {
      if (entry === undefined) continue;
      this.#entries.set(start + at * PAGE_SIZE, entry);
      mapped += 1;
    }
    if (mapped > 0) this.#tell("install", start, start + entries.length * PAGE_SIZE);
    return mapped;
  }

  /** `dmirror_do_update`. Entries keep no references, so there is nothing but to forget them. */
  drop(start: CallbackRange["start"], end: CallbackRange["end"]): undefined {
    let dropped = false;
    for (const address of this.#entries.keys()) {
      if (address < start || address >= end) continue;
      this.#entries.delete(address);
      dropped = true;
    }
    if (dropped) this.#tell("tear-down", start, end);
  }

  /** `dmirror_do_read`: appends what the device reads, up to the first page without an entry. Whether there is none such. */
  *read(start: number, end: number, data: number[]): Sleepable<boolean> {
    for (let at = start; at < end; at += PAGE_SIZE) {
      if (this.#mm.points) yield this.#beforeCopy;
      const entry = this.#entries.get(at);
      if (entry === undefined) return false;
      data.push(entry.page.read());
    }
    return true;
  }

  /** `dmirror_do_write`: the same for writing, for which an exclusive entry will not do. */
  *write(start: number, values: readonly number[], data: number[]): Sleepable<boolean> {
    while (data.length < values.length) {
      if (this.#mm.points) yield this.#beforeCopy;
      const entry = this.#entries.get(start + data.length * PAGE_SIZE);
      if (entry?.access !== "write") return false;
      const value = values[data.length];
      entry.page.write(value);
      data.push(value);
    }
    return true;
  }

  get #beforeCopy(): Point {
    return { kind: "point", label: `${this.#name}:before copy` };
  }

  #tell(
    kind: "install" | "tear-down",
    start: CallbackRange["start"],
    end: CallbackRange["end"],
  ): void {
    this.#mm.tell({ kind, mm: this.#mm.space.name, subscriber: this.#name, start, end });
  }
}
