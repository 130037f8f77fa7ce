import { StaticIntervalTree } from "mnemonist";
import { type Columns, type Configurations, ListingStructure } from "../contender.ts";

/** Low, high, id: without getters bounds are read from the first two elements, which is faster. */
type Entry = [number, number, number];

class MnemonistStructure extends ListingStructure<Entry> {
  readonly #tree: StaticIntervalTree<Entry>;
  readonly #query: Entry = [0, 0, 0];

  constructor({ starts, ends, ids, idLimit }: Columns) {
    super(idLimit);
    const entries: Entry[] = [];
    for (let k = 0; k < ids.length; k += 1) entries.push([starts[k], ends[k] - 1, ids[k]]);
    this.#tree = new StaticIntervalTree(entries);
  }

  protected search(start: number, end: number): Entry[] {
    this.#query[0] = start;
    this.#query[1] = end - 1;
    return this.#tree.intervalsOverlappingInterval(this.#query);
  }

  protected idOf(entry: Entry): number {
    return entry[2];
  }
}

export const configurations: Configurations = [
  { name: "StaticIntervalTree of arrays", build: (columns) => new MnemonistStructure(columns) },
];
