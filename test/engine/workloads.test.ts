import { describe, expect, it } from "vitest";
import { REFERENCES } from "../../bench/reference.ts";
import {
  churnOf,
  hashOf,
  INSERT,
  intervalsOf,
  QUERY,
  queriesOf,
  REMOVE,
  type Workload,
} from "../../bench/workloads.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { engineOf, TARGETS } from "./support.ts";

/** A set in which intervals go by the ids of the workload. */
class NamedSet {
  readonly set: IntervalSet;
  readonly #unit: number;
  readonly #ids = new Map<number, number>();
  readonly #handles = new Map<number, number>();
  readonly #into: Uint32Array;
  hits = 0;
  ids = 0;

  constructor(set: IntervalSet, workload: Workload, unit: number) {
    this.set = set;
    this.#unit = unit;
    this.#into = new Uint32Array(2 * workload.count);
    for (const id of workload.order) {
      this.insert(id, workload.starts[id] as number, workload.ends[id] as number);
    }
  }

  insert(id: number, start: number, end: number): void {
    const handle = this.set.insert(start * this.#unit, end * this.#unit - 1);
    this.#ids.set(handle, id);
    this.#handles.set(id, handle);
  }

  remove(id: number): void {
    expect(this.set.remove(this.#handles.get(id) as number)).toBe(true);
  }

  query(start: number, end: number): void {
    const hits = this.set.collect(start * this.#unit, end * this.#unit - 1, this.#into);
    this.hits += hits;
    for (let i = 0; i < hits; i += 1) {
      this.ids = (this.ids + (this.#ids.get(this.#into[i] as number) as number)) >>> 0;
    }
  }
}

const [small, large] = [
  REFERENCES.filter(({ count }) => count <= 1e4),
  REFERENCES.filter(({ count }) => count > 1e4),
];

describe.each(small)("workload $workload with $count intervals", (reference) => {
  const workload = intervalsOf(reference.workload, reference.count);

  it("is generated as everywhere else", () => {
    expect(hashOf(workload)).toBe(reference.hash);
  });

  it.each(
    TARGETS.flatMap((target) => [
      { target, unit: 1, of: "pages" },
      { target, unit: 4096, of: "bytes" },
    ]),
  )("has the known hits on the $target engine with addresses in $of", ({ target, unit }) => {
    const named = new NamedSet(new IntervalSet(engineOf(target)), workload, unit);
    const { starts, ends } = queriesOf(workload, 1000);
    for (let i = 0; i < 1000; i += 1) named.query(starts[i] as number, ends[i] as number);
    expect({ hits: named.hits, ids: named.ids }).toEqual(reference.first);
    named.hits = 0;
    named.ids = 0;
    const churn = churnOf(workload);
    const { operations } = reference.churn;
    for (let k = 0; k < operations; k += 1) {
      const [start, end] = [churn.starts[k] as number, churn.ends[k] as number];
      const id = churn.ids[k] as number;
      if (churn.opcodes[k] === QUERY) named.query(start, end);
      else if (churn.opcodes[k] === INSERT) named.insert(id, start, end);
      else if (churn.opcodes[k] === REMOVE) named.remove(id);
    }
    named.set.verify();
    expect({ operations, hits: named.hits, ids: named.ids }).toEqual(reference.churn);
  });
});

it.each(large)(
  "workload $workload with $count intervals is generated as everywhere else",
  ({ workload, count, hash }) => {
    expect(hashOf(intervalsOf(workload, count))).toBe(hash);
  },
);
