import { describe, expect, it } from "vitest";
import { i9152018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const OBJECT = pages(16, 4);
const FLUSH = "workqueue i915-userptr-release of i915-2018";
const IDLE = { objects: 1, attached: 1, busy: 0, cancelling: 0 };

function sceneWithObject(profile: "v4.19" | "v6.12" = "v4.19") {
  const scene = new Scene(profile);
  const i915 = scene.mirrored(i9152018, OBJECT);
  scene.run(i915.operations.retire(OBJECT));
  return { scene, i915 };
}

describe("i915-2018, non-blocking", () => {
  it("C98: approves without the lock as long as the tree is empty", () => {
    const scene = new Scene();
    const i915 = scene.attach(i9152018);
    scene.run(i915.mirror(OBJECT));
    scene.spawn(i915.locks.lock.lock(), "T2");
    scene.end(scene.approved(OBJECT));
    expect(scene.foundAtFinish).toEqual([]);
  });

  it.each(["v4.19", "v6.12"] as const)("%s: refuses if an object is in the range", (profile) => {
    const { scene, i915 } = sceneWithObject(profile);
    expect(scene.refusedBy(pages(19, 2))).toBe("i915-2018");
    expect([i915.state, i915.entries]).toEqual([IDLE, [OBJECT]]);
    expect(i915.locks.lock.holders).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("no overlap: looks under the lock, and approves", () => {
    const { scene, i915 } = sceneWithObject();
    scene.spawn(i915.locks.lock.lock(), "T2");
    const start = scene.tryStart(pages(20));
    expect(start.blockedOn).toBe("mn->lock of i915-2018");
    i915.locks.lock.unlock();
    scene.end(windowOf(start.run()));
    expect(i915.state).toEqual(IDLE);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("i915-2018, blockable", () => {
  it("waits for the work that waits for the GPU", () => {
    const { scene, i915 } = sceneWithObject();
    scene.run(i915.access(OBJECT));
    const start = scene.start(pages(16));
    scene.runWork();
    expect(start.run().blockedOn).toBe(FLUSH);
    expect(scene.workBlockedOn).toEqual(["GPU commands on [0x10000, 0x14000) of i915-2018"]);
    expect(i915.state).toEqual({ objects: 1, attached: 0, busy: 1, cancelling: 1 });
    expect(i915.entries).toEqual([OBJECT]);
    scene.run(i915.operations.retire(OBJECT));
    scene.runWork();
    scene.end(start.run().value);
    expect(i915.state).toEqual({ ...IDLE, attached: 0 });
    expect(i915.entries).toEqual([]);
    expect(scene.trace.slice(-4)).toEqual([
      "work-queue cancel_userptr of [0x10000, 0x14000) of i915-2018",
      "work-wait cancel_userptr of [0x10000, 0x14000) of i915-2018",
      "work-run cancel_userptr of [0x10000, 0x14000) of i915-2018",
      "tear-down 16-19",
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("the next submission looks the pages up again", () => {
    const { scene, i915 } = sceneWithObject();
    const start = scene.start(OBJECT);
    scene.runWork();
    scene.end(start.run().value);
    expect(i915.entries).toEqual([]);
    expect(scene.withWork(i915.access(OBJECT))).toBe(0);
    expect([i915.state, i915.entries]).toEqual([{ ...IDLE, busy: 1 }, [OBJECT]]);
  });

  it("pages that are still being looked up are forgotten", () => {
    const scene = new Scene();
    const i915 = scene.attach(i9152018);
    scene.run(i915.mirror(OBJECT));
    const submission = scene.spawn(i915.access(OBJECT));
    const start = scene.startUnderMmapLock(OBJECT);
    scene.runWork();
    expect(scene.workBlockedOn).toEqual(["mmap lock of mm (read)"]);
    scene.end(start.run().value);
    scene.context.mmapLock.unlock();
    scene.runWork();
    expect(i915.entries).toEqual([]);
    submission.run();
    scene.runWork();
    expect(submission.run().value).toBe(0);
    expect(i915.entries).toEqual([OBJECT]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("commands for what is no object, and for a process that is gone, fail", () => {
    const { scene, i915 } = sceneWithObject();
    expect(scene.run(i915.access(pages(15, 2)))).toBe(-14);
    scene.run(i915.detach());
    expect([i915.state.objects, i915.entries]).toEqual([0, []]);
    scene.run(i915.mirror(OBJECT));
    scene.run(scene.mm.releaseSleepable());
    expect(scene.run(i915.access(OBJECT))).toBe(-14);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("i915-2018, done wrong", () => {
  it("flushUnderSpinlock: the work spins for the lock of whoever waits for it", () => {
    const scene = new Scene();
    const i915 = scene.mirrored(i9152018, OBJECT, { personalities: ["flushUnderSpinlock"] });
    scene.run(i915.operations.retire(OBJECT));
    const start = scene.start(OBJECT);
    scene.runWork();
    expect(start.run().blockedOn).toBe(FLUSH);
    expect(scene.workBlockedOn).toEqual(["mn->lock of i915-2018"]);
    expect(scene.foundAtFinish).toEqual(["V20 i915-2018"]);
  });

  describe("reclaimUnderDeviceMutex", () => {
    const OTHER = pages(32);

    /** The second object's pages are looked up while reclaim takes the first one's away. */
    function submitUnderPressure(personalities?: []) {
      const scene = new Scene();
      const i915 = scene.mirrored(i9152018, OBJECT, { ...(personalities && { personalities }) });
      scene.run(i915.operations.retire(OBJECT));
      scene.run(i915.mirror(OTHER));
      scene.reclaim = function* () {
        const window = yield* scene.mm.invalidateRangeStartSleepable(OBJECT);
        yield* window.endSleepable();
      };
      const submission = scene.spawn(i915.access(OTHER));
      scene.runWork();
      return { scene, submission: submission.run() };
    }

    it("as merged: reclaim waits for work that waits for the mutex", () => {
      const { scene, submission } = submitUnderPressure();
      expect(submission.blockedOn).toBe(FLUSH);
      expect(scene.workBlockedOn).toEqual(["struct_mutex of i915-2018"]);
      expect(scene.foundAtFinish).toEqual(["V20 i915-2018"]);
    });

    it("repaired", () => {
      const { scene, submission } = submitUnderPressure([]);
      expect(submission.value).toBe(0);
      expect(scene.foundAtFinish).toEqual([]);
    });
  });
});
