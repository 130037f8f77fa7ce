import type { ViolationReport } from "../audit/report.ts";
import { callName, type Journal, type Observation } from "./journal.ts";
import { durationText, rangeText, resultText } from "./quantities.ts";
import type { LitmusRun } from "./runner.ts";
import type { Scenario } from "./scenario.ts";

/** A line of the story: what a task does, and how that changes its depth of calls. */
interface Line {
  readonly text: string;
  /** Deeper from the next line on, or shallower from this one on. */
  readonly depth?: 1 | -1;
}

/** A task's column begins so much further right than that of the task before. */
const COLUMN = 4;

/** One run told in order: who called what, who was called for it, and who waits for whom. */
export function storyOf(scenario: Scenario, run: LitmusRun): string {
  const { journal } = run;
  const lines = [`${scenario.title} (${run.profile})`, `${scenario.kernel}: ${scenario.why}`, ""];
  const columns = new Columns(lines);
  for (const step of scenario.steps) {
    lines.push(`${String(step.number).padStart(3)}  ${step.text}`);
    if (step.operations !== undefined) for (const task of step.tasks) columns.begin(task);
    const told = journal.observations.filter((one) => one.step === step.number);
    for (let i = 0; i < told.length; i += 1) {
      const { task, event } = told[i];
      const line = lineOf(event, journal);
      const answer = answerAt(told, i);
      if (line !== undefined) {
        columns.tell(task, answer === undefined ? line : { text: `${line.text} ${answer}` });
      }
      const found = answer === undefined ? [told[i]] : [told[i], told[i + 1]];
      for (const report of found.flatMap(({ reports }) => reports)) {
        columns.tell(task, { text: reportText(report) });
      }
      if (answer !== undefined) i += 1;
    }
    const standing = run.standings[step.number - 1];
    if (standing === undefined) {
      lines.push("     the run ended here");
      break;
    }
    for (const one of standing) lines.push(`     = ${one}`);
  }
  const told = journal.observations.reduce((sum, { reports }) => sum + reports.length, 0);
  for (const report of run.reports.slice(told)) lines.push(`     ${reportText(report)}`);
  return `${lines.join("\n")}\n`;
}

/** Writes what tasks do, each in a column of its own and as deep as its calls. */
class Columns {
  readonly #lines: string[];
  readonly #indents = new Map<string, number>();
  readonly #depths = new Map<string, number>();

  constructor(lines: string[]) {
    this.#lines = lines;
  }

  /** A task begins something new. What ended with an error has not told of its return. */
  begin(task: string): void {
    this.#depths.delete(task);
  }

  tell(task: string, { text, depth }: Line): void {
    let indent = this.#indents.get(task);
    if (indent === undefined) {
      indent = this.#indents.size * COLUMN;
      this.#indents.set(task, indent);
    }
    const before = this.#depths.get(task) ?? 0;
    const after = Math.max(0, before + (depth ?? 0));
    this.#depths.set(task, after);
    const deep = "  ".repeat(Math.min(before, after));
    this.#lines.push(`     ${" ".repeat(indent)}${task}  ${deep}${text}`);
  }
}

function reportText({ id, message, quality }: ViolationReport): string {
  return `! ${id}${quality ? " (quality)" : ""}: ${message}`;
}

/** A callback that did nothing that is told gets its answer on the same line. */
function answerAt(told: readonly Observation[], i: number): string | undefined {
  const { event, task } = told[i];
  const next = told.at(i + 1);
  if (event.kind !== "callback-enter" || next?.event.kind !== "callback-leave") return undefined;
  const isSame = next.task === task && next.event.notifier === event.notifier;
  return isSame && next.event.callback === event.callback ? answer(next.event) : undefined;
}

function answer({ result }: { readonly result: unknown }): string {
  return result === null ? "returns" : `returns ${resultText(result)}`;
}

function lineOf(event: Observation["event"], journal: Journal): Line | undefined {
  const mirrorOf = ({ mm, mirror }: { readonly mm: string; readonly mirror: number }): string =>
    journal.nameOf(mm, mirror);
  switch (event.kind) {
    case "call":
      return { text: `${event.name}()` };
    case "invalidate-enter": {
      const mode = event.blockable ? "" : "_nonblock";
      const range = `${event.mm}, ${rangeText(event)}, ${event.event}`;
      return { text: `mmu_notifier_invalidate_range_start${mode}(${range})`, depth: 1 };
    }
    case "invalidate-start":
      return { text: "returns 0", depth: -1 };
    case "invalidate-refused":
      return {
        text: `returns -${event.errno}, refused by ${journal.nameOf(event.mm, event.refusedBy)}`,
        depth: -1,
      };
    case "invalidate-end-enter":
      return { text: `mmu_notifier_invalidate_range_end(${event.mm})`, depth: 1 };
    case "invalidate-end":
      return { text: "returns", depth: -1 };
    case "invalidate-end-again":
      return { text: "mmu_notifier_invalidate_range_end a second time" };
    case "sequence":
      return {
        text: `invalidate_seq = ${event.sequence}, active_invalidate_ranges = ${event.active}`,
      };
    case "callback-enter": {
      const cur = event.sequence === null ? "" : ` (cur ${event.sequence})`;
      const why = event.rollback ? " (roll-back)" : "";
      return { text: `${callName(event.notifier, event.callback)}${cur}${why}`, depth: 1 };
    }
    case "callback-leave":
      return { text: `${callName(event.notifier, event.callback)} ${answer(event)}`, depth: -1 };
    case "callback-threw":
      return { text: `throws: ${event.message}`, depth: -1 };
    case "sleep-while-non-blocking":
      return { text: `! may sleep for ${event.resource}, and must not` };
    case "warn":
      return {
        text: `WARN ${event.warning}${event.notifier === null ? "" : ` (${event.notifier})`}`,
      };
    case "register-enter":
      return { text: `mmu_notifier_register(${event.notifier})`, depth: 1 };
    case "register":
    case "synchronize":
    case "release":
      return { text: "returns", depth: -1 };
    case "unregister-enter":
      return { text: `mmu_notifier_unregister(${event.notifier})`, depth: 1 };
    case "unregister":
      return { text: `returns (${event.notifier} unregistered)`, depth: -1 };
    case "unlinked":
      return { text: `${event.notifier} leaves the list` };
    case "get":
      return { text: `mmu_notifier_get(${event.notifier}): users ${event.users}` };
    case "put":
      return { text: `mmu_notifier_put(${event.notifier}): users ${event.users}` };
    case "synchronize-enter":
      return { text: "mmu_notifier_synchronize()", depth: 1 };
    case "release-enter":
      return { text: `mmu_notifier_release(${event.mm})`, depth: 1 };
    case "interval-insert": {
      const how = event.deferred ? "deferred" : "into the tree";
      return {
        text: `mmu_interval_notifier_insert(${event.notifier}): ${how}, seq ${event.sequence}`,
      };
    }
    case "interval-remove": {
      const how = event.deferred ? "deferred" : "out of the tree";
      return { text: `mmu_interval_notifier_remove(${event.notifier}): ${how}` };
    }
    case "interval-inserted":
      return { text: `${event.notifier} comes into the tree` };
    case "interval-removed":
      return { text: `${event.notifier} leaves the tree` };
    case "mirror-insert": {
      const how = event.deferred ? "deferred" : "into the tree";
      return { text: `${mirrorOf(event)} is inserted: ${how}, seq ${event.sequence}` };
    }
    case "mirror-remove":
      return { text: `${mirrorOf(event)} is removed: ${event.deferred ? "deferred" : "at once"}` };
    case "mirror-inserted":
      return { text: `${mirrorOf(event)} comes into the tree` };
    case "mirror-removed":
      return { text: `${mirrorOf(event)} leaves the tree` };
    case "mirror-lock":
      return { text: `takes the lock of ${mirrorOf(event)}` };
    case "mirror-trylock-failed":
      return { text: `tries the lock of ${mirrorOf(event)}: held` };
    case "mirror-unlock":
      return { text: `releases the lock of ${mirrorOf(event)}` };
    case "set-sequence":
      return { text: `mmu_interval_set_seq(${event.notifier}, ${event.sequence})` };
    case "read-enter":
      return { text: `mmu_interval_read_begin(${journal.nameOf(event.mm, event.subscriber)})` };
    case "read-begin":
      return {
        text: `mmu_interval_read_begin(${journal.nameOf(event.mm, event.subscriber)}) returns ${event.sequence}`,
      };
    case "read-retry":
      return {
        text: `mmu_interval_read_retry(${journal.nameOf(event.mm, event.subscriber)}, ${event.sequence}): ${event.retry}`,
      };
    case "lock":
      return { text: `takes ${event.lock}${modeText(event.mode)}` };
    case "trylock":
      return {
        text: `tries ${event.lock}${modeText(event.mode)}: ${event.taken ? "taken" : "held"}`,
      };
    case "unlock":
      return { text: `releases ${event.lock}` };
    case "allocate":
      return { text: `allocates with ${event.context}${event.reclaims ? ", may reclaim" : ""}` };
    case "block":
      return { text: `... sleeps: ${event.resource}` };
    case "wake":
      return { text: `... goes on: ${event.resource}` };
    case "pte-change":
      return { text: `changes page table entries ${rangeText(event)} of ${event.mm}` };
    case "install":
      return {
        text: `installs entries ${rangeText(event)} of ${journal.nameOf(event.mm, event.subscriber)}`,
      };
    case "tear-down":
      return {
        text: `tears down entries ${rangeText(event)} of ${journal.nameOf(event.mm, event.subscriber)}`,
      };
    case "reap-attempt":
      return { text: `oom_reap_task_mm(${event.mm}): attempt ${event.attempt}`, depth: 1 };
    case "reap-attempted":
      return { text: `returns: ${event.result}`, depth: -1 };
    case "reap-sleep":
      return { text: `sleeps for ${durationText(event.microseconds)}` };
    case "log":
      return { text: `prints "${event.line}"` };
    case "work-queue":
    case "work-run":
    case "work-done":
    case "work-wait":
      return { text: `${event.kind.replace("-", " ")} ${event.work}` };
    default:
      return undefined;
  }
}

function modeText(mode: string): string {
  return mode === "exclusive" ? "" : ` for ${mode}`;
}
