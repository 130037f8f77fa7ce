import { describe, expect, it } from "vitest";
import {
  FileMapping,
  fork,
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
  unmapPageRange,
  writeUser,
} from "../../src/hmm/index.ts";
import { isReapable, oomReapTaskMm, Victim } from "../../src/sim/index.ts";
import {
  BASE,
  load,
  loadAll,
  mapData,
  PAGE,
  run,
  runUntilBlocked,
  store,
  World,
  watch,
} from "./support.ts";

describe("faults", () => {
  it("fill empty entries without an invalidation: the zero page for a read, a page of its own for a write", () => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + 2 * PAGE }));
    expect(load(mm, BASE)).toBe(0);
    store(mm, BASE + PAGE, 7);
    expect(mm.pageTable.pteOf(BASE)).toMatchObject({
      kind: "present",
      page: world.memory.zeroPage,
      writable: false,
    });
    expect(load(mm, BASE + PAGE + 0x123)).toBe(7);
    expect(mm.faults).toBe(2);
    expect(world.windows()).toEqual([]);
  });

  it("a write to the zero page is an invalidation: CLEAR", () => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + PAGE }));
    load(mm, BASE);
    store(mm, BASE, 1);
    expect(world.windows()).toEqual(["CLEAR [10000,11000)"]);
    expect(load(mm, BASE)).toBe(1);
  });

  it("end in a signal where the mapping does not allow the access, or has nothing", () => {
    const world = new World();
    const mm = world.process();
    const file = new FileMapping({ memory: world.memory, pages: 1, contents: () => 5 });
    run(mmap(mm, { kind: "private-file", start: BASE, end: BASE + 2 * PAGE, write: false, file }));
    expect(load(mm, BASE)).toBe(5);
    expect(run(writeUser(mm, BASE, 1))).toEqual({ ok: false, signal: "SIGSEGV" });
    expect(run(readUser(mm, BASE + PAGE))).toEqual({ ok: false, signal: "SIGBUS" });
    expect(run(readUser(mm, 0))).toEqual({ ok: false, signal: "SIGSEGV" });
    expect(mm.space.mmapLock.readers).toBe(0);
  });

  it("private pages of a file are copied by the first write; shared ones are written in place", () => {
    const world = new World();
    const mm = world.process();
    const file = new FileMapping({ memory: world.memory, pages: 1, contents: () => 5 });
    const map = (kind: "private-file" | "shared-file", start: number): void => {
      run(mmap(mm, { kind, start, end: start + PAGE, file }));
    };
    map("private-file", BASE);
    map("shared-file", BASE + PAGE);
    loadAll(mm, BASE, 2);
    store(mm, BASE, 6);
    expect(world.windows()).toEqual(["CLEAR [10000,11000)"]);
    store(mm, BASE + PAGE, 7);
    expect(world.windows()).toEqual([]);
    expect([...loadAll(mm, BASE, 2), file.page(0)?.read()]).toEqual([6, 7, 7]);
  });

  it("a fault that has to wait for swap drops the mmap lock, and comes back", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [9]);
    run(tryToUnmap(mm, BASE));
    const pte = mm.pageTable.pteOf(BASE);
    if (pte?.kind !== "swap") throw new Error("not swapped out");
    pte.slot.lock.tryLock();
    const reading = readUser(mm, BASE);
    expect(runUntilBlocked(reading)).toEqual({
      done: false,
      resource: "swap cache page of 0x10000",
    });
    expect(mm.space.mmapLock.readers).toBe(0);
    pte.slot.lock.unlock();
    expect(run(reading)).toEqual({ ok: true, data: 9 });
  });
});

describe("what a process does, and the invalidations that it is", () => {
  it("munmap: one UNMAP over the whole range, and the pages are free", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1, 2]);
    mapData(mm, [3], { start: BASE + 3 * PAGE });
    expect(world.memory.pagesInUse).toBe(3);
    expect(run(munmap(mm, BASE + PAGE, BASE + 4 * PAGE))).toBe(0);
    expect(world.windows()).toEqual(["UNMAP [11000,14000)"]);
    expect(world.memory.pagesInUse).toBe(1);
    expect(mm.vmas.all.map(({ start, end }) => [start, end])).toEqual([[BASE, BASE + PAGE]]);
    expect(run(munmap(mm, BASE + PAGE, BASE + 2 * PAGE))).toBe(0);
    expect(world.windows()).toEqual([]);
  });

  it("mprotect: one PROTECTION_VMA for each mapping, unless no table was ever filled", () => {
    const world = new World();
    const mm = world.process();
    const none = { read: false, write: false };
    run(mmap(mm, { kind: "anonymous", start: BASE, end: BASE + 4 * PAGE }));
    expect(run(mprotect(mm, BASE, BASE + 4 * PAGE, none))).toBe(0);
    expect(world.windows()).toEqual([]);
    run(mprotect(mm, BASE, BASE + 4 * PAGE, { read: true, write: true }));
    store(mm, BASE, 1);
    world.windows();
    run(mprotect(mm, BASE, BASE + 2 * PAGE, { read: true, write: false }));
    expect(world.windows()).toEqual(["PROTECTION_VMA [10000,12000)"]);
    expect(mm.vmas.all).toHaveLength(2);
    expect(run(writeUser(mm, BASE, 2))).toMatchObject({ signal: "SIGSEGV" });
    run(mprotect(mm, BASE, BASE + 4 * PAGE, { read: true, write: true }));
    expect(world.windows()).toEqual([
      "PROTECTION_VMA [10000,12000)",
      "PROTECTION_VMA [12000,14000)",
    ]);
    store(mm, BASE, 2);
    expect(world.windows()).toEqual([]);
    expect(run(mprotect(mm, BASE, BASE + 5 * PAGE, none))).toBe(-12);
  });

  it("fork: one PROTECTION_PAGE of the parent for private memory; both sides keep their data", () => {
    const world = new World();
    const parent = world.process();
    mapData(parent, [1, 2]);
    mapData(parent, [3], { kind: "shmem", start: BASE + 2 * PAGE });
    const child = run(fork(parent, world.space()));
    expect(world.of("invalidate-start").map(({ mm, event }) => [mm, event])).toEqual([
      ["mm", "PROTECTION_PAGE"],
    ]);
    expect(world.of("pte-change")).toEqual([
      { kind: "pte-change", mm: "mm", start: BASE, end: BASE + 2 * PAGE },
    ]);
    world.windows();
    store(parent, BASE, 10);
    expect(world.windows()).toEqual(["CLEAR [10000,11000)"]);
    // The child is alone with the old page: nothing to copy.
    store(child, BASE, 20);
    expect(world.windows()).toEqual([]);
    store(child, BASE + 2 * PAGE, 30);
    expect(loadAll(parent, BASE, 3)).toEqual([10, 2, 30]);
    expect(loadAll(child, BASE, 3)).toEqual([20, 2, 30]);
  });

  it("madvise: one CLEAR for each mapping; the memory is gone, the mappings stay", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1, 2, 3]);
    expect(run(madviseDontneed(mm, BASE + PAGE, BASE + 3 * PAGE))).toBe(0);
    expect(world.windows()).toEqual(["CLEAR [11000,13000)"]);
    expect(loadAll(mm, BASE, 3)).toEqual([1, 0, 0]);
    expect(run(madviseDontneed(mm, BASE, BASE + 4 * PAGE))).toBe(-12);
    mapData(mm, [4], { start: BASE + 3 * PAGE, mlocked: true });
    expect(run(madviseDontneed(mm, BASE + 3 * PAGE, BASE + 4 * PAGE))).toBe(-22);
    expect(load(mm, BASE + 3 * PAGE)).toBe(4);
  });

  it("reclaim: CLEAR of one page, without the mmap lock", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    mm.space.mmapLock.tryWrite();
    expect(run(tryToUnmap(mm, BASE))).toBe(true);
    expect(run(tryToUnmap(mm, BASE))).toBe(false);
    mm.space.mmapLock.endWrite();
    expect(world.windows()).toEqual(["CLEAR [10000,11000)"]);
    expect(world.memory.pagesInUse).toBe(0);
    expect(load(mm, BASE)).toBe(1);
    expect(world.windows()).toEqual([]);
  });

  it("exclusive access: EXCLUSIVE with the owner, and without one when a CPU takes the page back", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const { calls } = watch(mm.space);
    const [page] = run(makeDeviceExclusive(mm, BASE, BASE + PAGE, "device"));
    expect(mm.pageTable.pteOf(BASE)).toMatchObject({ kind: "device-exclusive", owner: "device" });
    const reading = readUser(mm, BASE);
    // Whoever makes a page exclusive keeps it locked until its device has it.
    expect(runUntilBlocked(reading)).toEqual({ done: false, resource: `page ${page?.pfn}` });
    page?.lock.unlock();
    page?.put();
    expect(run(reading)).toEqual({ ok: true, data: 1 });
    expect(calls.map(({ event, owner }) => [event, owner])).toEqual([
      ["EXCLUSIVE", "device"],
      ["EXCLUSIVE", undefined],
    ]);
    expect(page?.references).toBe(1);
  });

  it("exclusive access is not to be had of shared memory, nor of what cannot be written", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1], { kind: "shmem" });
    mapData(mm, [0], { start: BASE + PAGE });
    run(mprotect(mm, BASE + PAGE, BASE + 2 * PAGE, { read: true, write: false }));
    expect(run(makeDeviceExclusive(mm, BASE, BASE + 2 * PAGE, "device"))).toEqual([undefined]);
  });

  it("exit: mirrors are released, then everything is unmapped at once", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1, 2]);
    const { calls } = watch(mm.space);
    mm.mmgetNotZero();
    run(mm.mmput());
    expect([mm.users, calls.length]).toEqual([1, 0]);
    run(mm.mmput());
    expect(calls.map(({ event, start, end }) => [event, start, end])).toEqual([
      ["RELEASE", 0, 2n ** 64n - 1n],
      ["UNMAP", 0, 2n ** 64n - 1n],
    ]);
    expect([mm.users, mm.mmgetNotZero(), world.memory.pagesInUse]).toEqual([0, false, 0]);
  });
});

describe("huge mappings", () => {
  const huge = { kind: "anonymous", start: PMD_SIZE, end: 2 * PMD_SIZE, hugepages: true } as const;

  it("are split by whatever concerns a part of them: CLEAR over the whole", () => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, huge));
    store(mm, PMD_SIZE, 1);
    expect(mm.faults).toBe(1);
    expect(mm.pageTable.pmdOf(PMD_SIZE)).toMatchObject({ kind: "huge", writable: true });
    store(mm, PMD_SIZE + PAGE, 2);
    expect(mm.faults).toBe(1);
    run(munmap(mm, PMD_SIZE, PMD_SIZE + PAGE));
    expect(world.windows()).toEqual(["CLEAR [200000,400000)", "UNMAP [200000,201000)"]);
    expect(load(mm, PMD_SIZE + PAGE)).toBe(2);
    expect(world.memory.pagesInUse).toBe(511);
    run(splitHugePmd(mm, PMD_SIZE));
    expect(world.windows()).toEqual([]);
  });

  it("inside of madvise that is an invalidation within another one", () => {
    const world = new World();
    const mm = world.process();
    run(mmap(mm, huge));
    store(mm, PMD_SIZE, 1);
    run(madviseDontneed(mm, PMD_SIZE, PMD_SIZE + PAGE));
    expect(world.windows()).toEqual(["CLEAR [200000,201000)", "CLEAR [200000,400000)"]);
  });

  it("are copied by fork as a whole, and split by the next write", () => {
    const world = new World();
    const parent = world.process();
    run(mmap(parent, huge));
    store(parent, PMD_SIZE, 1);
    const child = run(fork(parent, world.space()));
    expect(world.windows()).toEqual(["PROTECTION_PAGE [200000,400000)"]);
    store(child, PMD_SIZE, 2);
    expect(world.windows()).toEqual(["CLEAR [200000,400000)", "CLEAR [200000,201000)"]);
    expect([load(parent, PMD_SIZE), load(child, PMD_SIZE)]).toEqual([1, 2]);
    expect(world.memory.pagesInUse).toBe(513);
  });

  it("of hugetlbfs are never split, and are copied as a whole", () => {
    const world = new World();
    const parent = world.process();
    run(mmap(parent, { kind: "hugetlb", start: PMD_SIZE, end: 2 * PMD_SIZE }));
    store(parent, PMD_SIZE, 1);
    expect(run(munmap(parent, PMD_SIZE, PMD_SIZE + PAGE))).toBe(-22);
    const child = run(fork(parent, world.space()));
    expect(world.windows()).toEqual(["CLEAR [200000,400000)"]);
    store(parent, PMD_SIZE, 2);
    expect(world.windows()).toEqual(["CLEAR [200000,400000)"]);
    expect([load(parent, PMD_SIZE), load(child, PMD_SIZE)]).toEqual([2, 1]);
    expect(world.memory.pagesInUse).toBe(1024);
  });
});

describe("pages", () => {
  it("a stale reference is seen: poison, and a report", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const pte = mm.pageTable.pteOf(BASE);
    if (pte?.kind !== "present") throw new Error("not present");
    run(munmap(mm, BASE, BASE + PAGE));
    expect(pte.page.read()).toBe(PAGE_POISON);
    pte.page.write(2);
    const { pfn } = pte.page;
    expect(world.memory.usesAfterFree).toEqual([
      { pfn, access: "read" },
      { pfn, access: "write" },
    ]);
    expect(() => pte.page.put()).toThrow("has been freed");
  });

  it("bare frames have none", () => {
    const world = new World();
    const mm = world.process();
    const vma = run(
      mmap(mm, {
        kind: "private-file",
        start: BASE,
        end: BASE + PAGE,
        mixedmap: true,
        file: new FileMapping({ memory: world.memory, pages: 1 }),
      }),
    );
    insertBarePage(mm, vma, BASE);
    const pte = mm.pageTable.pteOf(BASE);
    expect(pte?.kind === "special" && world.memory.pageOf(pte.pfn)).toBeUndefined();
    expect(run(readUser(mm, BASE))).toMatchObject({ ok: true });
  });
});

describe("mappings", () => {
  it.each([
    ["not page-aligned", { start: 1, end: PAGE }, "RANGE"],
    ["empty", { start: PAGE, end: PAGE }, "RANGE"],
    ["not mappable", { start: 2 ** 47, end: 2 ** 47 + PAGE }, "RANGE"],
    ["taken", { start: BASE, end: BASE + PAGE }, "RANGE"],
    ["of no file", { start: 0, end: PAGE, kind: "shared-file" as const }, "ARGUMENT"],
    ["half a huge page", { start: 0, end: PAGE, kind: "hugetlb" as const }, "RANGE"],
  ])("%s: refused before anything changes", (_name, options, code) => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1]);
    const refused = expect.objectContaining({ code });
    expect(() => run(mmap(mm, { kind: "anonymous", ...options }))).toThrow(refused);
    expect([mm.vmas.all.length, mm.space.mmapLock.writing]).toEqual([1, false]);
  });

  it("are what the OOM reaper takes", () => {
    const world = new World();
    const mm = world.process();
    mapData(mm, [1, 2]);
    mapData(mm, [3], { kind: "shmem", start: BASE + 2 * PAGE });
    const victim = new Victim({
      mm: mm.space,
      vmas: () => mm.vmas.all,
      zap: (_vma, start, end) => unmapPageRange(mm, Number(start), Number(end)),
    });
    expect(mm.vmas.all.map((vma) => isReapable(vma, false))).toEqual([true, false]);
    expect(run(oomReapTaskMm(victim))).toBe("reaped");
    expect(world.memory.pagesInUse).toBe(1);
  });
});
