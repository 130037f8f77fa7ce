import { RangeIndex } from "intervalidate";
import { type Columns, type Configurations, Structure } from "./contender.ts";

/** The low bits of a handle are its place, which no other live range shares. */
const PLACE = 0xffffff;

class RangeIndexStructure extends Structure {
  readonly #index: RangeIndex;
  /** The id at each place of a handle, and the handle of each id. */
  #ids: Uint32Array;
  readonly #handles: Uint32Array;
  /** Where answers are written; as long as the longest answer so far. */
  #found = new Uint32Array(1024);

  constructor({ starts, ends, ids, idLimit }: Columns) {
    super();
    this.#index = new RangeIndex({ capacity: starts.length });
    this.#ids = new Uint32Array(idLimit);
    this.#handles = new Uint32Array(idLimit);
    const handles = this.#index.insertMany(starts, ends);
    for (let k = 0; k < handles.length; k += 1) this.#name(handles[k], ids[k]);
  }

  #name(handle: number, id: number): void {
    const place = handle & PLACE;
    if (place >= this.#ids.length) {
      const ids = new Uint32Array(2 * place);
      ids.set(this.#ids);
      this.#ids = ids;
    }
    this.#ids[place] = id;
    this.#handles[id] = handle;
  }

  enumerate(start: number, end: number): number {
    const hits = this.#index.collect(start, end, this.#found);
    if (hits > this.#found.length) {
      this.#found = new Uint32Array(hits);
      this.#index.collect(start, end, this.#found);
    }
    return this.#sum(hits, this.#found);
  }

  count(start: number, end: number): number {
    return this.#index.count(start, end);
  }

  any(start: number, end: number): boolean {
    return this.#index.some(start, end);
  }

  batch(starts: Float64Array, ends: Float64Array): number {
    const { handles } = this.#index.queryMany(starts, ends);
    return this.#sum(handles.length, handles);
  }

  invalidate(start: number, end: number, sequence: number): number {
    const hits = this.#index.invalidate(start, end, sequence, this.#found);
    if (hits < 0) return -1;
    if (hits > this.#found.length) {
      this.#found = new Uint32Array(hits);
      this.#index.collect(start, end, this.#found);
    }
    return this.#sum(hits, this.#found);
  }

  #sum(hits: number, handles: Uint32Array): number {
    const ids = this.#ids;
    let sum = 0;
    for (let i = 0; i < hits; i += 1) sum += ids[handles[i] & PLACE];
    this.hits += hits;
    return sum;
  }

  sequenceOf(id: number): number {
    return this.#index.sequenceOf(this.#handles[id]);
  }

  override insert(id: number, start: number, end: number): void {
    this.#name(this.#index.insert(start, end), id);
  }

  override remove(id: number): void {
    this.#index.remove(this.#handles[id]);
  }

  override dispose(): void {
    this.#index[Symbol.dispose]();
  }
}

export const configurations: Configurations = [
  {
    name: "RangeIndex, collect into one Uint32Array",
    build: (columns) => new RangeIndexStructure(columns),
  },
];
