import { describe, expect, it } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  type CpuMm,
  Dmirror,
  DmirrorDevice,
  fork,
  madviseDontneed,
  mmap,
  mprotect,
  munmap,
  readUser,
  tryToUnmap,
  writeUser,
} from "../../src/hmm/index.ts";
import { Random, SimulatedDriver } from "../../src/sim/index.ts";
import { BASE, PAGE, run, World } from "./support.ts";

const PAGES = 6;
const END = BASE + PAGES * PAGE;

interface Stage {
  readonly world: World;
  readonly mm: CpuMm;
  readonly mirrors: readonly Dmirror[];
  readonly random: Random;
  /** Whoever walks through all processes may still come past them. */
  readonly exited: CpuMm[];
}

/** A range of pages inside of the mapping. */
function someRange(random: Random): { start: number; pages: number; end: number } {
  const from = random.below(PAGES);
  const pages = 1 + random.below(PAGES - from);
  const start = BASE + from * PAGE;
  return { start, pages, end: start + pages * PAGE };
}

/** A device that reads and writes. */
function* accesses({ random }: Stage, mirror: Dmirror): Sleepable<undefined> {
  for (let round = 0; round < 6; round += 1) {
    const { start, pages } = someRange(random);
    switch (random.below(3)) {
      case 0:
        yield* mirror.read(start, pages);
        break;
      case 1:
        yield* mirror.write(start, Array(pages).fill(random.below(1000)));
        break;
      default:
        yield* mirror.snapshot(start, pages);
    }
  }
}

/** A device that takes pages for itself. It does not read beside that: see the tests of the mirror. */
function* moves({ random }: Stage, mirror: Dmirror): Sleepable<undefined> {
  for (let round = 0; round < 6; round += 1) {
    const { start, pages } = someRange(random);
    switch (random.below(3)) {
      case 0:
        yield* mirror.migrateToDevice(start, pages);
        break;
      case 1:
        yield* mirror.migrateToSystem(start, pages);
        break;
      default:
        yield* mirror.exclusive(start, pages);
    }
  }
}

/** What a process does. */
function* cpuTask(stage: Stage, givesUp: boolean): Sleepable<undefined> {
  const { mm, world, random } = stage;
  for (let round = 0; round < 8; round += 1) {
    const { start, end } = someRange(random);
    switch (random.below(8)) {
      case 0:
      case 1:
        yield* readUser(mm, start);
        break;
      case 2:
        yield* writeUser(mm, start, random.below(1000));
        break;
      case 3:
        yield* tryToUnmap(mm, start);
        break;
      case 4:
        yield* mprotect(mm, start, end, { read: true, write: random.chance(1, 2) });
        break;
      case 5: {
        const child = yield* fork(mm, world.space());
        yield* writeUser(child, start, 7);
        yield* child.mmput();
        stage.exited.push(child);
        break;
      }
      case 6:
        yield* munmap(mm, BASE, END);
        yield* mmap(mm, { kind: "anonymous", start: BASE, end: END });
        break;
      default:
        if (givesUp) yield* madviseDontneed(mm, start, end);
    }
  }
}

function runSeed(seed: number): { events: number; steps: number } {
  const random = new Random(seed);
  const driver = new SimulatedDriver({ chooser: random });
  const world = new World({ points: true });
  const mm = world.process();
  run(mmap(mm, { kind: "anonymous", start: BASE, end: END }));
  const mirrors = ["one", "two"].map((name) =>
    run(Dmirror.open(mm, new DmirrorDevice(name, world.memory), { clock: driver })),
  );
  const stage: Stage = { world, mm, mirrors, random, exited: [] };
  // Pages on their way are not given up meanwhile: see the tests of the mirror.
  const givesUp = random.chance(1, 2);
  driver.spawn("one", givesUp ? accesses(stage, mirrors[0]) : moves(stage, mirrors[0]));
  driver.spawn("two", accesses(stage, mirrors[1]));
  // One thread: two would unmap what the other one has just mapped.
  driver.spawn("cpu", cpuTask(stage, givesUp));
  driver.drain();
  const inUse = new Set<unknown>();
  for (const [, pte] of mm.pageTable.entriesIn(BASE, END)) if ("page" in pte) inUse.add(pte.page);
  inUse.delete(world.memory.zeroPage);
  expect({
    pages: world.memory.pagesInUse,
    users: mm.users,
    sequence: mm.space.sequence % 2,
    active: mm.space.activeInvalidations,
    locks: mirrors.filter(({ mutex }) => mutex.locked).length + mm.space.mmapLock.readers,
  }).toEqual({ pages: inUse.size, users: 1, sequence: 0, active: 0, locks: 0 });
  for (const mirror of mirrors) {
    for (const [address, { page }] of mirror.entries) {
      const pte = mm.pageTable.pteOf(address);
      expect(pte !== undefined && "page" in pte && pte.page).toBe(page);
    }
  }
  run(mm.mmput());
  expect([world.memory.usesAfterFree, world.memory.pagesInUse]).toEqual([[], 0]);
  expect(mirrors.map(({ entries }) => entries.size)).toEqual([0, 0]);
  for (const { space } of [mm, ...stage.exited]) space[Symbol.dispose]();
  return { events: world.events.length, steps: driver.steps };
}

describe("devices and a process that do whatever comes to their minds", () => {
  it("leave no stale entry, no open invalidation, and no page behind", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      try {
        runSeed(seed);
      } catch (error) {
        if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
        throw error;
      }
    }
  });

  it("a seed is a run", () => {
    expect(runSeed(42)).toEqual(runSeed(42));
  });
});
