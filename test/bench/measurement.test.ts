import { describe, expect, it } from "vitest";
import { OPERATIONS, type Operation } from "../../bench/cells.ts";
import type { Columns, Configuration } from "../../bench/contender.ts";
import { Measurement } from "../../bench/measurement.ts";
import { configurations, ListScan } from "../../bench/peers/list-scan.ts";
import { SettingData } from "../../bench/setting-data.ts";
import type { Verdict } from "../../bench/verdict.ts";

const EFFORT = { seconds: 0.001, sampleSeconds: 0.0001, samplesMin: 2, budgetSeconds: 20 };
const data = new SettingData({ workload: "W2", count: 1000, unit: "bytes" });

function verdictOn(
  operation: Operation,
  build: (columns: Columns) => ListScan,
  budgetSeconds = EFFORT.budgetSeconds,
): Verdict {
  const measurement = new Measurement([{ name: "faulty", build }], data, {
    ...EFFORT,
    budgetSeconds,
  });
  return measurement.measure(operation);
}

/** Lists that are wrong in one thing each, and the operations in which that must show. */
const FAULTS: [string, (columns: Columns) => ListScan, Operation[]][] = [
  [
    "takes ends for a part of the interval",
    (columns) =>
      new (class extends ListScan {
        override enumerate(start: number, end: number): number {
          return super.enumerate(start - 1, end);
        }
      })(columns),
    ["enumerate", "batch", "insert", "remove", "churn", "build"],
  ],
  [
    "finds everything but says the wrong ids",
    (columns) =>
      new (class extends ListScan {
        override enumerate(start: number, end: number): number {
          return super.enumerate(start, end) + 1;
        }
      })(columns),
    ["enumerate", "batch", "insert", "remove", "churn", "build"],
  ],
  [
    "counts one too few",
    (columns) =>
      new (class extends ListScan {
        override count(start: number, end: number): number {
          return super.count(start, end) - 1;
        }
      })(columns),
    ["count"],
  ],
  [
    "always finds something",
    (columns) =>
      new (class extends ListScan {
        override any(): boolean {
          return true;
        }
      })(columns),
    ["any"],
  ],
  [
    "lists what it invalidates but sets no sequence",
    (columns) =>
      new (class extends ListScan {
        override invalidate(start: number, end: number): number {
          return this.enumerate(start, end);
        }
      })(columns),
    ["invalidate"],
  ],
  [
    "removes nothing and inserts nothing",
    (columns) =>
      new (class extends ListScan {
        override insert(): void {}
        override remove(): void {}
      })(columns),
    ["insert", "remove", "churn"],
  ],
  [
    "throws",
    () => {
      throw new Error("out of order");
    },
    [...OPERATIONS],
  ],
];

describe.each(FAULTS)("a structure that %s", (_what, build, operations) => {
  it.each(operations)("is found wrong in %s", (operation) => {
    expect(verdictOn(operation, build)).toEqual({ verdict: "wrong", detail: expect.any(String) });
  });
});

describe("a structure that is right", () => {
  it.each(OPERATIONS)("is measured in %s", (operation) => {
    const verdict = new Measurement(configurations, data, EFFORT).measure(operation);
    expect(verdict).toMatchObject({ verdict: "measured", configuration: "typed arrays" });
  });

  it.each(OPERATIONS)("is too slow in %s if there is no time", (operation) => {
    const verdict = verdictOn(operation, (columns) => new ListScan(columns), 1e-6);
    expect(verdict).toEqual({ verdict: "too slow", detail: expect.any(String) });
  });

  it("is given up before it is built, if a part of it takes too long already", () => {
    const sizes: number[] = [];
    const slow: Configuration = {
      name: "slow",
      build: (columns) => {
        sizes.push(columns.ids.length);
        const begin = performance.now();
        while (performance.now() - begin < columns.ids.length / 100);
        return new ListScan(columns);
      },
    };
    const large = new SettingData({ workload: "W1", count: 10_000, unit: "pages" });
    const measurement = new Measurement([slow], large, { ...EFFORT, budgetSeconds: 0.05 });
    expect(measurement.measure("enumerate")).toMatchObject({ verdict: "too slow" });
    expect(sizes).toEqual([2500]);
  });

  it("is shown in the configuration that is fastest", () => {
    const slow: Configuration = {
      name: "slow",
      build: (columns) =>
        new (class extends ListScan {
          override enumerate(start: number, end: number): number {
            for (let i = 0; i < 9; i += 1) super.count(start, end);
            return super.enumerate(start, end);
          }
        })(columns),
    };
    const fast = configurations[0];
    for (const order of [
      [slow, fast],
      [fast, slow],
    ]) {
      const effort = { ...EFFORT, sampleSeconds: 0.02 };
      const verdict = new Measurement(order, data, effort).measure("enumerate");
      expect(verdict).toMatchObject({ configuration: fast.name });
    }
  });
});
