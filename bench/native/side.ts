/** What a side can be told to do, by the names that the native peers know. */
export type Operation =
  | "enumerate"
  | "count"
  | "any"
  | "batch"
  | "invalidate"
  | "invalidate-unlisted"
  | "insert"
  | "remove"
  | "churn";

/** Invalidate what overlaps, and list the hits or only count them. */
export const INVALIDATIONS: readonly Operation[] = ["invalidate", "invalidate-unlisted"];
/** Leave the set of intervals as it is. */
export const QUERIES: readonly Operation[] = [
  "enumerate",
  "count",
  "any",
  "batch",
  ...INVALIDATIONS,
];
/** Change it. */
export const UPDATES: readonly Operation[] = ["insert", "remove", "churn"];

/** Queries or churn operations number `from` to `to`, exclusive. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

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
  /** Operations it has; the others are left out of its column. All can be filled by `insert`. */
  readonly operations: ReadonlySet<Operation>;
  /**
   * Runs the queries or churn operations of `span`; `insert` and `remove` do all intervals. `insert`
   * starts from an empty set; all others need the full set that it leaves behind.
   *
   * @param sum also add the ids up, within the time measured: for checks
   */
  run(operation: Operation, span: Span, sum?: boolean): Outcome | Promise<Outcome>;
  /** From now on one mirror, which no query hits, is locked. */
  lock(): void | Promise<void>;
}
