import { FlatInterval, IBplusTree } from "i2bplustree";
import { type Columns, type Configurations, PeerStructure } from "../contender.ts";

/** Of orders 8 to 120 best all in all; time splits (alpha above 0) made everything slower. */
const ORDER = 20;
const ALPHA = 0;

class Entry extends FlatInterval {
  readonly id: number;

  constructor(low: number, high: number, id: number) {
    super(low, high);
    this.id = id;
  }

  /** Equal intervals are told apart, as its documentation asks for. */
  override equals(other: unknown): boolean {
    return this === other;
  }
}

class I2BplusStructure extends PeerStructure {
  readonly #tree = new IBplusTree<Entry>(ORDER, ALPHA);
  readonly #entries: Entry[] = [];

  constructor({ starts, ends, ids, idLimit }: Columns) {
    super(idLimit);
    // There is no bulk load, and sorting first does not help: leaves would stay half full.
    for (let k = 0; k < ids.length; k += 1) this.insert(ids[k], starts[k], ends[k]);
  }

  enumerate(start: number, end: number): number {
    const found = this.#tree.allRangeSearch(start, end - 1);
    let sum = 0;
    for (const entry of found) sum += entry.id;
    this.hits += found.size;
    return sum;
  }

  count(start: number, end: number): number {
    return this.#tree.allRangeSearch(start, end - 1).size;
  }

  /**
   * Not `loneRangeSearch`: that looks into the first child whose bounds overlap and, if nothing in it
   * does, no further.
   */
  any(start: number, end: number): boolean {
    return this.count(start, end) > 0;
  }

  invalidate(start: number, end: number, sequence: number): number {
    const found = this.#tree.allRangeSearch(start, end - 1);
    const { locks, sequences } = this.mirrors;
    for (const { id } of found) {
      if (locks[id] !== 0) return -1;
    }
    let sum = 0;
    for (const { id } of found) {
      sequences[id] = sequence;
      sum += id;
    }
    this.hits += found.size;
    return sum;
  }

  override insert(id: number, start: number, end: number): void {
    const entry = new Entry(start, end - 1, id);
    this.#entries[id] = entry;
    this.#tree.insert(entry);
  }

  override remove(id: number): void {
    this.#tree.delete(this.#entries[id]);
  }
}

export const configurations: Configurations = [
  { name: `order ${ORDER}, no time splits`, build: (columns) => new I2BplusStructure(columns) },
];
