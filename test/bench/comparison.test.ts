import { createEngine } from "intervalidate";
import { describe, expect, it } from "vitest";
import { AddressSpaceSide } from "../../bench/native/address-space-side.ts";
import { judge } from "../../bench/native/bars.ts";
import { allCells, type Cell, isTelling, nameOf } from "../../bench/native/cells.ts";
import { type CellResult, Comparison } from "../../bench/native/comparison.ts";
import { EngineSide } from "../../bench/native/engine-side.ts";
import { RangeIndexSide } from "../../bench/native/range-index-side.ts";
import type { Operation, Outcome, Side } from "../../bench/native/side.ts";
import { prepareWorkload } from "../../bench/native/workload-file.ts";
import { referenceOf } from "../../bench/reference.ts";

const EFFORT = { passes: 2, passNanoseconds: 1e5, operationsMin: 100 };

/** A side whose answers another one gives, with one hit too many in one operation. */
function wrongIn(operation: Operation, side: Side): Side {
  return {
    name: "wrong",
    operations: side.operations,
    lock: () => side.lock(),
    async run(name, span, sum): Promise<Outcome> {
      const outcome = await side.run(name, span, sum);
      return name === operation ? { ...outcome, hits: outcome.hits + 1 } : outcome;
    },
  };
}

describe.each(["W1", "W3", "W4e", "W5"] as const)("our sides on workload %s", (name) => {
  const workload = prepareWorkload(name, 1000, 4096);
  const sides = (): Side[] => [
    new RangeIndexSide(createEngine(), workload),
    new EngineSide(createEngine(), workload),
    new AddressSpaceSide(createEngine(), workload),
  ];
  const cells = allCells([1000]).filter((cell) => cell.workload === name && cell.unit === 4096);

  it("agree in every cell, and with the reference", async () => {
    const comparison = new Comparison(workload, sides(), EFFORT);
    await comparison.verify("enumerate", referenceOf(name, 1000));
    await comparison.verify("churn", referenceOf(name, 1000));
    for (const cell of cells) {
      const result = await comparison.measure(cell);
      const [first] = result.sides;
      expect([nameOf(cell), first?.side, first?.ratio]).toEqual([
        nameOf(cell),
        expect.any(String),
        1,
      ]);
      expect(result.amount).toBeGreaterThanOrEqual(100);
      if (cell.operation !== "insert" && cell.operation !== "remove") {
        expect([nameOf(cell), result.hits > 0]).toEqual([nameOf(cell), true]);
      }
    }
  });

  it.each(["enumerate", "count", "invalidate", "churn"] as const)(
    "are told apart from one that is wrong in %s",
    async (operation) => {
      const [first, second] = sides() as [Side, Side, Side];
      const comparison = new Comparison(workload, [first, wrongIn(operation, second)], EFFORT);
      const cell = cells.find((candidate) => candidate.operation === operation) as Cell;
      await expect(comparison.measure(cell)).rejects.toThrow(/wrong gave \d+ hits/);
    },
  );
});

describe("the choice of cells", () => {
  it("names every cell differently", () => {
    const names = allCells().map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("churn W2 100000 pages");
    expect(names).toContain("invalidate W1 1000 bytes held");
  });

  it("has all that the bars speak of in pages, on every workload and size", () => {
    const names = new Set(allCells().filter(isTelling).map(nameOf));
    for (const operation of ["enumerate", "invalidate", "churn"]) {
      for (const workload of ["W1", "W2", "W3", "W4e", "W4s", "W5"]) {
        for (const count of [1000, 10000, 100000, 1000000]) {
          expect(names).toContain(`${operation} ${workload} ${count} pages`);
        }
      }
    }
  });
});

describe("the bars", () => {
  const result = (operation: Operation, count: number, ratio: number): CellResult => ({
    operation,
    workload: "W2",
    count,
    unit: 1,
    held: false,
    amount: 1,
    passes: 1,
    hits: 1,
    sides: [
      { side: "linux", nanoseconds: ratio, ratio: 1 },
      { side: "engine", nanoseconds: 1, ratio },
    ],
  });

  it("ask for more from 10^5 on, and only of the operations that they are about", () => {
    const results = [
      result("enumerate", 1e4, 0.91),
      result("invalidate", 1e4, 0.89),
      result("churn", 1e5, 0.99),
      result("insert", 1e5, 0.5),
      result("churn", 1e6, 25),
    ];
    const [bar, ahead, factor] = judge(results, "engine");
    expect([bar?.cells, bar?.missed.map(({ cell }) => cell)]).toEqual([
      4,
      ["invalidate W2 10000 pages", "churn W2 100000 pages"],
    ]);
    expect([ahead?.cells, ahead?.missed.map(({ ratio }) => ratio)]).toEqual([
      5,
      [0.5, 0.89, 0.91, 0.99],
    ]);
    expect([factor?.cells, factor?.missed.map(({ ratio }) => ratio)]).toEqual([2, [0.99]]);
  });

  it("say nothing about a side that was not measured", () => {
    expect(judge([result("churn", 1e5, 2)], "RangeIndex")).toEqual([]);
  });
});
