import { describe, expect, it } from "vitest";
import { amdgpuGfx2018, amdgpuHsa2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const BO = pages(16, 4);
const ELSEWHERE = pages(100);
const GFX = amdgpuGfx2018.name;
const HSA = amdgpuHsa2018.name;

describe.each(["v4.19", "v6.12"] as const)(
  "C99: amdgpu-gfx-2018 keeps the read side, %s",
  (profile) => {
    it("a start without overlap blocks submission until its end", () => {
      const scene = new Scene(profile);
      const gfx = scene.attach(amdgpuGfx2018);
      scene.run(gfx.mirror(BO));
      const window = scene.approved(ELSEWHERE);
      expect(gfx.state).toEqual({ recursion: 1, bos: 1, fences: 0, restarts: 0 });
      const submission = scene.spawn(gfx.access(BO));
      expect(submission.blockedOn).toBe(`lock of ${GFX} (write)`);
      scene.end(window);
      expect(submission.run().value).toBe(0);
      expect(gfx.state).toEqual({ recursion: 0, bos: 1, fences: 1, restarts: 0 });
      // It may sleep on the inner lock, which was free.
      expect(scene.foundAtFinish).toEqual([`V01 ${GFX}`]);
    });

    it("several starts take it once, and the last end gives it back", () => {
      const scene = new Scene(profile);
      const gfx = scene.mirrored(amdgpuGfx2018, BO, { personalities: [] });
      const [first, second] = [scene.approved(ELSEWHERE), scene.start(ELSEWHERE).value];
      expect([gfx.state.recursion, gfx.locks.lock.holders.length]).toEqual([2, 1]);
      scene.end(first);
      const submission = scene.spawn(gfx.access(BO));
      expect(submission.blockedOn).toBe(`lock of ${GFX} (write)`);
      scene.end(second);
      expect(submission.run().value).toBe(0);
      expect(scene.foundAtFinish).toEqual([]);
    });
  },
);

describe("C99: amdgpu-gfx-2018 beside somebody who refuses", () => {
  function submitAfterRefusal(profile: "v4.19" | "v6.12") {
    const scene = new Scene(profile);
    const gfx = scene.mirrored(amdgpuGfx2018, BO, { personalities: [] });
    scene.refuser();
    expect(scene.refusedBy(ELSEWHERE)).toBe("refuser");
    return { scene, gfx, submission: scene.spawn(gfx.access(BO)) };
  }

  it("v4.19: submission is blocked for ever", () => {
    const { scene, gfx, submission } = submitAfterRefusal("v4.19");
    scene.invalidate(ELSEWHERE);
    expect(submission.run().blockedOn).toBe(`lock of ${GFX} (write)`);
    expect(gfx.state.recursion).toBe(1);
    expect(scene.foundAtFinish).toEqual([`V08 ${GFX}`]);
  });

  it("v6.12: the roll-back gives the read side back", () => {
    const { scene, gfx, submission } = submitAfterRefusal("v6.12");
    expect([submission.value, gfx.state.recursion]).toEqual([0, 0]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("amdgpu-gfx-2018 refuses", () => {
  it("v4.19: an object in the range, although it has an end", () => {
    const scene = new Scene();
    const gfx = scene.mirrored(amdgpuGfx2018, BO);
    expect(scene.refusedBy(pages(19, 9))).toBe(GFX);
    expect(gfx.state).toEqual({ recursion: 0, bos: 1, fences: 1, restarts: 0 });
    expect([gfx.entries, gfx.locks.lock.holders]).toEqual([[BO], []]);
    expect(scene.foundAtFinish).toEqual([`V01 ${GFX}`, `V06 ${GFX}`]);
  });

  it("v6.12: its own end is called for it, and from then on nobody is kept out", () => {
    const scene = new Scene("v6.12");
    const gfx = scene.mirrored(amdgpuGfx2018, BO, { personalities: [] });
    scene.run(gfx.operations.signal(BO));
    expect(scene.refusedBy(BO)).toBe(GFX);
    expect(gfx.state.recursion).toBe(-1);
    const window = scene.start(BO).value;
    expect(scene.run(gfx.access(BO))).toBe(0);
    scene.end(window);
    expect(scene.foundAtFinish).toEqual([`V06 ${GFX}`, `V13 ${GFX}`]);
  });

  it("a range that has nothing to do with it, if the outer mutex is contended", () => {
    const scene = new Scene();
    const gfx = scene.mirrored(amdgpuGfx2018, BO);
    scene.spawn(gfx.locks.readLock.lock(), "T2");
    expect(scene.refusedBy(ELSEWHERE)).toBe(GFX);
    expect(scene.foundAtFinish).toEqual([`V06 ${GFX}`, `V31 ${GFX}`]);
  });
});

describe("amdgpu-gfx-2018 and the inner lock, held by a submission", () => {
  it("as merged: a non-blocking start sleeps on it", () => {
    const scene = new Scene();
    const gfx = scene.mirrored(amdgpuGfx2018, BO);
    scene.spawn(gfx.locks.lock.lock("write"), "T2");
    const start = scene.tryStart(ELSEWHERE);
    expect(start.blockedOn).toBe(`lock of ${GFX} (read)`);
    gfx.locks.lock.unlock();
    scene.end(windowOf(start.run()));
    expect(scene.sleptFor).toEqual([`lock of ${GFX} (read)`]);
    expect(scene.foundAtFinish).toEqual([`V01 ${GFX}`]);
  });

  it("repaired: it refuses, and leaves nothing behind", () => {
    const scene = new Scene();
    const gfx = scene.mirrored(amdgpuGfx2018, BO, { personalities: [] });
    scene.spawn(gfx.locks.lock.lock("write"), "T2");
    expect(scene.refusedBy(ELSEWHERE)).toBe(GFX);
    expect([gfx.state.recursion, gfx.locks.readLock.holders]).toEqual([0, []]);
    expect(scene.foundAtFinish).toEqual([`V06 ${GFX}`, `V31 ${GFX}`]);
  });
});

describe("amdgpu-gfx-2018, blockable", () => {
  it("waits for the fences of what is in the range", () => {
    const scene = new Scene();
    const gfx = scene.mirrored(amdgpuGfx2018, BO);
    scene.run(gfx.mirror(ELSEWHERE));
    scene.run(gfx.access(ELSEWHERE));
    const start = scene.start(BO);
    expect(start.blockedOn).toBe(`fences of [0x10000, 0x14000) of ${GFX}`);
    expect(gfx.entries).toEqual([BO, ELSEWHERE]);
    scene.run(gfx.operations.signal(BO));
    scene.end(start.run().value);
    expect([gfx.entries, gfx.state.fences]).toEqual([[ELSEWHERE], 1]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a submission whose pages were invalidated while they were looked up begins again", () => {
    const scene = new Scene();
    const gfx = scene.attach(amdgpuGfx2018);
    scene.run(gfx.mirror(BO));
    scene.run(scene.context.mmapLock.lock());
    const submission = scene.spawn(gfx.access(BO));
    scene.invalidate(BO);
    scene.context.mmapLock.unlock();
    expect(submission.run().value).toBe(0);
    expect(gfx.state).toEqual({ recursion: 0, bos: 1, fences: 1, restarts: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("objects come and go under the write side, and with the process", () => {
    const scene = new Scene();
    const gfx = scene.mirrored(amdgpuGfx2018, BO);
    const window = scene.start(ELSEWHERE).value;
    const create = scene.spawn(gfx.mirror(ELSEWHERE));
    expect(create.blockedOn).toBe(`lock of ${GFX} (write)`);
    scene.end(window);
    expect([create.run().value, scene.run(gfx.unmirror(ELSEWHERE))]).toEqual([0, 0]);
    scene.run(gfx.operations.signal(BO));
    scene.run(scene.mm.releaseSleepable());
    expect(gfx.entries).toEqual([BO]);
    scene.runWork();
    expect([gfx.state.bos, gfx.entries]).toEqual([0, []]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("amdgpu-hsa-2018", () => {
  it("refuses an object in the range, and approves elsewhere, as graphics does", () => {
    const scene = new Scene();
    const hsa = scene.mirrored(amdgpuHsa2018, BO, { personalities: [] });
    expect(scene.refusedBy(BO)).toBe(HSA);
    scene.end(scene.approved(ELSEWHERE));
    expect(hsa.state).toEqual({ recursion: 0, bos: 1, evictions: 0, queuesRun: true });
    expect(scene.foundAtFinish).toEqual([`V06 ${HSA}`]);
  });

  it("as merged: sleeps on the inner lock", () => {
    const scene = new Scene();
    scene.attach(amdgpuHsa2018);
    scene.end(scene.approved(ELSEWHERE));
    expect(scene.foundAtFinish).toEqual([`V01 ${HSA}`]);
  });

  it("stops all queues of the process, which run again when the pages have been looked up", () => {
    const scene = new Scene();
    const hsa = scene.mirrored(amdgpuHsa2018, BO);
    scene.run(hsa.mirror(ELSEWHERE));
    const start = scene.startUnderMmapLock(BO);
    const access = scene.spawn(hsa.access(ELSEWHERE));
    expect(access.blockedOn).toBe(`evicted_bos of ${HSA}`);
    expect(hsa.state).toEqual({ recursion: 1, bos: 2, evictions: 1, queuesRun: false });
    expect(hsa.entries).toEqual([ELSEWHERE]);
    scene.pass(1);
    expect(scene.workBlockedOn).toEqual(["mmap lock of mm (read)"]);
    scene.end(start.value);
    scene.context.mmapLock.unlock();
    scene.runWork();
    expect([access.run().value, hsa.entries]).toEqual([0, [BO, ELSEWHERE]]);
    expect(hsa.state).toEqual({ recursion: 0, bos: 2, evictions: 0, queuesRun: true });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("what is evicted while pages are looked up is waited for as well", () => {
    const scene = new Scene();
    const hsa = scene.mirrored(amdgpuHsa2018, BO);
    const start = scene.startUnderMmapLock(BO);
    scene.pass(1);
    scene.end(start.value);
    scene.invalidate(BO);
    scene.context.mmapLock.unlock();
    scene.runWork();
    expect(hsa.state).toEqual({ recursion: 0, bos: 1, evictions: 2, queuesRun: false });
    scene.pass(1);
    expect(hsa.state).toEqual({ recursion: 0, bos: 1, evictions: 0, queuesRun: true });
    expect(hsa.entries).toEqual([BO]);
  });

  it("an object can be freed; what is none cannot be used", () => {
    const scene = new Scene();
    const hsa = scene.mirrored(amdgpuHsa2018, BO);
    expect([scene.run(hsa.mirror(BO)), scene.run(hsa.unmirror(BO))]).toEqual([-22, 0]);
    expect([scene.run(hsa.access(BO)), scene.run(hsa.unmirror(BO))]).toEqual([-14, -22]);
  });
});
