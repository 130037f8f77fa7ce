// Runs one program on the library and on the model, step by step, and compares everything after each.

import type { Sleepable, Suspension, Wait } from "../../../src/blocking/suspension.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { Book } from "./book.ts";
import { InvariantChecks } from "./invariants.ts";
import type { Outcome, Steps, Stop } from "./kernel.ts";
import { ModelSide } from "./model-side.ts";
import { areEqual, type Observation } from "./observation.ts";
import { literalOf, type Operation, type Program } from "./program.ts";
import { RealSide } from "./real-side.ts";

/** How a program is run. */
export type Mode =
  /** A step runs one task to its next point or wait. Callbacks are generators. */
  | "interleaved"
  /**
   * A step runs one operation of one task to its end, or until it has to sleep, and then whoever can
   * go on. Callbacks are plain functions.
   */
  | "sequential"
  /** The same, and every other task uses the synchronous doors. */
  | "sequential, synchronous doors";

interface Running {
  readonly operation: Operation;
  readonly id: number;
  readonly real: Sleepable<string>;
  readonly model: Steps<Outcome>;
  stop: Suspension | undefined;
  modelStop: Stop | undefined;
  /** Which of the model's labels the library took. */
  label: string;
  /** What it is to come to, if the model was not asked to perform it. */
  expected: Outcome | undefined;
}

interface Task {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly synchronous: boolean;
  at: number;
  running: Running | undefined;
}

/** One choice of a schedule. */
interface Choice {
  /** The tasks that could run, by number. */
  readonly able: readonly number[];
  readonly taken: number;
}

/** What became of a program. */
export interface Run {
  readonly steps: number;
  /** Times that a task had to sleep. */
  readonly sleeps: number;
  /** Tasks that sleep for ever, because a refused start left the interval phase open. */
  readonly stuck: number;
  /** What the schedule chose from. */
  readonly choices: readonly Choice[];
  /** When all tasks had done theirs: windows that were open, and what of that asked about was possible. */
  readonly open: number;
  readonly possible: readonly Operation[];
}

/**
 * Runs a program. When all of its tasks are done or sleep, locks are given back and windows ended, until
 * nothing is left to be done.
 *
 * @param next operations to be asked about
 * @throws {Error} where library and model differ, or an invariant does not hold; the message says how
 *   to replay it
 */
export function run(
  program: Program,
  engine: Engine,
  mode: Mode,
  next: readonly Operation[] = [],
): Run {
  const step = new LockStep(program, engine, mode);
  try {
    return step.run(next);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${message}\n\nSteps:\n${step.story()}\n\nReplay:\nrun(${literalOf(program)}, engine, "${mode}")`,
    );
  } finally {
    step.dispose();
  }
}

class LockStep {
  readonly #program: Program;
  readonly #mode: Mode;
  readonly #real: RealSide;
  readonly #model: ModelSide;
  readonly #book: Book;
  readonly #invariants: InvariantChecks;
  readonly #tasks: Task[];
  readonly #story: { task: string; operation: Operation; stop: string }[] = [];
  readonly #seen: Observation[] = [];
  readonly #expected: Observation[] = [];
  #steps = 0;
  #sleeps = 0;
  #operations = 0;

  constructor(program: Program, engine: Engine, mode: Mode) {
    const mayPause = mode === "interleaved";
    this.#program = program;
    this.#mode = mode;
    this.#real = new RealSide(program, engine, mayPause);
    this.#model = new ModelSide(program, mayPause);
    this.#book = new Book(program, this.#model);
    this.#invariants = new InvariantChecks(program, this.#real);
    this.#real.onThaw = (mm) => this.#checkSleepersInThaw(mm);
    this.#tasks = program.tasks.map((operations, i) => ({
      name: `T${i}`,
      operations,
      synchronous: mode === "sequential, synchronous doors" && i % 2 === 0,
      at: 0,
      running: undefined,
    }));
  }

  dispose(): void {
    this.#real.dispose();
  }

  story(): string {
    return this.#story
      .map(({ task, operation, stop }) => `${task} ${JSON.stringify(operation)}: ${stop}`)
      .join("\n");
  }

  run(next: readonly Operation[]): Run {
    this.#runPrologue();
    const choices = this.#runTasks();
    const possible = next.filter((operation) => this.#book.resolve(operation) !== undefined);
    const { open } = this.#book;
    this.#runEpilogue();
    const stuck = this.#tasks.filter((task) => task.running !== undefined);
    this.#invariants.checkIdle(stuck.map((task) => this.#describe(task)));
    const [steps, sleeps] = [this.#steps, this.#sleeps];
    return { steps, sleeps, stuck: stuck.length, choices, open, possible };
  }

  /** Follows the schedule; when that is used up, a task runs on as long as it can. */
  #runTasks(): Choice[] {
    const { schedule } = this.#program;
    const choices: Choice[] = [];
    let last = -1;
    for (;;) {
      const able = [...this.#tasks.keys()].filter((task) => this.#isAble(this.#tasks[task]));
      if (able.length === 0) return choices;
      const scheduled = schedule[choices.length];
      const unscheduled = able.includes(last) ? last : able[0];
      last = scheduled === undefined ? unscheduled : able[scheduled % able.length];
      choices.push({ able, taken: last });
      this.#advance(this.#tasks[last]);
    }
  }

  #runEpilogue(): void {
    for (;;) {
      const operation = this.#book.help();
      if (operation === undefined) return;
      this.#tasks.push({
        name: "epilogue",
        operations: [operation],
        synchronous: false,
        at: 0,
        running: undefined,
      });
      for (;;) {
        const able = this.#tasks.find((task) => this.#isAble(task));
        if (able === undefined) break;
        this.#advance(able);
      }
    }
  }

  #runPrologue(): void {
    const task: Task = {
      name: "prologue",
      operations: this.#book.prologue(),
      synchronous: false,
      at: 0,
      running: undefined,
    };
    while (this.#isAble(task)) this.#runToSleep(task);
  }

  /** Whether a task has something to do and can do it; library and model must agree. */
  #isAble(task: Task): boolean {
    const { running } = task;
    if (running === undefined) return task.at < task.operations.length;
    const { stop, modelStop } = running;
    if (stop?.kind !== "wait" || modelStop?.kind !== "wait") return true;
    const ready = stop.ready();
    if (ready !== modelStop.ready()) {
      throw new Error(
        `${this.#describe(task)} waits for ${stop.resource}: the library says ${ready ? "go on" : "sleep"}, the model ${ready ? "sleep" : "go on"}`,
      );
    }
    return ready;
  }

  #advance(task: Task): void {
    if (this.#mode === "interleaved") {
      this.#runToStop(task);
      return;
    }
    this.#runToSleep(task);
    for (;;) {
      const next = this.#tasks.find((one) => one.running !== undefined && this.#isAble(one));
      if (next === undefined) break;
      this.#runToSleep(next);
    }
  }

  /** One step: to the next point or wait, or to the end of the operation. */
  #runToStop(task: Task): void {
    const running = this.#begin(task);
    if (running === undefined) return;
    const before = this.#invariants.before();
    const real = running.real.next();
    running.stop = real.done ? undefined : real.value;
    const outcome = this.#follow(
      running,
      (stop) => isAt(stop, running.stop, this.#real),
      (stop) => stop.kind === "point" && stop.optional,
    );
    this.#finishStep(task, running, real.done ? real.value : undefined, outcome);
    this.#invariants.after(before);
  }

  /** To the end of the operation, or until it has to sleep. */
  #runToSleep(task: Task): void {
    const running = this.#begin(task);
    if (running === undefined) return;
    const before = this.#invariants.before();
    let real = running.real.next();
    while (!real.done && !(real.value.kind === "wait" && !real.value.ready())) {
      real = running.real.next();
    }
    running.stop = real.done ? undefined : real.value;
    const outcome = this.#follow(
      running,
      (stop) => stop.kind === "wait" && !stop.ready() && isAt(stop, running.stop, this.#real),
      (stop) => stop.kind === "point" || stop.ready(),
    );
    this.#finishStep(task, running, real.done ? real.value : undefined, outcome);
    this.#invariants.after(before);
    const { operation } = running;
    if (operation.op === "start" && real.done && real.value.startsWith("refused")) {
      this.#invariants.checkRefusal(operation.mm, before);
    }
  }

  /** The task's current operation, or its next one; undefined if that cannot be done now. */
  #begin(task: Task): Running | undefined {
    if (task.running !== undefined) return task.running;
    const asked = task.operations[task.at];
    task.at += 1;
    const operation = this.#book.resolve(asked);
    if (operation === undefined) return undefined;
    this.#operations += 1;
    const id = this.#operations;
    const expected = task.synchronous ? this.#model.refusalToSleep(operation) : undefined;
    this.#book.begin(operation);
    task.running = {
      operation,
      id,
      real: this.#real.perform(operation, id, task.synchronous),
      model: this.#model.perform(operation, id),
      stop: undefined,
      modelStop: undefined,
      label: "",
      expected,
    };
    return task.running;
  }

  /** Takes the model to where the library has come; what its operation comes to, if that is the end. */
  #follow(
    running: Running,
    isThere: (stop: Stop) => boolean,
    mayPass: (stop: Stop) => boolean,
  ): Outcome | undefined {
    if (running.expected !== undefined) return running.expected;
    for (;;) {
      const next = running.model.next(running.label);
      if (next.done) {
        running.modelStop = undefined;
        return next.value;
      }
      const stop = next.value;
      running.modelStop = stop;
      running.label = labelOf(running.stop, this.#real);
      if (isThere(stop)) return undefined;
      if (!mayPass(stop)) {
        throw new Error(`${textOf(running, this.#real)}, the model to ${textOfStop(stop)}`);
      }
    }
  }

  #finishStep(
    task: Task,
    running: Running,
    result: string | undefined,
    outcome: Outcome | undefined,
  ): void {
    this.#steps += 1;
    const stop = result ?? labelOf(running.stop, this.#real);
    this.#story.push({ task: task.name, operation: running.operation, stop });
    if ((result === undefined) !== (outcome === undefined)) {
      throw new Error(`${textOf(running, this.#real)}, the model to ${outcome ?? "a stop"}`);
    }
    if (result !== undefined && !outcome?.includes(result)) {
      throw new Error(`The library comes to "${result}", the model to "${outcome}"`);
    }
    this.#compare();
    if (result !== undefined) {
      this.#book.end(running.operation, running.id, result);
      task.running = undefined;
    } else if (running.stop?.kind === "wait" && !running.stop.ready()) {
      this.#sleeps += 1;
      this.#invariants.checkMaySleep(running.operation, this.#book);
    }
    this.#invariants.checkBook(this.#book);
  }

  #compare(): void {
    const { log } = this.#real;
    const modelLog = this.#model.kernel.log;
    if (!areEqual(log, modelLog)) {
      throw new Error(different("Calls and warnings", log.join("\n"), modelLog.join("\n")));
    }
    log.length = 0;
    modelLog.length = 0;
    for (let mm = 0; mm < this.#program.mms; mm += 1) {
      this.#seen.length = 0;
      this.#expected.length = 0;
      this.#real.observe(mm, this.#seen);
      this.#model.observe(mm, this.#expected);
      if (areEqual(this.#seen, this.#expected)) continue;
      throw new Error(
        different(`State of mm${mm}`, this.#seen.join(" "), this.#expected.join(" ")),
      );
    }
  }

  /** C44: inside a thaw, before deferred work is done, a remover that looks has still to wait. */
  #checkSleepersInThaw(mm: string): void {
    const { removerLooksUnderLock } = this.#model.kernel.rules;
    for (const task of this.#tasks) {
      const stop = task.running?.stop;
      if (stop?.kind !== "wait" || task.running?.modelStop?.kind !== "wait") continue;
      if (!stop.resource.startsWith("thaw") || this.#book.mmOf(task.running.operation) !== mm) {
        continue;
      }
      // Who went to sleep before an earlier thaw has been told to go on then.
      if (task.running.modelStop.ready()) continue;
      const expected = !(stop.resource.startsWith("thaw (remove") && removerLooksUnderLock);
      if (stop.ready() !== expected) {
        throw new Error(
          `${this.#describe(task)}, looking before deferred work is done: ${expected ? "has to wait" : "may go on"}`,
        );
      }
    }
  }

  #describe({ name, running }: Task): string {
    return `${name} in ${JSON.stringify(running?.operation)}`;
  }
}

function different(what: string, real: string, model: string): string {
  return `${what} differ.\nlibrary:\n${indented(real)}\nmodel:\n${indented(model)}`;
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}

function labelOf(stop: Suspension | undefined, real: RealSide): string {
  if (stop === undefined) return "its end";
  return stop.kind === "point" ? real.named(stop.label) : `wait for ${stop.resource}`;
}

function isAt(stop: Stop, reached: Suspension | undefined, real: RealSide): boolean {
  if (reached === undefined || stop.kind !== reached.kind) return false;
  return stop.kind === "point"
    ? stop.labels.includes(labelOf(reached, real))
    : stop.resource === (reached as Wait).resource;
}

function textOf(running: Running, real: RealSide): string {
  return `In ${JSON.stringify(running.operation)} the library comes to ${labelOf(running.stop, real)}`;
}

function textOfStop(stop: Stop): string {
  return stop.kind === "point" ? stop.labels.join(" or ") : `wait for ${stop.resource}`;
}
