import Flatbush from "flatbush";
import { type Columns, type Configurations, ListingStructure } from "../contender.ts";

/** Its default; of 8, 16, 32 and 64 best all in all. */
const NODE_SIZE = 16;

/**
 * It answers with the position at which an interval was added, so that intervals are added in the
 * order of their ids, also in workloads where that is the order of their addresses. Pages are stored as `Int32Array`, as its documentation advises.
 */
abstract class FlatbushStructure extends ListingStructure<number> {
  protected readonly index: Flatbush;

  constructor({ startsById, endsById, unit, idLimit }: Columns) {
    super(idLimit);
    const ArrayType = unit === "pages" ? Int32Array : Float64Array;
    this.index = new Flatbush(startsById.length, NODE_SIZE, ArrayType);
    for (let id = 0; id < startsById.length; id += 1) this.add(startsById[id], endsById[id] - 1);
    this.index.finish();
  }

  protected abstract add(start: number, last: number): void;

  protected idOf(id: number): number {
    return id;
  }
}

/** Intervals as boxes of no height. Best where lengths are alike. */
class BoxStructure extends FlatbushStructure {
  protected add(start: number, last: number): void {
    this.index.add(start, 0, last, 0);
  }

  protected search(start: number, end: number): number[] {
    return this.index.search(start, 0, end - 1, 0);
  }

  override any(start: number, end: number): boolean {
    return this.index.collides(start, 0, end - 1, 0);
  }
}

/**
 * As `BoxStructure`, but hits are taken from the filter and no list of them is made. Best for long
 * answers.
 */
class VisitedBoxStructure extends BoxStructure {
  #sum = 0;
  #count = 0;
  readonly #take = (id: number): boolean => {
    this.#sum += id;
    this.#count += 1;
    return false;
  };
  readonly #tally = (): boolean => {
    this.#count += 1;
    return false;
  };

  override enumerate(start: number, end: number): number {
    this.#sum = 0;
    this.#count = 0;
    this.index.search(start, 0, end - 1, 0, this.#take);
    this.hits += this.#count;
    return this.#sum;
  }

  override count(start: number, end: number): number {
    this.#count = 0;
    this.index.search(start, 0, end - 1, 0, this.#tally);
    return this.#count;
  }
}

/**
 * The interval `[start, last]` as the point (start, last): those that overlap a range are the points
 * at most its last and at least its start. Best where lengths differ much.
 */
class PointStructure extends FlatbushStructure {
  protected add(start: number, last: number): void {
    this.index.add(start, last);
  }

  protected search(start: number, end: number): number[] {
    return this.index.search(0, start, end - 1, Number.POSITIVE_INFINITY);
  }

  override any(start: number, end: number): boolean {
    return this.index.collides(0, start, end - 1, Number.POSITIVE_INFINITY);
  }
}

export const configurations: Configurations = [
  { name: "boxes, listing", build: (columns) => new BoxStructure(columns) },
  { name: "boxes, visiting", build: (columns) => new VisitedBoxStructure(columns) },
  { name: "points, listing", build: (columns) => new PointStructure(columns) },
];
