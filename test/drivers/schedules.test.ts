import { describe, expect, it } from "vitest";
import { Auditor } from "../../src/audit/auditor.ts";
import { SimulatedDriver, type SimulatedTask } from "../../src/blocking/simulated-driver.ts";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  DRIVER_MODELS,
  type Driver,
  DriverContext,
  type DriverModel,
  driverModel,
  KernelBug,
} from "../../src/drivers/index.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { AddressSpace, NotifierDomain, type NotifierEvent } from "../../src/index.ts";
import type { TaskEvent } from "../../src/sim/events.ts";
import { Random } from "../../src/sim/random.ts";
import { pages } from "../sim/drivers/support.ts";

// Repaired drivers keep the contract whatever the schedule is: a device that uses two ranges, callers that
// may sleep, an OOM reaper that may not, and an owner that gives a range up and has it mirrored again.

/** What drivers do by design that the auditor takes for a violation. */
const BY_DESIGN: Readonly<Record<string, readonly string[]>> = {
  // Without a read side, a bind is kept out of invalidations that hold the mmap lock only.
  radeon: ["V13"],
  gntdev: ["V13"],
  // Pinned pages may be installed whenever.
  "hfi1-mmu-rb": ["V13"],
  "hfi1-tid": ["V13"],
};

const SCHEDULES = 60;

const TODAY = DRIVER_MODELS.filter(({ era }) => era === "v6.12");

describe.each(TODAY.map((model) => [model.name, model] as const))(
  "%s under random schedules",
  (name, model) => {
    it(`breaks nothing and blocks nobody, seeds 1 to ${SCHEDULES}`, () => {
      for (let seed = 1; seed <= SCHEDULES; seed += 1) {
        const { found, stuck } = run(model, seed);
        const surprising = found.filter((id) => !BY_DESIGN[name]?.includes(id));
        expect({ seed, found: surprising, stuck }).toEqual({ seed, found: [], stuck: [] });
      }
    });
  },
);

/** Each mistake, and by what it is noticed. */
const MISTAKES: readonly (readonly [string, string, string])[] = [
  ["kvm", "missingEnd", "stuck"],
  ["kvm", "swapsMemslotsAtOnce", "KernelBug"],
  ["kvm", "reschedulesInUnmap", "V01"],
  ["gru", "missingEnd", "stuck"],
  ["hfi1-mmu-rb", "flushesInCallback", "V20"],
  ["nouveau-svm", "removesUnderMutex", "V24"],
  ["i915", "ignoresRetry", "V14"],
  ["amdgpu-gfx", "noModeCheck", "V01"],
  ["amdgpu-hsa", "flushesRestoreWork", "V20"],
  ["radeon", "reclaimInValidate", "V19"],
  ["mlx5", "refusalKeepsMutex", "stuck"],
  ["gntdev", "earlyCheckRemoved", "V01"],
  ["amdkfd-svm", "noModeCheck", "V01"],
  ["hfi1-tid", "noModeCheck", "V01"],
  ["xe", "skipsSetSequence", "V15"],
  ["gpusvm", "asksBeforeLocking", "V14"],
];

describe("mistakes under random schedules", () => {
  it("are all listed here", () => {
    const listed = MISTAKES.map(([name, mistake]) => `${name} ${mistake}`);
    const known = TODAY.flatMap(({ name, personalities }) =>
      Object.keys(personalities).map((mistake) => `${name} ${mistake}`),
    );
    expect(listed).toEqual(known);
  });

  it.each(MISTAKES)("%s %s: %s", (name, mistake, sign) => {
    const noticed = new Set<string>();
    for (let seed = 1; seed <= SCHEDULES && !noticed.has(sign); seed += 1) {
      try {
        const { found, stuck } = run(driverModel(name), seed, [mistake]);
        for (const id of found) noticed.add(id);
        if (stuck.length > 0) noticed.add("stuck");
      } catch (error) {
        if (!(error instanceof KernelBug)) throw error;
        noticed.add("KernelBug");
      }
    }
    expect(noticed).toContain(sign);
  });
});

function run(
  model: DriverModel,
  seed: number,
  personalities: readonly string[] = [],
): { found: string[]; stuck: string[] } {
  const random = new Random(seed);
  const auditor = new Auditor({ profile: "strict" });
  const driver = new SimulatedDriver({ chooser: random });
  const tasks: SimulatedTask[] = [];
  let current = "";
  const observe = (event: NotifierEvent | TaskEvent): void => auditor.observe(event, current);
  const mm = new AddressSpace({
    name: "mm",
    profile: "strict",
    engine: createEngine(),
    domain: new NotifierDomain(),
    points: true,
    events: observe,
  });
  const spawn = (task: string, body: Sleepable<unknown>): void => {
    tasks.push(driver.spawn(task, body));
  };
  const context = new DriverContext({
    mm,
    scheduler: {
      get now() {
        return driver.now;
      },
      sleep: (microseconds) => driver.sleep(microseconds),
      spawn,
    },
    events: observe,
    currentTask: () => current,
    points: true,
  });

  function step(task: SimulatedTask): boolean {
    current = task.name;
    const ran = driver.stepTask(task);
    current = "";
    if (task.state.kind === "failed") throw task.state.error;
    return ran;
  }

  /** Until nobody can go on, not even if time passes. */
  function settle(): void {
    for (let quiet = 0; quiet < 3; ) {
      const left = tasks.filter(({ state }) => state.kind !== "done");
      const first = random.below(left.length + 1);
      const ran = left.some((_, at) => step(left[(first + at) % left.length]));
      quiet = ran ? 0 : quiet + 1;
      if (!ran) driver.advance(20_000);
    }
  }

  let device: Driver | undefined;
  spawn(
    "open",
    (function* () {
      device = yield* model.attach(context, { personalities });
      for (const range of [pages(16, 4), pages(32, 4)]) yield* device.mirror(range);
    })(),
  );
  settle();
  if (device === undefined) throw new Error("not attached");
  spawn("device 1", use(device, 16, 3));
  spawn("device 2", use(device, 32, 3));
  spawn("munmap 1", invalidations(mm, random, 2));
  spawn("munmap 2", invalidations(mm, random, 2));
  spawn("reaper", reap(mm, random, 2));
  spawn("owner", giveUp(device));
  spawn("gpu", signals(context, device));
  spawn("neighbour", pins(context, device));
  settle();
  spawn("close", device.detach());
  settle();
  auditor.finish();
  return {
    found: auditor.reports.filter(({ quality }) => !quality).map(({ id }) => id),
    stuck: tasks.filter(({ state }) => state.kind !== "done").map((task) => task.name),
  };
}

function* use(device: Driver, first: number, times: number): Sleepable<undefined> {
  for (let at = 0; at < times; at += 1) yield* device.access(pages(first + at, 1));
}

function* invalidations(mm: AddressSpace, random: Random, times: number): Sleepable<undefined> {
  for (let at = 0; at < times; at += 1) {
    const range = pages(14 + random.below(22), 1 + random.below(4));
    const window = yield* mm.invalidateRangeStartSleepable(range);
    yield { kind: "point", label: "before pte change" };
    yield* window.endSleepable();
  }
}

function* reap(mm: AddressSpace, random: Random, times: number): Sleepable<undefined> {
  for (let at = 0; at < times; at += 1) {
    const range = pages(14 + random.below(22), 1 + random.below(4));
    const result = yield* mm.tryInvalidateRangeStartSleepable(range);
    if (result.ok) yield* result.window.endSleepable();
  }
}

function* giveUp(device: Driver): Sleepable<undefined> {
  yield* device.unmirror(pages(32, 4));
  yield* device.mirror(pages(32, 4));
}

/** The GPU gets on. */
function* signals(context: DriverContext, { operations }: Driver): Sleepable<undefined> {
  for (let at = 0; at < 100; at += 1) {
    yield* context.scheduler.sleep(100);
    if (operations.signal === undefined) return;
    for (const range of [pages(16, 4), pages(32, 4)]) yield* operations.signal(range);
  }
}

/** Somebody else uses pages for a while. */
function* pins(
  context: DriverContext,
  { operations: { pin, unpin } }: Driver,
): Sleepable<undefined> {
  if (pin === undefined) return;
  const range = pages(16, 2);
  if ((yield* pin(range)) !== 0) return;
  yield* context.scheduler.sleep(7000);
  yield* unpin(range);
}
