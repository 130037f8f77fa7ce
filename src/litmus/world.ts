import { Auditor } from "../audit/auditor.ts";
import { Completion } from "../blocking/completion.ts";
import { SimulatedDriver, type SimulatedTask } from "../blocking/simulated-driver.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import { DriverContext } from "../drivers/index.ts";
import type { Engine } from "../engine/engine.ts";
import { DmirrorDevice } from "../hmm/dmirror-device.ts";
import type { Hmm2018 } from "../hmm/hmm-2018.ts";
import { AddressSpace } from "../notifier/address-space.ts";
import { NotifierDomain } from "../notifier/domain.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { InvalidationEvent } from "../notifier/range.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import { NoReclaimScope } from "../sim/allocation.ts";
import type { Scheduler } from "../sim/clock.ts";
import { Counter } from "../sim/counter.ts";
import { CpuMm } from "../sim/cpu/cpu-mm.ts";
import { PhysicalMemory } from "../sim/cpu/physical-memory.ts";
import { VmArea } from "../sim/cpu/vm-area.ts";
import { unmapPageRange } from "../sim/cpu/zap.ts";
import { type LockUser, NamedLock } from "../sim/named-lock.ts";
import { Victim } from "../sim/victim.ts";
import { vmaList } from "../sim/vma.ts";
import { type Work, Workqueue } from "../sim/workqueue.ts";
import type { Actor } from "./actors/actor.ts";
import { HmmActor } from "./actors/hmm-actors.ts";
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
  readonly actors: ReadonlyMap<string, Actor>;
  readonly memory: PhysicalMemory = new PhysicalMemory();
  /** What was last looked up for an interval notifier: one entry for each page. */
  readonly lookups: Map<string, BigUint64Array> = new Map<string, BigUint64Array>();
  readonly #processes = new Map<string, CpuMm>();
  readonly #contexts = new Map<string, DriverContext>();
  readonly #devices = new Map<string, DmirrorDevice>();
  readonly #scheduler: Scheduler;
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
    const { driver } = this;
    this.#scheduler = {
      get now() {
        return driver.now;
      },
      sleep: (microseconds) => driver.sleep(microseconds),
      spawn: admit,
    };
    this.#makeWorks();
    this.#makeLocks();
    const actors = new Map<string, Actor>();
    this.actors = actors;
    for (const { name, mm, make } of scenario.actors) actors.set(name, make(this, mm));
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

  /** One of the file, or one that a driver made under this name. */
  lock(name: string): NamedLock {
    const lock = this.#locks.get(name);
    if (lock !== undefined) return lock;
    for (const actor of this.actors.values()) {
      const own = actor.locks?.find((one) => one.name === name);
      if (own !== undefined) return own;
    }
    throw new Error(`there is no lock "${name}" so far`);
  }

  /** A lock that somebody else made, by its name. */
  named(name: string, lock: ConstructorParameters<typeof NamedLock>[1]): NamedLock {
    return findOrMake(this.#locks, name, () => new NamedLock(name, lock, this.#lockUser));
  }

  actor(name: string): Actor {
    return mustFind(this.actors.get(name));
  }

  /** HMM of 2018, if the file has one. */
  get hmm(): Hmm2018 {
    const found = [...this.actors.values()].find((actor) => actor instanceof HmmActor);
    return mustFind(found as HmmActor | undefined).hmm;
  }

  /** A device of the kernel's tests, by the tag that it owns events by. */
  device(owner: string): DmirrorDevice {
    return findOrMake(this.#devices, owner, () => new DmirrorDevice(owner, this.memory));
  }

  /** The memory of the process behind an address space. It has none before somebody asks. */
  process(name: string): CpuMm {
    return findOrMake(this.#processes, name, () => {
      const events = this.journal.tell.bind(this.journal);
      return new CpuMm({ space: this.mm(name), memory: this.memory, points: true, events });
    });
  }

  /** A fork has made the memory behind an address space. */
  adopt(name: string, process: CpuMm): void {
    this.#processes.set(name, process);
  }

  /** Whether somebody has asked for the memory behind an address space. */
  hasProcess(name: string): boolean {
    return this.#processes.has(name);
  }

  /** The kernel around the drivers of an address space. */
  driverContext(name: string): DriverContext {
    return findOrMake(this.#contexts, name, () => {
      const locks = this.#locks;
      const context = new DriverContext({
        mm: this.mm(name),
        scheduler: this.#scheduler,
        events: (event) => this.journal.tell(event),
        currentTask: () => this.currentTask,
        noReclaim: () => this.noReclaim(this.currentTask).active,
        points: true,
      });
      const make = context.lock.bind(context);
      context.lock = (lockName, kind) => {
        const lock = make(lockName, kind);
        locks.set(lockName, lock);
        return lock;
      };
      return context;
    });
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
      vmas: () => [...list, ...(this.#processes.get(mm.name)?.vmas.all ?? [])],
      zap: (vma, start, end) => {
        if (vma instanceof VmArea) {
          return unmapPageRange(this.process(mm.name), Number(start), Number(end));
        }
        this.journal.tell({ kind: "pte-change", mm: mm.name, start, end });
        return undefined;
      },
      events: (event) => this.journal.tellReap(event),
    });
  }

  #makeWorks(): void {
    const { journal, scenario } = this;
    const scheduler = this.#scheduler;
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

  /** Whoever takes a lock: the task at work. */
  get #lockUser(): LockUser {
    const world = this;
    return {
      get currentTask() {
        return world.currentTask;
      },
      tell: this.journal.tell.bind(this.journal),
    };
  }

  #makeLocks(): void {
    const user = this.#lockUser;
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
