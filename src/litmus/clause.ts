import type { ProfileName } from "../notifier/profile.ts";
import type { Mark } from "./journal.ts";
import type { TaskRun } from "./task-run.ts";
import type { World } from "./world.ts";

/** What an expectation looks at. */
export interface View {
  readonly world: World;
  /** Where the journal stood when the step began. */
  readonly since: Mark;
  /** The task that the step is about. */
  readonly task: TaskRun | undefined;
  readonly tasks: ReadonlyMap<string, TaskRun>;
}

export interface Verdict {
  readonly ok: boolean;
  readonly actual: string;
}

/** One expectation: it holds or fails on its own, and can be negated on its own. */
export interface Clause {
  /** The key by which the file names it. */
  readonly what: string;
  readonly line: number;
  readonly expected: string;
  readonly negated: boolean;
  /** Those in which it is in force; undefined if in all. */
  readonly profiles: readonly ProfileName[] | undefined;
  /** Looked at when the step is over, or at the thaw, before deferred work is done. */
  readonly at: "end" | "thaw";
  judge(view: View): Verdict;
}

/** Those in force in a profile. One that names the profile replaces one of the same name that does not. */
export function inForce(clauses: readonly Clause[], profile: ProfileName): Clause[] {
  const mine = clauses.filter(
    ({ profiles }) => profiles === undefined || profiles.includes(profile),
  );
  const key = ({ what, at, negated }: Clause): string => `${what} ${at} ${negated}`;
  const special = new Set(mine.filter(({ profiles }) => profiles !== undefined).map(key));
  return mine.filter((clause) => clause.profiles !== undefined || !special.has(key(clause)));
}
