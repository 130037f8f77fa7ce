import { describe, expect, it } from "vitest";
import type { Address } from "../../src/engine/addresses.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { moduleOf } from "../engine/support.ts";
import { play } from "./history.ts";
import { historyOf, MIXES } from "./plan.ts";
import { type SoakReport, soak } from "./soak.ts";

/** Of the plan's first round: all mixes, tiny and in the middle, and one of them large. */
function expectNoDifference(report: SoakReport, operations: number): void {
  expect(report.difference).toBeUndefined();
  expect(report.operations).toBeGreaterThanOrEqual(operations);
  for (const { mix, histories, bytesPerInterval, refillGrowthBytes } of report.mixes) {
    expect(histories, mix).toBeGreaterThan(0);
    expect(bytesPerInterval, mix).toBeLessThan(64);
    expect(refillGrowthBytes, mix).toBe(0);
  }
}

describe("random operations on the engine and on a model of it", () => {
  it("agree a million times on the release engine", () => {
    expectNoDifference(soak({ module: moduleOf("release"), seed: 1, operations: 1e6 }), 1e6);
  });

  it("agree on the debug engine, which checks itself", () => {
    const options = { module: moduleOf("debug"), seed: 2, replayOptions: " --engine debug" };
    expectNoDifference(soak({ ...options, operations: 6.8e5 }), 6.8e5);
  });

  it("are the same for the same seed, and others for another", () => {
    const notesOf = (seed: number): string[] => {
      const notes: string[] = [];
      const steps = Array.from({ length: 500 }, (_, step) => step);
      expect(play(historyOf(seed, 4), {}, { steps, notes }).failure).toBeUndefined();
      return notes;
    };
    expect(notesOf(1)).toEqual(notesOf(1));
    expect(notesOf(1)).not.toEqual(notesOf(2));
  });

  it("are planned alike however many there are: every mix in every size", () => {
    const planned = new Set<string>();
    for (let number = 0; number < 8 * 41; number += 1) {
      const { mix, size } = historyOf(1, number);
      planned.add(`${size.name} ${mix.name}`);
    }
    expect(planned.size).toBe(3 * MIXES.length);
  });
});

/** Engines with one fault each: whatever a soak cannot find it need not look for. */
const FAULTS: Record<string, (engine: Engine) => IntervalSet> = {
  "loses a hit now and then": (engine) =>
    new (class extends IntervalSet {
      override collect(start: Address, last: Address, into: Uint32Array): number {
        const total = super.collect(start, last, into);
        if (total === 7) into[3] = into[2] as number;
        return total;
      }
    })(engine),
  "counts one too many at the top of the space": (engine) =>
    new (class extends IntervalSet {
      override count(start: Address, last: Address): number {
        return super.count(start, last) + (last === 2n ** 64n - 1n ? 1 : 0);
      }
    })(engine),
  "invalidates in spite of a lock": (engine) =>
    new (class extends IntervalSet {
      override invalidate(start: Address, last: Address, seq: number, into?: Uint32Array): number {
        const hits = super.invalidate(start, last, seq, into);
        if (hits === -1) super.invalidateUnlocked(start, last, seq);
        return hits;
      }
    })(engine),
  "moves only the start": (engine) =>
    new (class extends IntervalSet {
      override move(handle: number, start: Address, last: Address): boolean {
        const old = this.lastOf(handle);
        return super.move(handle, start, old !== undefined && old > last ? old : last);
      }
    })(engine),
  "writes behind the hits": (engine) =>
    new (class extends IntervalSet {
      override collect(start: Address, last: Address, into: Uint32Array): number {
        const total = super.collect(start, last, into);
        if (total < into.length) into[total] = 0;
        return total;
      }
    })(engine),
  "forgets an interval of a large batch": (engine) =>
    new (class extends IntervalSet {
      override insertMany(starts: Float64Array, ends: Float64Array, seq = 0): Uint32Array {
        const handles = super.insertMany(starts, ends, seq);
        if (handles.length > 5) this.remove(handles[4] as number);
        return handles;
      }
    })(engine),
  traps: (engine) =>
    new (class extends IntervalSet {
      override firstAfter(start: Address): number | undefined {
        if (this.size > 12) throw new WebAssembly.RuntimeError("unreachable");
        return super.firstAfter(start);
      }
    })(engine),
};

describe("a fault planted in the engine", () => {
  it.each(Object.entries(FAULTS))("that %s is found, told and made short", (_, makeSet) => {
    const { difference, operations } = soak({ makeSet, seed: 1, operations: 4e5 });
    expect(operations).toBeLessThan(4e5);
    const shown = difference?.split("\n") ?? [];
    expect(shown[0]).toMatch(/^History \d+ of seed 1 .* differs at step \d+ of \d+: ./);
    expect(shown[1]).toMatch(/^ {2}replay: npm run soak -- --seed 1 --history \d+$/);
    const [, count] = shown[2]?.match(/shrunk to (\d+) steps: ./) ?? [];
    expect(Number(count)).toBeLessThan(40);
    // What the difference says to replay fails by itself.
    const [, number, list] = shown[3]?.match(/--history (\d+) --steps ([\d,]+)$/) ?? [];
    const steps = (list as string).split(",").map(Number);
    const notes: string[] = [];
    const replayed = play(historyOf(1, Number(number)), { makeSet }, { steps, notes });
    expect(shown[2]).toContain(replayed.failure?.message);
    expect(shown.slice(4).map((line) => line.slice(4))).toEqual(notes.slice(-60));
  });
});
