import { IntervalidateError } from "../errors.ts";
import type { ProfileName } from "../notifier/profile.ts";
import { replayDrivers } from "../replay/drivers/index.ts";
import { driverTables } from "./driver-tables.ts";
import { openLog } from "./log-file.ts";
import { progressBar, showProgress } from "./replay.ts";

export interface DriverReplayFlags {
  readonly driver: readonly string[];
  readonly oom: number;
  readonly seed: number;
  readonly profile: ProfileName;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** They are about the passive mirrors, which there are none of beside drivers. */
const NOT_WITH_DRIVERS: readonly string[] = ["mirrors", "verify", "plant"];

/**
 * `replay --driver`: the log against models of drivers.
 *
 * @param isGiven whether an option stands on the command line
 */
export async function replayLogAgainstDrivers(
  path: string,
  flags: DriverReplayFlags,
  isGiven: (option: string) => boolean,
): Promise<void> {
  const wrong = NOT_WITH_DRIVERS.find(isGiven);
  if (wrong !== undefined) {
    throw new IntervalidateError(
      "USAGE",
      `--${wrong} is about mirrors without callbacks, and --driver replays without those: name one of the two.`,
    );
  }
  const log = await openLog(path);
  const bar = flags.quiet || !process.stderr.isTTY ? undefined : await progressBar();
  try {
    const report = await replayDrivers(log, {
      drivers: flags.driver,
      oom: flags.oom,
      seed: flags.seed,
      ...(isGiven("profile") && { profile: flags.profile }),
      ...(bar && { onProgress: (done, total) => showProgress(bar, done, total) }),
    });
    bar?.stop();
    if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
    else if (!flags.quiet) process.stdout.write(driverTables(log.name, report));
    for (const { driver, kind, title, line, message, count } of report.findings) {
      const times = count === 1 ? "" : ` (the first of ${count})`;
      console.error(
        `intervalidate: line ${line} of ${log.name}: ${driver ?? "nobody's in particular"}: ${kind}, ${title}: ${message}${times}`,
      );
    }
    if (report.log.calls === 0) {
      console.error(`intervalidate: ${log.name}: warning: no system call found in this log`);
    }
    if (!report.ok) process.exitCode = 1;
  } finally {
    bar?.stop();
    await log.close();
  }
}
