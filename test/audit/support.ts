// What the tests of the auditor share: address spaces whose events go to an auditor, under the name of
// the task that is at work.

import { Auditor } from "../../src/audit/auditor.ts";
import type { Sleepable, Suspension } from "../../src/blocking/suspension.ts";
import { createEngine } from "../../src/engine/engine.ts";
import {
  AddressSpace,
  type IntervalNotifier,
  type ListNotifier,
  NotifierDomain,
  type NotifierEvent,
  type NotifierRange,
  type ProfileName,
  type UncheckedIntervalNotifierOps,
  type UncheckedListNotifierOps,
} from "../../src/index.ts";
import type { TaskEvent } from "../../src/sim/events.ts";

export const PAGE = 0x1000;
export const R = { start: 0x10000, end: 0x11000 } as const;
export const EAGAIN = -11;

interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** A task that is run by hand. */
export class Stepped<T> {
  readonly #scene: Scene;
  readonly #name: string;
  readonly #body: Sleepable<T>;
  result: { readonly value: T } | undefined;

  constructor(scene: Scene, name: string, body: Sleepable<T>) {
    this.#scene = scene;
    this.#name = name;
    this.#body = body;
  }

  /** Runs to the next wait that is not ready, or to the end. */
  run(): this {
    this.#scene.as(this.#name, () => {
      while (this.result === undefined) {
        const step: IteratorResult<Suspension, T> = this.#body.next();
        if (step.done) this.result = { value: step.value };
        else if (step.value.kind === "wait" && !step.value.ready()) break;
      }
    });
    return this;
  }

  get blocked(): boolean {
    return this.result === undefined;
  }

  /** What it returned. */
  get value(): T {
    if (this.result === undefined) throw new Error(`task ${this.#name} is blocked`);
    return this.result.value;
  }
}

/** A small kernel under audit. */
export class Scene {
  readonly auditor: Auditor;
  readonly profile: ProfileName;
  readonly #domain = new NotifierDomain();
  readonly #engine = createEngine();
  #task = "main";

  constructor(profile: ProfileName = "v6.12") {
    this.profile = profile;
    this.auditor = new Auditor({ profile });
  }

  mm(name = "mm", options: { readonly points?: boolean } = {}): AddressSpace {
    return new AddressSpace({
      ...options,
      name,
      profile: this.profile,
      domain: this.#domain,
      engine: this.#engine,
      events: (event) => this.tell(event),
    });
  }

  /** What the task at work does beside calling address spaces. */
  tell(event: TaskEvent | NotifierEvent): void {
    this.auditor.observe(event, this.#task);
  }

  as<T>(task: string, action: () => T): T {
    const before = this.#task;
    this.#task = task;
    try {
      return action();
    } finally {
      this.#task = before;
    }
  }

  spawn<T>(task: string, body: Sleepable<T>): Stepped<T> {
    return new Stepped(this, task, body).run();
  }

  /** Runs a body that does not block, as the task at work. */
  run<T>(body: Sleepable<T>): T {
    return new Stepped(this, this.#task, body).run().value;
  }

  list(mm: AddressSpace, ops: UncheckedListNotifierOps): ListNotifier {
    return this.run(mm.unchecked.register(ops));
  }

  interval(mm: AddressSpace, ops: UncheckedIntervalNotifierOps, at: Bounds = R): IntervalNotifier {
    return this.run(mm.unchecked.insertInterval(at.start, at.end - at.start, ops));
  }

  lock(lock: string): void {
    this.tell({ kind: "lock-enter", lock, mode: "exclusive", sleeping: true });
    this.tell({ kind: "lock", lock, mode: "exclusive" });
  }

  unlock(lock: string): void {
    this.tell({ kind: "unlock", lock, mode: "exclusive" });
  }

  /** The reports so far, each as its rule and whom it names. */
  get found(): string[] {
    return this.auditor.reports.map(({ id, notifier }) => `${id} ${notifier ?? "-"}`);
  }

  /** The reports when all is quiet. */
  get foundAtFinish(): string[] {
    this.auditor.finish();
    return this.found;
  }

  /** The message of the one report there is. */
  get message(): string {
    const [report, ...more] = this.auditor.reports;
    if (report === undefined || more.length > 0) throw new Error(this.found.join(", ") || "none");
    return report.message;
  }
}

/** Callbacks of a list notifier that approves everything. */
export function pair(name: string): UncheckedListNotifierOps {
  return { name, invalidateRangeStart: () => 0, invalidateRangeEnd: () => undefined };
}

/** A list notifier without an end that gives one answer to every start. */
export function answering(name: string, answer: number): UncheckedListNotifierOps {
  return { name, invalidateRangeStart: () => answer };
}

/** Callbacks of an interval notifier as they should be. */
export function obedient(name: string): UncheckedIntervalNotifierOps {
  return {
    name,
    invalidate(notifier, _range, sequence) {
      notifier.setSequence(sequence);
      return true;
    },
  };
}

/** A wait that is ready: a place that may sleep and does not. */
export function* mightSleep(resource = "M"): Sleepable<undefined> {
  yield { kind: "wait", resource, queue: NOBODY, killable: false, ready: () => true };
}

const NOBODY = {
  size: 0,
  add: () => {},
  delete: () => {},
  wakeAll: () => {},
} as never;

/** A non-blocking start that has to be approved. */
export function mustStart(mm: AddressSpace, range: NotifierRange = R) {
  const result = mm.tryInvalidateRangeStart(range);
  if (!result.ok) throw new Error(`refused by ${result.refusedBy}`);
  return result.window;
}
