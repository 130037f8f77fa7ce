import { writeFileSync } from "node:fs";
import { SingleBar } from "cli-progress";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { ALL_CELLS, type Cell, COUNTS, nameOf, SMOKE_CELLS, TELLING_CELLS } from "./cells.ts";
import { CONTENDERS, OURS } from "./contenders.ts";
import { engineSha256, machine, reported, workloadHashes } from "./machine.ts";
import type { Report } from "./report.ts";
import { estimateSeconds, runCells } from "./run.ts";
import type { Effort } from "./sampling.ts";
import { barsOf, meansOf } from "./standings.ts";
import { cellTables, heading, summary } from "./table.ts";

const NORMAL: Effort = { seconds: 0.2, sampleSeconds: 0.01, samplesMin: 3, budgetSeconds: 6 };
/** Enough to see that everything works and is right; the figures mean nothing. */
const SMOKE: Effort = { seconds: 0.002, sampleSeconds: 0.0005, samplesMin: 2, budgetSeconds: 20 };

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;

interface Options {
  readonly all: boolean;
  readonly smoke: boolean;
  readonly filter?: string;
  readonly n?: number[];
  readonly json?: string;
}

async function main(): Promise<void> {
  const program = new Command("npm run bench --")
    .description("compares the range engine with other interval structures of npm")
    .option("--all", "all cells, not only the most telling", false)
    .option(
      "--filter <text>",
      "of all cells, those with this in their name, such as churn/W1/100000",
    )
    .option("--n <sizes>", `of all cells, those of these sizes (${COUNTS.join(", ")})`, sizesOf)
    .option("--json <file>", "write everything as JSON; - is the standard output, without tables")
    .option("--smoke", "every operation and every contender once, on tiny sets", false)
    .exitOverride()
    .parse();
  await run(program.opts<Options>(), program);
}

function sizesOf(text: string): number[] {
  const sizes = text.split(",").map(Number);
  const unknown = sizes.find((size) => !COUNTS.includes(size));
  if (unknown === undefined) return sizes;
  throw new InvalidArgumentError(`Sizes are ${COUNTS.join(", ")}, separated by commas.`);
}

async function run(options: Options, program: Command): Promise<void> {
  const cells = select(options);
  if (cells.length === 0)
    program.error("No cell has such a name. Names are operation/workload/size/unit.");
  const effort = options.smoke ? SMOKE : NORMAL;
  const minutes = estimateSeconds(cells, effort) / 60;
  const say = options.json === "-" ? console.error : console.log;
  say(
    `${cells.length} cells with ${CONTENDERS.length} contenders, about ` +
      `${minutes < 1.5 ? `${Math.ceil(minutes * 60)} seconds` : `${Math.ceil(minutes)} minutes`}`,
  );
  const about = {
    format: 1,
    machine: machine(),
    engineSha256: engineSha256(),
    workloads: workloadHashes(cells),
    effort,
    contenders: CONTENDERS.map(reported),
  } as const;
  const reports = await withProgress(cells.length * CONTENDERS.length, (progress) =>
    runCells(cells, effort, !options.smoke, progress),
  );
  const report: Report = {
    ...about,
    cells: reports,
    means: meansOf(reports),
    bars: barsOf(reports),
  };
  const json = `${JSON.stringify(report, null, 1)}\n`;
  if (options.json === "-") process.stdout.write(json);
  else {
    console.log(`${heading(report)}\n${cellTables(reports)}\n${summary(report)}`);
    if (options.json !== undefined) writeFileSync(options.json, json);
  }
  if (reports.some(({ verdicts }) => verdicts[OURS].verdict === "wrong")) {
    process.exitCode = EXIT_WRONG;
  }
}

function select({ all, smoke, filter, n }: Options): readonly Cell[] {
  const narrowed = all || filter !== undefined || n !== undefined;
  const cells = smoke ? SMOKE_CELLS : narrowed ? ALL_CELLS : TELLING_CELLS;
  return cells.filter(
    (cell) =>
      (filter === undefined || nameOf(cell).includes(filter)) &&
      (n === undefined || n.includes(cell.count)),
  );
}

/** A bar on the standard error, if that is a terminal. */
async function withProgress<Result>(
  total: number,
  work: (progress: (done: number, what: string) => void) => Promise<Result>,
): Promise<Result> {
  if (!process.stderr.isTTY) return work(() => {});
  const bar = new SingleBar({
    format: "{bar} {percentage} % | {eta_formatted} left | {what}",
    stream: process.stderr,
    clearOnComplete: true,
  });
  bar.start(total, 0, { what: "" });
  try {
    return await work((done, what) => bar.update(done, { what }));
  } finally {
    bar.stop();
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Its message, or the help that was asked for, has been written.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
