import { AddressSpace, type Engine } from "intervalidate";
import { cpuNanoseconds } from "./clock.ts";
import { INVALIDATIONS, type Operation, type Outcome, type Side, type Span } from "./side.ts";
import { runSumming } from "./summed-run.ts";
import type { PreparedWorkload } from "./workload-file.ts";

/**
 * The contract on top of the engine: each invalidation opens a window and ends it. Where hits are to
 * be listed the window's `hits` are read, which walks the tree once more.
 */
export class AddressSpaceSide implements Side {
  readonly name = "AddressSpace";
  readonly operations: ReadonlySet<Operation> = new Set(INVALIDATIONS);
  readonly #engine: Engine;
  readonly #workload: PreparedWorkload;
  readonly #queryEnds: Float64Array;
  readonly #handles: Uint32Array;
  #mm: AddressSpace;

  /** Empties the engine. */
  constructor(engine: Engine, workload: PreparedWorkload) {
    engine.reset();
    this.#engine = engine;
    this.#workload = workload;
    this.#queryEnds = workload.queryLasts.map((last) => last + 1);
    this.#handles = new Uint32Array(workload.idCount);
    this.#mm = new AddressSpace({ engine });
  }

  lock(): void {
    const { spareAddress } = this.#workload;
    this.#mm.mirrors.lock(this.#mm.mirrors.insert(spareAddress, spareAddress + 1));
  }

  run(operation: Operation, span: Span, sum = false): Outcome {
    if (operation === "insert") return this.#fill();
    const mm = this.#mm;
    const { queryStarts } = this.#workload;
    const begun = cpuNanoseconds();
    let totals: { hits: number; ids: number };
    if (sum) {
      const invalidate = (start: number, last: number): Uint32Array => {
        const window = mm.invalidateRangeStart({ start, end: last + 1 });
        const { hits } = window;
        window.end();
        return hits;
      };
      totals = runSumming(operation, span, this.#workload, this.#handles, { invalidate });
    } else {
      const run = operation === "invalidate" ? listHits : countHits;
      totals = { hits: run(mm, queryStarts, this.#queryEnds, span), ids: 0 };
    }
    return { nanoseconds: cpuNanoseconds() - begun, ...totals };
  }

  #fill(): Outcome {
    this.#mm[Symbol.dispose]();
    this.#engine.reset();
    this.#mm = new AddressSpace({ engine: this.#engine });
    const { insertionOrder, starts, lasts } = this.#workload;
    const begun = cpuNanoseconds();
    for (const id of insertionOrder) {
      const end = (lasts[id] as number) + 1;
      this.#handles[id] = this.#mm.mirrors.insert(starts[id] as number, end);
    }
    return { nanoseconds: cpuNanoseconds() - begun, hits: 0, ids: 0 };
  }
}

function listHits(
  mm: AddressSpace,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    const window = mm.invalidateRangeStart({ start: starts[q] as number, end: ends[q] as number });
    hits += window.hits.length;
    window.end();
  }
  return hits;
}

function countHits(
  mm: AddressSpace,
  starts: Float64Array,
  ends: Float64Array,
  { from, to }: Span,
): number {
  let hits = 0;
  for (let q = from; q < to; q += 1) {
    const window = mm.invalidateRangeStart({ start: starts[q] as number, end: ends[q] as number });
    hits += window.hitCount;
    window.end();
  }
  return hits;
}
