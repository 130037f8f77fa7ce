import { type Columns, type Configurations, PeerStructure } from "../contender.ts";

/** No structure at all: bounds in typed arrays, of which a query looks at every one. */
export class ListScan extends PeerStructure {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #ids: Uint32Array;
  /** Where each id stands. */
  readonly #positions: Uint32Array;
  #length: number;

  constructor({ starts, ends, ids, idLimit }: Columns) {
    super(idLimit);
    this.#starts = new Float64Array(idLimit);
    this.#ends = new Float64Array(idLimit);
    this.#ids = new Uint32Array(idLimit);
    this.#positions = new Uint32Array(idLimit);
    this.#starts.set(starts);
    this.#ends.set(ends);
    this.#ids.set(ids);
    for (let k = 0; k < ids.length; k += 1) this.#positions[ids[k]] = k;
    this.#length = ids.length;
  }

  enumerate(start: number, end: number): number {
    const starts = this.#starts;
    const ends = this.#ends;
    let sum = 0;
    let hits = 0;
    for (let i = 0; i < this.#length; i += 1) {
      if (starts[i] < end && ends[i] > start) {
        sum += this.#ids[i];
        hits += 1;
      }
    }
    this.hits += hits;
    return sum;
  }

  count(start: number, end: number): number {
    const starts = this.#starts;
    const ends = this.#ends;
    let hits = 0;
    for (let i = 0; i < this.#length; i += 1) if (starts[i] < end && ends[i] > start) hits += 1;
    return hits;
  }

  any(start: number, end: number): boolean {
    const starts = this.#starts;
    const ends = this.#ends;
    for (let i = 0; i < this.#length; i += 1) if (starts[i] < end && ends[i] > start) return true;
    return false;
  }

  invalidate(start: number, end: number, sequence: number): number {
    const starts = this.#starts;
    const ends = this.#ends;
    const { locks, sequences } = this.mirrors;
    const found: number[] = [];
    for (let i = 0; i < this.#length; i += 1) {
      if (starts[i] < end && ends[i] > start) {
        if (locks[this.#ids[i]] !== 0) return -1;
        found.push(this.#ids[i]);
      }
    }
    let sum = 0;
    for (const id of found) {
      sequences[id] = sequence;
      sum += id;
    }
    this.hits += found.length;
    return sum;
  }

  override insert(id: number, start: number, end: number): void {
    const at = this.#length;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#ids[at] = id;
    this.#positions[id] = at;
    this.#length += 1;
  }

  /** The last one takes the place. */
  override remove(id: number): void {
    const at = this.#positions[id];
    this.#length -= 1;
    this.#starts[at] = this.#starts[this.#length];
    this.#ends[at] = this.#ends[this.#length];
    this.#ids[at] = this.#ids[this.#length];
    this.#positions[this.#ids[at]] = at;
  }
}

export const configurations: Configurations = [
  { name: "typed arrays", build: (columns) => new ListScan(columns) },
];
