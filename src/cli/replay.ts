import { totalmem } from "node:os";
import type { SingleBar } from "cli-progress";
import { type Command, InvalidArgumentError, Option } from "commander";
import { IntervalidateError } from "../errors.ts";
import { PROFILE_NAMES, type ProfileName } from "../notifier/profile.ts";
import { MIRRORS_MAX, SEED_MAX, STRIKES_MAX } from "../replay/limits.ts";
import { PLANTED_FAULTS, type PlantedFault } from "../replay/planted-faults.ts";

/** What one mirror costs in a replay, bytes: its tables, its share of the engine, list entries. */
const BYTES_PER_MIRROR = 300;

interface ReplayFlags {
  readonly mirrors: number;
  readonly oom: number;
  readonly seed: number;
  readonly verify: boolean;
  readonly profile: ProfileName;
  readonly plant?: PlantedFault;
  readonly driver?: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

export function addReplay(program: Command): void {
  program
    .command("replay")
    .description("replay a strace log against simulated mirrors, checking that none goes stale")
    .argument("<log>", "strace log, plain or gzip; - reads the standard input")
    .option(
      "--mirrors <n>",
      "live mirrors aimed at when the log has most pieces",
      integerUpTo(MIRRORS_MAX),
      4096,
    )
    .option("--oom <n>", "strikes of the OOM reaper", integerUpTo(STRIKES_MAX), 3)
    .option("--seed <n>", "seed of every random choice", integerUpTo(SEED_MAX), 1)
    .option("--verify", "compare each hit list with a scan of all mirrors as well", false)
    .addOption(
      new Option("--profile <name>", "whose rules are followed")
        .choices(PROFILE_NAMES)
        .default("v6.12"),
    )
    .addOption(
      new Option("--plant <fault>", "plant one fault, to see it found").choices(PLANTED_FAULTS),
    )
    .option(
      "--driver <names>",
      "models of drivers of one era, with commas, in place of the mirrors; all-2018, all-today",
      (text: string) => text.split(","),
    )
    .option("--json", "print the report as JSON", false)
    .option(
      "--quiet",
      "no progress and no report for people: only violations, and JSON if asked for",
      false,
    )
    .allowExcessArguments(false)
    .action(replayLog);
}

async function replayLog(
  path: string,
  flags: ReplayFlags,
  command: Pick<Command, "getOptionValueSource">,
): Promise<void> {
  if (flags.driver !== undefined) {
    const { replayLogAgainstDrivers } = await import("./replay-drivers.ts");
    await replayLogAgainstDrivers(path, { ...flags, driver: flags.driver }, isGiven(command));
    return;
  }
  refuseIfTooLarge(flags.mirrors);
  const [{ replay }, { openLog }, { replayTables }] = await Promise.all([
    import("../replay/index.ts"),
    import("./log-file.ts"),
    import("./replay-tables.ts"),
  ]);
  const log = await openLog(path);
  const bar = flags.quiet || !process.stderr.isTTY ? undefined : await progressBar();
  const before = performance.now();
  try {
    const report = await replay(log, {
      mirrors: flags.mirrors,
      oom: flags.oom,
      seed: flags.seed,
      verify: flags.verify,
      profile: flags.profile,
      ...(flags.plant !== undefined && { plant: flags.plant }),
      ...(bar && { onProgress: (done, total) => showProgress(bar, done, total) }),
      stopwatch: () => performance.now(),
    });
    const measured = {
      ...report.measured,
      wallMs: performance.now() - before,
      maxRssBytes: process.resourceUsage().maxRSS * 1024,
    };
    bar?.stop();
    if (flags.json) {
      process.stdout.write(`${JSON.stringify({ ...report, measured }, null, 1)}\n`);
    } else if (!flags.quiet) {
      process.stdout.write(replayTables(log.name, report, measured));
    }
    for (const { kind, line, message } of report.violations) {
      console.error(`intervalidate: line ${line} of ${log.name}: ${kind}: ${message}`);
    }
    if (report.plantCommitted === false) {
      console.error(`intervalidate: ${log.name}: no occasion came for the planted ${flags.plant}`);
    }
    if (report.log.calls === 0) {
      console.error(`intervalidate: ${log.name}: warning: no system call found in this log`);
    }
    if (!report.ok || report.plantCommitted === false) process.exitCode = 1;
  } finally {
    bar?.stop();
    await log.close();
  }
}

/** Whether an option stands on the command line; else it has its default. */
function isGiven(command: Pick<Command, "getOptionValueSource">): (option: string) => boolean {
  return (option) => command.getOptionValueSource(option) === "cli";
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

export async function progressBar(): Promise<SingleBar> {
  const { SingleBar } = await import("cli-progress");
  return new SingleBar({
    format: "replaying {bar} {percentage}% | {value} of {total} events",
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
}

export function showProgress(bar: SingleBar, done: number, total: number): void {
  if (!bar.isActive) bar.start(total, done);
  else bar.update(done);
}

function integerUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value <= max) return value;
    throw new InvalidArgumentError(`It must be an integer from 0 to ${max}.`);
  };
}
