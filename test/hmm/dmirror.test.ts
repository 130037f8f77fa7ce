// In the spirit of the kernel's tools/testing/selftests/mm/hmm-tests.c.

import { describe, expect, it } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  type CpuMm,
  Dmirror,
  DmirrorDevice,
  FileMapping,
  fork,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmmPfnToMapOrder,
  hmmRangeFault,
  insertBarePage,
  madviseDontneed,
  makeDeviceExclusive,
  mmap,
  mprotect,
  munmap,
  PAGE_POISON,
  PMD_SIZE,
  readUser,
  splitHugePmd,
  tryToUnmap,
} from "../../src/hmm/index.ts";
import type { CallbackRange, IntervalNotifier } from "../../src/index.ts";
import {
  at,
  BASE,
  invalidate,
  load,
  loadAll,
  mapData,
  PAGE,
  run,
  runUntilBlocked,
  runUntilPoint,
  runWith,
  store,
  TestClock,
  World,
  watch,
} from "./support.ts";

const NONE = { read: false, write: false };
const READ = { read: true, write: false };
const READ_WRITE = { read: true, write: true };

interface Setup {
  readonly world: World;
  readonly mm: CpuMm;
  readonly device: DmirrorDevice;
  readonly mirror: Dmirror;
}

function setup(options: { points?: boolean } = {}): Setup {
  const world = new World(options);
  const mm = world.process();
  const device = new DmirrorDevice("device 1", world.memory);
  return { world, mm, device, mirror: openMirror(mm, device) };
}

function openMirror(mm: CpuMm, device: DmirrorDevice): Dmirror {
  return run(Dmirror.open(mm, device, { clock: new TestClock() }));
}

/** A second device, with a mirror of the same memory. */
function second({ world, mm }: Setup): Dmirror {
  return openMirror(mm, new DmirrorDevice("device 2", world.memory));
}

function numbers(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}

/** What the callbacks of a notifier were called for. */
function callbacks({ world }: Setup, notifier = "device 1"): string[] {
  return world
    .of("callback-enter")
    .filter((event) => event.notifier === notifier)
    .map(({ event }) => event ?? "");
}

describe("open and close", () => {
  it("C83 open_close: no callbacks, and references balance, a thousand times", () => {
    const world = new World();
    const mm = world.process();
    const device = new DmirrorDevice("device", world.memory);
    const before = mm.space.count;
    for (let round = 0; round < 1000; round += 1) {
      const mirror = openMirror(mm, device);
      expect(mm.space.count).toBe(before + 1);
      expect(mirror.notifier.last).toBe(2n ** 64n - 0x1001n);
      run(mirror.close());
    }
    expect([mm.space.count, mm.space.intervalNotifiers.length]).toEqual([before, 0]);
    expect(world.of("callback-enter")).toEqual([]);
  });

  it("is told of the end of the process, and answers -EINVAL from then on", () => {
    const one = setup();
    mapData(one.mm, [1]);
    run(one.mirror.read(BASE, 1));
    run(one.mm.mmput());
    expect(callbacks(one)).toEqual(["RELEASE", "UNMAP"]);
    expect(one.mirror.entries.size).toBe(0);
    expect(run(one.mirror.read(BASE, 1)).errno).toBe(-22);
    expect(run(one.mirror.snapshot(BASE, 1)).errno).toBe(-22);
    expect(run(one.mirror.migrateToDevice(BASE, 1)).errno).toBe(-22);
    expect(run(one.mirror.exclusive(BASE, 1)).errno).toBe(-22);
    run(one.mirror.close());
    expect(() => one.mirror.notifier).toThrow("closed");
  });

  it("a process that exits meanwhile is torn down when the device has finished", () => {
    const one = setup({ points: true });
    mapData(one.mm, [1]);
    const reading = one.mirror.read(BASE, 1);
    runUntilPoint(reading, "device 1:before read_retry");
    run(one.mm.mmput());
    expect(one.world.of("release-enter")).toEqual([]);
    // The read went well, but what it had to read from is gone with the process.
    expect(run(reading)).toEqual({ errno: -22, data: [], faults: 1 });
    expect(one.world.of("release")).toHaveLength(1);
    expect([one.world.memory.pagesInUse, one.world.memory.usesAfterFree]).toEqual([0, []]);
  });
});

describe("reading and writing", () => {
  it("C84 anon_read: one request in batches of 64 pages; munmap drops the entries", () => {
    const one = setup();
    const { mm, mirror, world } = one;
    const data = [0, 0, ...numbers(198, 2)];
    mapData(mm, [], { end: BASE + 200 * PAGE });
    for (let page = 2; page < 200; page += 1) store(mm, BASE + page * PAGE, page);
    run(mprotect(mm, BASE, BASE + 200 * PAGE, READ));
    load(mm, BASE + PAGE);
    world.events.length = 0;
    expect(run(mirror.read(BASE, 200))).toEqual({ errno: 0, data, faults: 1 });
    expect(world.of("read-begin")).toHaveLength(4);
    expect(mirror.entries.size).toBe(200);
    run(munmap(mm, BASE, BASE + 200 * PAGE));
    expect(callbacks(one)).toEqual(["UNMAP"]);
    expect(mirror.entries.size).toBe(0);
    expect(world.memory.pagesInUse).toBe(0);
  });

  it("C85 anon_read_prot: -EFAULT while nobody may read; mprotect is PROTECTION_VMA", () => {
    const one = setup();
    const { mm, mirror } = one;
    mapData(mm, numbers(4));
    run(mprotect(mm, BASE, BASE + 4 * PAGE, NONE));
    expect(run(mirror.read(BASE, 4))).toEqual({ errno: -14, data: [], faults: 0 });
    expect(run(readUser(mm, BASE))).toEqual({ ok: false, signal: "SIGSEGV" });
    run(mprotect(mm, BASE, BASE + 4 * PAGE, READ));
    expect(callbacks(one)).toEqual(["PROTECTION_VMA", "PROTECTION_VMA"]);
    expect(run(mirror.read(BASE, 4))).toEqual({ errno: 0, data: numbers(4), faults: 1 });
  });

  it("C86 anon_write_prot: -EPERM while nobody may write, and no data changes", () => {
    const one = setup();
    const { mm, mirror } = one;
    mapData(mm, [], { end: BASE + 4 * PAGE, write: false });
    expect(run(mirror.read(BASE, 1))).toEqual({ errno: 0, data: [0], faults: 1 });
    expect(run(mirror.write(BASE, numbers(4, 1)))).toEqual({ errno: -1, data: [], faults: 0 });
    expect(loadAll(mm, BASE, 4)).toEqual([0, 0, 0, 0]);
    run(mprotect(mm, BASE, BASE + 4 * PAGE, READ_WRITE));
    expect(run(mirror.write(BASE, numbers(4, 1)))).toMatchObject({ errno: 0, faults: 1 });
    expect(loadAll(mm, BASE, 4)).toEqual([1, 2, 3, 4]);
  });

  it("C87 anon_write_child: the device's write breaks copy-on-write, the child keeps the old data", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [1, 2]);
    run(mirror.write(BASE, [3, 4]));
    const child = run(fork(mm, world.space()));
    expect(callbacks(one)).toEqual(["PROTECTION_PAGE"]);
    expect(mirror.entries.size).toBe(0);
    expect(run(mirror.write(BASE, [5, 6]))).toMatchObject({ errno: 0, faults: 1 });
    expect(callbacks(one)).toEqual(["PROTECTION_PAGE", "CLEAR", "CLEAR"]);
    expect(loadAll(mm, BASE, 2)).toEqual([5, 6]);
    expect(loadAll(child, BASE, 2)).toEqual([3, 4]);
    // The child has no mirror until it opens one of its own.
    expect(child.space.intervalNotifiers).toEqual([]);
    run(openMirror(child, one.device).write(BASE, [7, 8]));
    expect([loadAll(mm, BASE, 2), loadAll(child, BASE, 2)]).toEqual([
      [5, 6],
      [7, 8],
    ]);
  });

  it("C87 anon_write_child_shared: shared memory is not copied, the child sees the new data", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [1, 2], { kind: "shmem" });
    run(mirror.write(BASE, [3, 4]));
    const child = run(fork(mm, world.space()));
    expect(callbacks(one)).toEqual([]);
    expect(run(mirror.write(BASE, [5, 6]))).toMatchObject({ errno: 0, faults: 0 });
    expect(loadAll(child, BASE, 2)).toEqual([5, 6]);
  });

  it("C88 anon_read_multiple: the same address 256 times, and no stale entry is ever used", () => {
    const { world, mm, mirror } = setup();
    for (let round = 0; round < 256; round += 1) {
      mapData(mm, [round, round + 1]);
      expect(run(mirror.read(BASE, 2))).toEqual({ errno: 0, data: [round, round + 1], faults: 1 });
      run(munmap(mm, BASE, BASE + 2 * PAGE));
      expect(mirror.entries.size).toBe(0);
    }
    expect(run(mirror.read(BASE, 2))).toEqual({ errno: -14, data: [], faults: 0 });
    expect(world.memory.usesAfterFree).toEqual([]);
  });

  it("file_read and file_write: private pages are copied, shared ones are not", () => {
    const { world, mm, mirror } = setup();
    const contents = (page: number): number => 10 + page;
    const file = new FileMapping({ memory: world.memory, pages: 2, contents });
    run(mmap(mm, { kind: "private-file", start: BASE, end: BASE + 2 * PAGE, file }));
    run(mmap(mm, { kind: "shared-file", start: BASE + 2 * PAGE, end: BASE + 4 * PAGE, file }));
    expect(run(mirror.read(BASE, 4)).data).toEqual([10, 11, 10, 11]);
    run(mirror.write(BASE, [1, 2]));
    run(mirror.write(BASE + 2 * PAGE, [3, 4]));
    expect(loadAll(mm, BASE, 4)).toEqual([1, 2, 3, 4]);
    expect(file.page(0)?.read()).toBe(3);
  });

  it("a page that reclaim takes is dropped, and comes back from swap", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [1, 2]);
    run(mirror.read(BASE, 2));
    run(tryToUnmap(mm, BASE));
    expect([...mirror.entries.keys()]).toEqual([BASE + PAGE]);
    expect(run(mirror.read(BASE, 2))).toEqual({ errno: 0, data: [1, 2], faults: 1 });
    expect(world.memory.usesAfterFree).toEqual([]);
  });
});

describe("migration", () => {
  it("C90 migrate: the own MIGRATE event is approved without a new sequence; the other mirror drops", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    const other = second(one);
    mapData(mm, [1, 2]);
    run(mirror.read(BASE, 2));
    run(other.read(BASE, 2));
    const before = mirror.notifier.sequence;
    world.events.length = 0;
    expect(run(mirror.migrateToDevice(BASE, 1))).toEqual({ errno: 0, data: [1], faults: 0 });
    expect(
      world.of("callback-enter").map(({ notifier, event, owner }) => [notifier, event, owner]),
    ).toEqual([
      ["device 1", "MIGRATE", "device 1"],
      ["device 2", "MIGRATE", "device 1"],
    ]);
    expect(mirror.notifier.sequence).toBe(before);
    expect(world.of("tear-down").map(({ subscriber }) => subscriber)).toEqual(["device 2"]);
    expect([...mirror.entries.keys()]).toEqual([BASE, BASE + PAGE]);
    expect([...other.entries.keys()]).toEqual([BASE + PAGE]);
    expect(run(mirror.snapshot(BASE, 2)).protections).toEqual(["local write", "write"]);
    expect(run(other.snapshot(BASE, 2)).protections).toEqual(["none", "write"]);
  });

  it("C91 migrate_fault: a CPU that touches the page brings it back, by a MIGRATE of the same owner", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [1, 2]);
    run(mirror.migrateToDevice(BASE, 2));
    run(mirror.write(BASE, [3, 4]));
    world.events.length = 0;
    expect(load(mm, BASE)).toBe(3);
    expect(world.of("invalidate-start").map(({ event }) => event)).toEqual(["MIGRATE"]);
    expect(world.of("callback-enter")[0].owner).toBe("device 1");
    expect([...mirror.entries.keys()]).toEqual([BASE + PAGE]);
    expect(world.memory.pagesInUse).toBe(2);
    expect(loadAll(mm, BASE, 2)).toEqual([3, 4]);
    expect(run(mirror.read(BASE, 2)).data).toEqual([3, 4]);
    expect(world.memory.usesAfterFree).toEqual([]);
  });

  it("migrate_multiple, back and forth by the driver: the data is the same", () => {
    const { world, mm, mirror } = setup();
    const data = numbers(70, 1);
    mapData(mm, data);
    for (let round = 0; round < 3; round += 1) {
      expect(run(mirror.migrateToDevice(BASE, 70))).toEqual({ errno: 0, data, faults: 0 });
      expect(run(mirror.migrateToSystem(BASE, 70))).toBe(0);
      expect(mm.pageTable.pteOf(BASE)?.kind).toBe("present");
    }
    expect(loadAll(mm, BASE, 70)).toEqual(data);
    expect(world.memory.pagesInUse).toBe(70);
  });

  it("pages that were never touched get one of the device", () => {
    const { world, mm, mirror } = setup();
    mapData(mm, [], { end: BASE + 2 * PAGE });
    load(mm, BASE);
    world.events.length = 0;
    expect(run(mirror.migrateToDevice(BASE, 2))).toEqual({ errno: 0, data: [0, 0], faults: 0 });
    expect(world.windows()).toEqual(["MIGRATE [10000,12000)", "MIGRATE [10000,12000)"]);
    store(mm, BASE, 5);
    expect(loadAll(mm, BASE, 2)).toEqual([5, 0]);
  });

  it("pages of files stay where they are, and mappings of drivers are -EINVAL", () => {
    const { mm, mirror } = setup();
    mapData(mm, [1], { kind: "shmem" });
    run(mmap(mm, { kind: "pfnmap", start: BASE + PAGE, end: BASE + 2 * PAGE }));
    expect(run(mirror.migrateToDevice(BASE, 1)).errno).toBe(-2);
    expect(run(mirror.migrateToDevice(BASE + PAGE, 1)).errno).toBe(-22);
    expect(run(mirror.migrateToDevice(0, 1)).errno).toBe(-22);
    expect([mm.space.mmapLock.readers, mm.users]).toEqual([0, 1]);
  });

  it("a page that a child maps too is taken from both, and comes back to both", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [1]);
    const child = run(fork(mm, world.space()));
    const { calls } = watch(child.space);
    expect(run(mirror.migrateToDevice(BASE, 1)).errno).toBe(0);
    expect(calls.map(({ event }) => event)).toEqual(["CLEAR"]);
    expect([mm, child].map(({ pageTable }) => pageTable.pteOf(BASE)?.kind)).toEqual([
      "device-private",
      "device-private",
    ]);
    expect([load(child, BASE), load(mm, BASE)]).toEqual([1, 1]);
    store(child, BASE, 2);
    expect([load(child, BASE), load(mm, BASE)]).toEqual([2, 1]);
    expect([world.memory.pagesInUse, world.memory.usesAfterFree]).toEqual([2, []]);
  });

  it("exit with pages in the device frees them", () => {
    const { world, mm, mirror } = setup();
    mapData(mm, [1, 2]);
    run(mirror.migrateToDevice(BASE, 2));
    run(mm.mmput());
    expect([world.memory.pagesInUse, mirror.entries.size]).toEqual([0, 0]);
  });

  it("as in test_hmm, nobody looks at the sequence: pages given up on their way are mapped stale", () => {
    const { world, mm, mirror } = setup();
    mapData(mm, [1]);
    const giveUp = () => run(madviseDontneed(mm, BASE, BASE + PAGE));
    const result = runWith(mirror.migrateToDevice(BASE, 1), at("mutex of device 1"), giveUp);
    expect(result.data).toEqual([PAGE_POISON]);
    expect(mirror.entries.get(BASE)?.page.freed).toBe(true);
    expect(world.memory.usesAfterFree).toHaveLength(1);
  });

  it("as in test_hmm, its own migration is no collision: a page that comes back during a read is mapped stale", () => {
    const { world, mm, mirror } = setup();
    mapData(mm, [1]);
    run(mirror.migrateToDevice(BASE, 1));
    // Somebody else's invalidation: the page stays in the device, the entry goes.
    invalidate(mm, BASE, BASE + PAGE);
    let locks = 0;
    const result = runWith(
      mirror.read(BASE, 1),
      (suspension) => {
        // The first is for the look at its own table, the second follows the walk.
        if (at("mutex of device 1")(suspension)) locks += 1;
        return locks === 2;
      },
      () => expect(load(mm, BASE)).toBe(1),
    );
    expect(result.data).toEqual([PAGE_POISON]);
    expect(world.memory.usesAfterFree).toHaveLength(1);
  });
});

/** A mirror that uses exclusive pages as nouveau does. Its callback and its mapping are one step each. */
class NouveauMirror {
  /** Mapped, by address. */
  readonly entries = new Set<number>();
  readonly mm: CpuMm;
  readonly owner: string;
  readonly notifier: IntervalNotifier;

  constructor(mm: CpuMm, owner: string) {
    this.mm = mm;
    this.owner = owner;
    const apply = (notifier: IntervalNotifier, range: CallbackRange, sequence: number): void => {
      if (range.event === "EXCLUSIVE" && range.owner === owner) return;
      notifier.setSequence(sequence);
      for (const address of this.entries) {
        if (address >= range.start && address < range.end) this.entries.delete(address);
      }
    };
    this.notifier = mm.space.insertInterval(BASE, 4 * PAGE, {
      name: owner,
      invalidate: {
        blocking: (...call) => {
          apply(...call);
          return undefined;
        },
        nonblocking: (...call) => {
          apply(...call);
          return true;
        },
      },
    });
  }

  /** `nouveau_atomic_range_fault`: exclusive, and mapped only if nothing else came between. */
  *atomicFault(address: number): Sleepable<undefined> {
    const { mm, notifier } = this;
    for (;;) {
      const sequence = yield* notifier.readBeginSleepable();
      yield* mm.space.mmapLock.read();
      const [page] = yield* makeDeviceExclusive(mm, address, address + PAGE, this.owner);
      mm.space.mmapLock.endRead();
      const collided = notifier.readRetry(sequence);
      if (!collided) this.entries.add(address);
      page?.lock.unlock();
      page?.put();
      if (!collided) return;
    }
  }
}

describe("exclusive access", () => {
  it("C93 exclusive: the own event leaves the sequence alone, a CPU's access does not", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const one = new NouveauMirror(mm, "device 1");
    const two = new NouveauMirror(mm, "device 2");
    two.entries.add(BASE);
    const before = one.notifier.sequence;
    run(one.atomicFault(BASE));
    expect(one.notifier.sequence).toBe(before);
    expect([[...one.entries], [...two.entries]]).toEqual([[BASE], []]);
    expect(two.notifier.sequence).not.toBe(before);
    const sequence = one.notifier.readBegin();
    world.events.length = 0;
    expect(load(mm, BASE)).toBe(1);
    expect(world.of("callback-enter").map(({ event, owner }) => [event, owner])).toEqual([
      ["EXCLUSIVE", null],
      ["EXCLUSIVE", null],
    ]);
    expect(one.entries.size).toBe(0);
    expect(one.notifier.readRetry(sequence)).toBe(true);
  });

  it("C93 a dmirror does not filter its own: it drops the page, and maps it again as exclusive", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [1, 2]);
    run(mirror.read(BASE, 2));
    const other = second(one);
    run(other.read(BASE, 2));
    world.events.length = 0;
    expect(run(mirror.exclusive(BASE, 2))).toEqual({ errno: 0, data: [1, 2], faults: 0 });
    expect(world.of("callback-enter").map(({ event, owner }) => [event, owner])).toEqual(
      Array(4).fill(["EXCLUSIVE", "device 1"]),
    );
    expect(world.of("tear-down").map(({ subscriber }) => subscriber)).toEqual([
      "device 1",
      "device 2",
      "device 1",
      "device 2",
    ]);
    expect([...mirror.entries.values()].map(({ access }) => access)).toEqual(["atomic", "atomic"]);
    expect(other.entries.size).toBe(0);
    store(mm, BASE, 3);
    expect([...mirror.entries.keys()]).toEqual([BASE + PAGE]);
    expect(mm.pageTable.pteOf(BASE)).toMatchObject({ kind: "present", writable: true });
  });

  it("exclusive_mprotect: what may not be written cannot be had", () => {
    const { mm, mirror } = setup();
    mapData(mm, [1]);
    run(mprotect(mm, BASE, BASE + PAGE, READ));
    expect(run(mirror.exclusive(BASE, 1)).errno).toBe(-16);
    expect([mm.users, mm.space.mmapLock.readers]).toEqual([1, 0]);
  });

  it("exclusive_cow: fork gives the page back to the CPUs", () => {
    const { world, mm, mirror } = setup();
    mapData(mm, [1]);
    run(mirror.exclusive(BASE, 1));
    const child = run(fork(mm, world.space()));
    expect(mirror.entries.size).toBe(0);
    store(child, BASE, 2);
    expect([load(mm, BASE), load(child, BASE)]).toEqual([1, 2]);
    expect(world.memory.pagesInUse).toBe(2);
  });

  it("as in test_hmm, nobody looks at the sequence: pages given up before they are mapped are mapped stale", () => {
    const { world, mm, mirror } = setup();
    mapData(mm, [1]);
    let locks = 0;
    const result = runWith(
      mirror.exclusive(BASE, 1),
      (suspension) => {
        // The first is that of its own callback.
        if (at("mutex of device 1")(suspension)) locks += 1;
        return locks === 2;
      },
      () => run(madviseDontneed(mm, BASE, BASE + PAGE)),
    );
    expect(result.data).toEqual([PAGE_POISON]);
    expect(world.memory.usesAfterFree).toHaveLength(1);
  });
});

describe("several mirrors and snapshots", () => {
  it("C92 double_map: two mirrors of the same six read-only pages; one invalidation drops both", () => {
    const one = setup();
    const { mm, mirror } = one;
    const other = second(one);
    mapData(mm, numbers(6, 1));
    run(mprotect(mm, BASE, BASE + 6 * PAGE, READ));
    expect(run(mirror.read(BASE, 6)).data).toEqual(numbers(6, 1));
    expect(run(other.read(BASE, 6)).data).toEqual(numbers(6, 1));
    expect([mirror.entries.size, other.entries.size]).toEqual([6, 6]);
    invalidate(mm, BASE, BASE + 6 * PAGE);
    expect([mirror.entries.size, other.entries.size]).toEqual([0, 0]);
  });

  it("C94 snapshot: what the CPU maps where, by a notifier of its own that is gone afterwards", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    mapData(mm, [], { end: BASE + 4 * PAGE });
    load(mm, BASE + PAGE);
    store(mm, BASE + 2 * PAGE, 1);
    store(mm, BASE + 3 * PAGE, 2);
    run(mprotect(mm, BASE + 2 * PAGE, BASE + 3 * PAGE, READ));
    mapData(mm, [3, 4], { start: BASE + 4 * PAGE });
    run(mirror.migrateToDevice(BASE + 4 * PAGE, 1));
    run(second(one).migrateToDevice(BASE + 5 * PAGE, 1));
    const faults = mm.faults;
    world.events.length = 0;
    expect(run(mirror.snapshot(BASE, 7))).toEqual({
      errno: 0,
      protections: ["none", "zero read", "read", "write", "local write", "none", "error"],
    });
    expect(mm.faults).toBe(faults);
    expect(mirror.entries.size).toBe(1);
    const kinds = ["interval-insert", "read-begin", "read-retry", "interval-remove"] as const;
    expect(kinds.map((kind) => world.of(kind).length)).toEqual([1, 1, 1, 1]);
    expect(world.of("interval-insert")[0]).toMatchObject({ start: BASE, end: 0x17000n });
  });

  it("C94 during an open invalidation of other memory read_begin waits for its end, as in C38", () => {
    const { mm, mirror } = setup();
    mapData(mm, [1]);
    run(mirror.close());
    const device = new DmirrorDevice("late", mirror.mm.memory);
    const late = openMirror(mm, device);
    // Nobody mirrors the last page, so this touches no notifier: the tree may still change.
    const end = 2n ** 64n;
    const window = run(mm.space.invalidateRangeStartSleepable({ start: end - 0x1000n, end }));
    expect(mm.space.sequence).toBe(2);
    const taking = late.snapshot(BASE, 1);
    expect(runUntilBlocked(taking)).toEqual({
      done: false,
      resource: "thaw (read late snapshot)",
    });
    expect([mm.space.sequence, mm.space.mmapLock.readers]).toEqual([3, 0]);
    run(window.endSleepable());
    expect(run(taking).protections).toEqual(["write"]);
  });

  it("C94 mixedmap: a bare frame is an error if it is looked at, and -EFAULT if it is asked for", () => {
    const { world, mm, mirror } = setup();
    const file = new FileMapping({ memory: world.memory, pages: 2 });
    const vma = run(
      mmap(mm, { kind: "private-file", start: BASE, end: BASE + 2 * PAGE, mixedmap: true, file }),
    );
    insertBarePage(mm, vma, BASE);
    expect(run(mirror.snapshot(BASE, 2)).protections).toEqual(["error", "none"]);
    expect(run(mirror.read(BASE, 1)).errno).toBe(-14);
  });
});

describe("huge mappings", () => {
  it("C95 compound: all entries have the same order and flags; the split is one CLEAR over the whole", () => {
    const one = setup();
    const { world, mm, mirror } = one;
    run(
      mmap(mm, {
        kind: "anonymous",
        start: PMD_SIZE,
        end: 2 * PMD_SIZE,
        hugepages: true,
      }),
    );
    store(mm, PMD_SIZE, 1);
    const pfns = new BigUint64Array(512);
    const { notifier } = watch(mm.space);
    run(mm.space.mmapLock.read());
    const errno = run(
      hmmRangeFault(mm, {
        notifier,
        notifierSequence: notifier.readBegin(),
        start: PMD_SIZE,
        end: 2 * PMD_SIZE,
        pfns,
        defaultFlags: HMM_PFN_REQ_FAULT,
        pfnFlagsMask: 0n,
      }),
    );
    mm.space.mmapLock.endRead();
    expect(errno).toBe(0);
    const first = pfns[0];
    expect(hmmPfnToMapOrder(first)).toBe(9);
    expect(first & (HMM_PFN_VALID | HMM_PFN_WRITE)).toBe(HMM_PFN_VALID | HMM_PFN_WRITE);
    expect([...pfns].every((pfn, page) => pfn === first + BigInt(page))).toBe(true);
    expect(run(mirror.snapshot(PMD_SIZE + 5 * PAGE, 1)).protections).toEqual(["write huge"]);
    expect(run(mirror.read(PMD_SIZE, 512)).faults).toBe(1);
    world.events.length = 0;
    run(splitHugePmd(mm, PMD_SIZE + 7 * PAGE));
    expect(callbacks(one)).toEqual(["CLEAR"]);
    expect(world.of("invalidate-start")).toMatchObject([{ start: PMD_SIZE, end: 2 * PMD_SIZE }]);
    expect(mirror.entries.size).toBe(0);
    expect(run(mirror.snapshot(PMD_SIZE, 1)).protections).toEqual(["write"]);
    expect(run(mirror.read(PMD_SIZE, 2)).data).toEqual([1, 0]);
  });

  it("migrate_anon_huge: a part of a huge mapping is split first", () => {
    const { world, mm, mirror } = setup();
    run(mmap(mm, { kind: "anonymous", start: 0, end: PMD_SIZE, hugepages: true }));
    store(mm, PAGE, 1);
    world.windows();
    expect(run(mirror.migrateToDevice(PAGE, 1)).data).toEqual([1]);
    expect(world.windows()).toEqual(["MIGRATE [1000,2000)", "CLEAR [0,200000)"]);
    expect([load(mm, 0), load(mm, PAGE)]).toEqual([0, 1]);
  });
});

describe("a caller that must not wait", () => {
  it("is refused while the mirror's mutex is held, and the mirror is as before", () => {
    const { mm, mirror } = setup({ points: true });
    mapData(mm, [1, 2]);
    run(mirror.read(BASE, 1));
    const reading = mirror.read(BASE + PAGE, 1);
    runUntilPoint(reading, "device 1:before install");
    const { sequence } = mirror.notifier;
    const range = { start: BASE, end: BASE + 2 * PAGE };
    const refused = run(mm.space.tryInvalidateRangeStartSleepable(range));
    expect(refused).toEqual({ ok: false, errno: "EAGAIN", refusedBy: "device 1" });
    expect([mirror.notifier.sequence, mirror.entries.size]).toEqual([sequence, 1]);
    expect(run(reading).data).toEqual([2]);
    const approved = run(mm.space.tryInvalidateRangeStartSleepable(range));
    expect([approved.ok, mirror.entries.size]).toEqual([true, 0]);
  });
});
