import { PAGE_BYTES, type Setting } from "./cells.ts";
import type { Columns } from "./contender.ts";
import { type Reference, referenceOf } from "./reference.ts";
import {
  type Churn,
  churnOf,
  intervalsOf,
  type Queries,
  queriesOf,
  queryCountOf,
  type Workload,
} from "./workloads.ts";

/** Queries are measured over so many different ones, so that they do not all stay in caches. */
const QUERIES_MAX = 100_000;
/** Churn is measured over so many operations, and as many that undo them. */
const CHURN_MAX = 50_000;
/** The same where all contenders run the same round again and again. */
const FIXED_CHURN = 1000;
/** Queries or operations of a round. */
const ROUND = 100;

/** What a setting's contenders are fed, in its unit. */
export class SettingData {
  readonly setting: Setting;
  readonly reference: Reference;
  readonly columns: Columns;
  /** How many queries the first totals of the reference are over. */
  readonly firstCount: number;
  readonly queries: Queries;
  readonly #workload: Workload;
  readonly #unit: number;
  #churn: Churn | undefined;

  constructor(setting: Setting) {
    const { workload: name, count, unit } = setting;
    this.setting = setting;
    this.reference = referenceOf(name, count);
    this.#unit = unit === "bytes" ? PAGE_BYTES : 1;
    this.#workload = intervalsOf(name, count);
    const { order } = this.#workload;
    const startsById = this.#scaled(this.#workload.starts);
    const endsById = this.#scaled(this.#workload.ends);
    this.columns = {
      starts: Float64Array.from(order, (id) => startsById[id]),
      ends: Float64Array.from(order, (id) => endsById[id]),
      ids: order,
      startsById,
      endsById,
      unit,
      idLimit: count,
    };
    const nominal = queryCountOf(name, count);
    this.firstCount = Math.min(1000, nominal);
    const { starts, ends } = queriesOf(this.#workload, Math.min(nominal, QUERIES_MAX));
    this.queries = { starts: this.#scaled(starts), ends: this.#scaled(ends) };
  }

  #scaled(bounds: Float64Array): Float64Array {
    return bounds.map((bound) => bound * this.#unit);
  }

  /** The same columns for a structure that is to be churned, in which ids go on rising. */
  get churnedColumns(): Columns {
    this.#churn ??= churnOf(this.#workload);
    return { ...this.columns, idLimit: this.setting.count + this.#churn.ids.length };
  }

  /** The first intervals of the order of insertion, to see how building grows with the number. */
  prefix(count: number): Columns {
    const { starts, ends, ids, unit } = this.columns;
    const positions = Uint32Array.from({ length: count }, (_, k) => k);
    return {
      starts: starts.subarray(0, count),
      ends: ends.subarray(0, count),
      ids: positions,
      startsById: starts.subarray(0, count),
      endsById: ends.subarray(0, count),
      unit,
      idLimit: ids.length,
    };
  }

  /**
   * The first `operations` of the churn and then, backwards, what undoes them: an insertion is undone
   * by removing, a removal by inserting again, queries are asked again. The mix stays the same, and
   * after a cycle the set is what it was.
   */
  churnCycle(operations: number): Churn {
    this.#churn ??= churnOf(this.#workload);
    const churn = this.#churn;
    const opcodes = new Uint8Array(2 * operations);
    const starts = new Float64Array(2 * operations);
    const ends = new Float64Array(2 * operations);
    const ids = new Uint32Array(2 * operations);
    for (let k = 0; k < operations; k += 1) {
      const back = 2 * operations - 1 - k;
      opcodes[k] = churn.opcodes[k];
      opcodes[back] = UNDONE_BY[churn.opcodes[k]];
      starts[k] = starts[back] = churn.starts[k] * this.#unit;
      ends[k] = ends[back] = churn.ends[k] * this.#unit;
      ids[k] = ids[back] = churn.ids[k];
    }
    return { opcodes, starts, ends, ids };
  }

  /**
   * Where all intervals are equal, a query hits nothing or everything: only a round of many has the
   * same mix as every other, so all contenders run that one. Elsewhere rounds are short and go
   * through many different queries, and a slow contender gets through fewer of them.
   */
  get #isRoundFixed(): boolean {
    return this.setting.workload === "W4e";
  }

  /** Queries that are measured: rounds of `queriesPerRound`. */
  get timedQueries(): number {
    return this.#isRoundFixed ? this.firstCount : this.queries.starts.length;
  }

  get queriesPerRound(): number {
    return this.#isRoundFixed ? this.firstCount : ROUND;
  }

  /** The cycle that is measured, in rounds of `churnPerRound` operations. */
  timedChurn(): Churn {
    return this.churnCycle(this.#timedChurnLength);
  }

  /** Without the operations that undo. */
  get #timedChurnLength(): number {
    const { workload, count } = this.setting;
    if (this.#isRoundFixed) return Math.min(this.reference.churn.operations, FIXED_CHURN);
    return Math.min(queryCountOf(workload, count), CHURN_MAX);
  }

  get churnPerRound(): number {
    return this.#isRoundFixed ? 2 * this.#timedChurnLength : ROUND;
  }
}

/** By opcode: a query, an insertion, a removal. */
const UNDONE_BY = [0, 2, 1];
