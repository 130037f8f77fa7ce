import { describe, expect, it } from "vitest";
import {
  churnOf,
  hashOf,
  INSERT,
  intervalsOf,
  QUERY,
  queriesOf,
  REMOVE,
  type Workload,
  type WorkloadName,
} from "../../bench/workloads.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { engineOf, TARGETS } from "./support.ts";

/**
 * Per workload and size: the hash of its generator; hits and sum of ids (mod 2^32) of the first 1000
 * queries; and of the first `operations` of the churn. Several independent programs agree on them.
 */
const REFERENCE: readonly [
  WorkloadName,
  number,
  string,
  { hits: number; ids: number },
  { operations: number; hits: number; ids: number },
][] = [
  [
    "W1",
    1000,
    "f99ff2cf",
    { hits: 989, ids: 485690 },
    { operations: 10000, hits: 4812, ids: 6871911 },
  ],
  [
    "W2",
    1000,
    "7aa1f11d",
    { hits: 61676, ids: 30499425 },
    { operations: 10000, hits: 321036, ids: 461835609 },
  ],
  [
    "W3",
    1000,
    "73c8c4fd",
    { hits: 1821, ids: 850609 },
    { operations: 10000, hits: 9494, ids: 14719870 },
  ],
  [
    "W4e",
    1000,
    "a60d8e94",
    { hits: 80000, ids: 39960000 },
    { operations: 10000, hits: 433853, ids: 607237767 },
  ],
  [
    "W4s",
    1000,
    "bcc85ce0",
    { hits: 32246, ids: 668208 },
    { operations: 2000, hits: 37532, ids: 11239677 },
  ],
  [
    "W5",
    1000,
    "4f88e560",
    { hits: 2876, ids: 1446292 },
    { operations: 10000, hits: 13683, ids: 19739308 },
  ],
  [
    "W1",
    10000,
    "85a7249d",
    { hits: 981, ids: 4820181 },
    { operations: 10000, hits: 5013, ids: 28494747 },
  ],
  [
    "W2",
    10000,
    "83a8af28",
    { hits: 64790, ids: 324280919 },
    { operations: 10000, hits: 318730, ids: 1806052063 },
  ],
  [
    "W3",
    10000,
    "f00f9b77",
    { hits: 10794, ids: 53397180 },
    { operations: 10000, hits: 55654, ids: 319367078 },
  ],
  [
    "W4e",
    10000,
    "9e1e32b5",
    { hits: 720000, ids: 3599640000 },
    { operations: 10000, hits: 3873743, ids: 380641258 },
  ],
  [
    "W4s",
    10000,
    "c28b28fb",
    { hits: 32442, ids: 689755 },
    { operations: 2000, hits: 32280, ids: 14449055 },
  ],
  [
    "W5",
    10000,
    "58c61928",
    { hits: 6125, ids: 30538147 },
    { operations: 10000, hits: 31589, ids: 178724396 },
  ],
];

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

describe.each(REFERENCE)("workload %s with %i intervals", (name, count, hash, queried, churned) => {
  const workload = intervalsOf(name, count);

  it("is generated as everywhere else", () => {
    expect(hashOf(workload)).toBe(hash);
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
    expect({ hits: named.hits, ids: named.ids }).toEqual(queried);
    named.hits = 0;
    named.ids = 0;
    const churn = churnOf(workload);
    for (let k = 0; k < churned.operations; k += 1) {
      const [start, end] = [churn.starts[k] as number, churn.ends[k] as number];
      const id = churn.ids[k] as number;
      if (churn.opcodes[k] === QUERY) named.query(start, end);
      else if (churn.opcodes[k] === INSERT) named.insert(id, start, end);
      else if (churn.opcodes[k] === REMOVE) named.remove(id);
    }
    named.set.verify();
    expect({ operations: churned.operations, hits: named.hits, ids: named.ids }).toEqual(churned);
  });
});
