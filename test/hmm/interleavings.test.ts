import { describe, expect, it } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  type CpuMm,
  Dmirror,
  DmirrorDevice,
  fork,
  Hmm2018,
  type HmmVariantName,
  Mirror2018,
  madviseDontneed,
  munmap,
  readUser,
  tryToUnmap,
  writeUser,
} from "../../src/hmm/index.ts";
import { type ExploreOptions, exploreAll, type Program } from "./explore.ts";
import { BASE, mapData, PAGE, run, TestClock, World } from "./support.ts";

const END = BASE + 2 * PAGE;

/** What must hold when everybody has finished, whatever they did. */
function faultsOf(world: World, { space }: CpuMm, mirror: Dmirror): string[] {
  const faults = {
    "use after free": world.memory.usesAfterFree.length > 0,
    "an open invalidation": space.activeInvalidations !== 0 || space.sequence % 2 === 1,
    "a lock held": mirror.mutex.locked || space.mmapLock.readers > 0 || space.mmapLock.writing,
    "a stale entry": [...mirror.entries.values()].some(({ page }) => page.freed),
  };
  return Object.entries(faults).flatMap(([name, found]) => (found ? [name] : []));
}

interface Race extends ExploreOptions {
  /** The device has read the pages before. */
  readonly primed?: boolean;
  /** What the device does. Default: it reads both pages. */
  readonly device?: (mirror: Dmirror) => Sleepable<{ errno: number; data: readonly number[] }>;
  /** What somebody else does at the same time. */
  readonly other: (mm: CpuMm, world: World) => Sleepable<unknown>;
  /** Breaks the driver. */
  readonly plant?: (mirror: Dmirror) => void;
}

/** What can come of a race for two pages with the contents 1 and 2, over all schedules. */
function race({ primed, device, other, plant, ...options }: Race): {
  outcomes: readonly string[];
  schedules: number;
} {
  const outcomes = new Set<string>();
  const schedules = exploreAll((): Program => {
    const world = new World({ points: true });
    const mm = world.process();
    mapData(mm, [1, 2]);
    const clock = new TestClock();
    const mirror = run(Dmirror.open(mm, new DmirrorDevice("device", world.memory), { clock }));
    if (primed) run(mirror.read(BASE, 2));
    plant?.(mirror);
    let outcome = "did not return";
    function* reader(): Sleepable<undefined> {
      const { errno, data } = yield* device?.(mirror) ?? mirror.read(BASE, 2);
      outcome = errno === 0 ? `${data}` : `errno ${errno} after ${data.length} pages`;
    }
    return {
      tasks: { reader: reader(), other: other(mm, world) },
      check: () => {
        const faults = faultsOf(world, mm, mirror);
        if (faults.length > 0) throw new Error(faults.join(", "));
        outcomes.add(outcome);
        mm.space[Symbol.dispose]();
      },
    };
  }, options);
  return { outcomes: [...outcomes].sort(), schedules };
}

describe("a device that reads two pages", () => {
  it("C89 anon_teardown: against munmap, under every schedule; all of the data, or an error", () => {
    const other = (mm: CpuMm) => munmap(mm, BASE, END);
    const first = race({ other });
    expect(first.outcomes).toEqual(["1,2", "errno -14 after 0 pages"]);
    expect(first.schedules).toBeGreaterThan(5000);
    expect(race({ other, primed: true }).outcomes).toEqual(["1,2", "errno -14 after 0 pages"]);
  });

  it("against madvise, up to three preemptions: all of the old data, or all of the new", () => {
    const other = (mm: CpuMm) => madviseDontneed(mm, BASE, END);
    expect(race({ other, preemptions: 3 }).outcomes).toEqual(["0,0", "1,2"]);
    expect(race({ other, primed: true }).outcomes).toEqual(["0,0", "1,2"]);
  });

  it("against reclaim, up to three preemptions: the data", () => {
    const other = (mm: CpuMm) => tryToUnmap(mm, BASE);
    expect(race({ other, preemptions: 3 }).outcomes).toEqual(["1,2"]);
    expect(race({ other, primed: true }).outcomes).toEqual(["1,2"]);
  });

  it("against the end of the process, up to three preemptions: the data, or an error", () => {
    const other = (mm: CpuMm) => mm.mmput();
    expect(race({ other, preemptions: 3 }).outcomes).toEqual(["1,2", "errno -22 after 0 pages"]);
  });

  it("against a migration by another device, up to two preemptions: the data", () => {
    function* other(mm: CpuMm, world: World): Sleepable<undefined> {
      const clock = new TestClock();
      const device = new DmirrorDevice("other", world.memory);
      const mirror = yield* Dmirror.open(mm, device, { clock });
      yield* mirror.migrateToDevice(BASE, 2);
    }
    expect(race({ other, preemptions: 2 }).outcomes).toEqual(["1,2"]);
  });

  it.each([
    [
      "that ignores read_retry",
      (mirror: Dmirror) => {
        mirror.notifier.readRetry = () => false;
      },
    ],
    [
      "that never sets the sequence",
      (mirror: Dmirror) => {
        mirror.notifier.setSequence = () => undefined;
      },
    ],
  ])("a driver %s is found out", (_name, plant) => {
    const other = (mm: CpuMm) => madviseDontneed(mm, BASE, END);
    expect(() => race({ other, plant, preemptions: 2 })).toThrow(/stale entry|use after free/);
  });
});

describe("a device that writes two pages", () => {
  const device = (mirror: Dmirror) => mirror.write(BASE, [5, 6]);

  it("against fork, up to two preemptions: the child has all of it, or nothing", () => {
    const children = new Set<string>();
    function* other(mm: CpuMm, world: World): Sleepable<undefined> {
      const child = yield* fork(mm, world.space());
      const data: number[] = [];
      for (const address of [BASE, BASE + PAGE]) {
        const access = yield* readUser(child, address);
        if (access.ok) data.push(access.data);
      }
      children.add(`${data}`);
      child.space[Symbol.dispose]();
    }
    expect(race({ device, other, preemptions: 2 }).outcomes).toEqual(["5,6"]);
    expect([...children].sort()).toEqual(["1,2", "5,6"]);
  });

  it("against a CPU that writes one of them, up to two preemptions: one of the two wins", () => {
    const seen = new Set<number>();
    function* other(mm: CpuMm): Sleepable<undefined> {
      yield* writeUser(mm, BASE, 7);
      const access = yield* readUser(mm, BASE);
      if (access.ok) seen.add(access.data);
    }
    expect(race({ device, other, preemptions: 2 }).outcomes).toEqual(["5,6"]);
    expect([...seen].sort()).toEqual([5, 7]);
  });
});

describe("a driver of 2018 that maps a page and reads it while reclaim takes it", () => {
  /** What goes wrong under some schedule, with up to two preemptions. */
  function findings(variant: HmmVariantName): string[] {
    const found = new Set<string>();
    exploreAll(
      (): Program => {
        const world = new World({ profile: "v4.19", points: true });
        const mm = world.process();
        mapData(mm, [1]);
        const driver = new Mirror2018(new Hmm2018({ variant }), mm, { name: "M" });
        run(driver.register());
        function* device(): Sleepable<undefined> {
          yield* driver.populate(BASE, 1);
          yield* driver.read(BASE, 1);
        }
        return {
          tasks: { device: device(), reclaim: tryToUnmap(mm, BASE) },
          check: () => {
            if (world.memory.usesAfterFree.length > 0) found.add("use after free");
            if ([...driver.entries.values()].some(({ page }) => page.freed))
              found.add("stale entry");
            mm.space[Symbol.dispose]();
          },
        };
      },
      { preemptions: 2 },
    );
    return [...found].sort();
  }

  it.each([
    // Mirrors are told at the end: until then the page is in use, and then it is not.
    ["hmm-4.19", ["use after free"]],
    // Told at the start, and never again.
    ["hmm-refuse", ["stale entry", "use after free"]],
    ["hmm-4.20", ["stale entry", "use after free"]],
    // Valid again is not valid still.
    ["hmm-5.2", ["stale entry", "use after free"]],
    ["hmm-5.3", ["stale entry", "use after free"]],
  ] as const)("%s: %s", (variant, expected) => {
    expect(findings(variant)).toEqual(expected);
  });
});
