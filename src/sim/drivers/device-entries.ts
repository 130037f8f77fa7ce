import { type AddressRange, contains, endOf, intersection, overlap } from "./address-range.ts";
import type { DriverContext } from "./context.ts";

/**
 * What a device has mapped: the entries of its own page table, SPTEs. They are told as they are installed
 * and torn down, in the name of the driver's notifier.
 */
export class DeviceEntries {
  readonly #context: DriverContext;
  readonly #subscriber: string;
  /** Ascending and apart. */
  #ranges: readonly AddressRange[] = [];

  constructor(context: DriverContext, subscriber: string) {
    this.#context = context;
    this.#subscriber = subscriber;
  }

  /** Ascending, apart, as they were installed. */
  get ranges(): readonly AddressRange[] {
    return this.#ranges;
  }

  /** Whether some entry is in the range. */
  has(range: AddressRange): boolean {
    return this.#ranges.some((one) => overlap(one, range));
  }

  /** Whether the whole range is mapped by one entry. */
  covers(range: AddressRange): boolean {
    return this.#ranges.some((one) => contains(one, range));
  }

  /** Maps a range; entries that were there are replaced. */
  install(range: AddressRange): void {
    this.#ranges = [...this.#without(range), range].sort((a, b) => (a.start < b.start ? -1 : 1));
    this.#tell("install", range);
  }

  /** Drops all entries of a range. Whether there were any: then TLBs have to be flushed. */
  tearDown(range: AddressRange): boolean {
    const gone = this.#ranges.filter((one) => overlap(one, range));
    this.#ranges = this.#without(range);
    for (const one of gone) this.#tell("tear-down", intersection(one, range));
    return gone.length > 0;
  }

  #without(range: AddressRange): AddressRange[] {
    return this.#ranges.flatMap((one) => {
      if (!overlap(one, range)) return [one];
      const left: AddressRange[] = [];
      if (one.start < range.start) left.push({ start: one.start, end: range.start });
      if (endOf(one) > endOf(range)) left.push({ start: endOf(range), end: one.end });
      return left;
    });
  }

  #tell(kind: "install" | "tear-down", { start, end }: AddressRange): void {
    const mm = this.#context.mm.name;
    this.#context.tell({ kind, mm, subscriber: this.#subscriber, start, end });
  }
}
