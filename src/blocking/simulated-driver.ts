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

  /** Adds a task; it runs when it is chosen. */
  spawn(name: string, body: Sleepable<unknown>): void {
    this.#alive += 1;
    this.#ready.push(new Task(name, body, this.#ready));
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
      if (task.pending !== undefined && !task.pending.ready()) {
        // Woken, but somebody was faster: back to sleep, without a step.
        this.#takeOut(chosen);
        task.pending.queue.add(task);
        continue;
      }
      this.#steps += 1;
      task.pending = undefined;
      const { done, value } = task.body.next();
      if (done) {
        this.#takeOut(chosen);
        this.#alive -= 1;
      } else if (value.kind === "wait") {
        task.pending = value;
        if (!value.ready()) {
          this.#takeOut(chosen);
          value.queue.add(task);
          this.#onBlock?.(task.name, value);
        }
      }
      return true;
    }
    return false;
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
      if (this.step() || this.#skipToNextTimer()) continue;
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
      if (this.step() || this.#skipToNextTimer()) continue;
      throw new DeadlockError(`${name} waits for ${suspension.resource} and nobody can release it`);
    }
  }

  #skipToNextTimer(): boolean {
    if (this.#timers.length === 0) return false;
    this.#now = Math.max(this.#now, this.#timers[0].due);
    this.#fireTimers();
    return true;
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

class Task implements Waiter {
  readonly name: string;
  readonly body: Sleepable<unknown>;
  readonly #ready: Task[];
  /** What the task waits for, until it has looked again. */
  pending: Wait | undefined;

  constructor(name: string, body: Sleepable<unknown>, ready: Task[]) {
    this.name = name;
    this.body = body;
    this.#ready = ready;
  }

  wake(): void {
    this.#ready.push(this);
  }
}
