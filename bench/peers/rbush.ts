import RBush, { type BBox } from "rbush";
import { type Columns, type Configurations, ListingStructure } from "../contender.ts";

/** The interval `[start, last]` as the point (start, last). */
interface Point {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
  readonly id: number;
}

/**
 * Intervals are points (start, last), and those that overlap `[start, last]` are the points at most
 * `last` and at least `start`. Boxes of no height (start to last) are what comes to mind first, but
 * their area is always 0, by which this tree decides where to insert; and with a height of 1 they
 * were slower than points, more so where lengths differ much.
 */
class RBushStructure extends ListingStructure<Point> {
  readonly #tree: RBush<Point>;
  readonly #points: Point[] = [];
  readonly #query = {
    minX: Number.NEGATIVE_INFINITY,
    minY: 0,
    maxX: 0,
    maxY: Number.POSITIVE_INFINITY,
  };

  constructor({ starts, ends, ids, idLimit }: Columns, maxEntries: number) {
    super(idLimit);
    this.#tree = new RBush(maxEntries);
    const points: Point[] = [];
    for (let k = 0; k < ids.length; k += 1) points.push(this.#point(ids[k], starts[k], ends[k]));
    this.#tree.load(points);
  }

  #point(id: number, start: number, end: number): Point {
    const point = { minX: start, minY: end - 1, maxX: start, maxY: end - 1, id };
    this.#points[id] = point;
    return point;
  }

  #aim(start: number, end: number): BBox {
    this.#query.minY = start;
    this.#query.maxX = end - 1;
    return this.#query;
  }

  protected search(start: number, end: number): Point[] {
    return this.#tree.search(this.#aim(start, end));
  }

  protected idOf(point: Point): number {
    return point.id;
  }

  override any(start: number, end: number): boolean {
    return this.#tree.collides(this.#aim(start, end));
  }

  override insert(id: number, start: number, end: number): void {
    this.#tree.insert(this.#point(id, start, end));
  }

  /** Without an equality function items are compared by identity, which is faster. */
  override remove(id: number): void {
    this.#tree.remove(this.#points[id]);
  }
}

export const configurations: Configurations = [9, 16].map((maxEntries) => ({
  name: `points, maxEntries ${maxEntries}`,
  build: (columns) => new RBushStructure(columns, maxEntries),
}));
