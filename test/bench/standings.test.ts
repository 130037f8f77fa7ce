import { describe, expect, it } from "vitest";
import { ALL_CELLS, type Cell, nameOf, UPDATES } from "../../bench/cells.ts";
import { CONTENDERS, OURS } from "../../bench/contenders.ts";
import type { CellReport } from "../../bench/report.ts";
import { figuresOf } from "../../bench/sampling.ts";
import { barsOf, meansOf, ratiosOf } from "../../bench/standings.ts";
import type { Verdict } from "../../bench/verdict.ts";

function measured(nanoseconds: number): Verdict {
  return {
    verdict: "measured",
    configuration: "any",
    nanoseconds,
    mean: nanoseconds,
    marginPercent: 1,
    samples: 9,
  };
}

/** Each contender as many times as long as ours, which takes 10 ns; those not named are too slow. */
function reportOf(cell: Cell, times: Record<string, number>, ours = measured(10)): CellReport {
  const verdicts = Object.fromEntries(
    CONTENDERS.map(({ name, dynamic }): [string, Verdict] => {
      if (name === OURS) return [name, ours];
      if (!dynamic && UPDATES.has(cell.operation)) return [name, { verdict: "lacking" }];
      if (name in times) return [name, measured(10 * times[name])];
      return [name, { verdict: "too slow", detail: "" }];
    }),
  );
  return { name: nameOf(cell), ...cell, verdicts, ratios: ratiosOf(verdicts) };
}

function cell(name: string): Cell {
  return ALL_CELLS.find((each) => nameOf(each) === name) as Cell;
}

describe("figures", () => {
  it("are the median, the mean and Student's margin", () => {
    const figures = figuresOf([1e-9, 2e-9, 3e-9, 10e-9]);
    expect(figures.nanoseconds).toBeCloseTo(2.5);
    expect(figures.mean).toBeCloseTo(4);
    // Standard deviation sqrt(50 / 3), four samples, t = 3.182.
    expect(figures.marginPercent).toBeCloseTo((100 * 3.182 * Math.sqrt(50 / 3)) / 2 / 4);
    expect(figures.samples).toBe(4);
  });
});

describe("the bars", () => {
  const quick = reportOf(cell("enumerate/W1/100000/pages"), {
    rbush: 20,
    "flatten-js": 12,
    flatbush: 3,
    "list scan": 0.5,
  });
  const churn = reportOf(cell("churn/W1/100000/pages"), { rbush: 11, "flatten-js": 30 });

  it("are met by cells that are all far enough ahead, whatever code of this suite takes", () => {
    expect(quick.ratios).toEqual({
      dynamic: { contender: "flatten-js", ratio: 12 },
      static: { contender: "flatbush", ratio: 3 },
      flatbush: { contender: "flatbush", ratio: 3 },
    });
    expect(barsOf([quick, churn]).map(({ met, cells }) => [met, cells])).toEqual([
      [true, 2],
      [true, 1],
      [true, 2],
      [true, 1],
      [true, 1],
    ]);
  });

  it("name the worst cell, and the peer that is closest there", () => {
    const slow = reportOf(cell("churn/W2/1000000/bytes"), { i2bplustree: 0.9, rbush: 4 });
    const [ahead, churned, mean] = barsOf([quick, churn, slow]);
    const worst = { cell: slow.name, contender: "i2bplustree", ratio: 0.9 };
    expect(ahead).toMatchObject({ met: false, ratio: 0.9, worst });
    expect(churned).toMatchObject({ met: false, ratio: 0.9, worst, cells: 2 });
    expect(mean).toMatchObject({ met: false, worst });
    expect(mean.ratio).toBeCloseTo(Math.cbrt(12 * 11 * 0.9));
  });

  it("are missed where ours is wrong", () => {
    const wrong = reportOf(quick, { rbush: 5, flatbush: 5 }, { verdict: "wrong", detail: "" });
    expect(barsOf([quick, wrong]).map(({ met }) => met)).toEqual([
      false,
      null,
      false,
      false,
      false,
    ]);
  });

  it("say in how many cells no peer was right in time, and judge nothing by those", () => {
    const alone = reportOf(cell("enumerate/W3/1000000/pages"), {});
    const [ahead, churned] = barsOf([quick, alone]);
    expect(ahead).toMatchObject({ met: true, cells: 1, withoutPeer: 1 });
    expect(churned).toMatchObject({ met: null, ratio: null, worst: null, cells: 0 });
  });

  it("of small sets only ask to be ahead", () => {
    const small = reportOf(cell("churn/W1/1000/pages"), { rbush: 1.01 });
    expect(barsOf([small]).map(({ met }) => met)).toEqual([true, null, null, null, null]);
  });
});

describe("geometric means", () => {
  it("are over the large cells of an operation", () => {
    const cells = [
      reportOf(cell("enumerate/W1/1000/pages"), { rbush: 100 }),
      reportOf(cell("enumerate/W1/10000/pages"), { rbush: 2 }),
      reportOf(cell("enumerate/W1/100000/pages"), { rbush: 8, flatbush: 3 }),
    ];
    expect(meansOf(cells)).toEqual([
      { contender: "rbush", operation: "enumerate", ratio: expect.closeTo(4), cells: 2 },
      { contender: "flatbush", operation: "enumerate", ratio: expect.closeTo(3), cells: 1 },
    ]);
  });
});
