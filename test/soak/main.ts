// The command behind `npm run soak`: random operations on the engine and on a model of it, until they
// differ or enough are done.
//
//   --operations N   how many, 1e6 by default; histories are played to their end
//   --seed N         1 by default
//   --engine NAME    release or debug
//   --history N      only this one
//   --steps LIST     only these of its steps, with all that they do
//   --json           the report as JSON

import { parseArgs } from "node:util";
import Table from "cli-table3";
import { moduleOf } from "../engine/support.ts";
import { play } from "./history.ts";
import { historyOf } from "./plan.ts";
import { explain, type SoakReport, soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "1e6" },
    seed: { type: "string", default: "1" },
    engine: { type: "string", default: "release" },
    history: { type: "string" },
    steps: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const seed = integer("seed", values.seed);
if (values.engine !== "release" && values.engine !== "debug") {
  usage(`--engine must be release or debug, but is ${values.engine}.`);
}
const conditions = {
  module: moduleOf(values.engine),
  replayOptions: values.engine === "debug" ? " --engine debug" : "",
};

if (values.history === undefined) {
  const report = soak({
    ...conditions,
    seed,
    operations: integer("operations", values.operations),
    progress: (operations) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${operations.toLocaleString("en")}`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r");
  console.log(values.json ? JSON.stringify(report, undefined, 2) : tableOf(report));
  if (report.difference !== undefined) fail(report.difference);
} else {
  const history = historyOf(seed, integer("history", values.history));
  if (values.steps === undefined) {
    const outcome = play(history, conditions);
    if (outcome.failure !== undefined) fail(explain(history, conditions, outcome));
    console.log(JSON.stringify(outcome));
  } else {
    const steps = values.steps.split(",").map((step) => integer("steps", step));
    const notes: string[] = [];
    const { failure } = play(history, conditions, { steps, notes });
    console.log(notes.join("\n"));
    if (failure !== undefined) fail(`step ${failure.step}: ${failure.message}`);
  }
}

function tableOf({ operations, mixes }: SoakReport): string {
  const table = new Table({
    head: ["addresses", "histories", "operations", "peak", "bytes / interval", "growth on refill"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const report of mixes) {
    table.push([
      report.mix,
      report.histories,
      report.operations.toLocaleString("en"),
      report.peakIntervals.toLocaleString("en"),
      report.bytesPerInterval.toFixed(1),
      report.refillGrowthBytes,
    ]);
  }
  return `${table.toString()}\n${operations.toLocaleString("en")} operations`;
}

function integer(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    usage(`--${name} must be an integer from 0, such as 1000 or 1e6, but is ${text}.`);
  }
  return value;
}

function usage(message: string): never {
  console.error(message);
  process.exit(2);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
