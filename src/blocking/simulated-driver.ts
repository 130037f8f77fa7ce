import { IntervalidateError } from "../errors.ts";
import type { Sleepable, Suspension, Wait } from "./suspension.ts";
import { type Waiter, WaitQueue } from "./wait-queue.ts";

/** What the driver needs from a random number generator: an integer from 0 to n - 1. */
export interface Chooser {
  below(n: number): number;
}

/** Nothing can run, no timer is set, and somebody still waits. */
export class DeadlockError extends Error {
  override readonly name = "DeadlockError";
}

export interface SimulatedDriverOptions {
  /** Chooses who runs next. */
  readonly chooser: Chooser;
  /** Called when a task really has to sleep, once for each time that it does. */
  readonly onBlock?: (task: string, wait: Wait) => void;
}

/** Where a task stands. */
export type TaskState =
  | { readonly kind: "new" }
  /** At a place where it may be preempted. */
  | { readonly kind: "point"; readonly label: string }
  /** At a wait; `ready` if a look now would succeed, or a signal ends the wait. */
  | { readonly kind: "wait"; readonly wait: Wait; readonly ready: boolean }
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown };

/** A task as whoever schedules by hand sees it. */
export interface SimulatedTask {
  readonly name: string;
  readonly state: TaskState;
}

/**
 * Runs generators under virtual time. A task is ready when it is new, at a point, or its wait is
 * ready; a step runs one ready task, chosen by the seeded chooser, to its next yield. One
 * foreground generator at a time is run by `complete`, which lets the tasks run on while it waits.
 */
export class SimulatedDriver {
  readonly #chooser: Chooser;
  readonly #onBlock: ((task: string, wait: Wait) => void) | undefined;
  readonly #ready: Task[] = [];
  /** Ascending by due time; equal times keep the order of their setting. */
  readonly #timers: Timer[] = [];
  #now = 0;
  #alive = 0;
  #steps = 0;

  constructor(options: SimulatedDriverOptions) {
    this.#chooser = options.chooser;
    this.#onBlock = options.onBlock;
  }

  /** Virtual microseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** Tasks that have not finished, sleeping ones included. */
  get alive(): number {
    return this.#alive;
  }

  /** Steps taken by all tasks so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Adds a task; it runs when it is chosen, or stepped by hand. */
  spawn(name: string, body: Sleepable<unknown>): SimulatedTask {
    this.#alive += 1;
    const task = new Task(name, body, this.#ready);
    this.#ready.push(task);
    return task;
  }

  /** Lets virtual time pass and wakes whoever slept until then. */
  advance(microseconds: number): void {
    this.#now += microseconds;
    this.#fireTimers();
  }

  /** Sleeps for a span of virtual time. */
  *sleep(microseconds: number): Sleepable<undefined> {
    const due = this.#now + microseconds;
    const queue = new WaitQueue();
    let at = this.#timers.length;
    while (at > 0 && this.#timers[at - 1].due > due) at -= 1;
    this.#timers.splice(at, 0, { due, queue });
    const wait: Wait = {
      kind: "wait",
      resource: "timer",
      queue,
      killable: false,
      ready: () => this.#now >= due,
    };
    do yield wait;
    while (!wait.ready());
  }

  /** One step of one ready task. False if none is ready. */
  step(): boolean {
    const ready = this.#ready;
    while (ready.length > 0) {
      const chosen = this.#chooser.below(ready.length);
      const task = ready[chosen];
      if (task.pending !== undefined && !task.mayLook) {
        // Woken, but somebody was faster: back to sleep, without a step.
        this.#takeOut(chosen);
        task.pending.queue.add(task);
        continue;
      }
      this.#run(task, chosen);
      return true;
    }
    return false;
  }

  /**
   * One step of one task, chosen by hand. False if it has finished or really has to sleep. What its
   * body throws is kept in its state, and not thrown here.
   */
  stepTask(task: SimulatedTask): boolean {
    const mine = mustBeTask(task);
    if (mine.outcome !== undefined) return false;
    const { pending } = mine;
    if (pending !== undefined && !mine.mayLook) return false;
    let index = this.#ready.indexOf(mine);
    if (index < 0) {
      // Its wait has become ready, and nobody has said so.
      pending?.queue.delete(mine);
      index = this.#ready.push(mine) - 1;
    }
    try {
      this.#run(mine, index);
    } catch (error) {
      this.#takeOut(this.#ready.indexOf(mine));
      this.#alive -= 1;
      mine.outcome = { kind: "failed", error };
    }
    return true;
  }

  /**
   * Sends a signal: the next killable wait of the task, or the one that it is at, ready or not, ends
   * with INTERRUPTED (EINTR), thrown into its body. One signal ends one wait.
   */
  signal(task: SimulatedTask): void {
    const mine = mustBeTask(task);
    mine.signalled = true;
    const { pending } = mine;
    if (pending?.killable !== true || this.#ready.includes(mine)) return;
    pending.queue.delete(mine);
    this.#ready.push(mine);
  }

  /** Lets time pass up to the next timer. False if none is set. */
  skipToNextTimer(): boolean {
    if (this.#timers.length === 0) return false;
    this.#now = Math.max(this.#now, this.#timers[0].due);
    this.#fireTimers();
    return true;
  }

  /**
   * Runs a generator in the foreground to its end. At a point one other task may take one step; at
   * a wait the others run until it is ready, and time passes if only timers can help.
   *
   * @throws DeadlockError if nobody can make the wait ready
   */
  complete<T>(name: string, body: Sleepable<T>): T {
    for (;;) {
      const result = body.next();
      if (result.done) return result.value;
      this.#pauseForeground(name, result.value);
    }
  }

  /** Steps, and lets time pass, until every task has finished. */
  drain(): void {
    while (this.#alive > 0) {
      if (this.step() || this.skipToNextTimer()) continue;
      throw new DeadlockError(`${this.#alive} tasks sleep and nothing can wake them`);
    }
  }

  #pauseForeground(name: string, suspension: Suspension): void {
    if (suspension.kind === "point") {
      this.step();
      return;
    }
    if (suspension.ready()) return;
    this.#onBlock?.(name, suspension);
    while (!suspension.ready()) {
      if (this.step() || this.skipToNextTimer()) continue;
      throw new DeadlockError(`${name} waits for ${suspension.resource} and nobody can release it`);
    }
  }

  /** Runs a task that is ready to its next yield. `index` is its place among the ready ones. */
  #run(task: Task, index: number): void {
    this.#steps += 1;
    const { done, value } = task.resume();
    if (done) {
      this.#takeOut(index);
      this.#alive -= 1;
      task.outcome = { kind: "done", value };
    } else if (value?.kind === "wait") {
      task.pending = value;
      if (!task.mayLook) {
        this.#takeOut(index);
        value.queue.add(task);
        this.#onBlock?.(task.name, value);
      }
    } else {
      task.label = labelOf(task.name, value);
    }
  }

  #fireTimers(): void {
    while (this.#timers.length > 0 && this.#timers[0].due <= this.#now) {
      (this.#timers.shift() as Timer).queue.wakeAll();
    }
  }

  #takeOut(index: number): void {
    const last = this.#ready.pop() as Task;
    if (index < this.#ready.length) this.#ready[index] = last;
  }
}

interface Timer {
  readonly due: number;
  readonly queue: WaitQueue;
}

class Task implements Waiter, SimulatedTask {
  readonly name: string;
  readonly #body: Sleepable<unknown>;
  readonly #ready: Task[];
  /** What the task waits for, until it has looked again. */
  pending: Wait | undefined;
  /** The point that it is at, if it is at one. */
  label: string | undefined;
  signalled = false;
  outcome: TaskState | undefined;

  constructor(name: string, body: Sleepable<unknown>, ready: Task[]) {
    this.name = name;
    this.#body = body;
    this.#ready = ready;
  }

  get state(): TaskState {
    if (this.outcome !== undefined) return this.outcome;
    if (this.pending !== undefined) {
      return { kind: "wait", wait: this.pending, ready: this.mayLook };
    }
    return this.label === undefined ? { kind: "new" } : { kind: "point", label: this.label };
  }

  /** Whether the wait that it is at has an end now. */
  get mayLook(): boolean {
    const wait = this.pending as Wait;
    return wait.ready() || (this.signalled && wait.killable);
  }

  resume(): IteratorResult<Suspension, unknown> {
    const wait = this.pending;
    this.pending = undefined;
    if (wait === undefined || !this.signalled || !wait.killable) return this.#body.next();
    this.signalled = false;
    return this.#body.throw(
      new IntervalidateError("INTERRUPTED", `A signal ended the wait for ${wait.resource}.`, {
        errno: "EINTR",
      }),
    );
  }

  wake(): void {
    this.#ready.push(this);
  }
}

function mustBeTask(task: SimulatedTask): Task {
  if (task instanceof Task) return task;
  throw new Error("this is not a task of a simulated driver");
}

/** The label of a point. A promise, or anything else that was yielded, is a mistake of the body. */
function labelOf(task: string, yielded: unknown): string {
  const point = yielded as Partial<Suspension> | undefined;
  if (point?.kind === "point") return point.label as string;
  throw new Error(`task ${task} yielded something that is neither a wait nor a point`);
}
