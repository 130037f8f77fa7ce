import { Command, CommanderError } from "commander";
import { IntervalidateError } from "intervalidate";
import { type BenchOptions, runBench } from "./bench.ts";
import { SIZES } from "./cells.ts";

/** As in the command: 1 is for wrong results, 2 for usage and for what is missing. */
const EXIT_WRONG = 1;
const EXIT_USAGE_OR_INPUT = 2;

function positiveIntegers(text: string): number[] {
  return text.split(",").map((part) => {
    const value = Number(part);
    if (Number.isSafeInteger(value) && value >= 200 && value <= 4e6 && value % 200 === 0) {
      return value;
    }
    throw new IntervalidateError(
      "USAGE",
      `--n takes numbers of intervals, multiples of 200 up to 4000000, with commas between them, not ${JSON.stringify(part)}.`,
    );
  });
}

function passes(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= 99) return value;
  throw new IntervalidateError("USAGE", `--passes takes a number from 1 to 99, not ${text}.`);
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new IntervalidateError("USAGE", `--filter: ${(error as Error).message}`);
  }
}

async function main(): Promise<void> {
  const program = new Command("bench:native")
    .description(
      "compares the engine with native code, compiled on the spot by gcc -O3 -march=native",
    )
    .option(
      "--filter <pattern>",
      'measure the cells whose name matches a regular expression, such as "churn W[12] .* pages"; see --list',
      pattern,
    )
    .option("--list", "print the names of the cells that would be measured, and stop")
    .option("--all", "measure every cell, which takes about an hour, not only the telling ones")
    .option("--n <sizes>", `numbers of intervals`, positiveIntegers, [...SIZES])
    .option("--passes <count>", "passes for each cell; the median counts", passes, 9)
    .option("--json <file>", "write the results as JSON too")
    .option("--engine <file>", "measure another build of the engine, a .wasm of the same exports")
    .option("--linux-source <dir>", "an unpacked kernel tree")
    .option("--download", "fetch what is missing of the native peers' source from Debian: 139 MB")
    .option("--smoke", "see that everything runs: one small size, one short pass")
    .exitOverride();
  try {
    program.parse();
    await runBench(program.opts<BenchOptions>());
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE_OR_INPUT;
    } else if (error instanceof IntervalidateError) {
      process.exitCode = EXIT_USAGE_OR_INPUT;
      console.error(error.message);
    } else {
      process.exitCode = EXIT_WRONG;
      console.error(error);
    }
  }
}

void main();
