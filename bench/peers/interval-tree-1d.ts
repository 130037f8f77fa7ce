import createIntervalTree, { type IntervalTree } from "interval-tree-1d";
import { type Columns, type Configurations, PeerStructure } from "../contender.ts";

/** Low, high, id. A search visits hits; the visitors are made once, so that queries allocate nothing. */
type Entry = [number, number, number];

class IntervalTree1dStructure extends PeerStructure {
  readonly #tree: IntervalTree<Entry>;
  #sum = 0;
  #count = 0;
  #sequence = 0;

  readonly #add = (entry: Entry): void => {
    this.#sum += entry[2];
    this.#count += 1;
  };
  readonly #tally = (): void => {
    this.#count += 1;
  };
  readonly #stop = (): boolean => true;
  readonly #isLocked = (entry: Entry): boolean => this.mirrors.locks[entry[2]] !== 0;
  readonly #set = (entry: Entry): void => {
    this.mirrors.sequences[entry[2]] = this.#sequence;
    this.#sum += entry[2];
    this.#count += 1;
  };

  constructor({ starts, ends, ids, idLimit }: Columns) {
    super(idLimit);
    const entries: Entry[] = [];
    for (let k = 0; k < ids.length; k += 1) entries.push([starts[k], ends[k] - 1, ids[k]]);
    this.#tree = createIntervalTree(entries);
  }

  enumerate(start: number, end: number): number {
    this.#sum = 0;
    this.#count = 0;
    this.#tree.queryInterval(start, end - 1, this.#add);
    this.hits += this.#count;
    return this.#sum;
  }

  count(start: number, end: number): number {
    this.#count = 0;
    this.#tree.queryInterval(start, end - 1, this.#tally);
    return this.#count;
  }

  any(start: number, end: number): boolean {
    return this.#tree.queryInterval(start, end - 1, this.#stop) === true;
  }

  invalidate(start: number, end: number, sequence: number): number {
    if (this.#tree.queryInterval(start, end - 1, this.#isLocked) === true) return -1;
    this.#sum = 0;
    this.#count = 0;
    this.#sequence = sequence;
    this.#tree.queryInterval(start, end - 1, this.#set);
    this.hits += this.#count;
    return this.#sum;
  }
}

export const configurations: Configurations = [
  { name: "visiting", build: (columns) => new IntervalTree1dStructure(columns) },
];
