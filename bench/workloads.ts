import { Random } from "intervalidate/sim";

/**
 * The six workloads of the benchmark suite: integer arithmetic on one PRNG, so that every language
 * draws the same intervals and queries. The unit is a page, ranges are half-open, all coordinates
 * are below 2^31. `hashOf` tells whether a generator is right.
 */
export type WorkloadName = "W1" | "W2" | "W3" | "W4e" | "W4s" | "W5";

/** W1 sparse, W2 dense, W3 nested, W4e all equal, W4s a staircase of dolls, W5 like an mm's VMAs. */
export const WORKLOAD_NAMES: readonly WorkloadName[] = ["W1", "W2", "W3", "W4e", "W4s", "W5"];

export interface Workload {
  readonly name: WorkloadName;
  readonly count: number;
  /** Interval i, whose id is i, is `[starts[i], ends[i])`. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  /** The order in which intervals are inserted. */
  readonly order: Uint32Array;
}

export interface Queries {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

/** Churn operations in order: the opcode, two coordinates, and the id inserted or removed. */
export interface Churn {
  readonly opcodes: Uint8Array;
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly ids: Uint32Array;
}

export const QUERY = 0;
export const INSERT = 1;
export const REMOVE = 2;

const CLUSTERS = 200;

/** The intervals of a workload, ids ascending, and the order to insert them in. */
export function intervalsOf(name: WorkloadName, count: number): Workload {
  const index = WORKLOAD_NAMES.indexOf(name);
  const random = new Random(0xc0ffee00 + index * 1000003 + count);
  const starts = new Float64Array(count);
  const ends = new Float64Array(count);
  if (name === "W5") drawClusters(random, count, starts, ends);
  else drawIntervals(random, name, count, starts, ends);
  return { name, count, starts, ends, order: shuffled(random, count) };
}

function drawIntervals(
  random: Random,
  name: WorkloadName,
  count: number,
  starts: Float64Array,
  ends: Float64Array,
): void {
  const space = spaceOf(name, count);
  for (let i = 0; i < count; i += 1) {
    let start = 0;
    let length = 0;
    if (name === "W4e") {
      start = 2048;
      length = 64;
    } else if (name === "W4s") {
      start = i;
      length = 2 * count - 2 * i;
    } else if (name === "W3") {
      length = Math.floor(space / 10);
      if (i % 100 === 0) {
        start = random.below(space - length);
      } else {
        start = random.below(space);
        length = 1 + random.below(8);
      }
    } else {
      start = random.below(space);
      length = drawLength(random);
    }
    starts[i] = start;
    ends[i] = start + length;
  }
}

function drawClusters(
  random: Random,
  count: number,
  starts: Float64Array,
  ends: Float64Array,
): void {
  const each = Math.floor(count / CLUSTERS);
  let i = 0;
  for (let cluster = 0; cluster < CLUSTERS; cluster += 1) {
    let at = cluster * 150 * each + random.below(64);
    for (let k = 0; k < each; k += 1) {
      if (random.below(8) === 0) at += 1 + random.below(64);
      const length = drawLength(random);
      starts[i] = at;
      at += length;
      ends[i] = at;
      i += 1;
    }
  }
}

/** Roughly log-uniform, 1 to 512. */
function drawLength(random: Random): number {
  const exponent = random.below(10);
  return 1 + random.below(1 << exponent);
}

function spaceOf(name: WorkloadName, count: number): number {
  if (name === "W2") return Math.floor((24 * count) / 5);
  if (name === "W4e") return 4096;
  return 307 * count;
}

/** 0 to count - 1 in random order. */
function shuffled(random: Random, count: number): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) order[i] = i;
  for (let i = count - 1; i >= 1; i -= 1) {
    const j = random.below(i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}

/** How many queries a workload has nominally. */
export function queryCountOf(name: WorkloadName, count: number): number {
  if (name === "W2" || name === "W4s") return 200_000;
  if (name === "W3") return count <= 1e4 ? 1_000_000 : count <= 1e5 ? 100_000 : 10_000;
  if (name === "W4e") {
    if (count <= 1e3) return 100_000;
    return count <= 1e4 ? 10_000 : count <= 1e5 ? 1000 : 200;
  }
  return 1_000_000;
}

/** The first `queryCount` queries. */
export function queriesOf(workload: Workload, queryCount: number): Queries {
  const index = WORKLOAD_NAMES.indexOf(workload.name);
  const random = new Random(0xbadcafe0 + index * 7919 + workload.count);
  const starts = new Float64Array(queryCount);
  const ends = new Float64Array(queryCount);
  for (let i = 0; i < queryCount; i += 1) {
    starts[i] = drawQueryStart(random, workload);
    ends[i] = (starts[i] as number) + 1 + random.below(512);
  }
  return { starts, ends };
}

function drawQueryStart(random: Random, { name, count, starts }: Workload): number {
  if (name === "W4s") return 2 * count - 1 - random.below(64);
  if (name !== "W5") return random.below(spaceOf(name, count));
  const i = random.below(count);
  const at = (starts[i] as number) + random.below(64);
  return at >= 32 ? at - 32 : 0;
}

/** The churn: of four operations two are queries, one inserts and one removes. */
export function churnOf(workload: Workload): Churn {
  const { name, count } = workload;
  const random = new Random(0x5eed0000 + WORKLOAD_NAMES.indexOf(name) * 104729 + count);
  const length = Math.min(queryCountOf(name, count), 200_000);
  const opcodes = new Uint8Array(length);
  const starts = new Float64Array(length);
  const ends = new Float64Array(length);
  const ids = new Uint32Array(length);
  const live: number[] = Array.from({ length: count }, (_, i) => i);
  let nextId = count;
  // Inserted intervals repeat the coordinates of an initial one.
  const original: number[] = live.slice();
  for (let k = 0; k < length; k += 1) {
    const choice = random.next() >>> 30;
    if (choice < 2) {
      opcodes[k] = QUERY;
      starts[k] = drawQueryStart(random, workload);
      ends[k] = (starts[k] as number) + 1 + random.below(512);
      continue;
    }
    let i: number;
    if (choice === 2 || live.length === 0) {
      i = random.below(count);
      opcodes[k] = INSERT;
      ids[k] = nextId;
      original.push(i);
      live.push(nextId);
      nextId += 1;
    } else {
      const j = random.below(live.length);
      const id = live[j] as number;
      live[j] = live[live.length - 1] as number;
      live.pop();
      i = original[id] as number;
      opcodes[k] = REMOVE;
      ids[k] = id;
    }
    starts[k] = workload.starts[i] as number;
    ends[k] = workload.ends[i] as number;
  }
  return { opcodes, starts, ends, ids };
}

/** FNV-1a over all intervals with their order, all nominal queries, and the churn, in hex. */
export function hashOf(workload: Workload): string {
  let hash = 2166136261;
  const add = (word: number): void => {
    hash = Math.imul(hash ^ word, 16777619);
  };
  for (let i = 0; i < workload.count; i += 1) {
    add(workload.starts[i] as number);
    add(workload.ends[i] as number);
    add(workload.order[i] as number);
  }
  const queries = queriesOf(workload, queryCountOf(workload.name, workload.count));
  for (let i = 0; i < queries.starts.length; i += 1) {
    add(queries.starts[i] as number);
    add(queries.ends[i] as number);
  }
  const churn = churnOf(workload);
  for (let k = 0; k < churn.opcodes.length; k += 1) {
    add(churn.opcodes[k] as number);
    add(churn.starts[k] as number);
    add(churn.ends[k] as number);
    add(churn.ids[k] as number);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
