// All schedules of a few tasks, one after the other: each is run anew from the start.

import type { Sleepable, Wait } from "../../src/blocking/suspension.ts";

export interface Program {
  /** Who runs, by name. A schedule is a string of the names' first letters. */
  readonly tasks: Readonly<Record<string, Sleepable<unknown>>>;
  /** Called before each step with the name of the task that takes it. */
  readonly onStep?: (task: string) => void;
  /** Called when all tasks have finished. */
  check(): void;
}

export interface ExploreOptions {
  /** How often a task that could go on may be interrupted. Default: without limit, so all schedules. */
  readonly preemptions?: number;
}

interface Task {
  readonly name: string;
  readonly body: Sleepable<unknown>;
  pending: Wait | undefined;
  done: boolean;
}

/** A step at which there was a choice. */
interface Branch {
  choice: number;
  readonly of: number;
}

/**
 * Runs a program under every schedule, at the granularity of one step from yield to yield.
 *
 * @returns how many schedules there are
 * @throws what the check throws, and an error if all remaining tasks sleep; either names the schedule
 */
export function exploreAll(
  make: () => Program,
  { preemptions = Number.POSITIVE_INFINITY }: ExploreOptions = {},
): number {
  const path: Branch[] = [];
  let schedules = 0;
  for (;;) {
    runSchedule(make(), path, preemptions);
    schedules += 1;
    while (path.length > 0 && path[path.length - 1].choice + 1 === path[path.length - 1].of) {
      path.pop();
    }
    if (path.length === 0) return schedules;
    path[path.length - 1].choice += 1;
  }
}

function runSchedule(program: Program, path: Branch[], preemptions: number): void {
  const tasks: Task[] = Object.entries(program.tasks).map(([name, body]) => ({
    name,
    body,
    pending: undefined,
    done: false,
  }));
  let schedule = "";
  let depth = 0;
  let last: Task | undefined;
  let left = preemptions;
  try {
    for (;;) {
      const ready = tasks.filter(({ done, pending }) => !done && (pending?.ready() ?? true));
      if (ready.length === 0) break;
      const goesOn = last !== undefined && ready.includes(last);
      const enabled = goesOn && left === 0 ? [last as Task] : ready;
      let choice = 0;
      if (enabled.length > 1) {
        if (depth === path.length) path.push({ choice: 0, of: enabled.length });
        choice = path[depth].choice;
        depth += 1;
      }
      const task = enabled[choice];
      if (goesOn && task !== last) left -= 1;
      last = task;
      schedule += task.name[0];
      program.onStep?.(task.name);
      const { done, value } = task.body.next();
      task.done = done ?? false;
      task.pending = !done && value.kind === "wait" ? value : undefined;
    }
    const sleeping = tasks.filter(({ done }) => !done);
    if (sleeping.length > 0) {
      const waits = sleeping.map(({ name, pending }) => `${name} for ${pending?.resource}`);
      throw new Error(`blocked for ever: ${waits.join(", ")}`);
    }
    program.check();
  } catch (error) {
    if (error instanceof Error) error.message += ` (schedule ${schedule})`;
    throw error;
  }
}
