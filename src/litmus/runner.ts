import type { ViolationReport } from "../audit/report.ts";
import type { SimulatedTask } from "../blocking/simulated-driver.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import { runNowOrLater } from "../blocking/synchronous-driver.ts";
import type { Engine } from "../engine/engine.ts";
import type { ProfileName } from "../notifier/profile.ts";
import { type Clause, inForce, type View } from "./clause.ts";
import { brokenInvariants } from "./invariants.ts";
import type { Journal, Mark } from "./journal.ts";
import { subscribeAtOnce } from "./operations/subscriptions.ts";
import { type Operation, type Run, runOperations, type Value } from "./program.ts";
import type { Scenario, Step } from "./scenario.ts";
import { errorText, TaskRun } from "./task-run.ts";
import { World } from "./world.ts";

/** Something that was not as the file says. */
export interface Failure {
  readonly profile: ProfileName;
  /** From 1; null for what is expected after the last step, or goes wrong before the first. */
  readonly step: number | null;
  readonly line: number;
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

/** What became of one scenario in one profile. */
export interface LitmusRun {
  readonly profile: ProfileName;
  readonly failures: readonly Failure[];
  /** Those in force that have been looked at. */
  readonly judged: readonly Clause[];
  /** Those in force. */
  readonly clauses: readonly Clause[];
  readonly journal: Journal;
  /** Where the tasks of each step stood when it was over: `T1: 0`, `T2: (blocked: thaw)`. */
  readonly standings: readonly (readonly string[])[];
  readonly reports: readonly ViolationReport[];
}

/** A task may not run for ever between two of its waits. */
const STEPS_MAX = 100_000;

/**
 * Runs one schedule. With `flipped` that clause is negated, so that it has to fail where the file
 * holds.
 */
export function runScenario(
  scenario: Scenario,
  profile: ProfileName,
  engine: Engine,
  flipped?: Clause,
): LitmusRun {
  const run = new ScenarioRun(scenario, profile, engine, flipped);
  run.runAll();
  return run.result;
}

/** The schedule cannot go on as the file says. */
class OffSchedule extends Error {
  readonly what: string;
  readonly expected: string;
  readonly actual: string;

  constructor(what: string, expected: string, actual: string) {
    super(`${what}: expected ${expected}, but ${actual}`);
    this.what = what;
    this.expected = expected;
    this.actual = actual;
  }
}

class ScenarioRun {
  readonly #scenario: Scenario;
  readonly #profile: ProfileName;
  readonly #world: World;
  readonly #flipped: Clause | undefined;
  readonly #failures: Failure[] = [];
  readonly #judged: Clause[] = [];
  readonly #tasks = new Map<string, TaskRun>();
  readonly #timers: SimulatedTask[] = [];
  readonly #standings: string[][] = [];
  /** Labels of points that have been passed. */
  readonly #passed = new Set<string>();

  constructor(
    scenario: Scenario,
    profile: ProfileName,
    engine: Engine,
    flipped: Clause | undefined,
  ) {
    this.#scenario = scenario;
    this.#profile = profile;
    this.#flipped = flipped;
    this.#world = new World(scenario, profile, engine, (name, body) => this.#admit(name, body));
    for (const name of scenario.tasks.keys()) this.#tasks.set(name, new TaskRun(name));
  }

  get result(): LitmusRun {
    const { steps, finally: last } = this.#scenario;
    return {
      profile: this.#profile,
      failures: this.#failures,
      judged: this.#judged,
      clauses: [
        ...steps.flatMap(({ clauses }) => inForce(clauses, this.#profile)),
        ...inForce(last, this.#profile),
      ],
      journal: this.#world.journal,
      standings: this.#standings,
      reports: this.#world.auditor.reports,
    };
  }

  runAll(): void {
    const { journal, auditor } = this.#world;
    if (!this.#subscribe()) return;
    const begin = journal.mark;
    for (const step of this.#scenario.steps) {
      if (!this.#runStep(step)) return;
    }
    journal.step += 1;
    auditor.finish();
    this.#judge(inForce(this.#scenario.finally, this.#profile), null, begin, undefined);
    this.#world.dispose();
  }

  #subscribe(): boolean {
    for (const subscriber of this.#world.subscribers.values()) {
      const { later, line, name } = subscriber.declaration;
      if (later) continue;
      try {
        subscribeAtOnce(this.#world, subscriber);
      } catch (error) {
        const actual = error instanceof Error ? error.message : String(error);
        this.#fail(null, line, { what: name, expected: "it can be registered", actual });
        return false;
      }
    }
    for (const { name, line, later } of this.#scenario.actors) {
      if (later) continue;
      try {
        runNowOrLater(this.#world.actor(name).attach());
      } catch (error) {
        const actual = error instanceof Error ? error.message : String(error);
        this.#fail(null, line, { what: name, expected: "it can be attached", actual });
        return false;
      }
    }
    return true;
  }

  #runStep(step: Step): boolean {
    const { journal, driver } = this.#world;
    const clauses = inForce(step.clauses, this.#profile);
    const atThaw = clauses.filter(({ at }) => at === "thaw");
    const since = journal.mark;
    const names = step.tasks === "all" ? [] : step.tasks.map((name) => this.#task(name).name);
    const about = this.#tasks.get(names.at(-1) ?? "");
    journal.step = step.number;
    let thawed = false;
    journal.onThaw = () => {
      if (thawed) return;
      thawed = true;
      this.#judge(atThaw, step.number, since, about);
    };
    try {
      for (const name of step.signals) this.#signal(name);
      if (step.advance !== undefined) {
        driver.advance(step.advance);
        this.#fireTimers();
      }
      this.#move(step);
    } catch (error) {
      if (!(error instanceof OffSchedule)) throw error;
      this.#fail(step.number, step.line, error);
      return false;
    }
    journal.onThaw = undefined;
    for (const mm of this.#world.mms) {
      for (const actual of brokenInvariants(mm)) {
        const what = `invariants of ${mm.name}`;
        this.#fail(step.number, step.line, { what, expected: "they hold", actual });
      }
    }
    const moved = step.tasks === "all" ? [...this.#tasks.keys()] : names;
    this.#standings.push(moved.map((name) => `${name}: ${this.#task(name).result}`));
    if (!thawed) {
      for (const clause of atThaw) this.#settle(clause, step.number, false, "no thaw in this step");
    }
    this.#judge(
      clauses.filter(({ at }) => at === "end"),
      step.number,
      since,
      about,
    );
    this.#checkErrors(moved, step, clauses);
    return true;
  }

  #signal(name: string): void {
    const run = this.#task(name);
    if (run.task !== undefined && run.isBusy) this.#world.driver.signal(run.task);
    else run.signalled = true;
  }

  #move(step: Step): void {
    if (step.tasks === "all") {
      this.#runEverybody(step);
      return;
    }
    for (const name of step.tasks) {
      const run = this.#task(name);
      if (step.operations !== undefined) {
        if (run.isBusy) {
          throw new OffSchedule(`do of ${name}`, "it has returned", `it is still ${run.result}`);
        }
        this.#spawn(run, step.operations);
      } else if (!run.isBusy) {
        const program = run.started ? undefined : this.#scenario.tasks.get(name);
        if (program === undefined) {
          throw new OffSchedule(
            `run of ${name}`,
            "it has something to do",
            "it has returned, or was never given any",
          );
        }
        this.#spawn(run, program);
      }
      this.#runUntil(run, step);
    }
  }

  /** A worker or a timer begins by itself. Timers go off by themselves as well. */
  #admit(name: string, body: Sleepable<unknown>): void {
    const { driver } = this.#world;
    if (name.startsWith("timer ")) {
      this.#timers.push(driver.spawn(name, body));
      return;
    }
    let run = this.#task(name);
    for (let n = 2; run.isBusy; n += 1) run = this.#task(`${name} (${n})`);
    run.started = true;
    run.task = driver.spawn(run.name, body);
  }

  /** Time has passed: whatever was due happens, before anybody goes on. */
  #fireTimers(): void {
    for (const timer of this.#timers) {
      while (this.#world.step(timer));
    }
  }

  #spawn(run: TaskRun, operations: readonly Operation[]): void {
    const { driver } = this.#world;
    run.started = true;
    run.task = driver.spawn(run.name, this.#body(run.name, operations));
    if (run.signalled) driver.signal(run.task);
    run.signalled = false;
  }

  *#body(task: string, operations: readonly Operation[]): Sleepable<Value> {
    const run: Run = { world: this.#world, task, call: undefined, last: null };
    return (yield* runOperations(operations, run)) as Value;
  }

  #runUntil(run: TaskRun, { until }: Step): void {
    const task = run.task as NonNullable<TaskRun["task"]>;
    const { label, steps = Number.POSITIVE_INFINITY, timePasses } = until;
    const wanted = label === undefined ? undefined : this.#labelOf(label);
    for (let taken = 0; taken < steps; taken += 1) {
      if (taken === STEPS_MAX)
        throw new OffSchedule("run", `at most ${STEPS_MAX} steps`, "it goes on and on");
      if (!this.#world.step(task)) {
        if (timePasses && run.blockedOn !== undefined && this.#letTimePass()) continue;
        break;
      }
      const at = run.pausedAt;
      if (at === undefined) continue;
      this.#passed.add(at);
      if (wanted !== undefined && this.#labelOf(at) === wanted) return;
    }
    if (label === undefined) return;
    throw new OffSchedule(
      `pause of ${run.name}`,
      label,
      `it is ${run.result}; points passed so far: ${[...this.#passed].join(", ") || "none"}`,
    );
  }

  /** Everybody goes on as far as possible, one after the other in the order of their first steps. */
  #runEverybody({ until }: Step): void {
    for (const run of this.#tasks.values()) {
      const program = this.#scenario.tasks.get(run.name);
      if (!run.started && program !== undefined) this.#spawn(run, program);
    }
    for (let taken = 0; taken < STEPS_MAX; taken += 1) {
      const busy = [...this.#tasks.values()].filter((run) => run.isBusy);
      if (busy.some((run) => this.#world.step(run.task as NonNullable<TaskRun["task"]>))) continue;
      if (!until.timePasses || busy.length === 0 || !this.#letTimePass()) return;
    }
    throw new OffSchedule("run", `at most ${STEPS_MAX} steps`, "they go on and on");
  }

  #letTimePass(): boolean {
    if (!this.#world.driver.skipToNextTimer()) return false;
    this.#fireTimers();
    return true;
  }

  /** A label in its one normal form. */
  #labelOf(label: string): string {
    const text = label
      .trim()
      .replace(/^paused /, "")
      .replace(/\.invalidate$/, "");
    const match = /^before (.+)\.start$/.exec(text);
    const isInterval = this.#scenario.declared.subscribers.get(match?.[1] ?? "") === "interval";
    return isInterval ? `before ${match?.[1]}` : text;
  }

  /** The task of this name, which may be the name of a work. */
  #task(given: string): TaskRun {
    const name = this.#scenario.works.has(given) ? `work ${given}` : given;
    let run = this.#tasks.get(name);
    if (run === undefined) {
      run = new TaskRun(name);
      this.#tasks.set(name, run);
    }
    return run;
  }

  #judge(
    clauses: readonly Clause[],
    step: number | null,
    since: Mark,
    task: TaskRun | undefined,
  ): void {
    const view: View = { world: this.#world, since, task, tasks: this.#tasks };
    for (const clause of clauses) {
      const { ok, actual } = clause.judge(view);
      this.#settle(clause, step, ok, actual);
    }
  }

  #settle(clause: Clause, step: number | null, holds: boolean, actual: string): void {
    this.#judged.push(clause);
    const isNegated = clause.negated !== (clause === this.#flipped);
    if (holds !== isNegated) return;
    const { what, expected, line } = clause;
    this.#fail(step, line, { what, expected: isNegated ? `not ${expected}` : expected, actual });
  }

  /** An error that nobody expects is a failure, lest a file pass that does nothing. */
  #checkErrors(names: readonly string[], step: Step, clauses: readonly Clause[]): void {
    for (const name of names) {
      const run = this.#tasks.get(name);
      if (run?.error === undefined) continue;
      const isExpected = clauses.some(
        ({ what }) => what === "result" || what === "error" || what === `results.${name}`,
      );
      if (isExpected) continue;
      const message = run.error instanceof Error ? run.error.message : "";
      const actual = `${errorText(run.error)} (${message})`;
      this.#fail(step.number, step.line, {
        what: `result of ${name}`,
        expected: "no error",
        actual,
      });
    }
  }

  #fail(
    step: number | null,
    line: number,
    { what, expected, actual }: Pick<Failure, "what" | "expected" | "actual">,
  ): void {
    this.#failures.push({ profile: this.#profile, step, line, what, expected, actual });
  }
}
