import type { Reference } from "../reference.ts";
import type { Operation, Outcome, Side } from "./side.ts";
import type { PreparedWorkload } from "./workload-file.ts";

/** One operation on one workload. */
export interface Cell {
  readonly operation: Operation;
  readonly workload: string;
  readonly count: number;
  /** 1 for keys in pages, 4096 for byte addresses. */
  readonly unit: number;
  /** Whether one mirror somewhere else in the space is locked. */
  readonly held: boolean;
}

/** What one side needed for a cell. */
export interface SideResult {
  readonly side: string;
  /** Median over the passes, CPU time per operation. */
  readonly nanoseconds: number;
  /** Median over the passes of the native time by this side's; 1 for the native side itself. */
  readonly ratio: number;
}

export interface CellResult extends Cell {
  /** Operations in one pass. */
  readonly amount: number;
  readonly passes: number;
  /** Hits in one pass, the same on all sides. */
  readonly hits: number;
  readonly sides: readonly SideResult[];
}

/** What the native side is to need for one pass of queries or churn. */
const PASS_NANOSECONDS = 50e6;
const AMOUNT_MIN = 1000;
/** Insertions and removals of small sets are repeated up to so many in one pass. */
const UPDATES_MIN = 50_000;
const CALIBRATION = 200;
/** From here on the totals of 1000 queries are compared with the reference, not of up to 20,000. */
const LARGE = 1_000_000;

/** All sides loaded with one workload; the first is the native one that ratios refer to. */
export class Comparison {
  readonly #workload: PreparedWorkload;
  readonly #sides: readonly Side[];
  readonly #passes: number;

  constructor(workload: PreparedWorkload, sides: readonly Side[], passes: number) {
    this.#workload = workload;
    this.#sides = sides;
    this.#passes = passes;
  }

  /** Fills every side with the intervals. */
  async fill(): Promise<void> {
    for (const side of this.#sides) await side.run("insert", this.#workload.count);
  }

  /** Locks one mirror that nothing hits, on every side. */
  async lock(): Promise<void> {
    for (const side of this.#sides) await side.lock();
  }

  /** Checks every side against the known totals. The sets must be full; churn leaves them changed. */
  async verify(operation: "enumerate" | "churn", reference: Reference): Promise<void> {
    const { first, many, churn } = reference;
    const known =
      operation === "churn"
        ? { amount: churn.operations, ...churn }
        : this.#workload.count < LARGE
          ? { amount: many.queries, ...many }
          : { amount: Math.min(1000, many.queries), ...first };
    for (const side of this.#sides) {
      const outcome = await side.run(operation, known.amount, true);
      if (outcome.hits !== known.hits || outcome.ids !== known.ids) {
        throw new Error(
          `${side.name}, ${this.#what(operation)}: ${known.amount} operations gave ${outcome.hits} hits with the sum of ids ${outcome.ids}; right are ${known.hits} and ${known.ids}.`,
        );
      }
    }
  }

  /** Measures a kind of query on full sets. */
  async measureQueries(operation: Operation, held: boolean): Promise<CellResult> {
    const amount = await this.#calibrated(operation, this.#workload.queryStarts.length);
    await this.#compareIds(operation, amount);
    return this.#interleave(operation, held, amount, (side) => side.run(operation, amount));
  }

  /** Measures the mixed load, each pass on sets built anew. */
  async measureChurn(): Promise<CellResult> {
    await this.fill();
    const amount = await this.#calibrated("churn", this.#workload.churnStarts.length);
    await this.fill();
    await this.#compareIds("churn", amount);
    return this.#interleave("churn", false, amount, async (side) => {
      await side.run("insert", this.#workload.count);
      return side.run("churn", amount);
    });
  }

  /** Measures building one by one, and removing everything in random order. */
  async measureUpdates(operation: "insert" | "remove"): Promise<CellResult> {
    const { count } = this.#workload;
    const repeats = Math.ceil(UPDATES_MIN / count);
    return this.#interleave(operation, false, count * repeats, async (side) => {
      let nanoseconds = 0;
      for (let i = 0; i < repeats; i += 1) {
        const built = await side.run("insert", count);
        nanoseconds += (operation === "insert" ? built : await side.run("remove", count))
          .nanoseconds;
      }
      return { nanoseconds, hits: 0, ids: 0 };
    });
  }

  /** How many operations make a pass long enough, up to `limit`. */
  async #calibrated(operation: Operation, limit: number): Promise<number> {
    const sample = Math.min(CALIBRATION, limit);
    const [native] = this.#sides as [Side];
    await native.run(operation, sample);
    const { nanoseconds } = await native.run(
      operation === "churn" ? "enumerate" : operation,
      Math.min(sample, this.#workload.queryStarts.length),
    );
    const wanted = Math.round((PASS_NANOSECONDS * sample) / Math.max(nanoseconds, 1));
    return Math.min(limit, Math.max(AMOUNT_MIN, wanted));
  }

  async #compareIds(operation: Operation, amount: number): Promise<void> {
    if (operation === "count" || operation === "any") return;
    await this.#allAlike(operation, (side) => side.run(operation, amount, true));
  }

  async #allAlike(
    operation: Operation,
    run: (side: Side) => Outcome | Promise<Outcome>,
  ): Promise<void> {
    const outcomes: [Side, Outcome][] = [];
    for (const side of this.#sidesOf(operation)) outcomes.push([side, await run(side)]);
    const [[, expected]] = outcomes as [[Side, Outcome]];
    for (const [side, outcome] of outcomes) this.#checkAlike(operation, side, outcome, expected);
  }

  #checkAlike(operation: Operation, side: Side, outcome: Outcome, expected: Outcome): void {
    if (outcome.hits === expected.hits && outcome.ids === expected.ids) return;
    const [native] = this.#sides as [Side];
    throw new Error(
      `${this.#what(operation)}: ${side.name} gave ${outcome.hits} hits, sum of ids ${outcome.ids}; ${native.name} ${expected.hits} and ${expected.ids}.`,
    );
  }

  /** Pass by pass, every side in each, another one first each time; one more pass before to warm up. */
  async #interleave(
    operation: Operation,
    held: boolean,
    amount: number,
    run: (side: Side) => Outcome | Promise<Outcome>,
  ): Promise<CellResult> {
    const sides = this.#sidesOf(operation);
    const times = new Map<Side, number[]>(sides.map((side) => [side, []]));
    let expected: Outcome | undefined;
    for (let pass = -1; pass < this.#passes; pass += 1) {
      for (let k = 0; k < sides.length; k += 1) {
        const side = sides[(Math.max(pass, 0) + k) % sides.length] as Side;
        const outcome = await run(side);
        expected ??= outcome;
        this.#checkAlike(operation, side, outcome, expected);
        if (pass >= 0) times.get(side)?.push(outcome.nanoseconds);
      }
    }
    const native = times.get(sides[0] as Side) as number[];
    const { name, count, unit } = this.#workload;
    return {
      operation,
      workload: name,
      count,
      unit,
      held,
      amount,
      passes: this.#passes,
      hits: expected?.hits ?? 0,
      sides: sides.map((side): SideResult => {
        const own = times.get(side) as number[];
        return {
          side: side.name,
          nanoseconds: median(own) / amount,
          ratio: median(own.map((time, pass) => (native[pass] as number) / time)),
        };
      }),
    };
  }

  #sidesOf(operation: Operation): Side[] {
    return this.#sides.filter((side) => side.operations.has(operation));
  }

  #what(operation: Operation): string {
    const { name, count, unit } = this.#workload;
    return `${operation} ${name} N=${count} unit=${unit}`;
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
