import { type AddressRange, contains, intersection, overlap, without } from "./address-range.ts";
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

  /** The parts of entries that lie in the range, ascending. */
  within(range: AddressRange): AddressRange[] {
    return this.#ranges.filter((one) => overlap(one, range)).map((one) => intersection(one, range));
  }

  /** Whether the whole range is mapped by one entry. */
  covers(range: AddressRange): boolean {
    return this.#ranges.some((one) => contains(one, range));
  }

  /** Maps a range; entries that were there are replaced. */
  install(range: AddressRange): void {
    this.#ranges = [...without(this.#ranges, range), range].sort((a, b) =>
      a.start < b.start ? -1 : 1,
    );
    this.#tell("install", range);
  }

  /** Drops all entries of a range. Whether there were any: then TLBs have to be flushed. */
  tearDown(range: AddressRange): boolean {
    const gone = this.within(range);
    this.#ranges = without(this.#ranges, range);
    for (const one of gone) this.#tell("tear-down", one);
    return gone.length > 0;
  }

  #tell(kind: "install" | "tear-down", { start, end }: AddressRange): void {
    const mm = this.#context.mm.name;
    this.#context.tell({ kind, mm, subscriber: this.#subscriber, start, end });
  }
}
