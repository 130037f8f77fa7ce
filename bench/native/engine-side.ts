import type { Engine } from "intervalidate";
import { INSERT, QUERY } from "../workloads.ts";
import { cpuNanoseconds } from "./clock.ts";
import { type Operation, type Outcome, QUERIES, type Side, type Span, UPDATES } from "./side.ts";
import { type Answers, runSumming } from "./summed-run.ts";
import type { PreparedWorkload } from "./workload-file.ts";

type Exports = Engine["exports"];

/**
 * The engine by itself: its exported functions, called one by one, with hits left in the exchange
 * buffer. That is the work that the native peers do.
 */
export class EngineSide implements Side {
  readonly name = "engine";
  readonly operations: ReadonlySet<Operation> = new Set(
    [...QUERIES, ...UPDATES].filter((name) => name !== "batch"),
  );
  readonly #engine: Engine;
  readonly #workload: PreparedWorkload;
  readonly #set: number;
  readonly #capacity: number;
  readonly #handles: Uint32Array;
  #sequence = 1;

  /** Empties the engine. */
  constructor(engine: Engine, workload: PreparedWorkload) {
    engine.reset();
    this.#engine = engine;
    this.#workload = workload;
    this.#set = engine.exports.createSet();
    this.#capacity = engine.growExchange(workload.idCount + 1);
    if (this.#set === 0 || this.#capacity <= workload.idCount) {
      throw new Error("the engine has no memory for the set and its hits");
    }
    this.#handles = new Uint32Array(workload.idCount);
  }

  lock(): void {
    const { spareAddress } = this.#workload;
    const { exports } = this.#engine;
    const handle = exports.insertNumber(this.#set, spareAddress, spareAddress, 0);
    exports.tryLock(this.#set, handle);
  }

  run(operation: Operation, span: Span, sum = false): Outcome {
    if (operation === "insert") this.#engine.exports.clearSet(this.#set);
    const begun = cpuNanoseconds();
    const totals = sum
      ? runSumming(operation, span, this.#workload, this.#handles, this.#answers())
      : this.#run(operation, span);
    return { nanoseconds: cpuNanoseconds() - begun, ...totals };
  }

  #run(operation: Operation, span: Span): { hits: number; ids: number } {
    const { exports } = this.#engine;
    const workload = this.#workload;
    const set = this.#set;
    const capacity = this.#capacity;
    const handles = this.#handles;
    const listed = operation === "invalidate";
    let hits = 0;
    switch (operation) {
      case "insert":
        insertAll(exports, set, workload, handles);
        break;
      case "remove":
        removeAll(exports, set, workload, handles);
        break;
      case "enumerate":
        hits = enumerate(exports, set, workload, span, capacity);
        break;
      case "count":
        hits = count(exports, set, workload, span);
        break;
      case "any":
        hits = any(exports, set, workload, span);
        break;
      case "invalidate":
      case "invalidate-unlisted":
        hits = invalidate(exports, set, workload, span, listed ? capacity : 0, this.#sequence);
        this.#sequence = (this.#sequence + 2 * (span.to - span.from)) >>> 0;
        break;
      case "churn":
        hits = churn(exports, set, workload, span, capacity, handles);
        break;
      default:
        throw new Error(`the engine side has no ${operation}`);
    }
    return { hits, ids: 0 };
  }

  #answers(): Answers {
    const { exports } = this.#engine;
    const set = this.#set;
    const capacity = this.#capacity;
    const hits = (count: number): Uint32Array => this.#engine.words.subarray(0, count);
    return {
      insert: (start, last) => exports.insertNumber(set, start, last, 0),
      remove: (handle) => exports.remove(set, handle),
      enumerate: (start, last) => hits(exports.collectNumber(set, start, last, 0, capacity)),
      invalidate: (start, last) => {
        this.#sequence += 2;
        return hits(exports.invalidateNumber(set, start, last, this.#sequence, capacity));
      },
    };
  }
}

function insertAll(
  exports: Exports,
  set: number,
  { insertionOrder, starts, lasts }: PreparedWorkload,
  handles: Uint32Array,
): void {
  for (let i = 0; i < insertionOrder.length; i += 1) {
    const id = insertionOrder[i] as number;
    handles[id] = exports.insertNumber(set, starts[id] as number, lasts[id] as number, 0);
  }
}

function removeAll(
  exports: Exports,
  set: number,
  { removalOrder }: PreparedWorkload,
  handles: Uint32Array,
): void {
  for (let i = 0; i < removalOrder.length; i += 1) {
    exports.remove(set, handles[removalOrder[i] as number] as number);
  }
}

function enumerate(
  exports: Exports,
  set: number,
  { queryStarts, queryLasts }: PreparedWorkload,
  { from, to }: Span,
  capacity: number,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    const start = queryStarts[q] as number;
    hits += exports.collectNumber(set, start, queryLasts[q] as number, 0, capacity);
  }
  return hits;
}

function count(
  exports: Exports,
  set: number,
  { queryStarts, queryLasts }: PreparedWorkload,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    hits += exports.countNumber(set, queryStarts[q] as number, queryLasts[q] as number);
  }
  return hits;
}

function any(
  exports: Exports,
  set: number,
  { queryStarts, queryLasts }: PreparedWorkload,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    hits += exports.someNumber(set, queryStarts[q] as number, queryLasts[q] as number);
  }
  return hits;
}

function invalidate(
  exports: Exports,
  set: number,
  { queryStarts, queryLasts }: PreparedWorkload,
  { from, to }: Span,
  capacity: number,
  sequence: number,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    const start = queryStarts[q] as number;
    const last = queryLasts[q] as number;
    hits += exports.invalidateNumber(set, start, last, (sequence + 2 * q) >>> 0, capacity);
  }
  return hits;
}

function churn(
  exports: Exports,
  set: number,
  { churnOpcodes, churnStarts, churnLasts, churnIds }: PreparedWorkload,
  { from, to }: Span,
  capacity: number,
  handles: Uint32Array,
): number {
  let hits = 0;
  for (let k = from; k < to; k += 1) {
    const opcode = churnOpcodes[k];
    const start = churnStarts[k] as number;
    const last = churnLasts[k] as number;
    if (opcode === QUERY) {
      hits += exports.collectNumber(set, start, last, 0, capacity);
    } else if (opcode === INSERT) {
      handles[churnIds[k] as number] = exports.insertNumber(set, start, last, 0);
    } else {
      exports.remove(set, handles[churnIds[k] as number] as number);
    }
  }
  return hits;
}
