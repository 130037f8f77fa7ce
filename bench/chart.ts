import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { OPERATIONS } from "./cells.ts";
import { OURS } from "./contenders.ts";
import type { CellReport, Report } from "./report.ts";
import { ratioTo } from "./standings.ts";

const WIDTH = 1000;
const ROW_HEIGHT = 17;
const LABEL_WIDTH = 170;
const TOP = 132;
const LEGEND_COLUMNS = 4;
const FONT = "font-family: system-ui, 'DejaVu Sans', sans-serif; font-size: 12px;";
const INK = "#222";
/** Told apart also by those who see few colours, together with the shapes. */
const COLOURS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#8c6d00",
  "#7f3fbf",
  "#999999",
];

interface Dot {
  readonly row: string;
  readonly contender: string;
  readonly ratio: number;
}

/**
 * How many times as long each contender takes as ours, on a logarithmic axis: a row for each cell, a
 * mark for each contender that was measured, filled if it can insert and remove. The bar of a row
 * ends at the best npm peer that can.
 */
export function draw(report: Report): string {
  const { document } = parseHTML("<html><body></body></html>");
  const contenders = report.contenders.filter(({ name }) => name !== OURS);
  const rows = rowsOf(report.cells);
  const dots = report.cells.flatMap((cell) =>
    contenders.flatMap(({ name }): Dot[] => {
      const ratio = ratioTo(cell.verdicts, name);
      return ratio === null || ratio === 0 ? [] : [{ row: cell.name, contender: name, ratio }];
    }),
  );
  const dynamic = new Set(contenders.filter((each) => each.dynamic).map(({ name }) => name));
  const colour = new Map(contenders.map(({ name }, i) => [name, COLOURS[i % COLOURS.length]]));
  const height = TOP + rows.length * ROW_HEIGHT + 50;
  const plot = Plot.plot({
    document,
    width: WIDTH,
    height,
    marginTop: TOP,
    marginLeft: LABEL_WIDTH,
    marginRight: 24,
    marginBottom: 50,
    x: {
      type: "log",
      grid: true,
      label: null,
      ticks: ticksOf(dots),
    },
    y: { type: "point", domain: rows.map(({ key }) => key), axis: null, padding: 0.5 },
    marks: [
      ...(["top", "bottom"] as const).map((anchor) =>
        Plot.axisX({ anchor, tickSize: 0, label: null, ticks: ticksOf(dots), tickFormat: times }),
      ),
      Plot.ruleX([1], { stroke: INK, strokeWidth: 1.5 }),
      Plot.ruleY(bestOf(report.cells), {
        y: "row",
        x1: 1,
        x2: "ratio",
        stroke: "#d9d9d9",
        strokeWidth: 9,
      }),
      Plot.dot(
        dots.filter(({ contender }) => !dynamic.has(contender)),
        {
          x: "ratio",
          y: "row",
          r: 4,
          stroke: (dot: Dot) => colour.get(dot.contender),
          strokeWidth: 1.8,
        },
      ),
      Plot.dot(
        dots.filter(({ contender }) => dynamic.has(contender)),
        { x: "ratio", y: "row", r: 4, fill: (dot: Dot) => colour.get(dot.contender) },
      ),
      ...[true, false].map((isHeading) =>
        Plot.text(
          rows.filter((row) => row.isHeading === isHeading),
          {
            y: "key",
            frameAnchor: "left",
            textAnchor: "start",
            dx: 8 - LABEL_WIDTH,
            text: "label",
            fontWeight: isHeading ? 700 : 400,
          },
        ),
      ),
    ],
  });
  const text = (x: number, y: number, content: string, attributes = ""): string =>
    `<text x="${x}" y="${y}" fill="${INK}" text-anchor="start" ${attributes}>${escaped(content)}</text>`;
  const { machine, engineSha256 } = report;
  const legend = contenders.map(({ name, version }, i) => {
    const x = 16 + (i % LEGEND_COLUMNS) * ((WIDTH - 32) / LEGEND_COLUMNS);
    const y = 76 + Math.floor(i / LEGEND_COLUMNS) * 20;
    const paint = dynamic.has(name)
      ? `fill="${colour.get(name)}"`
      : `fill="none" stroke-width="1.8" stroke="${colour.get(name)}"`;
    const label = version === null ? name : `${name} ${version}`;
    return `<circle cx="${x}" cy="${y - 4}" r="4" ${paint}></circle>${text(x + 10, y, label)}`;
  });
  const above = [
    text(
      10,
      22,
      "Time per operation, as a multiple of the range engine's",
      'font-size="16" font-weight="700"',
    ),
    text(
      10,
      44,
      "Right of the line at 1x the range engine is faster. Filled: can insert and remove; hollow: static. " +
        "Bar: to the best npm package that can.",
    ),
    ...legend,
  ];
  const below = text(
    10,
    height - 10,
    `${machine.cpu}, node ${machine.node}, engine ${engineSha256.slice(0, 12)}. ` +
      "Workload, number of intervals, unit of addresses; medians. No mark: wrong, too slow, or not offered.",
    'font-size="11"',
  );
  plot.setAttribute("style", `${FONT} color: ${INK}; background: white;`);
  plot.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  plot.insertAdjacentHTML("beforeend", [...above, below].join(""));
  return `${plot.outerHTML}\n`;
}

interface Row {
  readonly key: string;
  readonly label: string;
  readonly isHeading: boolean;
}

/** A heading for each operation, then its cells. */
function rowsOf(cells: readonly CellReport[]): Row[] {
  return OPERATIONS.flatMap((operation) => {
    const group = cells.filter((cell) => cell.operation === operation);
    if (group.length === 0) return [];
    return [
      { key: operation, label: operation, isHeading: true },
      ...group.map(({ name, workload, count, unit }) => ({
        key: name,
        label: `${workload}  ${count.toLocaleString("en-US")} ${unit}`,
        isHeading: false,
      })),
    ];
  });
}

function bestOf(cells: readonly CellReport[]): { row: string; ratio: number }[] {
  return cells.flatMap(({ name, ratios }) =>
    ratios.dynamic === null || ratios.dynamic.ratio === 0
      ? []
      : [{ row: name, ratio: ratios.dynamic.ratio }],
  );
}

/** Powers of ten, with 2 and 5 between them below 10. */
function ticksOf(dots: readonly Dot[]): number[] {
  const ratios = dots.map(({ ratio }) => ratio);
  const [least, most] = [Math.min(1, ...ratios), Math.max(10, ...ratios)];
  const ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1e3, 1e4, 1e5, 1e6];
  return ticks.filter((tick) => tick >= least && tick <= most);
}

function times(ratio: number): string {
  return `${ratio.toLocaleString("en-US")}x`;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
