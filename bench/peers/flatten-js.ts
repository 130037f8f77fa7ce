import { Interval, IntervalTree } from "@flatten-js/interval-tree";
import { ascending, type Columns, type Configurations, ListingStructure } from "../contender.ts";

/**
 * Values are the ids, so a search yields them and nothing else. Intervals are passed as `Interval`s,
 * which are taken as they are, where pairs would be checked and converted.
 */
class FlattenStructure extends ListingStructure<number> {
  readonly #tree = new IntervalTree<number>();
  readonly #intervals: Interval[] = [];
  readonly #query = new Interval(0, 0);

  constructor(columns: Columns) {
    super(columns.idLimit);
    // There is no bulk load; in ascending order insertion takes half the time.
    for (const k of ascending(columns)) {
      this.insert(columns.ids[k], columns.starts[k], columns.ends[k]);
    }
  }

  protected search(start: number, end: number): number[] {
    this.#query.low = start;
    this.#query.high = end - 1;
    return this.#tree.search(this.#query);
  }

  protected idOf(id: number): number {
    return id;
  }

  override any(start: number, end: number): boolean {
    this.#query.low = start;
    this.#query.high = end - 1;
    return this.#tree.intersect_any(this.#query);
  }

  override insert(id: number, start: number, end: number): void {
    const interval = new Interval(start, end - 1);
    this.#intervals[id] = interval;
    this.#tree.insert(interval, id);
  }

  override remove(id: number): void {
    this.#tree.remove(this.#intervals[id], id);
  }
}

export const configurations: Configurations = [
  { name: "ids as values", build: (columns) => new FlattenStructure(columns) },
];
