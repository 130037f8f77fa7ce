import { createEngine, RangeIndex } from "intervalidate";
import { cpuNanoseconds } from "./clock.ts";
import { median } from "./median.ts";

/** What a call costs by itself. */
export interface CallResult {
  readonly call: string;
  /** CPU time per call, median over the passes. */
  readonly nanoseconds: number;
}

/**
 * A module of three functions: `v` does nothing, `n` compares two f64, `b` two u64.
 * Sections: types, functions, exports, code.
 */
const BARE_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x10, 0x03],
  ...[0x60, 0x00, 0x00],
  ...[0x60, 0x02, 0x7c, 0x7c, 0x01, 0x7f],
  ...[0x60, 0x02, 0x7e, 0x7e, 0x01, 0x7f],
  ...[0x03, 0x04, 0x03, 0x00, 0x01, 0x02],
  ...[0x07, 0x0d, 0x03],
  ...[0x01, 0x76, 0x00, 0x00],
  ...[0x01, 0x6e, 0x00, 0x01],
  ...[0x01, 0x62, 0x00, 0x02],
  ...[0x0a, 0x14, 0x03],
  ...[0x02, 0x00, 0x0b],
  ...[0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x63, 0x0b],
  ...[0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x54, 0x0b],
);

interface BareExports {
  v(): void;
  n(start: number, last: number): number;
  b(start: bigint, last: bigint): number;
}

/** Bounds differ from call to call, so that none can be folded. */
const BOUNDS = 1024;

/**
 * Measures the way from JavaScript into the engine and back: three functions that do nothing, and
 * the shortest of the engine's operations, `some` on an empty set, by each door.
 */
export function measureCalls(
  module: WebAssembly.Module,
  calls: number,
  passes: number,
): CallResult[] {
  const bare = new WebAssembly.Instance(new WebAssembly.Module(BARE_MODULE))
    .exports as unknown as BareExports;
  const engine = createEngine({ module });
  const { exports } = engine;
  const set = exports.createSet();
  const index = new RangeIndex({ engine: createEngine({ module }) });
  const starts = Float64Array.from({ length: BOUNDS }, (_, i) => (i * 2 ** 45) / BOUNDS);
  const ends = starts.map((start) => start + 4096);
  const longStarts = BigUint64Array.from(starts, BigInt);
  const bigStarts = Array.from(longStarts);
  const bigEnds = bigStarts.map((start) => start + 4096n);
  const at = (i: number): number => i & (BOUNDS - 1);
  /** Each loop is a function of its own, so that each call site sees one callee. */
  const loops: [string, (count: number) => number][] = [
    [
      "empty loop",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) sum += starts[at(i)] as number;
        return sum;
      },
    ],
    [
      "void function",
      (count) => {
        for (let i = 0; i < count; i += 1) bare.v();
        return count;
      },
    ],
    [
      "(f64, f64) -> u32",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          sum += bare.n(starts[at(i)] as number, ends[at(i)] as number);
        }
        return sum;
      },
    ],
    [
      "(i64, i64) -> u32, bigints at hand",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          sum += bare.b(bigStarts[at(i)] as bigint, bigEnds[at(i)] as bigint);
        }
        return sum;
      },
    ],
    [
      "engine someNumber, empty set",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          sum += exports.someNumber(set, starts[at(i)] as number, ends[at(i)] as number);
        }
        return sum;
      },
    ],
    [
      "engine some, empty set, bigints at hand",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          sum += exports.some(set, bigStarts[at(i)] as bigint, bigEnds[at(i)] as bigint);
        }
        return sum;
      },
    ],
    [
      "RangeIndex some, empty, numbers",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          if (index.some(starts[at(i)] as number, ends[at(i)] as number)) sum += 1;
        }
        return sum;
      },
    ],
    [
      "RangeIndex some, empty, bigints at hand",
      (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          if (index.some(bigStarts[at(i)] as bigint, bigEnds[at(i)] as bigint)) sum += 1;
        }
        return sum;
      },
    ],
  ];
  const times = loops.map((): number[] => []);
  for (let pass = -1; pass < passes; pass += 1) {
    loops.forEach(([call, loop], i) => {
      const begun = cpuNanoseconds();
      const sum = loop(calls);
      const time = cpuNanoseconds() - begun;
      // Of the sums it is known what they are: each loop has really run.
      if (sum < 0 || Number.isNaN(sum)) throw new Error(`${call} gave ${sum}`);
      if (pass >= 0) (times[i] as number[]).push(time);
    });
  }
  return loops.map(([call], i) => ({ call, nanoseconds: median(times[i] as number[]) / calls }));
}
