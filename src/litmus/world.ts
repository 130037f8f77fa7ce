import { Auditor } from "../audit/auditor.ts";
import { Completion } from "../blocking/completion.ts";
import { SimulatedDriver, type SimulatedTask } from "../blocking/simulated-driver.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { Engine } from "../engine/engine.ts";
import { AddressSpace } from "../notifier/address-space.ts";
import { NotifierDomain } from "../notifier/domain.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { InvalidationEvent } from "../notifier/range.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import { NoReclaimScope } from "../sim/allocation.ts";
import type { Scheduler } from "../sim/clock.ts";
import { Counter } from "../sim/counter.ts";
import { type LockUser, NamedLock } from "../sim/named-lock.ts";
import { Victim } from "../sim/victim.ts";
import { vmaList } from "../sim/vma.ts";
import { type Work, Workqueue } from "../sim/workqueue.ts";
import { Journal } from "./journal.ts";
import { runOperations } from "./program.ts";
import type { Bounds } from "./quantities.ts";
import type { Scenario, VmaDeclaration } from "./scenario.ts";
import { Subscriber } from "./subscriber.ts";

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
  /** The processes behind the address spaces, by their names. */
  readonly victims: ReadonlyMap<string, Victim>;
  readonly #noReclaim = new Map<string, NoReclaimScope>();
  readonly #works = new Map<string, Work>();
  currentTask = "setup";

  /** @param admit is told of every task that begins by itself: the workers of works, and timers */
  constructor(
    scenario: Scenario,
    profile: ProfileName,
    engine: Engine,
    admit: (name: string, body: Sleepable<unknown>) => void,
  ) {
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
    this.victims = new Map(
      scenario.mms.map(({ name, vmas }) => [name, this.#makeVictim(this.mm(name), vmas)]),
    );
    this.#makeWorks(admit);
    this.#makeLocks();
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
    return findOrMake(this.#counters, name, () => new Counter(`counter ${name}`));
  }

  completion(name: string): Completion {
    return findOrMake(this.#completions, name, () => new Completion(`completion ${name}`));
  }

  victim(name: string): Victim {
    return mustFind(this.victims.get(name));
  }

  work(name: string): Work {
    return mustFind(this.#works.get(name));
  }

  /** The no-reclaim scopes of a task. */
  noReclaim(task: string): NoReclaimScope {
    return findOrMake(this.#noReclaim, task, () => new NoReclaimScope());
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

  #makeVictim(mm: AddressSpace, vmas: readonly VmaDeclaration[]): Victim {
    const list = vmaList(
      vmas.map(({ kind, mlocked, bounds }) => ({
        kind,
        mlocked,
        start: bounds.start,
        end: bounds.end,
      })),
    );
    return new Victim({
      mm,
      vmas: () => list,
      zap: (_vma, start, end) => {
        this.journal.tell({ kind: "pte-change", mm: mm.name, start, end });
        return undefined;
      },
      events: (event) => this.journal.tellReap(event),
    });
  }

  #makeWorks(admit: (name: string, body: Sleepable<unknown>) => void): void {
    const { driver, journal, scenario } = this;
    const scheduler: Scheduler = {
      get now() {
        return driver.now;
      },
      sleep: (microseconds) => driver.sleep(microseconds),
      spawn: admit,
    };
    const events = journal.tell.bind(journal);
    const workqueues = new Map(
      [...scenario.workqueues].map(([name, maxActive]) => [
        name,
        new Workqueue({ name, scheduler, maxActive, events }),
      ]),
    );
    for (const [name, { operations, workqueue }] of scenario.works) {
      const body = (): Sleepable<unknown> =>
        runOperations(operations, {
          world: this,
          task: this.currentTask,
          call: undefined,
          last: null,
        });
      this.#works.set(name, mustFind(workqueues.get(workqueue)).work(name, body));
    }
  }

  #makeLocks(): void {
    const world = this;
    const user: LockUser = {
      get currentTask() {
        return world.currentTask;
      },
      tell: this.journal.tell.bind(this.journal),
    };
    for (const [name, kind] of this.scenario.locks) {
      this.#locks.set(name, new NamedLock(name, kind, user));
    }
    for (const [index, mm] of this.mms.entries()) {
      const lock = new NamedLock(`mmap lock of ${mm.name}`, mm.mmapLock, user);
      this.#locks.set(`${mm.name}.mmap_lock`, lock);
      if (index === 0) this.#locks.set("mmap_lock", lock);
    }
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
