import { Completion } from "../blocking/completion.ts";
import { SimulatedDriver, type SimulatedTask } from "../blocking/simulated-driver.ts";
import { type Sleepable, waitUntil } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import { Auditor } from "../audit/auditor.ts";
import type { Engine } from "../engine/engine.ts";
import { AddressSpace } from "../notifier/address-space.ts";
import { NotifierDomain } from "../notifier/domain.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { InvalidationEvent } from "../notifier/range.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import { NamedLock } from "./locks.ts";
import { Journal } from "./journal.ts";
import type { Bounds } from "./quantities.ts";
import type { Scenario } from "./scenario.ts";
import { Subscriber } from "./subscriber.ts";

/** A number that callbacks raise and lower, and that tasks can wait for. */
export class Counter {
  readonly #queue = new WaitQueue();
  readonly #name: string;
  #value = 0;

  constructor(name: string) {
    this.#name = name;
  }

  get value(): number {
    return this.#value;
  }

  add(difference: number): void {
    this.#value += difference;
    this.#queue.wakeAll();
  }

  *waitForZero(): Sleepable<undefined> {
    yield* waitUntil(() => this.#value === 0, this.#queue, `counter ${this.#name}`);
  }
}

/** An invalidation that a task has asked for, approved or not. */
export interface Invalidation {
  readonly name: string;
  readonly mm: AddressSpace;
  readonly bounds: Bounds;
  readonly event: InvalidationEvent | undefined;
  readonly blockable: boolean;
  /** Undefined if it was refused. */
  readonly window: InvalidationWindow | undefined;
  readonly task: string;
}

/** One run of one scenario: its address spaces and everything around them, under virtual time. */
export class World {
  readonly scenario: Scenario;
  readonly profile: ProfileName;
  readonly engine: Engine;
  readonly domain: NotifierDomain = new NotifierDomain();
  readonly auditor: Auditor;
  readonly driver: SimulatedDriver;
  readonly journal: Journal;
  readonly mms: readonly AddressSpace[];
  readonly subscribers: ReadonlyMap<string, Subscriber>;
  /** In the order of their starts. */
  readonly invalidations: Invalidation[] = [];
  /** Sequences that `read_begin` gave back, by task and subscriber. */
  readonly reads: Map<string, number> = new Map<string, number>();
  /** How often something has happened, by whatever stands for it. */
  readonly tallies: Map<object, number> = new Map<object, number>();
  readonly #locks = new Map<string, NamedLock>();
  readonly #counters = new Map<string, Counter>();
  readonly #completions = new Map<string, Completion>();
  /** How deep each task is in no-reclaim scopes. */
  readonly noReclaim: Map<string, number> = new Map<string, number>();
  /** Who refused last. */
  refusedBy: string | number | undefined;
  currentTask = "setup";

  constructor(scenario: Scenario, profile: ProfileName, engine: Engine) {
    this.scenario = scenario;
    this.profile = profile;
    this.engine = engine;
    this.auditor = new Auditor({ profile });
    this.journal = new Journal(this);
    this.driver = new SimulatedDriver({
      chooser: { below: () => 0 },
      onBlock: (_task, wait) => this.journal.tell({ kind: "block", resource: wait.resource }),
    });
    this.mms = scenario.mms.map(
      ({ name }) =>
        new AddressSpace({
          name,
          profile,
          engine,
          domain: this.domain,
          points: true,
          events: (event) => this.journal.tell(event),
        }),
    );
    this.subscribers = new Map(
      scenario.subscribers.map((declaration) => [
        declaration.name,
        new Subscriber(this, declaration),
      ]),
    );
    const tell = this.journal.tell.bind(this.journal);
    for (const [name, kind] of scenario.locks) {
      this.#locks.set(name, new NamedLock(name, kind, tell));
    }
    for (const [index, mm] of this.mms.entries()) {
      const lock = new NamedLock(`mmap lock of ${mm.name}`, mm.mmapLock, tell);
      this.#locks.set(`${mm.name}.mmap_lock`, lock);
      if (index === 0) this.#locks.set("mmap_lock", lock);
    }
  }

  /** One step of one task. False if it is done or has to sleep. */
  step(task: SimulatedTask): boolean {
    const { state } = task;
    this.currentTask = task.name;
    if (state.kind === "wait" && state.ready && this.journal.isBlocked(task.name)) {
      this.journal.tell({ kind: "wake", resource: state.wait.resource });
    }
    return this.driver.stepTask(task);
  }

  mm(name: string): AddressSpace {
    return mustFind(this.mms.find((mm) => mm.name === name));
  }

  subscriber(name: string): Subscriber {
    return mustFind(this.subscribers.get(name));
  }

  lock(name: string): NamedLock {
    return mustFind(this.#locks.get(name));
  }

  counter(name: string): Counter {
    return findOrMake(this.#counters, name, () => new Counter(name));
  }

  completion(name: string): Completion {
    return findOrMake(this.#completions, name, () => new Completion(`completion ${name}`));
  }

  /** Sleeps for a span of virtual time, which is told. */
  *sleep(microseconds: number): Sleepable<undefined> {
    this.journal.tellSleep(microseconds);
    yield* this.driver.sleep(microseconds);
  }

  /** Counts one more time that something happened, from 1. */
  tally(what: object): number {
    const count = (this.tallies.get(what) ?? 0) + 1;
    this.tallies.set(what, count);
    return count;
  }

  /** A callback was called that address spaces do not tell of. */
  tellCall(name: string): void {
    this.journal.tellCall(name);
  }

  dispose(): void {
    for (const mm of this.mms) mm[Symbol.dispose]();
  }
}

function findOrMake<T>(things: Map<string, T>, name: string, make: () => T): T {
  let thing = things.get(name);
  if (thing === undefined) {
    thing = make();
    things.set(name, thing);
  }
  return thing;
}

/** Names have been checked by the parser. */
function mustFind<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error("a name was not checked");
  return thing;
}
