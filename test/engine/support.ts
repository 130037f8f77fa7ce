import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createEngine, type Engine, type EngineOptions } from "../../src/engine/engine.ts";
import { IntervalidateError } from "../../src/errors.ts";
import type { Random } from "../../src/sim/random.ts";

/** The engine is built twice: with assertions, and as it is shipped. All tests run on both. */
export const TARGETS = ["debug", "release"] as const;
export type Target = (typeof TARGETS)[number];

export const TOP = (1n << 64n) - 1n;

const modules = new Map<Target, WebAssembly.Module>();

export function fileOf(target: Target): string {
  return join(import.meta.dirname, "../../build", target, "engine.wasm");
}

export function moduleOf(target: Target): WebAssembly.Module {
  let module = modules.get(target);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(fileOf(target)));
    modules.set(target, module);
  }
  return module;
}

export function engineOf(target: Target, options: EngineOptions = {}): Engine {
  return createEngine({ module: moduleOf(target), ...options });
}

/** The code of the IntervalidateError that an action throws; undefined if it throws none. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof IntervalidateError) return error.code;
    throw error;
  }
  return undefined;
}

/** How the addresses of a test lie in the space. */
export interface Spread {
  readonly name: string;
  /** Starts are below 2^bits. */
  readonly bits: number;
  /** Lengths are below 2^lengthBits. */
  readonly lengthBits: number;
  /** Starts and ends are multiples of 2^alignment. */
  readonly alignment: number;
  /** Bytes in use per interval after 1e5 random insertions, at most. */
  readonly bytesMax: number;
}

export const SPREADS: readonly Spread[] = [
  { name: "2^16", bits: 16, lengthBits: 8, alignment: 0, bytesMax: 36 },
  { name: "2^31", bits: 31, lengthBits: 10, alignment: 0, bytesMax: 36 },
  { name: "2^47", bits: 47, lengthBits: 20, alignment: 0, bytesMax: 45 },
  { name: "pages of 2^47", bits: 47, lengthBits: 21, alignment: 12, bytesMax: 36 },
  { name: "2^64", bits: 64, lengthBits: 40, alignment: 0, bytesMax: 56 },
  { name: "pages of 2^64", bits: 64, lengthBits: 44, alignment: 12, bytesMax: 56 },
  { name: "2^64, any length", bits: 64, lengthBits: 64, alignment: 0, bytesMax: 56 },
];

export function u64(random: Random, bits: number): bigint {
  const word = (BigInt(random.next()) << 32n) | BigInt(random.next());
  return bits === 0 ? 0n : word >> BigInt(64 - bits);
}

/** A range of the spread from two words: closed, cut at the top of the space. */
export function rangeOf(spread: Spread, place: bigint, length: bigint): [bigint, bigint] {
  const unit = BigInt(spread.alignment);
  const start = ((place >> BigInt(64 - spread.bits)) >> unit) << unit;
  const units = ((length >> BigInt(64 - spread.lengthBits)) >> unit) + 1n;
  const last = start + (units << unit) - 1n;
  return [start, last > TOP ? TOP : last];
}

/** Lengths spread over all magnitudes up to the spread's. */
export function drawRange(random: Random, spread: Spread): [bigint, bigint] {
  const bits = random.below(spread.lengthBits + 1);
  const length = bits === 0 ? 0n : u64(random, bits) << BigInt(64 - spread.lengthBits);
  return rangeOf(spread, u64(random, 64), length);
}

interface Entry {
  start: bigint;
  last: bigint;
  sequence: number;
  locked: boolean;
}

/** What a set ought to hold: a map, and a scan for each question. */
export class Oracle {
  readonly entries = new Map<number, Entry>();

  add(handle: number, start: bigint, last: bigint, sequence = 0): void {
    if (this.entries.has(handle)) throw new Error(`handle ${handle} was given out twice`);
    this.entries.set(handle, { start, last, sequence, locked: false });
  }

  /** Handles of overlapping intervals, ascending. */
  hits(start: bigint, last: bigint): number[] {
    const hits: number[] = [];
    for (const [handle, entry] of this.entries) {
      if (entry.start <= last && start <= entry.last) hits.push(handle);
    }
    return hits.sort((a, b) => a - b);
  }

  ordered(start: bigint, last: bigint): number[] {
    return this.hits(start, last).sort((a, b) => this.#compare(a, b));
  }

  #compare(a: number, b: number): number {
    const x = this.entries.get(a) as Entry;
    const y = this.entries.get(b) as Entry;
    if (x.start !== y.start) return x.start < y.start ? -1 : 1;
    if (x.last !== y.last) return x.last < y.last ? -1 : 1;
    return a - b;
  }

  firstAfter(at: bigint): number | undefined {
    const after = [...this.entries.keys()].filter((h) => this.#start(h) >= at);
    return after.sort((a, b) => this.#compare(a, b))[0];
  }

  firstBefore(at: bigint): number | undefined {
    let best: number | undefined;
    for (const [handle, { start, last }] of this.entries) {
      if (last >= at) continue;
      if (best === undefined) {
        best = handle;
        continue;
      }
      const other = this.entries.get(best) as Entry;
      if (
        last > other.last ||
        (last === other.last && (start > other.start || (start === other.start && handle < best)))
      ) {
        best = handle;
      }
    }
    return best;
  }

  #start(handle: number): bigint {
    return (this.entries.get(handle) as Entry).start;
  }

  gaps(start: bigint, end: bigint): [bigint, bigint][] {
    const gaps: [bigint, bigint][] = [];
    let at = start;
    for (const handle of this.ordered(start, end - 1n)) {
      const entry = this.entries.get(handle) as Entry;
      if (entry.start > at) gaps.push([at, entry.start]);
      if (entry.last + 1n > at) at = entry.last + 1n;
    }
    if (at < end) gaps.push([at, end]);
    return gaps;
  }

  /** As the engine: -1 and no change if a hit is locked. */
  invalidate(start: bigint, last: bigint, sequence: number): number[] | -1 {
    const hits = this.hits(start, last);
    if (hits.some((handle) => this.entries.get(handle)?.locked)) return -1;
    for (const handle of hits) (this.entries.get(handle) as Entry).sequence = sequence;
    return hits;
  }
}

export function ascending(handles: Iterable<number>): number[] {
  return [...handles].sort((a, b) => a - b);
}
