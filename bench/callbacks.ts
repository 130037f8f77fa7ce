import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import {
  AddressSpace,
  type IntervalNotifierOps,
  type InvalidationWindow,
  type ListNotifierOps,
  NotifierDomain,
  type NotifierRange,
  type Sleepable,
} from "intervalidate";
import { cpuNanoseconds } from "./native/clock.ts";
import { median } from "./native/median.ts";
import { intervalsOf, queriesOf } from "./workloads.ts";

// What an invalidation costs, start and end together, by who is called, how often, and through which
// door. All cells stand side by side in one process and take turns, pass by pass, so that they share
// what the compiler has learnt from all of them, as they would in a program; the median pass counts.
//
//   npm run bench:callbacks [-- --json FILE] [--smoke]

const DOORS = ["synchronous", "non-blocking", "generator", "promise"] as const;
type Door = (typeof DOORS)[number];

/** Who is called. */
const SUBJECTS = [
  "list notifiers, plain",
  "list notifiers, generators",
  "interval notifiers, plain",
  "interval notifiers, generators",
  "passive mirrors",
] as const;
type Subject = (typeof SUBJECTS)[number];

interface CellName {
  readonly subject: Subject;
  /** Callbacks called by each start, and of list notifiers by each end; of passive mirrors, how many there are. */
  readonly count: number;
  readonly door: Door;
  /** Whether there is an event sink. */
  readonly observed: boolean;
}

interface Result extends CellName {
  /** CPU time per invalidation, the median pass. */
  readonly nanoseconds: number;
  readonly fastest: number;
  readonly slowest: number;
}

/** So often are all cells run until a pass is long enough, so that the last time all is compiled. */
const WARM_UP_ROUNDS = 3;
/** Interval notifiers that are there and not hit. */
const BYSTANDERS = 1000;
const RANGE: NotifierRange = { start: 0x10000, end: 0x11000 };

/** What callbacks have counted, and what they should have. */
interface Tally {
  starts: number;
  ends: number;
  hits: number;
  events: number;
}

/** Three drivers of the same kind, so that no call can be compiled into its caller. */
const PLAIN_LIST: readonly ((tally: Tally) => ListNotifierOps)[] = [
  (tally) => ({
    invalidateRangeStart: {
      blocking: () => {
        tally.starts += 1;
      },
      nonblocking: () => {
        tally.starts += 1;
        return true;
      },
    },
    invalidateRangeEnd: () => {
      tally.ends += 1;
    },
  }),
  (tally) => ({
    invalidateRangeStart: {
      blocking: (range) => {
        if (range.blockable) tally.starts += 1;
      },
      nonblocking: (range) => {
        if (!range.blockable) tally.starts += 1;
        return true;
      },
    },
    invalidateRangeEnd: ({ mm }) => {
      if (mm !== undefined) tally.ends += 1;
    },
  }),
  (tally) => ({
    invalidateRangeStart: {
      blocking: ({ event }) => {
        tally.starts += event === "UNMAP" ? 1 : 0;
      },
      nonblocking: ({ event }) => {
        tally.starts += event === "UNMAP" ? 1 : 0;
        return event === "UNMAP";
      },
    },
    invalidateRangeEnd: ({ start, end }) => {
      if (start < end) tally.ends += 1;
    },
  }),
];

const GENERATOR_LIST = (tally: Tally): ListNotifierOps => ({
  invalidateRangeStart: {
    // biome-ignore lint/correctness/useYield: what it costs to be able to sleep
    *blocking() {
      tally.starts += 1;
    },
    nonblocking: () => true,
  },
  // biome-ignore lint/correctness/useYield: what it costs to be able to sleep
  *invalidateRangeEnd() {
    tally.ends += 1;
  },
});

const PLAIN_INTERVAL = (tally: Tally): IntervalNotifierOps => ({
  invalidate: {
    blocking: (notifier, _range, sequence) => {
      tally.starts += 1;
      return notifier.setSequence(sequence);
    },
    nonblocking: (notifier, _range, sequence) => {
      tally.starts += 1;
      notifier.setSequence(sequence);
      return true;
    },
  },
});

const GENERATOR_INTERVAL = (tally: Tally): IntervalNotifierOps => ({
  invalidate: {
    // biome-ignore lint/correctness/useYield: what it costs to be able to sleep
    *blocking(notifier, _range, sequence) {
      tally.starts += 1;
      notifier.setSequence(sequence);
    },
    nonblocking: () => true,
  },
});

/** One cell, ready to be run. */
class Cell {
  readonly name: CellName;
  /** Nanoseconds per invalidation of each pass. */
  readonly samples: number[] = [];
  readonly #mm: AddressSpace;
  readonly #tally: Tally = { starts: 0, ends: 0, hits: 0, events: 0 };
  readonly #ranges: readonly NotifierRange[];
  /** Mirrors hit by one round through all ranges. */
  readonly #hitsPerRound: number;
  /** Invalidations of a pass, a multiple of the ranges. */
  #perPass: number;

  constructor(name: CellName, smoke: boolean) {
    const { subject, count, observed } = name;
    this.name = name;
    this.#mm = new AddressSpace({
      domain: new NotifierDomain(),
      ...(observed && {
        events: () => {
          this.#tally.events += 1;
        },
      }),
    });
    if (subject === "passive mirrors") {
      const { starts, ends } = intervalsOf("W1", smoke ? 1000 : count);
      this.#mm.mirrors.insertMany(starts, ends);
      const queries = queriesOf(intervalsOf("W1", smoke ? 1000 : count), 1000);
      this.#ranges = Array.from(queries.starts, (start, q) => ({ start, end: queries.ends[q] }));
    } else {
      this.#ranges = [RANGE];
      this.#subscribe(subject, count);
    }
    this.#perPass = this.#ranges.length;
    this.#hitsPerRound = this.#hits();
  }

  /** Finds how many invalidations fill a pass, and has them compiled meanwhile. */
  async warmUp(passNanoseconds: number): Promise<void> {
    this.#perPass = this.#ranges.length;
    for (;;) {
      const nanoseconds = await this.#time();
      if (nanoseconds >= passNanoseconds) break;
      const factor = Math.min(8, (1.2 * passNanoseconds) / Math.max(1, nanoseconds));
      this.#perPass = Math.ceil((this.#perPass * Math.max(1.3, factor)) / this.#ranges.length);
      this.#perPass *= this.#ranges.length;
    }
  }

  async pass(): Promise<void> {
    this.samples.push((await this.#time()) / this.#perPass);
  }

  get result(): Result {
    return {
      ...this.name,
      nanoseconds: median(this.samples),
      fastest: Math.min(...this.samples),
      slowest: Math.max(...this.samples),
    };
  }

  #subscribe(subject: Subject, count: number): void {
    const tally = this.#tally;
    const isPlain = subject.endsWith("plain");
    if (subject.startsWith("list")) {
      for (let i = 0; i < count; i += 1) {
        const ops = isPlain ? PLAIN_LIST[i % PLAIN_LIST.length] : GENERATOR_LIST;
        this.#mm.register(ops(tally));
      }
      return;
    }
    const ops = isPlain ? PLAIN_INTERVAL : GENERATOR_INTERVAL;
    const length = Number(RANGE.end) - Number(RANGE.start);
    for (let i = 0; i < count; i += 1) this.#mm.insertInterval(RANGE.start, length, ops(tally));
    for (let i = 1; i <= BYSTANDERS; i += 1) {
      this.#mm.insertInterval(Number(RANGE.end) * (i + 1), length, ops(tally));
    }
  }

  #hits(): number {
    let hits = 0;
    if (this.name.subject !== "passive mirrors") return 0;
    for (const range of this.#ranges) {
      using window = this.#mm.invalidateRangeStart(range);
      hits += window.hitCount;
    }
    return hits;
  }

  /** One pass, timed and checked. */
  async #time(): Promise<number> {
    const tally = this.#tally;
    Object.assign(tally, { starts: 0, ends: 0, hits: 0, events: 0 });
    const begun = cpuNanoseconds();
    if (this.name.door === "promise") await this.#runPromises(this.#perPass);
    else this.#run(this.name.door, this.#perPass);
    const nanoseconds = cpuNanoseconds() - begun;
    const { subject, count, observed } = this.name;
    const isPassive = subject === "passive mirrors";
    const rounds = this.#perPass / this.#ranges.length;
    const expected = {
      starts: isPassive ? 0 : count * this.#perPass,
      ends: subject.startsWith("list") ? count * this.#perPass : 0,
      hits: rounds * this.#hitsPerRound,
      sequence: 0,
      active: 0,
      observed,
    };
    const actual = {
      starts: tally.starts,
      ends: tally.ends,
      hits: tally.hits,
      sequence: this.#mm.sequence % 2,
      active: this.#mm.activeInvalidations,
      observed: tally.events > 0,
    };
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      const [name, was, is] = [this.name, expected, actual].map((value) => JSON.stringify(value));
      throw new Error(`${name} did ${is} instead of ${was}`);
    }
    return nanoseconds;
  }

  #run(door: Exclude<Door, "promise">, count: number): void {
    const mm = this.#mm;
    const ranges = this.#ranges;
    let hits = 0;
    for (let i = 0, at = 0; i < count; i += 1) {
      const range = ranges[at] as NotifierRange;
      at = at + 1 === ranges.length ? 0 : at + 1;
      let window: InvalidationWindow;
      if (door === "synchronous") {
        window = mm.invalidateRangeStart(range);
      } else if (door === "generator") {
        window = complete(mm.invalidateRangeStartSleepable(range));
      } else {
        const result = mm.tryInvalidateRangeStart(range);
        if (!result.ok) throw new Error(`refused by ${result.refusedBy}`);
        window = result.window;
      }
      hits += window.hitCount;
      if (door === "generator") complete(window.endSleepable());
      else window.end();
    }
    this.#tally.hits = hits;
  }

  async #runPromises(count: number): Promise<void> {
    const ranges = this.#ranges;
    let hits = 0;
    for (let i = 0, at = 0; i < count; i += 1) {
      const range = ranges[at] as NotifierRange;
      at = at + 1 === ranges.length ? 0 : at + 1;
      const window = await this.#mm.invalidateRangeStartAsync(range);
      hits += window.hitCount;
      await window.endAsync();
    }
    this.#tally.hits = hits;
  }
}

/** The least that a driver does. */
function complete<T>(body: Sleepable<T>): T {
  for (;;) {
    const result = body.next();
    if (result.done) return result.value;
  }
}

function cellNames(): CellName[] {
  const names: CellName[] = [];
  const add = (subject: Subject, counts: readonly number[], doors: readonly Door[]): void => {
    for (const observed of [false, true]) {
      for (const count of counts) {
        for (const door of doors) names.push({ subject, count, door, observed });
      }
    }
  };
  // A plain door refuses generators, and a non-blocking callback is none.
  const sleeping: readonly Door[] = ["generator", "promise"];
  add("list notifiers, plain", [0, 1, 16, 1024], DOORS);
  add("list notifiers, generators", [1, 16, 1024], sleeping);
  add("interval notifiers, plain", [0, 1, 16], DOORS);
  add("interval notifiers, generators", [1, 16], sleeping);
  add("passive mirrors", [1000, 10_000, 100_000, 1_000_000], DOORS);
  return names;
}

function tables(results: readonly Result[]): string {
  return [false, true]
    .map((observed) => {
      const table = new Table({
        head: [observed ? "with an event sink" : "without an event sink", "", ...DOORS],
        colAligns: ["left", "right", "right", "right", "right", "right"],
        style: { head: [], border: [], compact: true },
      });
      const rows = new Map<string, Result[]>();
      for (const result of results) {
        if (result.observed !== observed) continue;
        const row = `${result.subject}/${result.count}`;
        rows.set(row, [...(rows.get(row) ?? []), result]);
      }
      for (const row of rows.values()) {
        const [{ subject, count }] = row as [Result];
        const figures = DOORS.map((door) => {
          const result = row.find((one) => one.door === door);
          return result === undefined ? "" : figure(result.nanoseconds);
        });
        table.push([subject, count.toLocaleString("en-US"), ...figures]);
      }
      return table.toString();
    })
    .join("\n\n");
}

function figure(nanoseconds: number): string {
  if (nanoseconds < 100) return nanoseconds.toFixed(1);
  return Math.round(nanoseconds).toLocaleString("en-US");
}

const { values } = parseArgs({
  options: { json: { type: "string" }, smoke: { type: "boolean", default: false } },
});
const passes = values.smoke ? 1 : 25;
const passNanoseconds = values.smoke ? 1 : 4e6;
const cells = cellNames().map((name) => new Cell(name, values.smoke));
for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
  for (const cell of cells) await cell.warmUp(passNanoseconds);
}
for (let pass = 0; pass < passes; pass += 1) for (const cell of cells) await cell.pass();
const results = cells.map((cell) => cell.result);
const host = { cpu: cpus()[0]?.model ?? "unknown", node: process.version };
console.log(`${host.cpu}, node ${host.node}; ns of CPU time per invalidation, start and end,`);
console.log(`the median of ${passes} passes; ${BYSTANDERS} more interval notifiers are not hit`);
console.log(tables(results));
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ host, passes, cells: results }, undefined, 2)}\n`);
}
