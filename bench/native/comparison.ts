import type { Reference } from "../reference.ts";
import type { Cell } from "./cells.ts";
import { median } from "./median.ts";
import { type Operation, type Outcome, QUERIES, type Side, type Span } from "./side.ts";
import type { PreparedWorkload } from "./workload-file.ts";

/** How long and how often to measure. */
export interface Effort {
  readonly passes: number;
  /** What the native side is to need for a pass of queries or churn. */
  readonly passNanoseconds: number;
  /** Operations in a pass at least, if the workload has so more. */
  readonly operationsMin: number;
}

/** What one side needed for a cell. */
interface SideResult {
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

type Run = (side: Side) => Outcome | Promise<Outcome>;

/** Before each pass so many other queries run untimed: the caches are full of the other side. */
const WARMING_MIN = 200;
const WARMING_MAX = 2000;
/** From here on the reference is compared over 1000 queries, below over up to 20,000. */
const LARGE = 1_000_000;

/** All sides loaded with one workload; the first is the native one that ratios refer to. */
export class Comparison {
  readonly #workload: PreparedWorkload;
  readonly #sides: readonly Side[];
  readonly #effort: Effort;
  #full = false;

  constructor(workload: PreparedWorkload, sides: readonly Side[], effort: Effort) {
    this.#workload = workload;
    this.#sides = sides;
    this.#effort = effort;
  }

  /** Checks the sides against the known totals. */
  async verify(operation: "enumerate" | "churn", reference: Reference): Promise<void> {
    const { first, more, churn } = reference;
    const large = this.#workload.count >= LARGE;
    const known =
      operation === "churn"
        ? { operations: churn.operations, hits: churn.hits, ids: churn.ids }
        : large
          ? { operations: Math.min(1000, more.queries), ...first }
          : { operations: more.queries, hits: more.hits, ids: more.ids };
    await this.#fill();
    this.#full = operation !== "churn";
    for (const side of this.#sidesOf(operation)) {
      const outcome = await side.run(operation, { from: 0, to: known.operations }, true);
      if (outcome.hits === known.hits && outcome.ids === known.ids) continue;
      throw new Error(
        `${side.name}, ${this.#what(operation)}: ${known.operations} operations gave ${outcome.hits} hits with the sum of ids ${outcome.ids}; right are ${known.hits} and ${known.ids}.`,
      );
    }
  }

  /** Measures one cell of this workload, whatever was measured before. */
  async measure(cell: Cell): Promise<CellResult> {
    await this.#fill();
    this.#full = !cell.held && QUERIES.includes(cell.operation);
    if (cell.held) for (const side of this.#sidesOf(cell.operation)) await side.lock();
    if (cell.operation === "churn") return this.#measureChurn(cell);
    return this.#full || cell.held ? this.#measureQueries(cell) : this.#measureUpdates(cell);
  }

  /** Fills every side with the intervals, unless they are as the last filling left them. */
  async #fill(): Promise<void> {
    if (this.#full) return;
    for (const side of this.#sides) await side.run("insert", this.#everything);
  }

  async #measureQueries(cell: Cell): Promise<CellResult> {
    const { operation } = cell;
    const { span, warming } = await this.#calibrated(this.#workload.queryStarts.length, operation);
    if (operation !== "count" && operation !== "any" && operation !== "invalidate-unlisted") {
      await this.#compare(operation, (side) => side.run(operation, span, true));
    }
    return this.#interleave(cell, span.to, async (side) => {
      await side.run(operation, warming);
      return side.run(operation, span);
    });
  }

  /** Each pass works on sets built anew. */
  async #measureChurn(cell: Cell): Promise<CellResult> {
    const { span, warming } = await this.#calibrated(
      this.#workload.churnStarts.length,
      "enumerate",
    );
    await this.#compare("churn", (side) => side.run("churn", span, true));
    return this.#interleave(cell, span.to, async (side) => {
      await side.run("insert", this.#everything);
      await side.run("enumerate", warming);
      return side.run("churn", span);
    });
  }

  /** Building one by one, or removing everything in random order; small sets several times a pass. */
  #measureUpdates(cell: Cell): Promise<CellResult> {
    const { count } = this.#workload;
    const repeats = Math.ceil((50 * this.#effort.operationsMin) / count);
    return this.#interleave(cell, count * repeats, async (side) => {
      let nanoseconds = 0;
      for (let i = 0; i < repeats; i += 1) {
        let outcome = await side.run("insert", this.#everything);
        if (cell.operation === "remove") outcome = await side.run("remove", this.#everything);
        nanoseconds += outcome.nanoseconds;
      }
      return { nanoseconds, hits: 0, ids: 0 };
    });
  }

  /** How many operations make a pass long enough, and other queries to warm up with. */
  async #calibrated(limit: number, operation: Operation): Promise<{ span: Span; warming: Span }> {
    const { passNanoseconds, operationsMin } = this.#effort;
    const queries = this.#workload.queryStarts.length;
    const sample = { from: 0, to: Math.min(WARMING_MIN, queries) };
    const [native] = this.#sides as [Side];
    await native.run(operation, sample);
    const { nanoseconds } = await native.run(operation, sample);
    const wanted = Math.round((passNanoseconds * sample.to) / Math.max(nanoseconds, 1));
    const warming = Math.min(queries, WARMING_MAX, Math.max(WARMING_MIN, wanted));
    return {
      span: { from: 0, to: Math.min(limit, Math.max(operationsMin, wanted)) },
      warming: { from: queries - warming, to: queries },
    };
  }

  async #compare(operation: Operation, run: Run): Promise<void> {
    let expected: Outcome | undefined;
    for (const side of this.#sidesOf(operation)) {
      const outcome = await run(side);
      expected ??= outcome;
      this.#checkAlike(operation, side, outcome, expected);
    }
  }

  #checkAlike(operation: Operation, side: Side, outcome: Outcome, expected: Outcome): void {
    if (outcome.hits === expected.hits && outcome.ids === expected.ids) return;
    const [native] = this.#sides as [Side];
    throw new Error(
      `${this.#what(operation)}: ${side.name} gave ${outcome.hits} hits, sum of ids ${outcome.ids}; ${native.name} ${expected.hits} and ${expected.ids}.`,
    );
  }

  /** Pass by pass, every side in each, another one first each time; one more before to warm up. */
  async #interleave(cell: Cell, amount: number, run: Run): Promise<CellResult> {
    const { passes } = this.#effort;
    const sides = this.#sidesOf(cell.operation);
    const times = new Map<Side, number[]>(sides.map((side) => [side, []]));
    let expected: Outcome | undefined;
    for (let pass = -1; pass < passes; pass += 1) {
      for (let k = 0; k < sides.length; k += 1) {
        const side = sides[(pass + 1 + k) % sides.length] as Side;
        const outcome = await run(side);
        expected ??= outcome;
        this.#checkAlike(cell.operation, side, outcome, expected);
        if (pass >= 0) times.get(side)?.push(outcome.nanoseconds);
      }
    }
    const native = times.get(sides[0] as Side) as number[];
    return {
      ...cell,
      amount,
      passes,
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

  get #everything(): Span {
    return { from: 0, to: this.#workload.count };
  }

  #sidesOf(operation: Operation): Side[] {
    return this.#sides.filter((side) => side.operations.has(operation));
  }

  #what(operation: Operation): string {
    const { name, count, unit } = this.#workload;
    return `${operation} ${name} N=${count}, keys x ${unit}`;
  }
}
