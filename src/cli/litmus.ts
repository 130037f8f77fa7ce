import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { createEngine, type Engine } from "../engine/engine.ts";
import { IntervalidateError } from "../errors.ts";
import type { Failure, Flip, LitmusResult, Scenario } from "../litmus/index.ts";
import { toNdjson } from "../notifier/events.ts";
import { PROFILE_NAMES, type ProfileName } from "../notifier/profile.ts";

type Litmus = typeof import("../litmus/index.ts");

interface LitmusFlags {
  readonly profile?: ProfileName;
  readonly flip: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly events: boolean;
}

/** What one file came to: it ran, or it is no litmus file. */
type Outcome =
  | {
      readonly file: string;
      readonly scenario: Scenario;
      readonly result: LitmusResult;
      readonly flips: readonly Flip[];
    }
  | { readonly file: string; readonly error: IntervalidateError };

const EXIT_FAILED = 1;
const EXIT_INVALID = 2;

export function addLitmus(program: Command): void {
  program
    .command("litmus")
    .description("run litmus files: small scenarios with what must be seen at each step")
    .argument("[path...]", "litmus files, or directories with *.yaml files below them")
    .addOption(
      new Option("--profile <name>", "run in this profile, whatever the files say").choices(
        PROFILE_NAMES,
      ),
    )
    .option("--flip", "negate each expectation in turn: each has to fail then", false)
    .option("--json", "print one JSON object for each file", false)
    .option("--events", "print everything that happens, as NDJSON", false)
    .option("--verbose", "tell the story of each run; for one file that is done anyway", false)
    .option("--quiet", "print what failed and nothing else", false)
    .action(runFiles);
}

async function runFiles(paths: string[], flags: LitmusFlags): Promise<void> {
  if (paths.length === 0) {
    throw new IntervalidateError(
      "USAGE",
      "Name litmus files, or directories with *.yaml files below them.",
    );
  }
  const litmus = await import("../litmus/index.ts");
  const engine = createEngine();
  const files = paths.flatMap(filesAt);
  let exitCode = 0;
  for (const file of files) {
    const outcome = runFile(litmus, engine, file, flags);
    if ("error" in outcome) {
      exitCode = EXIT_INVALID;
    } else if (!outcome.result.ok || outcome.flips.some(({ failed }) => !failed)) {
      exitCode = Math.max(exitCode, EXIT_FAILED);
    }
    const isStory = flags.verbose || files.length === 1;
    process.stdout.write(
      flags.json
        ? `${JSON.stringify(jsonOf(outcome, flags))}\n`
        : flags.events
          ? eventsOf(outcome)
          : textOf(litmus, outcome, flags, isStory),
    );
    if ("error" in outcome && !flags.json) {
      console.error(`intervalidate: ${file}: ${outcome.error.message}`);
    }
  }
  process.exitCode = exitCode;
}

/** A directory stands for all litmus files below it, in the order of their names. */
function filesAt(path: string): string[] {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch {
    // Told when it is read.
    return [path];
  }
  if (!isDirectory) return [path];
  const files = readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".yaml"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length > 0) return files;
  throw new IntervalidateError("INPUT", `There is no *.yaml file below ${path}.`);
}

function runFile(litmus: Litmus, engine: Engine, file: string, flags: LitmusFlags): Outcome {
  try {
    const scenario = litmus.parseScenario(readText(file));
    const result = litmus.runLitmus(scenario, engine, flags.profile);
    const flips =
      flags.flip && result.ok ? litmus.flipScenario(scenario, engine, flags.profile) : [];
    return { file, scenario, result, flips };
  } catch (error) {
    if (error instanceof IntervalidateError) return { file, error };
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new IntervalidateError("INPUT", `It cannot be read: ${why}.`, { cause: error });
  }
}

function jsonOf(outcome: Outcome, flags: LitmusFlags): object {
  if ("error" in outcome) {
    const { code, line, message } = outcome.error;
    return { file: outcome.file, ok: false, error: { code, line: line ?? null, message } };
  }
  const { file, result, flips } = outcome;
  const ok = result.ok && flips.every(({ failed }) => failed);
  return { file, ok, failures: result.failures, ...(flags.flip && { flips }) };
}

function eventsOf(outcome: Outcome): string {
  if ("error" in outcome) return "";
  const lines: string[] = [];
  for (const { profile, journal } of outcome.result.runs) {
    for (const { step, task, event } of journal.observations) {
      const about = JSON.stringify({ file: outcome.file, profile, step, task });
      // One object: what it is about, and then the event's own keys.
      lines.push(`${about.slice(0, -1)},${toNdjson(event as never).slice(1)}`);
    }
  }
  return lines.join("");
}

function textOf(litmus: Litmus, outcome: Outcome, flags: LitmusFlags, isStory: boolean): string {
  if ("error" in outcome) return flags.quiet ? "" : `INVALID  ${outcome.file}\n`;
  const { file, scenario, result, flips } = outcome;
  const lines: string[] = [];
  if (isStory && !flags.quiet) {
    for (const run of result.runs) lines.push(litmus.storyOf(scenario, run));
  }
  const profiles = result.runs.map(({ profile }) => profile).join(", ");
  const passing = flips.filter(({ failed }) => !failed);
  const ok = result.ok && passing.length === 0;
  if (!ok) lines.push(`FAILED   ${file}: ${scenario.title} (${profiles})`);
  else if (!flags.quiet) lines.push(`ok       ${file}: ${scenario.title} (${profiles})`);
  for (const failure of result.failures) lines.push(failureText(failure));
  for (const { profile, line, what, expected } of passing) {
    lines.push(`         line ${line}, ${profile}: "not ${what}: ${expected}" holds as well`);
  }
  if (flips.length > 0 && !flags.quiet) {
    lines.push(
      `         negated, ${flips.length - passing.length} of ${flips.length} expectations fail`,
    );
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function failureText({ profile, step, line, what, expected, actual }: Failure): string {
  const where = step === null ? "" : `, step ${step}`;
  return `         line ${line}${where}, ${profile}: ${what}\n           expected ${expected}\n           but it was ${actual}`;
}
