/** What all sides of the comparison can be told to do, by the names that the native peers know. */
export type Operation =
  | "enumerate"
  | "count"
  | "any"
  | "batch"
  | "invalidate"
  | "insert"
  | "remove"
  | "churn";

/** What one pass of an operation gave. */
export interface Outcome {
  /** CPU time of the operation proper. */
  readonly nanoseconds: number;
  readonly hits: number;
  /** Sum of the ids of all hits modulo 2^32; 0 unless it was asked for. */
  readonly ids: number;
}

/** One implementation under measurement, loaded with one workload. */
export interface Side {
  readonly name: string;
  /** Operations it has; the others are left out of its column. */
  readonly operations: ReadonlySet<Operation>;
  /**
   * Runs the first `amount` queries or churn operations, or inserts or removes everything. `insert`
   * starts from an empty set; queries, `remove` and `churn` need the set that it leaves behind.
   *
   * @param sum also add the ids up, in the time measured: for checks
   */
  run(operation: Operation, amount: number, sum?: boolean): Outcome | Promise<Outcome>;
  /** From now on one mirror, which no query hits, is locked. */
  lock(): void | Promise<void>;
}
