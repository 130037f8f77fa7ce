import { PAGE_BYTES, type Unit } from "./cells.ts";

/**
 * Intervals in the order in which they are inserted: the k-th is the half-open
 * `[starts[k], ends[k])` and is called `ids[k]`.
 */
export interface Columns {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly ids: Uint32Array;
  /** The same by id, for a structure that numbers intervals by position itself. */
  readonly startsById: Float64Array;
  readonly endsById: Float64Array;
  /** Pages are below 2^31: a structure may store them as 32-bit integers. Bytes are below 2^43. */
  readonly unit: Unit;
  /** Every id that will ever be inserted is below this. */
  readonly idLimit: number;
}

/**
 * A set of intervals under test. Bounds are half-open here; a structure with closed intervals takes
 * `[start, end - 1]`. Whatever form a structure answers in, its answer is turned into the ids of
 * *all* hits, and these are summed: that is the work which all do.
 */
export abstract class Structure {
  /** Hits of `enumerate`, `batch` and `invalidate` since somebody set this to 0. */
  hits = 0;

  /** The sum of the ids of all intervals that overlap. */
  abstract enumerate(start: number, end: number): number;

  /** How many overlap. */
  abstract count(start: number, end: number): number;

  /** Whether any overlaps. */
  abstract any(start: number, end: number): boolean;

  /** Many queries in one call; the sum of the ids of all hits. */
  abstract batch(starts: Float64Array, ends: Float64Array): number;

  /**
   * If the lock of an interval that overlaps is held: -1, and nothing changes. Else their sequences
   * become `sequence`, and their ids are summed.
   */
  abstract invalidate(start: number, end: number, sequence: number): number;

  abstract sequenceOf(id: number): number;

  /** Adds an interval, one at a time. */
  insert(_id: number, _start: number, _end: number): void {
    throw new Error("This structure is static.");
  }

  /** Removes an interval by its id. */
  remove(_id: number): void {
    throw new Error("This structure is static.");
  }

  /** Gives back what the garbage collector does not. */
  dispose(): void {}
}

/**
 * What peers have in common. None of them answers batches or invalidates: a batch is a loop, and
 * locks and sequences stand in two arrays by id, as a user of the package would have it.
 */
export abstract class PeerStructure extends Structure {
  readonly #idLimit: number;
  #mirrors: Mirrors | undefined;

  constructor(idLimit: number) {
    super();
    this.#idLimit = idLimit;
  }

  /** Made by the first invalidation, so that building and the other queries do not pay for it. */
  protected get mirrors(): Mirrors {
    this.#mirrors ??= new Mirrors(this.#idLimit);
    return this.#mirrors;
  }

  batch(starts: Float64Array, ends: Float64Array): number {
    let sum = 0;
    for (let i = 0; i < starts.length; i += 1) sum += this.enumerate(starts[i], ends[i]);
    return sum;
  }

  sequenceOf(id: number): number {
    return this.mirrors.sequences[id];
  }
}

/** What an invalidation looks at and changes, by id. */
class Mirrors {
  readonly locks: Uint8Array;
  readonly sequences: Uint32Array;

  constructor(idLimit: number) {
    this.locks = new Uint8Array(idLimit);
    this.sequences = new Uint32Array(idLimit);
  }
}

/** A peer that answers a query with an array of hits. */
export abstract class ListingStructure<Hit> extends PeerStructure {
  protected abstract search(start: number, end: number): readonly Hit[];
  protected abstract idOf(hit: Hit): number;

  enumerate(start: number, end: number): number {
    const found = this.search(start, end);
    let sum = 0;
    for (let i = 0; i < found.length; i += 1) sum += this.idOf(found[i]);
    this.hits += found.length;
    return sum;
  }

  count(start: number, end: number): number {
    return this.search(start, end).length;
  }

  any(start: number, end: number): boolean {
    return this.search(start, end).length > 0;
  }

  invalidate(start: number, end: number, sequence: number): number {
    const found = this.search(start, end);
    const { locks, sequences } = this.mirrors;
    for (let i = 0; i < found.length; i += 1) {
      if (locks[this.idOf(found[i])] !== 0) return -1;
    }
    let sum = 0;
    for (let i = 0; i < found.length; i += 1) {
      const id = this.idOf(found[i]);
      sequences[id] = sequence;
      sum += id;
    }
    this.hits += found.length;
    return sum;
  }
}

/** One way to set a structure up. */
export interface Configuration {
  readonly name: string;
  /** Builds by the fastest way the structure offers for all intervals at once. */
  build(columns: Columns): Structure;
}

/**
 * Of several configurations, each of which is best somewhere, a cell shows the one that is fastest in
 * that cell.
 */
export type Configurations = readonly Configuration[];

/**
 * The order of columns by start: some structures are built faster from sorted intervals. Start and
 * position are packed into one number, because numbers are sorted many times as fast as anything
 * that needs a comparison function.
 */
export function ascending({ starts, unit }: Columns): Uint32Array {
  const count = starts.length;
  const scale = unit === "bytes" ? count / PAGE_BYTES : count;
  const keys = starts.map((start, k) => start * scale + k).sort();
  return Uint32Array.from(keys, (key) => key % count);
}
