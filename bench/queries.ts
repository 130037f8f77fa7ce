import type { Operation } from "./cells.ts";
import type { Structure } from "./contender.ts";
import { consume } from "./sampling.ts";
import type { SettingData } from "./setting-data.ts";
import { type Budget, checkEqual } from "./verdict.ts";

/** The operations that change no interval. Each has a check and a round to be measured. */
export type Query = Extract<Operation, "enumerate" | "count" | "any" | "batch" | "invalidate">;

/** Intervals whose sequence is looked at after invalidations. */
const SEQUENCES_CHECKED = 100;

/**
 * Compares the answers with all that the reference knows of the operation.
 *
 * @throws {WrongAnswer} or TooSlow
 */
export function checkQuery(
  query: Query,
  structure: Structure,
  data: SettingData,
  budget: Budget,
): void {
  const { first, more } = data.reference;
  const { starts, ends } = data.queries;
  if (query === "any") {
    const found = total(more.queries, budget, (i) => (structure.any(starts[i], ends[i]) ? 1 : 0));
    checkEqual("non-empty queries", found, more.nonEmpty);
    return;
  }
  const count = data.firstCount;
  if (query === "count") {
    const hits = total(count, budget, (i) => structure.count(starts[i], ends[i]));
    checkEqual("hits counted", hits, first.hits);
    return;
  }
  structure.hits = 0;
  let ids: number;
  if (query === "batch") {
    // A batch cannot be interrupted: whether there is time for it is told by single queries.
    total(count, budget, (i) => structure.enumerate(starts[i], ends[i]));
    structure.hits = 0;
    ids = structure.batch(starts.subarray(0, count), ends.subarray(0, count)) % 2 ** 32;
  } else if (query === "invalidate") {
    ids = total(count, budget, (i) => structure.invalidate(starts[i], ends[i], i + 1));
    checkSequences(structure, data);
  } else {
    ids = total(count, budget, (i) => structure.enumerate(starts[i], ends[i]));
  }
  checkEqual("hits", structure.hits, first.hits);
  checkEqual("sum of ids", ids, first.ids);
}

/** The sum over the first queries, modulo 2^32. */
function total(count: number, budget: Budget, answer: (i: number) => number): number {
  let sum = 0;
  budget.watch("queries of the check", count, (i) => {
    sum = (sum + answer(i)) % 2 ** 32;
  });
  return sum;
}

/** The sequence of an interval is the number of the last query that overlapped it. */
function checkSequences(structure: Structure, data: SettingData): void {
  const { starts, ends } = data.queries;
  const { startsById, endsById } = data.columns;
  const step = Math.ceil(startsById.length / SEQUENCES_CHECKED);
  for (let id = 0; id < startsById.length; id += step) {
    let last = 0;
    for (let i = 0; i < data.firstCount; i += 1) {
      if (starts[i] < endsById[id] && ends[i] > startsById[id]) last = i + 1;
    }
    checkEqual(`sequence of interval ${id}`, structure.sequenceOf(id), last);
  }
}

/** A batch is as long as what the reference's first totals are over. */
export function queriesPerRound(query: Query, data: SettingData): number {
  return query === "batch" ? data.firstCount : data.queriesPerRound;
}

/**
 * A function that answers the next queries, going round and round. The loops are written out: each
 * calls one method of one class, as a user's loop would.
 */
export function roundOf(query: Query, structure: Structure, data: SettingData): () => void {
  const { starts, ends } = data.queries;
  const step = queriesPerRound(query, data);
  const limit = data.timedQueries;
  let next = 0;
  /** Where the round begins; the next one begins where it ends. */
  const advance = (): number => {
    const from = next;
    next = from + step < limit ? from + step : 0;
    structure.hits = 0;
    return from;
  };
  switch (query) {
    case "enumerate":
      return () => {
        const from = advance();
        let sum = 0;
        for (let i = from; i < from + step; i += 1) sum += structure.enumerate(starts[i], ends[i]);
        consume(sum);
      };
    case "count":
      return () => {
        const from = advance();
        let sum = 0;
        for (let i = from; i < from + step; i += 1) sum += structure.count(starts[i], ends[i]);
        consume(sum);
      };
    case "any":
      return () => {
        const from = advance();
        let sum = 0;
        for (let i = from; i < from + step; i += 1)
          sum += structure.any(starts[i], ends[i]) ? 1 : 0;
        consume(sum);
      };
    case "invalidate": {
      let sequence = 0;
      return () => {
        const from = advance();
        sequence = (sequence + 1) % 2 ** 31;
        let sum = 0;
        for (let i = from; i < from + step; i += 1) {
          sum += structure.invalidate(starts[i], ends[i], sequence);
        }
        consume(sum);
      };
    }
    case "batch":
      return () => {
        const from = advance();
        consume(
          structure.batch(starts.subarray(from, from + step), ends.subarray(from, from + step)),
        );
      };
  }
}
