import { type Engine, RangeIndex } from "intervalidate";
import { INSERT, QUERY } from "../workloads.ts";
import { cpuNanoseconds } from "./clock.ts";
import { type Operation, type Outcome, QUERIES, type Side, type Span, UPDATES } from "./side.ts";
import { type Answers, BATCH_QUERIES, runSumming } from "./summed-run.ts";
import type { PreparedWorkload } from "./workload-file.ts";

/** The public class: arguments checked, ranges half-open, hits copied out. */
export class RangeIndexSide implements Side {
  readonly name = "RangeIndex";
  readonly operations: ReadonlySet<Operation> = new Set([...QUERIES, ...UPDATES]);
  readonly #index: RangeIndex;
  readonly #workload: PreparedWorkload;
  readonly #ends: { queries: Float64Array; churn: Float64Array; intervals: Float64Array };
  readonly #handles: Uint32Array;
  readonly #into: Uint32Array;
  #sequence = 1;

  /** Empties the engine. */
  constructor(engine: Engine, workload: PreparedWorkload) {
    engine.reset();
    this.#index = new RangeIndex({ engine, capacity: workload.count });
    this.#workload = workload;
    this.#ends = {
      queries: workload.queryLasts.map((last) => last + 1),
      churn: workload.churnLasts.map((last) => last + 1),
      intervals: workload.lasts.map((last) => last + 1),
    };
    this.#handles = new Uint32Array(workload.idCount);
    this.#into = new Uint32Array(workload.idCount);
  }

  lock(): void {
    const { spareAddress } = this.#workload;
    this.#index.tryLock(this.#index.insert(spareAddress, spareAddress + 1));
  }

  run(operation: Operation, span: Span, sum = false): Outcome {
    if (operation === "insert") this.#index.clear();
    const begun = cpuNanoseconds();
    const totals = sum
      ? runSumming(operation, span, this.#workload, this.#handles, this.#answers())
      : this.#run(operation, span);
    return { nanoseconds: cpuNanoseconds() - begun, ...totals };
  }

  #run(operation: Operation, span: Span): { hits: number; ids: number } {
    const index = this.#index;
    const into = this.#into;
    const { queryStarts: starts } = this.#workload;
    const { queries: ends } = this.#ends;
    const listed = operation === "invalidate";
    let hits = 0;
    switch (operation) {
      case "insert":
        this.#insertAll();
        break;
      case "remove":
        for (const id of this.#workload.removalOrder) index.remove(this.#handles[id] as number);
        break;
      case "enumerate":
        hits = enumerate(index, starts, ends, span, into);
        break;
      case "count":
        hits = count(index, starts, ends, span);
        break;
      case "any":
        hits = any(index, starts, ends, span);
        break;
      case "batch":
        hits = batch(index, starts, ends, span);
        break;
      case "invalidate":
      case "invalidate-unlisted":
        hits = invalidate(index, starts, ends, span, this.#sequence, listed ? into : undefined);
        this.#sequence = (this.#sequence + 2 * (span.to - span.from)) >>> 0;
        break;
      case "churn":
        hits = churn(index, this.#workload, this.#ends.churn, span, this.#handles, into);
        break;
    }
    return { hits, ids: 0 };
  }

  #insertAll(): void {
    const { insertionOrder, starts } = this.#workload;
    const { intervals: ends } = this.#ends;
    for (let i = 0; i < insertionOrder.length; i += 1) {
      const id = insertionOrder[i] as number;
      this.#handles[id] = this.#index.insert(starts[id] as number, ends[id] as number);
    }
  }

  #answers(): Answers {
    const index = this.#index;
    const into = this.#into;
    return {
      insert: (start, last) => index.insert(start, last + 1),
      remove: (handle) => index.remove(handle),
      enumerate: (start, last) => into.subarray(0, index.collect(start, last + 1, into)),
      batch: (from, to) => {
        const starts = this.#workload.queryStarts.subarray(from, to);
        return index.queryMany(starts, this.#ends.queries.subarray(from, to)).handles;
      },
      invalidate: (start, last) => {
        this.#sequence += 2;
        return into.subarray(0, index.invalidate(start, last + 1, this.#sequence, into));
      },
    };
  }
}

function enumerate(
  index: RangeIndex,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
  into: Uint32Array,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    hits += index.collect(starts[q] as number, ends[q] as number, into);
  }
  return hits;
}

function count(
  index: RangeIndex,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    hits += index.count(starts[q] as number, ends[q] as number);
  }
  return hits;
}

function any(
  index: RangeIndex,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    if (index.some(starts[q] as number, ends[q] as number)) hits += 1;
  }
  return hits;
}

function batch(
  index: RangeIndex,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let at = from; at < to; at += BATCH_QUERIES) {
    const next = Math.min(to, at + BATCH_QUERIES);
    hits += index.queryMany(starts.subarray(at, next), ends.subarray(at, next)).handles.length;
  }
  return hits;
}

function invalidate(
  index: RangeIndex,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
  sequence: number,
  into: Uint32Array | undefined,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    const current = (sequence + 2 * q) >>> 0;
    hits += index.invalidate(starts[q] as number, ends[q] as number, current, into);
  }
  return hits;
}

function churn(
  index: RangeIndex,
  { churnOpcodes, churnStarts, churnIds }: PreparedWorkload,
  ends: Float64Array,
  { from, to }: Span,
  handles: Uint32Array,
  into: Uint32Array,
): number {
  let hits = 0;
  for (let k = from; k < to; k += 1) {
    const opcode = churnOpcodes[k];
    const start = churnStarts[k] as number;
    const end = ends[k] as number;
    if (opcode === QUERY) hits += index.collect(start, end, into);
    else if (opcode === INSERT) handles[churnIds[k] as number] = index.insert(start, end);
    else index.remove(handles[churnIds[k] as number] as number);
  }
  return hits;
}
