import { type AddressRange, contains, isSame, overlap } from "./address-range.ts";

/** Things that have ranges, in the order in which they came. They may overlap. */
export class RangeSet<Item extends { readonly range: AddressRange }> implements Iterable<Item> {
  #items: readonly Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Whoever is at it may change the set meanwhile. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items[Symbol.iterator]();
  }

  add(item: Item): void {
    this.#items = [...this.#items, item];
  }

  delete(item: Item): void {
    this.#items = this.#items.filter((one) => one !== item);
  }

  overlapping(range: AddressRange): readonly Item[] {
    return this.#items.filter((item) => overlap(item.range, range));
  }

  /** The first one with the whole range inside. */
  containing(range: AddressRange): Item | undefined {
    return this.#items.find((item) => contains(item.range, range));
  }

  /** The first one with exactly this range. */
  at(range: AddressRange): Item | undefined {
    return this.#items.find((item) => isSame(item.range, range));
  }
}
