import type { Structure } from "./contender.ts";
import { consume, secondsOf } from "./sampling.ts";
import type { SettingData } from "./setting-data.ts";
import { type Budget, checkEqual } from "./verdict.ts";
import { type Churn, INSERT, QUERY } from "./workloads.ts";

/** Intervals that are removed and inserted again at a time, at most a tenth of all. */
const BLOCK_MAX = 1000;

/**
 * Insertion and removal at the full size. A pass removes a block of intervals and inserts it again,
 * each timed by itself; the next pass takes the next block of the order of insertion. So all
 * contenders do the same updates, the set is the same after each pass, and over the passes every
 * part of the structure is touched, not a few warm records.
 */
export class Blocks {
  readonly #structure: Structure;
  readonly #data: SettingData;
  readonly size: number;
  #next = 0;

  constructor(structure: Structure, data: SettingData) {
    this.#structure = structure;
    this.#data = data;
    this.size = Math.min(BLOCK_MAX, data.columns.ids.length / 10);
  }

  /** Seconds for each half of the next pass. */
  pass(): { remove: number; insert: number } {
    const from = this.#next;
    this.#next = (from + this.size) % this.#data.columns.ids.length;
    const remove = secondsOf(() => this.#remove(from));
    const insert = secondsOf(() => this.#insert(from));
    return { remove, insert };
  }

  #remove(from: number): void {
    const structure = this.#structure;
    const { ids } = this.#data.columns;
    for (let k = from; k < from + this.size; k += 1) structure.remove(ids[k]);
  }

  #insert(from: number): void {
    const structure = this.#structure;
    const { ids, starts, ends } = this.#data.columns;
    for (let k = from; k < from + this.size; k += 1) structure.insert(ids[k], starts[k], ends[k]);
  }

  /**
   * After the removal of a block the first queries must miss exactly what it held, and after its
   * insertion they must give the reference's totals again.
   *
   * @throws {WrongAnswer} or TooSlow
   */
  check(budget: Budget): void {
    const { hits, ids } = this.#data.reference.first;
    const block = this.#hitsOfBlock();
    budget.demand(
      secondsOf(() => this.#remove(0)),
      "removing a block",
    );
    const without = (ids - block.ids + 2 ** 32) % 2 ** 32;
    checkFirst(this.#structure, this.#data, budget, hits - block.hits, without);
    this.#insert(0);
    checkFirst(this.#structure, this.#data, budget, hits, ids);
  }

  /** What the first queries hit in the first block, by looking at each. */
  #hitsOfBlock(): { hits: number; ids: number } {
    const { columns, queries, firstCount } = this.#data;
    let hits = 0;
    let ids = 0;
    for (let k = 0; k < this.size; k += 1) {
      for (let i = 0; i < firstCount; i += 1) {
        if (queries.starts[i] >= columns.ends[k] || queries.ends[i] <= columns.starts[k]) continue;
        hits += 1;
        ids = (ids + columns.ids[k]) % 2 ** 32;
      }
    }
    return { hits, ids };
  }
}

/** Whether the first queries give these totals. @throws {WrongAnswer} or TooSlow */
export function checkFirst(
  structure: Structure,
  data: SettingData,
  budget: Budget,
  hits: number,
  ids: number,
): void {
  const { starts, ends } = data.queries;
  structure.hits = 0;
  let sum = 0;
  budget.watch("queries of the check", data.firstCount, (i) => {
    sum = (sum + structure.enumerate(starts[i], ends[i])) % 2 ** 32;
  });
  checkEqual("hits", structure.hits, hits);
  checkEqual("sum of ids", sum, ids);
}

/** The operations of a churn from one number up to another; the sum of the ids of all hits. */
function runChurn(structure: Structure, churn: Churn, from: number, to: number): number {
  const { opcodes, starts, ends, ids } = churn;
  let sum = 0;
  for (let k = from; k < to; k += 1) {
    if (opcodes[k] === QUERY) sum += structure.enumerate(starts[k], ends[k]);
    else if (opcodes[k] === INSERT) structure.insert(ids[k], starts[k], ends[k]);
    else structure.remove(ids[k]);
  }
  return sum;
}

/**
 * The totals of the reference's churn; then it is undone, after which the first queries must give
 * theirs. @throws {WrongAnswer} or TooSlow
 */
export function checkChurn(structure: Structure, data: SettingData, budget: Budget): void {
  const { operations, hits, ids } = data.reference.churn;
  const cycle = data.churnCycle(operations);
  structure.hits = 0;
  let sum = 0;
  const run = (from: number, to: number): void => {
    budget.watch("operations of the check", to - from, (k) => {
      sum = (sum + runChurn(structure, cycle, from + k, from + k + 1)) % 2 ** 32;
    });
  };
  run(0, operations);
  checkEqual("hits of the churn", structure.hits, hits);
  checkEqual("sum of ids of the churn", sum, ids);
  run(operations, 2 * operations);
  checkFirst(structure, data, budget, data.reference.first.hits, data.reference.first.ids);
}

/** A function that runs the next operations of the cycle, going round and round. */
export function churnRoundOf(structure: Structure, data: SettingData): () => void {
  const cycle = data.timedChurn();
  const step = data.churnPerRound;
  let next = 0;
  return () => {
    const from = next;
    next = from + step < cycle.opcodes.length ? from + step : 0;
    structure.hits = 0;
    consume(runChurn(structure, cycle, from, from + step));
  };
}
