import { describe, expect, it } from "vitest";
import { radeon2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene } from "./support.ts";

const BO = pages(16, 4);
const ELSEWHERE = pages(100);
const LOCK = "lock of radeon-2018";

describe("radeon-2018, non-blocking", () => {
  it("C100: a contended mutex refuses whatever the range is", () => {
    const scene = new Scene();
    const radeon = scene.mirrored(radeon2018, BO);
    scene.spawn(radeon.locks.lock.lock(), "T2");
    expect(scene.refusedBy(ELSEWHERE)).toBe("radeon-2018");
    expect(scene.foundAtFinish).toEqual(["V31 radeon-2018"]);
    expect(scene.auditor.reports[0].quality).toBe(true);
  });

  it.each(["v4.19", "v6.12"] as const)(
    "%s: refuses an object in the range, bound or not",
    (profile) => {
      const scene = new Scene(profile);
      const radeon = scene.mirrored(radeon2018, BO);
      expect(scene.refusedBy(pages(19))).toBe("radeon-2018");
      expect(radeon.state).toEqual({ bos: 1, bound: 1, fences: 1 });
      scene.run(radeon.operations.signal(BO));
      scene.invalidate(BO);
      expect(scene.refusedBy(BO)).toBe("radeon-2018");
      expect(radeon.locks.lock.holders).toEqual([]);
      // The second one has nothing mapped.
      expect(scene.foundAtFinish).toEqual(["V31 radeon-2018"]);
    },
  );

  it("no overlap: approves, and has released the mutex", () => {
    const scene = new Scene();
    const radeon = scene.mirrored(radeon2018, BO);
    scene.end(scene.approved(pages(20, 100)));
    expect(radeon.locks.lock.holders).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("radeon-2018, blockable", () => {
  it("reserves each bound object, waits for its fences, and moves it to the CPU", () => {
    const scene = new Scene();
    const radeon = scene.mirrored(radeon2018, BO);
    scene.run(radeon.mirror(pages(20)));
    const start = scene.start(pages(16, 100));
    expect(start.blockedOn).toBe("fences of [0x10000, 0x14000) of radeon-2018");
    const submission = scene.spawn(radeon.access(BO));
    expect(submission.blockedOn).toBe("reservation of [0x10000, 0x14000) of radeon-2018");
    scene.run(radeon.operations.signal(BO));
    scene.end(start.run().value);
    expect([radeon.state, radeon.entries]).toEqual([{ bos: 2, bound: 0, fences: 0 }, []]);
    expect(submission.run().value).toBe(0);
    expect([radeon.state, radeon.entries]).toEqual([{ bos: 2, bound: 1, fences: 1 }, [BO]]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("whoever binds waits for the mmap lock, which keeps munmap and it apart", () => {
    const scene = new Scene();
    const radeon = scene.mirrored(radeon2018, BO);
    scene.run(radeon.operations.signal(BO));
    const start = scene.startUnderMmapLock(BO);
    const submission = scene.spawn(radeon.access(BO));
    expect(submission.blockedOn).toBe("mmap lock of mm (read)");
    scene.end(start.value);
    scene.context.mmapLock.unlock();
    expect(submission.run().value).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("objects go with the process", () => {
    const scene = new Scene();
    const radeon = scene.mirrored(radeon2018, BO);
    scene.run(scene.mm.releaseSleepable());
    scene.runWork();
    expect([radeon.state, radeon.entries]).toEqual([{ bos: 0, bound: 0, fences: 0 }, []]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("radeon-2018, done wrong", () => {
  it("reclaimInValidate: reclaim enters the callback again, and waits for the mutex of its own task", () => {
    const scene = new Scene();
    const radeon = scene.mirrored(radeon2018, BO, { personalities: ["reclaimInValidate"] });
    scene.run(radeon.operations.signal(BO));
    scene.reclaim = function* () {
      yield* scene.mm.invalidateRangeStartSleepable(ELSEWHERE);
    };
    expect(scene.start(BO).blockedOn).toBe(LOCK);
    expect(scene.foundAtFinish).toEqual(["V19 radeon-2018"]);
  });

  it("reclaimInRegister, as merged: the same cycle, from outside the callback", () => {
    const scene = new Scene();
    const radeon = scene.attach(radeon2018);
    scene.reclaim = function* () {
      yield* scene.mm.invalidateRangeStartSleepable(ELSEWHERE);
    };
    expect(scene.spawn(radeon.mirror(BO)).blockedOn).toBe(LOCK);
  });

  it("repaired, it allocates nothing under the mutex", () => {
    const scene = new Scene();
    const radeon = scene.attach(radeon2018, { personalities: [] });
    expect(scene.run(radeon.mirror(BO))).toBe(0);
  });
});
