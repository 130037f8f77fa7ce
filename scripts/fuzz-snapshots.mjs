// Mutates snapshots and restores them: every mutant must be refused by a rule that it breaks, or
// become an index that holds what a plain reader finds in it.
//
//   npm run fuzz:snapshots -- [--cases 1e6] [--seed 1] [--first 0] [--engine release|debug]

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1e5" },
    seed: { type: "string", default: "1" },
    first: { type: "string", default: "0" },
    engine: { type: "string", default: "release" },
  },
});
const [cases, seed, first] = ["cases", "seed", "first"].map((name) => {
  const number = Number(values[name]);
  if (values[name].trim() !== "" && Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${name} must be an integer from 0, but is ${values[name]}.`);
});
if (!["release", "debug"].includes(values.engine)) {
  throw new Error(`--engine must be release or debug, but is ${values.engine}.`);
}
const root = join(import.meta.dirname, "..");

const { SnapshotFuzzer, Tally, OUTCOMES, ENGINE_BYTES_MAX } = await importFuzzer();
const module = new WebAssembly.Module(
  readFileSync(join(root, "build", values.engine, "engine.wasm")),
);
const fuzzer = new SnapshotFuzzer(module, seed);
const tally = new Tally();
let slowest = { milliseconds: 0, number: first };
const started = performance.now();
for (let number = first; number < first + cases; number += 1) {
  const before = performance.now();
  tally.add(fuzzer.play(number));
  const milliseconds = performance.now() - before;
  if (milliseconds > slowest.milliseconds) slowest = { milliseconds, number };
  if (process.stderr.isTTY && number % 1000 === 0) process.stderr.write(`\r${number - first}`);
}
const seconds = (performance.now() - started) / 1000;
report();

/** The fuzzer is TypeScript: bundled to one file that this Node runs. */
async function importFuzzer() {
  const file = join(root, "build", "snapshot-fuzzer.mjs");
  const bundle = await rolldown({
    input: join(root, "test/engine/snapshot-fuzz/fuzzer.ts"),
    platform: "node",
  });
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  return await import(pathToFileURL(file).href);
}

function report() {
  if (process.stderr.isTTY) process.stderr.write("\r");
  const cells = (name, left, sealed) =>
    `${name.padEnd(14)}${left.toLocaleString("en").padStart(12)}${sealed.toLocaleString("en").padStart(14)}`;
  console.log(cells("checksum", "as it came", "made right"));
  for (const outcome of OUTCOMES) {
    const { left, sealed } = tally.of(outcome);
    console.log(cells(outcome, left, sealed));
  }
  const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    [
      `cases     ${cases.toLocaleString("en")} from number ${first}, seed ${seed}, ${values.engine} engine`,
      `time      ${seconds.toFixed(1)} s, at most ${slowest.milliseconds.toFixed(1)} ms (case ${slowest.number})`,
      `memory    engine ${megabytes(fuzzer.engineBytes)} of ${megabytes(ENGINE_BYTES_MAX)}, process ` +
        `${megabytes(process.resourceUsage().maxRSS * 1024)} at most`,
    ].join("\n"),
  );
}
