import { describe, expect, it } from "vitest";
import {
  type CpuMm,
  Dmirror,
  DmirrorDevice,
  FileMapping,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmmPfnToPfn,
  hmmRangeFault,
  makeDeviceExclusive,
  mmap,
  mprotect,
  PAGE_SIZE,
  tryToUnmap,
} from "../../src/hmm/index.ts";
import {
  at,
  BASE,
  invalidate,
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

const READ_WRITE = HMM_PFN_VALID | HMM_PFN_WRITE;

/** Looks at a range under the mmap lock, without a retry. */
function look(
  mm: CpuMm,
  start: number,
  pages: number,
  options: Partial<HmmRange> = {},
): { errno: number; pfns: BigUint64Array } {
  const notifier = options.notifier ?? watch(mm.space).notifier;
  const range: HmmRange = {
    notifier,
    notifierSequence: notifier.sequence,
    start,
    end: start + pages * PAGE_SIZE,
    pfns: new BigUint64Array(pages),
    defaultFlags: 0n,
    pfnFlagsMask: 0n,
    ...options,
  };
  run(mm.space.mmapLock.read());
  const errno = run(hmmRangeFault(mm, range));
  mm.space.mmapLock.endRead();
  return { errno, pfns: range.pfns };
}

/** The flags of entries, without their frames. */
function flags(pfns: BigUint64Array): bigint[] {
  return [...pfns].map((pfn) => pfn & (READ_WRITE | HMM_PFN_ERROR));
}

describe("hmm_range_fault", () => {
  it("C76 snapshot: what the CPU maps, and no faults", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1, 2]);
    run(mprotect(mm, BASE + PAGE, BASE + 2 * PAGE, { read: true, write: false }));
    run(mmap(mm, { kind: "anonymous", start: BASE + 2 * PAGE, end: BASE + 3 * PAGE }));
    run(mmap(mm, { kind: "pfnmap", start: BASE + 4 * PAGE, end: BASE + 5 * PAGE }));
    const faults = mm.faults;
    const { errno, pfns } = look(mm, BASE, 5);
    expect(errno).toBe(0);
    expect(flags(pfns)).toEqual([READ_WRITE, HMM_PFN_VALID, 0n, HMM_PFN_ERROR, HMM_PFN_ERROR]);
    expect(mm.faults - faults).toBe(0);
    expect(world.memory.pageOf(hmmPfnToPfn(pfns[0]))?.read()).toBe(1);
  });

  it.each([
    ["for reading, the zero page", HMM_PFN_REQ_FAULT, HMM_PFN_VALID],
    ["for writing, a page of its own", HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE, READ_WRITE],
  ])("C77 REQ_FAULT: one fault of an empty page, an internal redo; %s", (_name, request, found) => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + PAGE }));
    const { errno, pfns } = look(mm, BASE, 1, { defaultFlags: request });
    expect([errno, mm.faults, flags(pfns)]).toEqual([0, 1, [found]]);
  });

  it("C78 invalidated before the walk: -EBUSY, and entries are as they were", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const { notifier } = watch(mm.space);
    const notifierSequence = notifier.readBegin();
    invalidate(mm, BASE, BASE + PAGE);
    const pfns = new BigUint64Array([5n]);
    expect(look(mm, BASE, 1, { notifier, notifierSequence, pfns }).errno).toBe(-16);
    expect([...pfns]).toEqual([5n]);
  });

  it("C78 invalidated by its own fault: -EBUSY as well", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [0]);
    run(mprotect(mm, BASE, BASE + PAGE, { read: true, write: false }));
    run(mprotect(mm, BASE, BASE + PAGE, { read: true, write: true }));
    const page = mm.pageTable.pteOf(BASE);
    if (page?.kind === "present") page.page.get();
    const { errno, pfns } = look(mm, BASE, 1, {
      defaultFlags: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
    });
    expect([errno, [...pfns]]).toEqual([-16, [0n]]);
  });

  it("C79 REQ_WRITE is refused: -EPERM without the permission, -EFAULT without pages", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    run(mprotect(mm, BASE, BASE + PAGE, { read: true, write: false }));
    run(mmap(mm, { kind: "pfnmap", start: BASE + 2 * PAGE, end: BASE + 3 * PAGE }));
    const defaultFlags = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE;
    const errnos = [0, 1, 2].map((page) => look(mm, BASE + page * PAGE, 1, { defaultFlags }).errno);
    expect(errnos).toEqual([-1, -14, -14]);
  });

  it("C79 and so is REQ_FAULT where nothing may be read, and beyond the end of a file", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    run(mprotect(mm, BASE, BASE + PAGE, { read: false, write: false }));
    run(mmap(mm, { kind: "anonymous", start: BASE + PAGE, end: BASE + 2 * PAGE, io: true }));
    const file = new FileMapping({ memory: world.memory, pages: 1 });
    run(mmap(mm, { kind: "shared-file", start: BASE + 2 * PAGE, end: BASE + 4 * PAGE, file }));
    const request = { defaultFlags: HMM_PFN_REQ_FAULT };
    const errnos = [0, 1, 2, 3].map((page) => look(mm, BASE + page * PAGE, 1, request).errno);
    expect(errnos).toEqual([-14, -14, 0, -14]);
    expect(flags(look(mm, BASE, 2).pfns)).toEqual([HMM_PFN_ERROR, HMM_PFN_ERROR]);
  });

  it("C80 an entry is asked for what its input says under the mask, and for the default", () => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + 5 * PAGE }));
    const read = { notifier: watch(mm.space).notifier, defaultFlags: HMM_PFN_REQ_FAULT };
    look(mm, BASE, 5, read);
    const inputs = (entry: number): BigUint64Array => {
      const pfns = new BigUint64Array(5);
      pfns[entry] = HMM_PFN_REQ_WRITE;
      return pfns;
    };
    const masked = look(mm, BASE, 5, { ...read, pfns: inputs(4) });
    expect(flags(masked.pfns)).toEqual(Array(5).fill(HMM_PFN_VALID));
    const ask = { ...read, pfnFlagsMask: HMM_PFN_REQ_WRITE, pfns: inputs(3) };
    // The write fault replaces the zero page, which is an invalidation of this very range.
    expect(look(mm, BASE, 5, ask).errno).toBe(-16);
    const again = { ...ask, notifierSequence: read.notifier.sequence };
    expect(look(mm, BASE, 5, again).errno).toBe(0);
    // What follows in the same table is faulted in with it, in the same way.
    expect(flags(ask.pfns)).toEqual([...Array(3).fill(HMM_PFN_VALID), READ_WRITE, READ_WRITE]);
  });

  it("REQ_WRITE without REQ_FAULT asks for nothing", () => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + PAGE }));
    const { errno, pfns } = look(mm, BASE, 1, { defaultFlags: HMM_PFN_REQ_WRITE });
    expect([errno, mm.faults, [...pfns]]).toEqual([0, 0, [0n]]);
  });

  it("swapped out and exclusive pages are faulted in if asked for, and nothing otherwise", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1, 2]);
    run(tryToUnmap(mm, BASE));
    const [page] = run(makeDeviceExclusive(mm, BASE + PAGE, BASE + 2 * PAGE, "device"));
    page?.lock.unlock();
    page?.put();
    expect([...look(mm, BASE, 2).pfns]).toEqual([0n, 0n]);
    const { notifier } = watch(mm.space);
    const request = { notifier, defaultFlags: HMM_PFN_REQ_FAULT };
    expect(look(mm, BASE, 2, request).errno).toBe(-16);
    const { errno, pfns } = look(mm, BASE, 2, request);
    expect([errno, flags(pfns)]).toEqual([0, [HMM_PFN_VALID, READ_WRITE]]);
  });

  it("a page that migrates is waited for if it is asked for, and the walk begins anew", () => {
    const world = new World({ points: true });
    const mm = world.process();
    mapData(mm, [1]);
    const device = new DmirrorDevice("device", world.memory);
    const mirror = run(Dmirror.open(mm, device, { clock: new TestClock() }));
    const { notifier } = watch(mm.space);
    const migrating = mirror.migrateToDevice(BASE, 1);
    runUntilPoint(migrating, "device:before install");
    const snapshot = look(mm, BASE, 1, { notifier });
    expect([snapshot.errno, [...snapshot.pfns]]).toEqual([0, [0n]]);
    const pfns = new BigUint64Array(1);
    run(mm.space.mmapLock.read());
    const reading = hmmRangeFault(mm, {
      notifier,
      notifierSequence: notifier.sequence,
      start: BASE,
      end: BASE + PAGE,
      pfns,
      defaultFlags: HMM_PFN_REQ_FAULT,
      pfnFlagsMask: 0n,
      devPrivateOwner: device.owner,
    });
    expect(runUntilBlocked(reading)).toMatchObject({ resource: /^migration of page/ });
    expect(run(migrating).errno).toBe(0);
    expect(run(reading)).toBe(0);
    expect(world.memory.pageOf(hmmPfnToPfn(pfns[0]))?.pagemap).toBe(device);
  });

  it("a page of the own device is reported, for writing too; one of another is brought back", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const device = new DmirrorDevice("device", world.memory);
    run(run(Dmirror.open(mm, device, { clock: new TestClock() })).migrateToDevice(BASE, 1));
    run(mprotect(mm, BASE, BASE + PAGE, { read: true, write: false }));
    const { notifier } = watch(mm.space);
    const faults = mm.faults;
    const own = look(mm, BASE, 1, {
      notifier,
      devPrivateOwner: "device",
      defaultFlags: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
    });
    expect([own.errno, flags(own.pfns), mm.faults - faults]).toEqual([0, [HMM_PFN_VALID], 0]);
    expect([...look(mm, BASE, 1, { notifier, devPrivateOwner: "other" }).pfns]).toEqual([0n]);
    const other = { notifier, devPrivateOwner: "other", defaultFlags: HMM_PFN_REQ_FAULT };
    expect(look(mm, BASE, 1, other).errno).toBe(-16);
    expect(mm.pageTable.pteOf(BASE)?.kind).toBe("present");
  });

  it.each([
    ["pages and entries that differ in number", { pfns: new BigUint64Array(3) }, "ARGUMENT"],
    ["a range that is not of whole pages", { start: BASE + 1 }, "RANGE"],
  ])("refuses %s", (_name, options, code) => {
    const mm = new World().process();
    mapData(mm, [1]);
    expect(() => look(mm, BASE, 1, options)).toThrow(expect.objectContaining({ code }));
  });

  it("refuses a walk without the mmap lock, and a notifier that does not cover the range", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const { notifier } = watch(mm.space);
    const range: HmmRange = {
      notifier,
      notifierSequence: notifier.sequence,
      start: BASE,
      end: BASE + PAGE,
      pfns: new BigUint64Array(1),
      defaultFlags: 0n,
      pfnFlagsMask: 0n,
    };
    const refused = expect.objectContaining({ code: "ARGUMENT" });
    expect(() => run(hmmRangeFault(mm, range))).toThrow(refused);
    const foreign = watch(world.process().space).notifier;
    expect(() => look(mm, BASE, 1, { notifier: foreign })).toThrow(refused);
  });
});

describe("the driver loop", () => {
  function open(points = false): { world: World; mm: CpuMm; mirror: Dmirror; clock: TestClock } {
    const world = new World({ points });
    const mm = world.process();
    const clock = new TestClock();
    const device = new DmirrorDevice("device", world.memory);
    return { world, mm, mirror: run(Dmirror.open(mm, device, { clock })), clock };
  }

  it("C81 gives up after 1000 ms of invalidations, with nothing installed", () => {
    const { mm, mirror, clock } = open(true);
    mapData(mm, [1]);
    const reading = mirror.read(BASE, 1);
    let rounds = 0;
    for (;;) {
      const result = reading.next();
      if (result.done) {
        expect(result.value).toEqual({ errno: -16, data: [], faults: 0 });
        break;
      }
      if (!at("hmm_range_fault:before check_retry")(result.value)) continue;
      invalidate(mm, BASE, BASE + PAGE);
      clock.now += 10_000;
      rounds += 1;
    }
    expect([rounds, clock.now, mirror.entries.size]).toEqual([101, 1_010_000, 0]);
    expect(mm.space.mmapLock.readers).toBe(0);
    expect(mirror.mutex.locked).toBe(false);
  });

  it("C82 sees an invalidation that ran between the walk and the lock, and begins again", () => {
    const { world, mm, mirror } = open();
    mapData(mm, [1]);
    let locks = 0;
    const result = runWith(
      mirror.read(BASE, 1),
      (suspension) => {
        if (!at("mutex of device")(suspension)) return false;
        locks += 1;
        // The first is for the look at its own table, the second follows the walk.
        return locks === 2;
      },
      () => {
        store(mm, BASE, 2);
        invalidate(mm, BASE, BASE + PAGE);
        expect(mirror.entries.size).toBe(0);
      },
    );
    expect(result).toEqual({ errno: 0, data: [2], faults: 1 });
    expect(world.of("read-retry").map(({ retry }) => retry)).toEqual([true, false]);
    expect(world.of("install")).toHaveLength(1);
  });
});
