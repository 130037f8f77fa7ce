// How fast `summary` reads the biggest example, compared with unpacking it and counting its lines;
// and whether its memory stays flat when the log is twenty times as long.
//
//   npm run build && node bench/summary.mjs [--runs N] [--json]

import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

const REPEATS = 20;
const RATIO_MAX = 10;
const RATIO_GOAL = 6;
const MEMORY_RATIO_MAX = 1.5;

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, json: { type: "boolean", default: false } },
});
const root = join(import.meta.dirname, "..");
const main = join(root, "dist", "cli", "main.js");
const log = join(root, "examples", "chromium.strace.gz");

/** Reports the peak of the child's resident memory on its file descriptor 3. */
const REPORT =
  "process.on('exit',()=>require('fs').writeSync(3,String(process.resourceUsage().maxRSS)))";

function seconds(command, args) {
  const start = process.hrtime.bigint();
  const { status } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

function peakKilobytes(path) {
  const preload = `data:text/javascript,${encodeURIComponent(
    `import{createRequire}from"node:module";const require=createRequire("/");${REPORT}`,
  )}`;
  const { status, output } = spawnSync(
    process.execPath,
    ["--import", preload, main, "summary", path],
    {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`summary ${path} ended with ${status}`);
  return Number(output[3]);
}

const runs = Number(values.runs);
const base = [];
const ours = [];
for (let i = 0; i < runs; i++) {
  base.push(seconds("sh", ["-c", 'gzip -dc "$0" | wc -l', log]));
  ours.push(seconds(process.execPath, [main, "summary", log]));
}

const folder = mkdtempSync(join(tmpdir(), "bench-summary-"));
let once = 0;
let repeated = 0;
try {
  const bytes = gunzipSync(readFileSync(log));
  const paths = [1, REPEATS].map((count) => {
    const path = join(folder, `${count}.strace`);
    const file = openSync(path, "w");
    for (let i = 0; i < count; i++) writeSync(file, bytes);
    closeSync(file);
    return path;
  });
  once = median([0, 1, 2].map(() => peakKilobytes(paths[0])));
  repeated = peakKilobytes(paths[1]);
} finally {
  rmSync(folder, { recursive: true });
}

const report = {
  cpu: cpus()[0]?.model ?? "unknown",
  node: process.version,
  gzip: execFileSync("gzip", ["--version"], { encoding: "utf8" }).split("\n")[0],
  runs,
  baseSeconds: median(base),
  summarySeconds: median(ours),
  timeRatio: median(ours) / median(base),
  peakOnceKilobytes: once,
  peakRepeatedKilobytes: repeated,
  memoryRatio: repeated / once,
};
if (values.json) console.log(JSON.stringify(report));
else {
  console.log(`${report.cpu}, node ${report.node}, ${report.gzip}, median of ${runs}`);
  console.log(`gzip -dc | wc -l        ${report.baseSeconds.toFixed(3)} s`);
  console.log(
    `summary                 ${report.summarySeconds.toFixed(3)} s: ${report.timeRatio.toFixed(1)} times ` +
      `(at most ${RATIO_MAX}, goal ${RATIO_GOAL})`,
  );
  console.log(
    `peak memory             ${once} KB; log ${REPEATS} times: ${repeated} KB, ` +
      `${report.memoryRatio.toFixed(2)} times (at most ${MEMORY_RATIO_MAX})`,
  );
}
