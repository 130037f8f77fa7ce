import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { createEngine, type Engine, RangeIndex } from "intervalidate";
import {
  type Churn,
  churnOf,
  INSERT,
  intervalsOf,
  QUERY,
  type Queries,
  queriesOf,
  queryCountOf,
  type Workload,
  type WorkloadName,
} from "./workloads.ts";

// How long a single operation may take: each is timed by the wall clock, one by one, while a set is
// built and then changed and queried at its full size. Everything is a function of the workload, so
// it is done several times alike, and of each operation the shortest time counts: what is left is
// work that the operation always does. The longest time of all is shown as well; it includes waits
// for a processor and for the garbage collector.
//
//   npm run bench:pauses [-- --n COUNT] [--json FILE] [--smoke]

/** Times of one kind of operation on one workload, in microseconds. */
interface Pauses {
  readonly workload: WorkloadName;
  readonly operation: string;
  readonly operations: number;
  readonly median: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** The longest time in any run. */
  readonly longest: number;
}

/** How the engine's memory grew while one set was built. */
interface Growth {
  readonly workload: WorkloadName;
  readonly steps: number;
  /** The largest step, and how long the insertion took that caused it. */
  readonly bytes: number;
  readonly microseconds: number;
  readonly totalBytes: number;
}

const WORKLOADS: readonly WorkloadName[] = ["W1", "W2", "W3", "W5"];
const OPERATIONS_MAX = 200_000;
/** Operations on a small set before anything is timed, so that what is timed is compiled code. */
const WARM_UP_SIZE = 10_000;
const WARM_UP_ROUNDS = 2;
const INSTANCE_WARM_UP = 5000;
/** Equal runs, of which each operation's shortest time counts. */
const RUNS = 5;

/** Times operations one by one, and keeps the shortest time of each over several runs. */
class Stopwatch {
  readonly #times: Float64Array;
  #used = 0;
  #operations = 0;
  #longest = 0;

  constructor(capacity: number) {
    this.#times = new Float64Array(capacity).fill(Number.POSITIVE_INFINITY);
  }

  /** The same operations come once more. */
  rewind(): void {
    this.#used = 0;
  }

  /** Notes what has passed since `begun`, a reading of `performance.now()`. */
  stop(begun: number): void {
    const time = performance.now() - begun;
    this.#times[this.#used] = Math.min(time, this.#times[this.#used] as number);
    this.#used += 1;
    this.#operations = this.#used;
    this.#longest = Math.max(time, this.#longest);
  }

  /** Shortest time of operation i, in microseconds. */
  at(i: number): number {
    return (this.#times[i] as number) * 1000;
  }

  summary(workload: WorkloadName, operation: string): Pauses {
    const sorted = this.#times.slice(0, this.#operations).sort();
    const share = (part: number): number => {
      const rank = Math.min(sorted.length - 1, Math.floor(part * sorted.length));
      return (sorted[rank] as number) * 1000;
    };
    return {
      workload,
      operation,
      operations: this.#operations,
      median: share(0.5),
      p99: share(0.99),
      p999: share(0.999),
      max: share(1),
      longest: this.#longest * 1000,
    };
  }
}

/** The watches of one workload, which its runs share. */
class Watches {
  readonly build: Stopwatch;
  readonly churn: readonly [Stopwatch, Stopwatch, Stopwatch];
  readonly invalidate: Stopwatch;

  constructor(count: number) {
    this.build = new Stopwatch(count);
    this.churn = [
      new Stopwatch(OPERATIONS_MAX),
      new Stopwatch(OPERATIONS_MAX),
      new Stopwatch(OPERATIONS_MAX),
    ];
    this.invalidate = new Stopwatch(OPERATIONS_MAX);
  }

  rewind(): void {
    for (const watch of [this.build, ...this.churn, this.invalidate]) watch.rewind();
  }

  summaries(workload: WorkloadName): Pauses[] {
    const [collect, insert, remove] = this.churn;
    return [
      this.build.summary(workload, "insert while growing"),
      collect.summary(workload, "collect"),
      insert.summary(workload, "insert"),
      remove.summary(workload, "remove"),
      this.invalidate.summary(workload, "invalidate"),
    ];
  }
}

/** One insertion that made the memory grow. */
interface GrowthStep {
  readonly insertion: number;
  readonly bytes: number;
}

/** A set of one workload in an engine of its own, with handles by id. */
class TimedSet {
  readonly engine: Engine = createEngine();
  readonly #workload: Workload;
  readonly #index: RangeIndex;
  readonly #handles: Uint32Array;
  readonly #into: Uint32Array;

  constructor(workload: Workload) {
    this.#workload = workload;
    useOften(this.engine);
    this.#index = new RangeIndex({ engine: this.engine });
    this.#handles = new Uint32Array(workload.count + OPERATIONS_MAX);
    // Written to once, so that the pages are there.
    this.#into = new Uint32Array(workload.count + OPERATIONS_MAX).fill(1);
  }

  build(watch: Stopwatch): GrowthStep[] {
    const { order, starts, ends } = this.#workload;
    const steps: GrowthStep[] = [];
    let size = this.engine.byteLength;
    for (let i = 0; i < order.length; i += 1) {
      const id = order[i] as number;
      const begun = performance.now();
      this.#handles[id] = this.#index.insert(starts[id] as number, ends[id] as number);
      watch.stop(begun);
      const bytes = this.engine.byteLength - size;
      if (bytes > 0) steps.push({ insertion: i, bytes });
      size += bytes;
    }
    return steps;
  }

  churn({ opcodes, starts, ends, ids }: Churn, watches: Watches["churn"]): void {
    for (let k = 0; k < Math.min(opcodes.length, OPERATIONS_MAX); k += 1) {
      const opcode = opcodes[k] as 0 | 1 | 2;
      const start = starts[k] as number;
      const end = ends[k] as number;
      const id = ids[k] as number;
      const handle = this.#handles[id] as number;
      const begun = performance.now();
      if (opcode === QUERY) this.#index.collect(start, end, this.#into);
      else if (opcode === INSERT) this.#handles[id] = this.#index.insert(start, end);
      else this.#index.remove(handle);
      watches[opcode].stop(begun);
    }
  }

  invalidate({ starts, ends }: Queries, watch: Stopwatch): void {
    for (let q = 0; q < starts.length; q += 1) {
      const begun = performance.now();
      this.#index.invalidate(starts[q] as number, ends[q] as number, 2 * q + 1, this.#into);
      watch.stop(begun);
    }
  }
}

/** The host compiles the way into each function of each engine, once it has been called often. */
function useOften(engine: Engine): void {
  const index = new RangeIndex({ engine });
  const into = new Uint32Array(16);
  for (let i = 0; i < INSTANCE_WARM_UP; i += 1) {
    const handle = index.insert(i, i + 2);
    index.collect(i, i + 1, into);
    index.invalidate(i, i + 1, i, into);
    index.remove(handle);
  }
  engine.reset();
}

function measure(name: WorkloadName, count: number): { pauses: Pauses[]; growth: Growth } {
  const workload = intervalsOf(name, count);
  const churn = churnOf(workload);
  const queries = queriesOf(workload, Math.min(OPERATIONS_MAX, queryCountOf(name, count)));
  const watches = new Watches(count);
  let steps: GrowthStep[] = [];
  let totalBytes = 0;
  for (let run = 0; run < RUNS; run += 1) {
    watches.rewind();
    const set = new TimedSet(workload);
    steps = set.build(watches.build);
    totalBytes = set.engine.byteLength;
    set.churn(churn, watches.churn);
    set.invalidate(queries, watches.invalidate);
  }
  const largest = steps.reduce((a, b) => (b.bytes >= a.bytes ? b : a), { insertion: 0, bytes: 0 });
  const growth: Growth = {
    workload: name,
    steps: steps.length,
    bytes: largest.bytes,
    microseconds: watches.build.at(largest.insertion),
    totalBytes,
  };
  return { pauses: watches.summaries(name), growth };
}

/** What the clock itself adds to every time. */
function clockCost(): number {
  const watch = new Stopwatch(OPERATIONS_MAX);
  for (let i = 0; i < OPERATIONS_MAX; i += 1) watch.stop(performance.now());
  return watch.summary("W1", "nothing").median;
}

function tables(pauses: readonly Pauses[], growths: readonly Growth[]): string {
  const style = { head: [], border: [], compact: true };
  const times = new Table({
    head: ["", "operation", "times", "median us", "p99 us", "p99.9 us", "max us", "ever us"],
    colAligns: ["left", "left", "right", "right", "right", "right", "right", "right"],
    style,
  });
  for (const { workload, operation, operations, ...summary } of pauses) {
    const figures = [summary.median, summary.p99, summary.p999, summary.max, summary.longest].map(
      (value) => value.toFixed(2),
    );
    times.push([workload, operation, operations.toLocaleString("en-US"), ...figures]);
  }
  const memory = new Table({
    head: ["", "growth steps", "largest step", "took us", "memory in the end"],
    colAligns: ["left", "right", "right", "right", "right"],
    style,
  });
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  for (const { workload, steps, bytes, microseconds, totalBytes } of growths) {
    const largest = mebibytes(bytes);
    memory.push([workload, steps, largest, microseconds.toFixed(0), mebibytes(totalBytes)]);
  }
  return `${times.toString()}\n\n${memory.toString()}`;
}

const { values } = parseArgs({
  options: {
    n: { type: "string", default: "1000000" },
    json: { type: "string" },
    smoke: { type: "boolean", default: false },
  },
});
const count = values.smoke ? 2000 : Number(values.n);
if (!Number.isSafeInteger(count) || count < 200 || count > 4e6 || count % 200 !== 0) {
  console.error(`--n takes a multiple of 200 up to 4000000, not ${values.n}.`);
  process.exit(2);
}
if (!values.smoke) {
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) measure("W1", WARM_UP_SIZE);
}
const clock = clockCost();
const results = WORKLOADS.map((name) => measure(name, count));
const pauses = results.flatMap((result) => result.pauses);
const growths = results.map((result) => result.growth);
const host = { cpu: cpus()[0]?.model ?? "unknown", node: process.version };
console.log(`${host.cpu}, node ${host.node}, ${count} ranges, public RangeIndex, wall clock`);
console.log(
  `each operation's shortest time of ${RUNS} equal runs, and the longest ever; the clock adds ${clock.toFixed(2)} us`,
);
console.log(tables(pauses, growths));
if (values.json !== undefined) {
  const report = { host, count, clockMicroseconds: clock, pauses, growths };
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
