import { describe, expect, it } from "vitest";
import { Auditor } from "../../../src/audit/auditor.ts";
import { SimulatedDriver } from "../../../src/blocking/simulated-driver.ts";
import type { Sleepable } from "../../../src/blocking/suspension.ts";
import {
  amdgpuGfx2018,
  amdgpuHsa2018,
  type Driver,
  DriverContext,
  type DriverModel,
  gru2018,
  hfi12018,
  hmm2018,
  i9152018,
  kvm2018,
  radeon2018,
  scif2018,
  umemOdp2018,
  xenGntdev2018,
} from "../../../src/drivers/index.ts";
import {
  AddressSpace,
  NotifierDomain,
  type NotifierEvent,
  type ProfileName,
} from "../../../src/index.ts";
import type { TaskEvent } from "../../../src/sim/events.ts";
import { Random } from "../../../src/sim/random.ts";
import { pages } from "./support.ts";

// Each driver, repaired, in many random schedules with munmap, reclaim and the OOM reaper: whatever is reported
// is what it is known for, nothing hangs, and nothing is kept in the end.

const ROUNDS = 10;
const OBJECTS = [pages(0, 2), pages(2, 3), pages(6, 2)];

/** An address space with one driver, and everybody who works on it. */
class World {
  readonly auditor: Auditor;
  readonly mm: AddressSpace;
  readonly context: DriverContext;
  readonly #random: Random;
  readonly #driver: SimulatedDriver;
  #task = "setup";

  constructor(profile: ProfileName, seed: number) {
    this.#random = new Random(seed);
    this.auditor = new Auditor({ profile });
    this.#driver = new SimulatedDriver({ chooser: this.#random.fork(1) });
    const driver = this.#driver;
    const events = (event: TaskEvent | NotifierEvent): void =>
      this.auditor.observe(event, this.#task);
    this.mm = new AddressSpace({ profile, domain: new NotifierDomain(), events, points: true });
    this.context = new DriverContext({
      mm: this.mm,
      scheduler: {
        get now() {
          return driver.now;
        },
        sleep: (microseconds) => driver.sleep(microseconds),
        spawn: (name, body) => this.#spawn(name, body),
      },
      events,
      currentTask: () => this.#task,
      points: true,
    });
  }

  /** @param reclaims whether memory is invalidated without the mmap lock as well */
  run(model: DriverModel, reclaims: boolean): Driver {
    const driver = this.#finish(model.attach(this.context, { personalities: [] }));
    for (const [i, range] of OBJECTS.entries()) {
      this.#spawn(`owner ${i}`, this.#own(driver, range));
      this.#spawn(`device ${i}`, this.#use(driver, range));
    }
    for (let i = 0; i < 2; i += 1) {
      this.#spawn(`munmap ${i}`, this.#unmap());
      this.#spawn(`reaper ${i}`, this.#reap());
      if (reclaims) this.#spawn(`kswapd ${i}`, this.#invalidate(ROUNDS));
    }
    this.#driver.drain();
    this.#finish(this.mm.releaseSleepable());
    this.auditor.finish();
    return driver;
  }

  *#own(driver: Driver, range: { start: number; end: number }): Sleepable<undefined> {
    yield* driver.mirror(range);
    for (let i = 0; i < ROUNDS / 2; i += 1) {
      yield { kind: "point", label: "owner" };
      if (this.#random.chance(2, 3)) continue;
      yield* driver.unmirror(range);
      yield* driver.mirror(range);
    }
  }

  *#use(driver: Driver, range: { start: number; end: number }): Sleepable<undefined> {
    const { signal, retire } = driver.operations;
    const isDone = signal ?? retire;
    for (let i = 0; i < ROUNDS; i += 1) {
      yield* driver.access(range);
      yield { kind: "point", label: "device" };
      if (isDone !== undefined) yield* isDone(range);
    }
  }

  *#unmap(): Sleepable<undefined> {
    for (let i = 0; i < ROUNDS; i += 1) {
      yield* this.context.mmapLock.lock();
      yield* this.#invalidate(1);
      this.context.mmapLock.unlock();
    }
  }

  *#invalidate(times: number): Sleepable<undefined> {
    for (let i = 0; i < times; i += 1) {
      const range = this.#range();
      const window = yield* this.mm.invalidateRangeStartSleepable(range);
      this.#change(range);
      yield* window.endSleepable();
    }
  }

  *#reap(): Sleepable<undefined> {
    for (let i = 0; i < ROUNDS; i += 1) {
      yield* this.context.mmapLock.lock("read");
      const range = this.#range();
      const result = yield* this.mm.tryInvalidateRangeStartSleepable(range);
      if (result.ok) {
        this.#change(range);
        yield* result.window.endSleepable();
      }
      this.context.mmapLock.unlock();
    }
  }

  #range(): { start: number; end: number } {
    const first = this.#random.below(8);
    return pages(first, 1 + this.#random.below(4));
  }

  #change(range: { start: number; end: number }): void {
    this.context.tell({ kind: "pte-change", mm: this.mm.name, ...range });
  }

  /** Runs one body, and whatever it leaves to do, to the end. */
  #finish<T>(body: Sleepable<T>): T {
    const results: T[] = [];
    this.#spawn(
      "main",
      (function* () {
        results.push(yield* body);
      })(),
    );
    this.#driver.drain();
    return results[0];
  }

  /** A task whose events bear its name. */
  #spawn(name: string, body: Sleepable<unknown>): void {
    const world = this;
    this.#driver.spawn(
      name,
      (function* () {
        for (;;) {
          const before = world.#task;
          world.#task = name;
          const { done, value } = body.next();
          world.#task = before;
          if (done) return;
          yield value;
        }
      })(),
    );
  }
}

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

interface Expectation {
  readonly model: DriverModel;
  readonly profiles: readonly ProfileName[];
  /** Its read side keeps out whatever invalidates, and not only what holds the mmap lock for writing. */
  readonly exact: boolean;
  /** All that may be reported. */
  readonly known: readonly string[];
}

const BOTH: readonly ProfileName[] = ["v4.19", "v6.12"];
// A kernel that rolls back calls the end of those who refuse.
const EARLY: readonly ProfileName[] = ["v4.19"];

const DRIVERS: readonly Expectation[] = [
  { model: kvm2018, profiles: BOTH, exact: true, known: [] },
  { model: gru2018, profiles: BOTH, exact: true, known: [] },
  { model: amdgpuGfx2018, profiles: EARLY, exact: true, known: ["V06", "V31"] },
  { model: umemOdp2018, profiles: EARLY, exact: true, known: ["V03", "V06", "V31"] },
  { model: hmm2018, profiles: EARLY, exact: true, known: ["V03", "V13"] },
  { model: amdgpuHsa2018, profiles: EARLY, exact: false, known: ["V06", "V31"] },
  { model: xenGntdev2018, profiles: BOTH, exact: false, known: ["V31"] },
  { model: radeon2018, profiles: BOTH, exact: false, known: ["V31"] },
  // Pins: what the OOM reaper takes meanwhile is lost to the process, but safe.
  { model: i9152018, profiles: BOTH, exact: false, known: ["V13"] },
  { model: hfi12018, profiles: BOTH, exact: false, known: ["V13"] },
  { model: scif2018, profiles: BOTH, exact: false, known: ["V13"] },
];

const RUNS = DRIVERS.flatMap((one) =>
  one.profiles.map((profile) => [one.model.name, profile, one] as const),
);

describe.each(RUNS)("%s in %s", (_, profile, { model, exact, known }) => {
  it("is reported for what it is known for, and hangs nobody", () => {
    const found = new Set<string>();
    for (const seed of SEEDS) {
      const world = new World(profile, seed);
      const driver = world.run(model, exact);
      for (const { id, message } of world.auditor.reports) {
        expect(known, `${message}; profile ${profile}, seed ${seed}`).toContain(id);
        found.add(id);
      }
      for (const lock of Object.values(driver.locks)) {
        expect(lock.holders, `${lock.name}; profile ${profile}, seed ${seed}`).toEqual([]);
      }
    }
    expect([...found].sort()).toEqual(known);
  });
});
