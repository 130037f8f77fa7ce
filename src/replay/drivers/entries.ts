import type { Address } from "../../engine/addresses.ts";
import { type AddressRange, overlap, without } from "../../sim/drivers/address-range.ts";

interface Entry {
  readonly subscriber: string | number;
  readonly start: Address;
  readonly end: Address;
  /** How many changes of memory there had been when it was installed. */
  readonly installedAt: number;
}

/** What all devices have mapped of one address space, kept from what they tell. */
export class EntriesOfMm {
  readonly #entries = new Map<string | number, Entry[]>();

  install(subscriber: string | number, { start, end }: AddressRange, installedAt: number): void {
    const entry = { subscriber, start, end, installedAt };
    this.#entries.set(subscriber, [...this.#without(subscriber, entry), entry]);
  }

  tearDown(subscriber: string | number, range: AddressRange): void {
    const left = this.#without(subscriber, range);
    if (left.length === 0) this.#entries.delete(subscriber);
    else this.#entries.set(subscriber, left);
  }

  /** Whoever has an entry in the range that is older than a change of memory; one each. */
  olderThan(change: number, range: AddressRange): Entry[] {
    const found: Entry[] = [];
    for (const entries of this.#entries.values()) {
      const old = entries.find((entry) => entry.installedAt < change && overlap(entry, range));
      if (old !== undefined) found.push(old);
    }
    return found;
  }

  #without(subscriber: string | number, range: AddressRange): Entry[] {
    const entries = this.#entries.get(subscriber) ?? [];
    return entries.flatMap((entry) =>
      without([entry], range).map((part) => ({ ...entry, ...part })),
    );
  }
}
