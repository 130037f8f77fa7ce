import { availableParallelism, totalmem } from "node:os";
import { performance } from "node:perf_hooks";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import { IntervalidateError } from "../errors.ts";
import { MIRRORS_MAX, PLANTED_FAULTS, type PlantedFault, replay } from "../replay/index.ts";
import { openLog } from "./log-file.ts";
import { replayTables } from "./replay-tables.ts";

interface ReplayFlags {
  readonly mirrors: number;
  readonly oom: number;
  readonly seed: number;
  readonly verify: boolean;
  readonly plant?: PlantedFault;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What one mirror costs in a replay, bytes: its tables, its share of the engine, list entries. */
const BYTES_PER_MIRROR = 250;

export function replayCommand(): Command {
  return new Command("replay")
    .description(
      "replay a strace log against simulated mirrors and check that none keeps a stale entry",
    )
    .argument("<log>", "strace log, plain or gzip; - reads standard input")
    .option(
      "--mirrors <n>",
      "live mirrors aimed at when the log has most pieces",
      integer(0, MIRRORS_MAX),
      4096,
    )
    .option("--oom <n>", "strikes of the OOM reaper", integer(0, 1_000_000), 3)
    .option("--seed <n>", "seed of every random choice", integer(0, 0xffffffff), 1)
    .option("--verify", "compare each hit list with a scan of all mirrors", false)
    .addOption(
      new Option("--plant <fault>", "plant one fault, to see that it is found").choices(
        PLANTED_FAULTS,
      ),
    )
    .option("--json", "print the report as JSON", false)
    .option("--quiet", "print nothing but violations", false)
    .action(run);
}

async function run(path: string, flags: ReplayFlags): Promise<void> {
  refuseIfTooLarge(flags.mirrors);
  const source = await openLog(path);
  const bar = progressBar(flags);
  const before = performance.now();
  let report: Awaited<ReturnType<typeof replay>>;
  try {
    report = await replay(source, {
      mirrors: flags.mirrors,
      oom: flags.oom,
      seed: flags.seed,
      verify: flags.verify,
      ...(flags.plant !== undefined && { plant: flags.plant }),
      ...(bar && { onProgress: (done, total) => showProgress(bar, done, total) }),
      stopwatch: () => performance.now(),
    });
  } finally {
    bar?.stop();
  }
  const measured = {
    ...report.measured,
    wallMs: performance.now() - before,
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
    processors: availableParallelism(),
  };
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...report, measured }, null, 1)}\n`);
  else if (!flags.quiet) process.stdout.write(replayTables(source.name, report, measured));
  for (const { kind, line, message } of report.violations) {
    process.stderr.write(`intervalidate: line ${line} of ${source.name}: ${kind}: ${message}\n`);
  }
  if (!report.ok) process.exitCode = 1;
}

/** Fails before anything is read, rather than when the machine is on its knees. */
function refuseIfTooLarge(mirrors: number): void {
  const needed = mirrors * BYTES_PER_MIRROR;
  if (needed <= totalmem()) return;
  throw new IntervalidateError(
    "OUT_OF_MEMORY",
    `${mirrors} mirrors need about ${gibibytes(needed)}, and this machine has ${gibibytes(totalmem())}: ask for fewer with --mirrors.`,
  );
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function progressBar(flags: ReplayFlags): SingleBar | undefined {
  if (flags.quiet || !process.stderr.isTTY) return undefined;
  return new SingleBar({
    format: "replaying {bar} {percentage}% | {value} of {total} events",
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
}

function showProgress(bar: SingleBar, done: number, total: number): void {
  if (!bar.isActive) bar.start(total, done);
  else bar.update(done);
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}
