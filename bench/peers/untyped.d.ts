// The two packages that come without types, as far as they are used here.

declare module "i2bplustree" {
  export class FlatInterval {
    constructor(low: number, high: number);
    equals(other: unknown): boolean;
  }

  export class IBplusTree<T extends FlatInterval> {
    /** @param alpha 0: intervals are never split */
    constructor(order: number, alpha: number);
    insert(interval: T): void;
    delete(interval: T): void;
    allRangeSearch(low: number, high: number): Set<T>;
  }
}

declare module "interval-tree-1d" {
  export interface IntervalTree<Entry> {
    /** Stops at the first visit that returns something true, and returns that. */
    queryInterval(low: number, high: number, visit: (entry: Entry) => unknown): unknown;
  }

  export default function createIntervalTree<Entry>(
    intervals: readonly Entry[],
  ): IntervalTree<Entry>;
}
