import { isSleepable, type Sleepable, waitUntil } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import { IntervalidateError } from "../errors.ts";
import type { Scheduler } from "./clock.ts";
import type { TaskEvent } from "./events.ts";
import { Timer } from "./timer.ts";

export interface WorkqueueOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  /** How many of its works run at once: 1 makes an ordered workqueue. Default: as many as there are. */
  readonly maxActive?: number;
  readonly events?: (event: TaskEvent) => void;
}

/**
 * Something to be done later by somebody else: `struct work_struct`, and `struct delayed_work`. It is
 * queued once at a time, and never runs twice at once; from the moment at which it runs it may be
 * queued again.
 */
export class Work {
  readonly name: string;
  readonly workqueue: Workqueue;
  /** @internal */
  readonly body: () => undefined | Sleepable<unknown>;
  /** @internal */
  readonly timer: Timer;
  /** @internal The queuing that waits for a worker; queuings are counted from 1, 0 is none. */
  queued = 0;
  /** @internal The queuing that runs. */
  running = 0;
  /** @internal Tasks that wait for it to be gone: meanwhile it cannot be queued. */
  cancelling = 0;

  /** For `Workqueue` only. */
  constructor(
    workqueue: Workqueue,
    name: string,
    body: () => undefined | Sleepable<unknown>,
    timer: Timer,
  ) {
    this.workqueue = workqueue;
    this.name = name;
    this.body = body;
    this.timer = timer;
  }

  /** It is queued, or its timer runs: `work_pending`. */
  get pending(): boolean {
    return this.queued > 0 || this.timer.pending;
  }

  /** It is pending or running: `work_busy`. */
  get busy(): boolean {
    return this.pending || this.running > 0;
  }
}

/** Runs works one by one, or several at once, each in a task of its own: `struct workqueue_struct`. */
export class Workqueue {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #maxActive: number;
  readonly #events: ((event: TaskEvent) => void) | undefined;
  /** The oldest first. */
  readonly #queue: Work[] = [];
  readonly #running = new Set<Work>();
  /** Those who wait until some work is done or gone. */
  readonly #waiters = new WaitQueue();
  #queuings = 0;

  constructor(options: WorkqueueOptions) {
    this.name = options.name;
    this.#scheduler = options.scheduler;
    this.#maxActive = options.maxActive ?? Number.POSITIVE_INFINITY;
    this.#events = options.events;
  }

  /** Makes a work of this workqueue: `INIT_WORK`. A plain function does not sleep. */
  work(name: string, body: () => undefined | Sleepable<unknown>): Work {
    const timer = new Timer(name, this.#scheduler, () => {
      this.#enqueue(work);
      return undefined;
    });
    const work = new Work(this, name, body, timer);
    return work;
  }

  /** Has a work run as soon as may be: `queue_work`. False if it is pending already. */
  queue(work: Work): boolean {
    return this.queueDelayed(work, 0);
  }

  /** Has a work run after so many microseconds: `queue_delayed_work`. False if it is pending already. */
  queueDelayed(work: Work, microseconds: number): boolean {
    this.#checkMine(work);
    if (work.pending || work.cancelling > 0) return false;
    this.#events?.({ kind: "work-queue", work: work.name, delay: microseconds });
    if (microseconds > 0) work.timer.mod(microseconds);
    else this.#enqueue(work);
    return true;
  }

  /**
   * Waits until a work has run as often as it was queued when this was called: `flush_work`. One whose
   * timer runs is queued at once, as by `flush_delayed_work`. False if there was nothing to wait for.
   */
  *flush(work: Work): Sleepable<boolean> {
    this.#checkMine(work);
    if (work.timer.delete()) this.#enqueue(work);
    const queuing = work.queued > 0 ? work.queued : work.running;
    this.#events?.({ kind: "work-wait", work: work.name });
    yield* waitUntil(() => isOver(work, queuing), this.#waiters, `work ${work.name}`);
    return queuing > 0;
  }

  /** Waits until all works that are queued or running now are done: `flush_workqueue`. Timers run on. */
  *flushAll(): Sleepable<undefined> {
    const due = [...new Set([...this.#queue, ...this.#running])].map((work) => ({
      work,
      queuing: work.queued > 0 ? work.queued : work.running,
    }));
    for (const { work } of due) this.#events?.({ kind: "work-wait", work: work.name });
    yield* waitUntil(
      () => due.every(({ work, queuing }) => isOver(work, queuing)),
      this.#waiters,
      `workqueue ${this.name}`,
    );
  }

  /** Takes back what has not begun: `cancel_work`, `cancel_delayed_work`. Whether there was anything. */
  cancel(work: Work): boolean {
    this.#checkMine(work);
    if (work.timer.delete()) return true;
    if (work.queued === 0) return false;
    work.queued = 0;
    this.#queue.splice(this.#queue.indexOf(work), 1);
    this.#waiters.wakeAll();
    return true;
  }

  /**
   * `cancel` that waits for a run that has begun, and keeps the work from being queued until then:
   * `cancel_work_sync`, `cancel_delayed_work_sync`.
   */
  *cancelSync(work: Work): Sleepable<boolean> {
    const wasPending = this.cancel(work);
    work.cancelling += 1;
    try {
      const { running } = work;
      this.#events?.({ kind: "work-wait", work: work.name });
      yield* waitUntil(() => isOver(work, running), this.#waiters, `work ${work.name}`);
    } finally {
      work.cancelling -= 1;
    }
    return wasPending;
  }

  #enqueue(work: Work): void {
    this.#queuings += 1;
    work.queued = this.#queuings;
    this.#queue.push(work);
    this.#scheduler.spawn(`work ${work.name}`, this.#run(work, work.queued));
  }

  /** The worker of one queuing. */
  *#run(work: Work, queuing: number): Sleepable<undefined> {
    const mayStart = (): boolean => work.queued !== queuing || this.#isDue(work);
    if (!mayStart()) yield* waitUntil(mayStart, this.#waiters, `worker of ${this.name}`);
    // It may have been cancelled, and even queued again.
    if (work.queued !== queuing) return;
    this.#queue.splice(this.#queue.indexOf(work), 1);
    work.queued = 0;
    work.running = queuing;
    this.#running.add(work);
    this.#events?.({ kind: "work-run", work: work.name });
    try {
      const answer = work.body();
      if (isSleepable(answer)) yield* answer;
    } finally {
      work.running = 0;
      this.#running.delete(work);
      this.#events?.({ kind: "work-done", work: work.name });
      this.#waiters.wakeAll();
    }
  }

  /** Whether a worker is free for it, after those for the works before it, and it does not run already. */
  #isDue(work: Work): boolean {
    if (work.running > 0) return false;
    const free = this.#maxActive - this.#running.size;
    const before = this.#queue.slice(0, this.#queue.indexOf(work));
    return before.filter(({ running }) => running === 0).length < free;
  }

  #checkMine(work: Work): void {
    if (work instanceof Work && work.workqueue === this) return;
    throw new IntervalidateError("ARGUMENT", `This is not a work of workqueue ${this.name}.`);
  }
}

/** A queuing is over when it has run or was cancelled. */
function isOver(work: Work, queuing: number): boolean {
  return queuing === 0 || (work.queued !== queuing && work.running !== queuing);
}
