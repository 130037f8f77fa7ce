import { describe, expect, it } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  type CpuMm,
  FileMapping,
  fork,
  frameOfPfn2018,
  Hmm2018,
  type Hmm2018Options,
  HmmMirror,
  type HmmUpdate,
  type HmmVariantName,
  Mirror2018,
  mmap,
  mprotect,
  munmap,
  PAGE_POISON,
  PFN_2018,
  SnapshotRange,
  tryToUnmap,
  unmapPageRange,
  type VmArea,
} from "../../src/hmm/index.ts";
import { Completion } from "../../src/index.ts";
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
  World,
} from "./support.ts";

const { NONE, VALID, WRITE, DEVICE_PRIVATE, ERROR, SPECIAL } = PFN_2018;
const EAGAIN = -11;

class Setup {
  readonly world: World;
  readonly mm: CpuMm;
  readonly hmm: Hmm2018;
  /** Calls of mirrors, as they came: `NAME.sync` and `NAME.release`. */
  readonly calls: string[] = [];
  readonly updates: HmmUpdate[] = [];

  constructor(variant: HmmVariantName, options: Hmm2018Options & { points?: boolean } = {}) {
    this.world = new World({ profile: "v4.19", points: options.points ?? false });
    this.mm = this.world.process();
    this.hmm = new Hmm2018({ ...options, variant });
  }

  /** A mirror that does nothing but answer. */
  mirror(name: string, answer: (update: HmmUpdate) => number = () => 0): HmmMirror {
    const mirror = new HmmMirror(name, {
      syncCpuDevicePagetables: (_mirror, update) => {
        this.calls.push(`${name}.sync`);
        this.updates.push(update);
        return answer(update);
      },
      release: () => {
        this.calls.push(`${name}.release`);
        return undefined;
      },
    });
    this.register(mirror);
    return mirror;
  }

  register(mirror: HmmMirror): void {
    run(this.mm.space.mmapLock.write());
    expect(run(this.hmm.mirrorRegister(mirror, this.mm))).toBe(0);
    this.mm.space.mmapLock.endWrite();
  }

  /** `struct hmm` of the process. */
  get state() {
    const state = this.hmm.hmmOf(this.mm);
    if (state === undefined) throw new Error("nobody mirrors the process");
    return state;
  }

  /** A start that must not wait. */
  tryStart(start: number, end: number) {
    return run(this.mm.space.tryInvalidateRangeStartSleepable({ start, end }));
  }

  start(start: number, end: number) {
    return run(this.mm.space.invalidateRangeStartSleepable({ start, end }));
  }

  /** Looks four pages up, which are there. */
  lookUp(): SnapshotRange {
    const range = new SnapshotRange(this.mm, this.#vma(), BASE, BASE + 4 * PAGE);
    run(this.mm.space.mmapLock.read());
    expect(run(this.hmm.vmaGetPfns(range))).toBe(0);
    this.mm.space.mmapLock.endRead();
    return range;
  }

  done(range: SnapshotRange): boolean {
    return run(this.hmm.vmaRangeDone(range));
  }

  #vma(): VmArea {
    return this.mm.vmas.lookup(BASE) ?? mapData(this.mm, [1, 2, 3, 4]);
  }
}

/** Which entries name a page. */
function valid(range: SnapshotRange): boolean[] {
  return [...range.pfns].map((pfn) => (pfn & VALID) !== 0n);
}

describe("mirrors", () => {
  it("C67 one hmm for each process: one list notifier, and mirrors are told in the end, newest first", () => {
    const one = new Setup("hmm-4.19");
    one.mirror("M1");
    one.mirror("M2");
    expect(one.mm.space.listNotifiers.map(({ name }) => name)).toEqual(["hmm of mm"]);
    const window = one.start(BASE, BASE + PAGE);
    expect([one.calls, one.state.sequence]).toEqual([[], 1]);
    run(window.endSleepable());
    expect(one.calls).toEqual(["M2.sync", "M1.sync"]);
    expect(one.updates[0]).toEqual({
      start: BASE,
      end: BASE + PAGE,
      event: "UNMAP",
      blockable: true,
    });
  });

  it("C68 hmm-4.19 does not know of the mode: it approves at once, and sleeps in the end (V03)", () => {
    const one = new Setup("hmm-4.19");
    one.mirror("M1");
    one.state.mirrorsSem.tryWrite();
    const started = one.tryStart(BASE, BASE + PAGE);
    if (!started.ok) throw new Error("refused");
    const ending = started.window.endSleepable();
    expect(runUntilBlocked(ending)).toEqual({
      done: false,
      resource: "mirrors_sem of hmm of mm (read)",
    });
    expect(one.world.of("sleep-while-non-blocking")).toMatchObject([
      { notifier: "hmm of mm", callback: "end", resource: "mirrors_sem of hmm of mm (read)" },
    ]);
    one.state.mirrorsSem.endWrite();
    run(ending);
    expect(one.calls).toEqual(["M1.sync"]);
  });

  it("without a mirror, a process, or callbacks: -EINVAL; in a process that has exited: -ENOMEM", () => {
    const { hmm, mm } = new Setup("hmm-4.19");
    const mirror = new HmmMirror("M", { syncCpuDevicePagetables: () => 0 });
    expect(run(hmm.mirrorRegister(null, mm))).toBe(-22);
    expect(run(hmm.mirrorRegister(mirror, null))).toBe(-22);
    expect(run(hmm.mirrorRegister(new HmmMirror("M", undefined as never), mm))).toBe(-22);
    run(mm.mmput());
    expect(run(hmm.mirrorRegister(mirror, mm))).toBe(-12);
    expect(hmm.hmmOf(mm)).toBeUndefined();
  });

  it("two who register the first mirror at once, without the mmap lock: the loser gets -ENOMEM", () => {
    const { hmm, mm } = new Setup("hmm-4.19");
    const mirrors = ["M1", "M2"].map(
      (name) => new HmmMirror(name, { syncCpuDevicePagetables: () => 0 }),
    );
    const second = hmm.mirrorRegister(mirrors[1], mm);
    // As far as its allocation.
    second.next();
    expect(run(hmm.mirrorRegister(mirrors[0], mm))).toBe(0);
    expect(run(second)).toBe(-12);
    expect([mm.space.listNotifiers.length, mirrors[1].hmm]).toEqual([1, undefined]);
  });

  it("the last mirror takes the list notifier along, without a release", () => {
    const one = new Setup("hmm-4.19");
    const count = one.mm.space.count;
    const mirror = one.mirror("M1");
    expect(one.mm.space.count).toBe(count + 1);
    run(one.hmm.mirrorUnregister(mirror));
    run(one.hmm.mirrorUnregister(mirror));
    expect([one.mm.space.count, one.mm.space.listNotifiers, one.calls]).toEqual([count, [], []]);
    expect(one.hmm.hmmOf(one.mm)).toBeUndefined();
    one.mirror("M2");
    expect(one.mm.space.listNotifiers).toHaveLength(1);
  });

  it.each(["hmm-4.19", "hmm-refuse", "hmm-4.20"] as const)(
    "%s forgets the process with the first mirror that goes (V27): the notifier leaks, and a register spins",
    (variant) => {
      const one = new Setup(variant);
      const mirrors = [one.mirror("M1"), one.mirror("M2")];
      run(one.hmm.mirrorUnregister(mirrors[0]));
      expect([one.state.mm, one.state.mirrors.map(({ name }) => name)]).toEqual([
        undefined,
        ["M2"],
      ]);
      run(one.hmm.mirrorUnregister(mirrors[1]));
      expect([one.mm.space.listNotifiers.length, one.mm.space.count]).toEqual([1, 2]);
      const mirror = new HmmMirror("M3", { syncCpuDevicePagetables: () => 0 });
      expect(runUntilBlocked(one.hmm.mirrorRegister(mirror, one.mm))).toEqual({
        done: false,
        resource: "hmm of mm to be freed",
      });
    },
  );

  it.each(["hmm-5.2", "hmm-5.3"] as const)("%s counts its mirrors instead", (variant) => {
    const one = new Setup(variant);
    const mirrors = [one.mirror("M1"), one.mirror("M2")];
    for (const mirror of mirrors) run(one.hmm.mirrorUnregister(mirror));
    expect([one.mm.space.listNotifiers, one.mm.space.count]).toEqual([[], 1]);
    one.mirror("M3");
  });

  it("in a later profile the last mirror unregisters as everybody does there", () => {
    const world = new World({ profile: "v6.12" });
    const mm = world.process();
    const driver = new Mirror2018(new Hmm2018(), mm, { name: "M" });
    run(driver.register());
    run(driver.unregister());
    expect([mm.space.listNotifiers, mm.space.count]).toEqual([[], 1]);
  });
});

describe("release", () => {
  /** Two mirrors whose release waits for work that invalidates something itself. */
  function withWork(options: Hmm2018Options) {
    const one = new Setup("hmm-4.19", options);
    const done = new Completion("work");
    function* work(): Sleepable<undefined> {
      const range = { start: BASE, end: BASE + PAGE };
      const window = yield* one.mm.space.invalidateRangeStartSleepable(range);
      yield* window.endSleepable();
      done.completeAll();
    }
    const released: string[] = [];
    for (const name of ["M1", "M2"]) {
      one.register(
        new HmmMirror(name, {
          syncCpuDevicePagetables: () => 0,
          *release(): Sleepable<undefined> {
            released.push(name);
            yield* done.wait();
          },
        }),
      );
    }
    return { one, work: work(), released };
  }

  it("C72 drops mirrors_sem around the callbacks, so that they may wait for such work", () => {
    const { one, work, released } = withWork({});
    const releasing = one.mm.space.releaseSleepable();
    expect(runUntilBlocked(releasing)).toMatchObject({ resource: "work" });
    run(work);
    run(releasing);
    expect(released).toEqual(["M2", "M1"]);
    expect(one.state.mirrors).toEqual([]);
    run(one.mm.space.releaseSleepable());
    expect(released).toHaveLength(2);
  });

  it("C72 with mirrors_sem held all the time both wait for ever (V20)", () => {
    const { one, work, released } = withWork({ dropsMirrorsSem: false });
    const releasing = one.mm.space.releaseSleepable();
    expect(runUntilBlocked(releasing)).toMatchObject({ resource: "work" });
    expect(runUntilBlocked(work)).toEqual({
      done: false,
      resource: "mirrors_sem of hmm of mm (read)",
    });
    expect(runUntilBlocked(releasing)).toMatchObject({ resource: "work" });
    expect(released).toEqual(["M2"]);
  });

  it("mirrors may be unregistered afterwards", () => {
    const one = new Setup("hmm-4.19");
    const mirrors = [one.mirror("M1"), one.mirror("M2")];
    run(one.mm.mmput());
    expect(one.calls).toEqual(["M2.release", "M1.release"]);
    for (const mirror of mirrors) run(one.hmm.mirrorUnregister(mirror));
    expect(one.mm.space.count).toBe(1);
  });
});

describe("looking a range up", () => {
  it("C69 an invalidation of a part of it empties that part, and voids all of it", () => {
    const one = new Setup("hmm-4.19");
    one.mirror("M1");
    const range = one.lookUp();
    expect(range.valid).toBe(true);
    invalidate(one.mm, BASE + 2 * PAGE, BASE + 3 * PAGE);
    expect(valid(range)).toEqual([true, true, false, true]);
    expect(range.pfns[2]).toBe(0n);
    expect(one.done(range)).toBe(false);
    expect(one.state.ranges.size).toBe(0);
  });

  it("C70 one that ends where the range starts voids it too; one that starts where it ends does not", () => {
    const one = new Setup("hmm-4.19");
    one.mirror("M1");
    const before = one.lookUp();
    invalidate(one.mm, BASE - PAGE, BASE);
    expect([valid(before), one.done(before)]).toEqual([[true, true, true, true], false]);
    const behind = one.lookUp();
    invalidate(one.mm, BASE + 4 * PAGE, BASE + 5 * PAGE);
    expect([valid(behind), one.done(behind)]).toEqual([[true, true, true, true], true]);
  });

  it.each([
    ["hmm-4.19", true],
    ["hmm-refuse", false],
    ["hmm-4.20", false],
    ["hmm-5.2", false],
    ["hmm-5.3", false],
  ] as const)(
    "C71 stale window, %s: while the invalidation is open it still says valid: %s",
    (variant, stale) => {
      const one = new Setup(variant);
      one.mirror("M1");
      const range = one.lookUp();
      const window = one.start(BASE, BASE + PAGE);
      expect(one.done(range)).toBe(stale);
      run(window.endSleepable());
    },
  );

  it.each([
    ["hmm-4.19", true],
    ["hmm-refuse", true],
    ["hmm-4.20", true],
    ["hmm-5.2", false],
    ["hmm-5.3", false],
  ] as const)("a lookup that begins while it is open, %s: valid: %s", (variant, stale) => {
    const one = new Setup(variant);
    one.mirror("M1");
    const window = one.start(BASE, BASE + PAGE);
    expect(one.done(one.lookUp())).toBe(stale);
    run(window.endSleepable());
  });

  it.each([
    ["hmm-4.19", false],
    ["hmm-refuse", false],
    ["hmm-4.20", false],
    ["hmm-5.2", true],
    ["hmm-5.3", true],
  ] as const)(
    "one that began before and is finished behind the end, %s: valid: %s",
    (variant, stale) => {
      // Versions that count make every range valid again, whatever has happened to it.
      const one = new Setup(variant);
      one.mirror("M1");
      const range = one.lookUp();
      invalidate(one.mm, BASE, BASE + PAGE);
      expect(one.done(range)).toBe(stale);
    },
  );

  it("finds what the CPU maps", () => {
    const { world, mm, hmm, ...one } = withMirror();
    mapData(mm, [1, 2]);
    run(
      mmap(mm, { kind: "anonymous", start: BASE + 2 * PAGE, end: BASE + 4 * PAGE, write: false }),
    );
    const look = (start: number, pages: number): SnapshotRange => {
      const vma = mm.vmas.lookup(start);
      if (vma === undefined) throw new Error("nothing is mapped there");
      const range = new SnapshotRange(mm, vma, start, start + pages * PAGE);
      expect(run(hmm.vmaGetPfns(range))).toBe(0);
      run(hmm.vmaRangeDone(range));
      return range;
    };
    const data = [...look(BASE, 2).pfns];
    expect(data.map((pfn) => pfn & 7n)).toEqual([VALID | WRITE, VALID | WRITE]);
    expect(data.map((pfn) => world.memory.pageOf(frameOfPfn2018(pfn))?.read())).toEqual([1, 2]);
    expect([...look(BASE + 2 * PAGE, 2).pfns]).toEqual([NONE, NONE]);
    expect(one.driver.entries.size).toBe(0);
  });

  it("refuses what it cannot mirror, and says why", () => {
    const { world, mm, hmm } = withMirror();
    const file = new FileMapping({ memory: world.memory, pages: 4 });
    const areas = {
      anonymous: { kind: "anonymous" },
      unreadable: { kind: "anonymous", read: false, write: false },
      pfnmap: { kind: "pfnmap" },
      io: { kind: "anonymous", io: true },
      mixedmap: { kind: "private-file", file, mixedmap: true },
    } as const;
    let start = BASE;
    const results: Record<string, [number, bigint]> = {};
    for (const [name, options] of Object.entries(areas)) {
      const vma = run(mmap(mm, { ...options, start, end: start + PAGE }));
      const range = new SnapshotRange(mm, vma, start, start + PAGE);
      range.fill(VALID);
      const errno = run(hmm.vmaGetPfns(range));
      results[name] = [errno, range.pfns[0]];
      if (errno === 0) run(hmm.vmaRangeDone(range));
      start += 2 * PAGE;
    }
    expect(results).toEqual({
      anonymous: [0, NONE],
      unreadable: [-1, NONE],
      pfnmap: [-22, SPECIAL],
      io: [-22, SPECIAL],
      mixedmap: [-22, SPECIAL],
    });
    const [vma] = mm.vmas.all;
    const outside = new SnapshotRange(mm, vma, vma.start, vma.end + PAGE);
    expect(run(hmm.vmaGetPfns(outside))).toBe(-22);
    expect(hmm.hmmOf(mm)?.ranges.size).toBe(0);
  });

  it("needs somebody who mirrors the process: -ENOMEM, and done says no", () => {
    const { mm, hmm } = new Setup("hmm-4.19");
    const vma = mapData(mm, [1]);
    const range = new SnapshotRange(mm, vma, BASE, BASE + PAGE);
    range.fill(VALID);
    expect(run(hmm.vmaGetPfns(range))).toBe(-12);
    expect(range.pfns[0]).toBe(VALID);
    expect(run(hmm.vmaFault(range, true))).toBe(-12);
    expect(range.pfns[0]).toBe(NONE);
    expect(run(hmm.vmaRangeDone(range))).toBe(false);
  });

  it("a range is not empty, and has an entry for each page", () => {
    const { mm } = new Setup("hmm-4.19");
    const vma = mapData(mm, [1]);
    const make = (end: number, entries: number) => () =>
      new SnapshotRange(mm, vma, BASE, end, new BigUint64Array(entries));
    expect(make(BASE, 0)).toThrow(expect.objectContaining({ code: "RANGE" }));
    expect(make(BASE + PAGE, 2)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
  });
});

function withMirror(variant: HmmVariantName = "hmm-4.19", points = false) {
  const one = new Setup(variant, { points });
  const driver = new Mirror2018(one.hmm, one.mm, { name: "M" });
  expect(run(driver.register())).toBe(0);
  return { world: one.world, mm: one.mm, hmm: one.hmm, driver };
}

describe("faulting a range in", () => {
  it("fills what is asked for, as it is asked for", () => {
    const { mm, hmm } = withMirror();
    const vma = run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + 3 * PAGE }));
    const fault = (requests: bigint[]) => {
      const range = new SnapshotRange(
        mm,
        vma,
        BASE,
        BASE + 3 * PAGE,
        BigUint64Array.from(requests),
      );
      const errno = run(hmm.vmaFault(range, true));
      if (errno === 0) run(hmm.vmaRangeDone(range));
      return [errno, ...[...range.pfns].map((pfn) => pfn & 7n)];
    };
    expect(fault([NONE, NONE, NONE])).toEqual([0, NONE, NONE, NONE]);
    expect(mm.faults).toBe(0);
    expect(fault([VALID, VALID, VALID])).toEqual([0, VALID, VALID, VALID]);
    const WRITABLE = VALID | WRITE;
    expect(fault([VALID, WRITABLE, VALID])).toEqual([0, VALID, WRITABLE, WRITABLE]);
  });

  it("-EFAULT where a page is not to be had: what comes after it is empty, and nothing is linked", () => {
    const { world, mm, hmm } = withMirror();
    const file = new FileMapping({ memory: world.memory, pages: 1 });
    const vma = run(mmap(mm, { kind: "shared-file", start: BASE, end: BASE + 3 * PAGE, file }));
    const range = new SnapshotRange(mm, vma, BASE, BASE + 3 * PAGE);
    range.fill(VALID);
    expect(run(hmm.vmaFault(range, true))).toBe(-14);
    expect([...range.pfns]).toEqual([NONE, NONE, NONE]);
    expect(hmm.hmmOf(mm)?.ranges.size).toBe(0);
    expect(ERROR).not.toBe(NONE);
  });

  it("-EBUSY when a fault has dropped the mmap lock, even if that was not wanted", () => {
    const { mm, hmm } = withMirror();
    const vma = mapData(mm, [1]);
    run(tryToUnmap(mm, BASE));
    const pte = mm.pageTable.pteOf(BASE);
    if (pte?.kind !== "swap") throw new Error("not swapped out");
    pte.slot.lock.tryLock();
    const range = new SnapshotRange(mm, vma, BASE, BASE + PAGE);
    range.fill(VALID);
    run(mm.space.mmapLock.read());
    const faulting = hmm.vmaFault(range, true);
    expect(runUntilBlocked(faulting)).toMatchObject({ done: false });
    expect(mm.space.mmapLock.readers).toBe(0);
    pte.slot.lock.unlock();
    expect(run(faulting)).toBe(-16);
  });

  it("pages of a device are reported, and come back only if that is asked for", () => {
    const { world, mm, hmm } = withMirror();
    const vma = mapData(mm, [1]);
    const original = mm.pageTable.pteOf(BASE);
    if (original?.kind !== "present") throw new Error("not present");
    const page = world.memory.allocateDevicePage(
      {
        owner: "device",
        *migrateToRam() {
          yield { kind: "point", label: "on its way" };
          mm.pageTable.set(BASE, original);
          return "done";
        },
      },
      2,
    );
    mm.pageTable.set(BASE, { kind: "device-private", page, writable: true });
    const fault = (request: bigint) => {
      const range = new SnapshotRange(mm, vma, BASE, BASE + PAGE);
      range.fill(request);
      expect(run(hmm.vmaFault(range, true))).toBe(0);
      run(hmm.vmaRangeDone(range));
      return [range.pfns[0] & 7n, frameOfPfn2018(range.pfns[0])];
    };
    expect(fault(VALID)).toEqual([VALID | WRITE | DEVICE_PRIVATE, page.pfn]);
    expect(fault(VALID | DEVICE_PRIVATE)).toEqual([VALID | WRITE, original.page.pfn]);
  });
});

describe("a driver of 2018", () => {
  it("maps what it looks up, and drops what it is told of", () => {
    const { world, mm, driver } = withMirror();
    mapData(mm, [1, 2, 3]);
    expect(run(driver.populate(BASE, 3, true))).toBe(0);
    expect(run(driver.read(BASE, 3))).toEqual([1, 2, 3]);
    run(munmap(mm, BASE + PAGE, BASE + 2 * PAGE));
    expect([...driver.entries.keys()]).toEqual([BASE, BASE + 2 * PAGE]);
    run(fork(mm, world.space()));
    expect(driver.entries.size).toBe(0);
    expect(run(driver.populate(0, 1))).toBe(-22);
    run(mprotect(mm, BASE, BASE + PAGE, { read: true, write: false }));
    expect(run(driver.populate(BASE, 1, true))).toBe(-14);
    run(driver.populate(BASE, 1));
    run(driver.unregister());
    expect([driver.entries.size, mm.space.mmapLock.readers]).toEqual([0, 0]);
    expect(world.memory.usesAfterFree).toEqual([]);
  });

  it("begins again when the range has been hit meanwhile", () => {
    const { mm, driver, world } = withMirror("hmm-4.19", true);
    mapData(mm, [1]);
    const populating = driver.populate(BASE, 1);
    runUntilPoint(populating, "hmm_vma_walk:before pte");
    run(tryToUnmap(mm, BASE));
    expect(run(populating)).toBe(0);
    expect(run(driver.read(BASE, 1))).toEqual([1]);
    expect(world.memory.usesAfterFree).toEqual([]);
  });

  it.each(["hmm-4.19", "hmm-4.20", "hmm-5.2", "hmm-5.3"] as const)(
    "%s: mapping a page that is just being taken away; V13 where a range cannot tell",
    (variant) => {
      const { mm, driver } = withMirror(variant, true);
      mapData(mm, [1]);
      // Reclaim needs no mmap lock, so the driver can look the page up while it is taken.
      const reclaiming = tryToUnmap(mm, BASE);
      runUntilPoint(reclaiming, "before pte change");
      const populating = driver.populate(BASE, 1);
      const populated = runUntilBlocked(populating);
      const isWaiting = variant === "hmm-5.2" || variant === "hmm-5.3";
      if (isWaiting) {
        expect(populated).toMatchObject({ resource: "valid ranges of hmm of mm" });
      } else {
        expect(populated).toEqual({ done: true, value: 0 });
      }
      run(reclaiming);
      if (isWaiting) {
        expect(run(populating)).toBe(0);
        expect(run(driver.read(BASE, 1))).toEqual([1]);
      } else {
        // hmm-4.19 tells the mirror at the end; hmm-4.20 had told it before there was anything to drop.
        const data = variant === "hmm-4.19" ? [] : [PAGE_POISON];
        expect(run(driver.read(BASE, 1))).toEqual(data);
      }
    },
  );

  it.each([
    ["hmm-4.19", [1]],
    ["hmm-4.20", [1]],
    ["hmm-5.2", [PAGE_POISON]],
    ["hmm-5.3", [PAGE_POISON]],
  ] as const)(
    "%s: an invalidation that comes and goes between the lookup and the lock; then it reads %s",
    (variant, data) => {
      // The bug for which interval notifiers have a sequence: valid again is not valid still.
      const { mm, driver } = withMirror(variant);
      mapData(mm, [1]);
      const populating = driver.populate(BASE, 1);
      expect(runWith(populating, at("mutex of M"), () => run(tryToUnmap(mm, BASE)))).toBe(0);
      expect(run(driver.read(BASE, 1))).toEqual(data);
    },
  );

  it("hmm-4.19: between the change and the end the device uses a page that is free", () => {
    const { mm, driver, world } = withMirror("hmm-4.19", true);
    mapData(mm, [1]);
    run(driver.populate(BASE, 1));
    const reclaiming = tryToUnmap(mm, BASE);
    runUntilPoint(reclaiming, "before hmm of mm.end");
    expect(run(driver.read(BASE, 1))).toEqual([PAGE_POISON]);
    expect(world.memory.usesAfterFree).toHaveLength(1);
    run(reclaiming);
  });
});

describe("refusals", () => {
  it("hmm-refuse never approves a caller that must not wait, and does nothing for it", () => {
    const one = new Setup("hmm-refuse");
    one.mirror("M1");
    const range = one.lookUp();
    expect(one.tryStart(BASE, BASE + PAGE)).toEqual({
      ok: false,
      errno: "EAGAIN",
      refusedBy: "hmm of mm",
    });
    expect([one.calls, one.done(range)]).toEqual([[], true]);
    run(one.start(BASE, BASE + PAGE).endSleepable());
    expect(one.calls).toEqual(["M1.sync"]);
  });

  it("C73 hmm-4.20: the first mirror that refuses stops the walk; where waiting is allowed it is ignored", () => {
    const one = new Setup("hmm-4.20");
    one.mirror("M1", () => EAGAIN);
    one.mirror("M2");
    one.mirror("M0", () => 0);
    expect(one.tryStart(BASE, BASE + PAGE)).toMatchObject({ ok: false, errno: "EAGAIN" });
    expect(one.calls).toEqual(["M0.sync", "M2.sync", "M1.sync"]);
    expect(one.updates.map(({ blockable }) => blockable)).toEqual([false, false, false]);
    const window = one.start(BASE, BASE + PAGE);
    expect(window.ended).toBe(false);
    expect(one.calls).toHaveLength(6);
    run(window.endSleepable());
    expect(one.calls).toHaveLength(6);
  });

  it("hmm-4.20 sleeps in a start that must not, if somebody has mirrors_sem (V01)", () => {
    const one = new Setup("hmm-4.20");
    one.mirror("M1");
    one.state.mirrorsSem.tryWrite();
    const starting = one.mm.space.tryInvalidateRangeStartSleepable({
      start: BASE,
      end: BASE + PAGE,
    });
    expect(runUntilBlocked(starting)).toMatchObject({
      resource: "mirrors_sem of hmm of mm (read)",
    });
    expect(one.world.of("sleep-while-non-blocking")).toMatchObject([{ callback: "start" }]);
  });

  it("C74 hmm-5.2 leaks its count when the second trylock fails: ranges are never valid again (V09)", () => {
    const one = new Setup("hmm-5.2");
    one.mirror("M1");
    one.state.mirrorsSem.tryWrite();
    expect(one.tryStart(BASE, BASE + PAGE)).toMatchObject({ ok: false, errno: "EAGAIN" });
    one.state.mirrorsSem.endWrite();
    expect(one.state.notifiers).toBe(1);
    const range = one.lookUp();
    expect(range.valid).toBe(false);
    invalidate(one.mm, BASE, BASE + PAGE);
    expect([one.state.notifiers, one.done(range)]).toEqual([1, false]);
    expect(runUntilBlocked(one.hmm.rangeWaitUntilValid(one.mm))).toMatchObject({ done: false });
  });

  it("C74 hmm-5.3 does not", () => {
    const one = new Setup("hmm-5.3");
    one.mirror("M1");
    const range = one.lookUp();
    one.state.mirrorsSem.tryWrite();
    expect(one.tryStart(BASE, BASE + PAGE)).toMatchObject({ ok: false, errno: "EAGAIN" });
    one.state.mirrorsSem.endWrite();
    expect([one.state.notifiers, one.done(range)]).toEqual([0, true]);
  });

  it("hmm-5.2 refuses before it has counted if the first trylock fails", () => {
    const one = new Setup("hmm-5.2");
    one.mirror("M1");
    one.state.lock.tryLock();
    expect(one.tryStart(BASE, BASE + PAGE)).toMatchObject({ ok: false, errno: "EAGAIN" });
    expect(one.state.notifiers).toBe(0);
  });

  it("hmm-5.2 sleeps in an end that must not (V03)", () => {
    const one = new Setup("hmm-5.2");
    one.mirror("M1");
    const started = one.tryStart(BASE, BASE + PAGE);
    if (!started.ok) throw new Error("refused");
    run(started.window.endSleepable());
    expect(one.world.of("sleep-while-non-blocking")).toMatchObject([
      { callback: "end", resource: "lock of hmm of mm" },
    ]);
  });

  it("C75 hmm-5.2 loses the refusal of a mirror: the caller goes ahead with live entries (V12, V13)", () => {
    const { mm, driver, world } = withMirror("hmm-5.2");
    mapData(mm, [1]);
    run(driver.populate(BASE, 1));
    driver.mutex.tryLock();
    const range = { start: BASE, end: BASE + PAGE };
    const started = run(mm.space.tryInvalidateRangeStartSleepable(range));
    expect(started.ok).toBe(true);
    driver.mutex.unlock();
    unmapPageRange(mm, BASE, BASE + PAGE);
    expect(run(driver.read(BASE, 1))).toEqual([PAGE_POISON]);
    expect(world.memory.usesAfterFree).toHaveLength(1);
  });

  it("C75 hmm-5.3 passes it on, and takes its count back", () => {
    const { mm, driver, hmm } = withMirror("hmm-5.3");
    mapData(mm, [1]);
    run(driver.populate(BASE, 1));
    driver.mutex.tryLock();
    const range = { start: BASE, end: BASE + PAGE };
    const started = run(mm.space.tryInvalidateRangeStartSleepable(range));
    expect(started).toMatchObject({ ok: false, errno: "EAGAIN" });
    expect(hmm.hmmOf(mm)?.notifiers).toBe(0);
  });

  it("the release of hmm-5.3 lets those go who wait for valid ranges", () => {
    const one = new Setup("hmm-5.3");
    one.mirror("M1");
    one.start(BASE, BASE + PAGE);
    const waiting = one.hmm.rangeWaitUntilValid(one.mm);
    expect(runUntilBlocked(waiting)).toMatchObject({ done: false });
    run(one.mm.space.releaseSleepable());
    run(waiting);
    expect(one.state.dead).toBe(true);
  });
});

describe("options", () => {
  it("a variant that there is not is refused by name", () => {
    expect(() => new Hmm2018({ variant: "hmm-6" as never })).toThrow(
      expect.objectContaining({ code: "ARGUMENT", message: expect.stringContaining("hmm-4.19") }),
    );
  });
});
