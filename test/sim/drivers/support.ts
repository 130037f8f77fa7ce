// What the tests of driver models share: one address space, drivers that follow it, and an auditor that
// sees everything. Tasks are stepped by hand, up to where they really have to sleep.

import { Auditor } from "../../../src/audit/auditor.ts";
import { SimulatedDriver, type SimulatedTask } from "../../../src/blocking/simulated-driver.ts";
import type { Sleepable } from "../../../src/blocking/suspension.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import {
  AddressSpace,
  type InvalidationWindow,
  NotifierDomain,
  type NotifierEvent,
  type NotifierRange,
  type ProfileName,
  type StartResult,
} from "../../../src/index.ts";
import {
  type AddressRange,
  type Driver,
  DriverContext,
  type DriverModel,
  type DriverOptions,
} from "../../../src/sim/drivers/index.ts";
import type { TaskEvent } from "../../../src/sim/events.ts";

const PAGE = 0x1000;

/** Pages `[first, first + count)` of the space. */
export function pages(first: number, count = 1): { start: number; end: number } {
  return { start: first * PAGE, end: (first + count) * PAGE };
}

/** A task that runs until it has to sleep, and on from there when it is told to. */
export class Stepped<T> {
  readonly #scene: Scene;
  readonly #task: SimulatedTask;

  constructor(scene: Scene, task: SimulatedTask) {
    this.#scene = scene;
    this.#task = task;
  }

  run(): this {
    while (this.#scene.step(this.#task));
    return this;
  }

  /** What it waits for; undefined if it has returned, or could go on. */
  get blockedOn(): string | undefined {
    const { state } = this.#task;
    return state.kind === "wait" && !state.ready ? state.wait.resource : undefined;
  }

  /** What it returned. */
  get value(): T {
    const { state } = this.#task;
    if (state.kind === "failed") throw state.error;
    if (state.kind !== "done") throw new Error(`${this.#task.name} is still at work`);
    return state.value as T;
  }
}

export class Scene {
  readonly mm: AddressSpace;
  readonly context: DriverContext;
  readonly auditor: Auditor;
  readonly driver: SimulatedDriver;
  /** Events of tasks, short: `install kvm-2018 1`, `lock mmu_lock of kvm-2018`. */
  readonly trace: string[] = [];
  /** What direct reclaim does, the next time that somebody enters it. */
  reclaim: (() => Sleepable<unknown>) | undefined;
  readonly #tasks: SimulatedTask[] = [];
  #task = "test";
  #made = 0;

  constructor(profile: ProfileName = "v4.19") {
    this.auditor = new Auditor({ profile });
    this.driver = new SimulatedDriver({
      chooser: { below: () => 0 },
      onBlock: (_, { resource }) => this.#tell({ kind: "block", resource }),
    });
    const { driver } = this;
    this.mm = new AddressSpace({
      name: "mm",
      profile,
      engine: createEngine(),
      domain: new NotifierDomain(),
      events: (event) => this.#tell(event),
    });
    this.context = new DriverContext({
      mm: this.mm,
      scheduler: {
        get now() {
          return driver.now;
        },
        sleep: (microseconds) => driver.sleep(microseconds),
        spawn: (name, body) => this.#tasks.push(driver.spawn(name, body)),
      },
      events: (event) => this.#tell(event),
      currentTask: () => this.#task,
      reclaim: () => this.#reclaimOnce(),
    });
  }

  /** A task of its own, run as far as it goes. */
  spawn<T>(body: Sleepable<T>, name?: string): Stepped<T> {
    this.#made += 1;
    const task = this.driver.spawn(name ?? `T${this.#made}`, body);
    return new Stepped<T>(this, task).run();
  }

  /** Runs what does not have to wait for anybody. */
  run<T>(body: Sleepable<T>): T {
    return this.spawn(body).value;
  }

  /** Runs what has to wait for works, but for nothing else. */
  withWork<T>(body: Sleepable<T>): T {
    const task = this.spawn(body);
    this.runWork();
    return task.run().value;
  }

  /** One step of one task, under its name. */
  step(task: SimulatedTask): boolean {
    const before = this.#task;
    this.#task = task.name;
    const ran = this.driver.stepTask(task);
    this.#task = before;
    return ran;
  }

  /** Lets the tasks of works and timers run until they sleep or have finished. */
  runWork(): void {
    for (let at = 0; at < this.#tasks.length; at += 1) {
      while (this.step(this.#tasks[at]));
    }
  }

  /** Lets so many milliseconds pass. */
  pass(milliseconds: number): void {
    this.driver.advance(milliseconds * 1000);
    this.runWork();
  }

  /** What the works wait for that have begun and not ended. */
  get workBlockedOn(): string[] {
    return this.#tasks.flatMap(({ name, state }) =>
      state.kind === "wait" && !name.startsWith("timer") ? [state.wait.resource] : [],
    );
  }

  attach<D extends Driver, P extends string>(
    model: DriverModel<D, P>,
    options?: DriverOptions<P>,
  ): D {
    return this.run(model.attach(this.context, options));
  }

  /** A driver that mirrors a range, and whose device has used it. */
  mirrored<D extends Driver, P extends string>(
    model: DriverModel<D, P>,
    range: AddressRange,
    options?: DriverOptions<P>,
  ): D {
    const driver = this.attach(model, options);
    const errnos = [this.run(driver.mirror(range)), this.withWork(driver.access(range))];
    if (errnos.some((errno) => errno !== 0)) throw new Error(`not mirrored: ${errnos}`);
    return driver;
  }

  /** A list notifier that refuses every non-blocking start, and is called after those registered before. */
  refuser(): void {
    this.run(
      this.mm.unchecked.register({
        name: "refuser",
        invalidateRangeStart: ({ blockable }) => (blockable ? 0 : -11),
      }),
    );
  }

  start(range: NotifierRange): Stepped<InvalidationWindow> {
    return this.spawn(this.mm.invalidateRangeStartSleepable(range));
  }

  /** As `munmap`: the caller holds the mmap lock. */
  startUnderMmapLock(range: NotifierRange): Stepped<InvalidationWindow> {
    const { context, mm } = this;
    return this.spawn(
      (function* () {
        yield* context.mmapLock.lock();
        return yield* mm.invalidateRangeStartSleepable(range);
      })(),
    );
  }

  tryStart(range: NotifierRange): Stepped<StartResult> {
    return this.spawn(this.mm.tryInvalidateRangeStartSleepable(range));
  }

  end(window: InvalidationWindow): Stepped<undefined> {
    return this.spawn(window.endSleepable());
  }

  /** A non-blocking start that somebody refuses at once. */
  refusedBy(range: NotifierRange): string | number {
    const result = this.tryStart(range).value;
    if (result.ok) throw new Error("approved");
    return result.refusedBy;
  }

  /** A non-blocking start that everybody approves at once. */
  approved(range: NotifierRange): InvalidationWindow {
    return windowOf(this.tryStart(range));
  }

  /** A whole blockable invalidation that does not have to wait. */
  invalidate(range: NotifierRange): void {
    this.run(this.start(range).value.endSleepable());
  }

  /** What has been found so far, findings about quality included: `V08 kvm-2018`. */
  get found(): string[] {
    return this.auditor.reports.map(({ id, notifier }) => `${id} ${notifier ?? "-"}`);
  }

  /** The same when all is quiet. */
  get foundAtFinish(): string[] {
    this.auditor.finish();
    return this.found;
  }

  /** What those who must not sleep have slept for, in the order of the reports. */
  get sleptFor(): string[] {
    return this.auditor.reports.flatMap(({ message }) => {
      const [, resource] =
        / sleeps for (.+?) (?:in non-blocking|while the refused)/.exec(message) ?? [];
      return resource === undefined ? [] : [resource];
    });
  }

  *#reclaimOnce(): Sleepable<undefined> {
    const { reclaim } = this;
    this.reclaim = undefined;
    if (reclaim !== undefined) yield* reclaim();
  }

  #tell(event: TaskEvent | NotifierEvent): void {
    this.auditor.observe(event, this.#task);
    const text = textOf(event);
    if (text !== undefined) this.trace.push(text);
  }
}

/** What an approved non-blocking start opened. */
export function windowOf(start: Stepped<StartResult>): InvalidationWindow {
  const result = start.value;
  if (!result.ok) throw new Error(`refused by ${result.refusedBy}`);
  return result.window;
}

function textOf(event: TaskEvent | NotifierEvent): string | undefined {
  switch (event.kind) {
    case "install":
    case "tear-down": {
      const first = Number(event.start) / PAGE;
      const last = Number(event.end) / PAGE - 1;
      return `${event.kind} ${first === last ? first : `${first}-${last}`}`;
    }
    case "work-queue":
    case "work-run":
    case "work-wait":
      return `${event.kind} ${event.work}`;
    default:
      return undefined;
  }
}
