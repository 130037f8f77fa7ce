import type { Engine } from "../engine/engine.ts";
import { IntervalidateError } from "../errors.ts";
import type { ProfileName } from "../notifier/profile.ts";
import { type Failure, type LitmusRun, runScenario } from "./runner.ts";
import type { Scenario } from "./scenario.ts";

/** What became of one file in all of its profiles. */
export interface LitmusResult {
  readonly ok: boolean;
  readonly failures: readonly Failure[];
  readonly runs: readonly LitmusRun[];
}

/** One expectation that was negated, and whether somebody noticed. */
export interface Flip {
  readonly profile: ProfileName;
  readonly line: number;
  readonly what: string;
  readonly expected: string;
  /** It failed, as it has to. */
  readonly failed: boolean;
}

/**
 * Runs a scenario in the profiles that it names, or in one that is given.
 *
 * @throws {IntervalidateError} LITMUS if it asks about all schedules
 */
export function runLitmus(scenario: Scenario, engine: Engine, profile?: ProfileName): LitmusResult {
  mustHaveSteps(scenario);
  const profiles = profile === undefined ? scenario.profiles : [profile];
  const runs = profiles.map((one) => runScenario(scenario, one, engine));
  const failures = runs.flatMap((run) => run.failures);
  return { ok: failures.length === 0, failures, runs };
}

/** Negates each expectation in force in turn, in a run of its own: each has to fail then. */
export function flipScenario(scenario: Scenario, engine: Engine, profile?: ProfileName): Flip[] {
  const flips: Flip[] = [];
  for (const run of runLitmus(scenario, engine, profile).runs) {
    for (const clause of run.clauses) {
      const { what, line, expected } = clause;
      const { failures } = runScenario(scenario, run.profile, engine, clause);
      const failed = failures.some((one) => one.what === what && one.line === line);
      flips.push({ profile: run.profile, line, what, expected, failed });
    }
  }
  return flips;
}

function mustHaveSteps(scenario: Scenario): void {
  if (scenario.steps.length > 0) return;
  throw new IntervalidateError(
    "LITMUS",
    `"${scenario.title}" has tasks but no steps: it asks about all schedules, and needs explore.`,
    { line: 1 },
  );
}
