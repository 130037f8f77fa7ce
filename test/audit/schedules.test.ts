import { describe, expect, it } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  type AddressSpace,
  type CallbackRange,
  type IntervalNotifier,
  type InvalidationWindow,
  Mutex,
  PROFILE_NAMES,
  type ProfileName,
  SpinLock,
} from "../../src/index.ts";
import { DeadlockError, Random, SimulatedDriver } from "../../src/sim/index.ts";
import { mightSleep, PAGE, Scene } from "./support.ts";

// Programs that keep the contract, in many random schedules: nothing may be reported of them. The same
// with one fault planted: nothing but the fault may be.

const PAGES = 8;
const ROUNDS = 12;

type Fault =
  | "ends are forgotten"
  | "memory changes after end"
  | "memory changes after a refusal"
  | "vcpus install whatever the count is"
  | "readers install whatever read_retry says"
  | "readers begin under the user lock"
  | "a callback does not set the sequence"
  | "an end sleeps";

/** An address space, drivers and callers that do as they should, but for one fault. */
class World {
  readonly scene: Scene;
  readonly mm: AddressSpace;
  readonly #fault: Fault | undefined;
  readonly #random: Random;
  readonly #driver: SimulatedDriver;
  readonly #userLock = new Mutex("user lock");
  readonly #mmuLock = new SpinLock("mmu lock");
  /** KVM's: invalidations in progress, and how many there have been. */
  #count = 0;
  #sequence = 0;

  constructor(profile: ProfileName, seed: number, fault?: Fault) {
    this.#fault = fault;
    this.#random = new Random(seed);
    this.scene = new Scene(profile);
    this.#driver = new SimulatedDriver({ chooser: this.#random.fork(1) });
    this.mm = this.scene.mm("mm", { points: true });
  }

  run(): void {
    const { mm, scene } = this;
    this.#spawn("setup", this.#setUp());
    this.#driver.drain();
    for (let i = 1; i <= 2; i += 1) {
      this.#spawn(`writer ${i}`, this.#write());
      this.#spawn(`reaper ${i}`, this.#reap());
      this.#spawn(`vcpu ${i}`, this.#vcpu(`vcpu ${i}`));
      this.#spawn(`mirror ${i}`, this.#mirror());
    }
    this.#spawn("churn", this.#churn());
    if (mm.profile !== "v4.19") {
      for (let i = 1; i <= 2; i += 1) this.#spawn(`reader ${i}`, this.#read(`I${i}`));
    }
    this.#drain();
    this.#spawn("exit", mm.releaseSleepable());
    this.#drain();
    scene.auditor.finish();
  }

  #drain(): void {
    try {
      this.#driver.drain();
    } catch (error) {
      // Faults make others wait for ever.
      if (this.#fault === undefined || !(error instanceof DeadlockError)) throw error;
    }
  }

  *#setUp(): Sleepable<undefined> {
    yield* this.mm.registerSleepable(this.#kvm());
    // A refuser beside interval notifiers is a fault of every kernel, and a refusal one of the old.
    if (this.mm.profile === "strict") {
      yield* this.mm.registerSleepable({
        name: "refuser",
        invalidateRangeStart: {
          blocking: () => undefined,
          nonblocking: () => !this.#random.chance(1, 3),
        },
      });
    }
  }

  #kvm() {
    const change = (end: boolean) =>
      function* (this: World): Sleepable<undefined> {
        if (end && this.#fault === "an end sleeps") yield* mightSleep();
        yield* this.#spin();
        if (end) this.#sequence += 1;
        this.#count += end ? -1 : 1;
        this.#unspin();
      }.bind(this);
    return {
      name: "kvm",
      invalidateRangeStart: {
        blocking: change(false),
        nonblocking: () => {
          // Alone on this processor: the lock is never held over a step.
          this.#count += 1;
          return true;
        },
      },
      invalidateRangeEnd: change(true),
      release: () => undefined,
    };
  }

  *#write(): Sleepable<undefined> {
    const { mm } = this;
    const open: InvalidationWindow[] = [];
    for (let i = 0; i < ROUNDS; i += 1) {
      const range = this.#range();
      const window = yield* mm.invalidateRangeStartSleepable({ ...range, event: "CLEAR" });
      open.push(window);
      this.#change(range);
      while (open.length > 0 && this.#random.chance(2, 3)) {
        const [window] = open.splice(this.#random.below(open.length), 1);
        yield* window.endSleepable();
      }
    }
    if (this.#fault === "ends are forgotten") return;
    for (const window of open) yield* window.endSleepable();
    if (this.#fault === "memory changes after end") this.#change(this.#range());
  }

  *#reap(): Sleepable<undefined> {
    for (let i = 0; i < ROUNDS; i += 1) {
      const range = this.#range();
      const result = yield* this.mm.tryInvalidateRangeStartSleepable(range);
      if (result.ok || this.#fault === "memory changes after a refusal") this.#change(range);
      if (!result.ok) continue;
      yield* result.window.endSleepable();
    }
  }

  *#vcpu(task: string): Sleepable<undefined> {
    for (let i = 0; i < ROUNDS; i += 1) {
      const sequence = this.#sequence;
      yield { kind: "point", label: `${task}: page looked up` };
      yield* this.#spin();
      const collides = this.#count > 0 || this.#sequence !== sequence;
      if (!collides || this.#fault === "vcpus install whatever the count is")
        this.#install("kvm", this.#range());
      this.#unspin();
    }
  }

  *#read(name: string): Sleepable<undefined> {
    for (let round = 0; round < 3; round += 1) {
      const i = yield* this.mm.insertIntervalSleepable(0, PAGES * PAGE, this.#interval(name));
      for (let pass = 0; pass < ROUNDS / 3; pass += 1) yield* this.#readOnce(i);
      yield* i.removeSleepable();
    }
  }

  *#readOnce(i: IntervalNotifier): Sleepable<undefined> {
    for (;;) {
      const early = this.#fault === "readers begin under the user lock";
      if (early) yield* this.#lock();
      const sequence = yield* i.readBeginSleepable();
      yield { kind: "point", label: `${i.name}: pages looked up` };
      if (!early) yield* this.#lock();
      const retry = i.readRetry(sequence);
      if (!retry || this.#fault === "readers install whatever read_retry says") {
        this.#install(i.name, this.#range());
        this.#install(i.name, this.#range());
      }
      yield { kind: "point", label: `${i.name}: installed` };
      this.#unlock();
      if (!retry) return;
    }
  }

  #interval(name: string) {
    const { scene } = this;
    const tearDown = (i: IntervalNotifier, range: CallbackRange, sequence: number): void => {
      if (this.#fault !== "a callback does not set the sequence") i.setSequence(sequence);
      const { start, end } = range;
      scene.tell({ kind: "tear-down", mm: this.mm.name, subscriber: name, start, end });
    };
    const blocking = function* (
      this: World,
      i: IntervalNotifier,
      range: CallbackRange,
      sequence: number,
    ): Sleepable<undefined> {
      yield* this.#lock();
      yield { kind: "point", label: `${name}: before set_seq` };
      tearDown(i, range, sequence);
      this.#unlock();
    }.bind(this);
    const nonblocking = (i: IntervalNotifier, range: CallbackRange, sequence: number): boolean => {
      const taken = this.#userLock.tryLock();
      scene.tell({ kind: "trylock", lock: "user lock", mode: "exclusive", taken });
      if (!taken) return false;
      tearDown(i, range, sequence);
      this.#unlock();
      return true;
    };
    return { name, invalidate: { blocking, nonblocking } };
  }

  *#mirror(): Sleepable<undefined> {
    const { mirrors } = this.mm;
    for (let i = 0; i < ROUNDS; i += 1) {
      const { start, end } = this.#range();
      const mirror = mirrors.insert(start, end);
      for (;;) {
        const sequence = yield* mirrors.readBeginSleepable(mirror);
        yield { kind: "point", label: "pages looked up" };
        yield* mirrors.lockSleepable(mirror);
        const retry = mirrors.readRetry(mirror, sequence);
        if (!retry) this.#install(mirror, { start, end });
        yield { kind: "point", label: "installed" };
        mirrors.unlock(mirror);
        if (!retry) break;
      }
      yield* mirrors.removeSleepable(mirror);
    }
  }

  /** Comes and goes while invalidations are open. */
  *#churn(): Sleepable<undefined> {
    const { mm } = this;
    for (let i = 0; i < ROUNDS; i += 1) {
      if (this.#random.chance(1, 2)) {
        const notifier = yield* mm.registerSleepable({
          ...this.#counter(),
          release: () => undefined,
        });
        yield { kind: "point", label: "registered" };
        yield* mm.unregisterSleepable(notifier);
      } else {
        const notifier = yield* mm.getSleepable({
          ...this.#counter(),
          freeNotifier: () => undefined,
        });
        yield { kind: "point", label: "got" };
        mm.put(notifier);
        yield* mm.synchronizeSleepable();
      }
    }
  }

  #counter() {
    return {
      name: "counter",
      invalidateRangeStart: { blocking: () => undefined, nonblocking: () => true },
      invalidateRangeEnd: () => undefined,
    };
  }

  #change(range: { start: number; end: number }): void {
    this.scene.tell({ kind: "pte-change", mm: this.mm.name, ...range });
  }

  #install(subscriber: string | number, range: { start: number; end: number }): void {
    this.scene.tell({ kind: "install", mm: this.mm.name, subscriber, ...range });
  }

  #range(): { start: number; end: number } {
    const first = this.#random.below(PAGES);
    const count = 1 + this.#random.below(PAGES - first);
    return { start: first * PAGE, end: (first + count) * PAGE };
  }

  *#lock(): Sleepable<undefined> {
    this.scene.tell({ kind: "lock-enter", lock: "user lock", mode: "exclusive", sleeping: true });
    yield* this.#userLock.lock();
    this.scene.tell({ kind: "lock", lock: "user lock", mode: "exclusive" });
  }

  #unlock(): void {
    this.#userLock.unlock();
    this.scene.unlock("user lock");
  }

  *#spin(): Sleepable<undefined> {
    this.scene.tell({ kind: "lock-enter", lock: "mmu lock", mode: "exclusive", sleeping: false });
    yield* this.#mmuLock.lock();
    this.scene.tell({ kind: "lock", lock: "mmu lock", mode: "exclusive" });
  }

  #unspin(): void {
    this.#mmuLock.unlock();
    this.scene.unlock("mmu lock");
  }

  /** A task whose events bear its name. */
  #spawn(name: string, body: Sleepable<unknown>): void {
    const { scene } = this;
    this.#driver.spawn(
      name,
      (function* (): Sleepable<undefined> {
        for (;;) {
          const { done, value } = scene.as(name, () => body.next());
          if (done) return;
          yield value;
        }
      })(),
    );
  }
}

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

describe.each(PROFILE_NAMES)("programs that keep the contract, in %s", (profile) => {
  it.each(SEEDS)("seed %i", (seed) => {
    const world = new World(profile, seed);
    world.run();
    const violations = world.scene.auditor.reports.filter(({ quality }) => !quality);
    expect(violations, `profile ${profile}, seed ${seed}`).toEqual([]);
  });
});

const FOUND: readonly (readonly [Fault, readonly string[]])[] = [
  ["ends are forgotten", ["V08 kvm"]],
  ["memory changes after end", ["V12 -"]],
  ["memory changes after a refusal", ["V12 -"]],
  ["vcpus install whatever the count is", ["V13 kvm"]],
  ["readers install whatever read_retry says", ["V13 I1", "V14 I1", "V13 I2", "V14 I2"]],
  ["readers begin under the user lock", ["V24 I1", "V24 I2"]],
  ["a callback does not set the sequence", ["V15 I1", "V13 I1", "V15 I2", "V13 I2"]],
  ["an end sleeps", ["V03 kvm", "V32 kvm"]],
];

describe("programs with one fault, in strict", () => {
  it.each(FOUND)("%s", (fault, expected) => {
    const found = new Set<string>();
    for (const seed of SEEDS) {
      const world = new World("strict", seed, fault);
      world.run();
      for (const { id, notifier, quality } of world.scene.auditor.reports) {
        if (!quality) found.add(`${id} ${notifier ?? "-"}`);
      }
    }
    expect([...found].sort()).toEqual([...expected].sort());
  });
});
