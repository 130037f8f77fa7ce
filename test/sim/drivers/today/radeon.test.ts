import { describe, expect, it } from "vitest";
import { radeon } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const BO = pages(16, 4);
const NAME = "radeon [0x10000, 0x14000)";

describe("radeon", () => {
  it("C105: approves while the object is not bound, refuses while it is", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(radeon, { personalities: [] });
    scene.run(gpu.mirror(BO));
    scene.end(scene.approved(pages(17)));
    expect(scene.run(gpu.access(BO))).toBe(0);
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    expect(gpu.state).toEqual({ bos: 1, bound: 1, fences: 1 });
    scene.run(gpu.operations.signal(BO));
    scene.invalidate(pages(17));
    expect(gpu.state).toEqual({ bos: 1, bound: 0, fences: 0 });
    scene.end(scene.approved(pages(17)));
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("where it may sleep it waits for the GPU, with the object reserved", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(radeon, BO, { personalities: [] });
    const start = scene.start(pages(17));
    expect(start.blockedOn).toBe(`fences of ${NAME}`);
    const submission = scene.spawn(gpu.access(BO), "client");
    expect(submission.blockedOn).toBe(`reservation of ${NAME}`);
    scene.run(gpu.operations.signal(BO));
    scene.end(start.run().value);
    expect(submission.run().value).toBe(0);
    expect(gpu.entries).toEqual([BO]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("nothing but the mmap lock keeps a bind out of an open invalidation", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(radeon, { personalities: [] });
    scene.run(gpu.mirror(BO));
    // As reclaim does, which holds no mmap lock.
    const window = scene.start({ ...pages(17), event: "CLEAR" }).value;
    expect(scene.run(gpu.access(BO))).toBe(0);
    scene.end(window);
    expect(scene.foundAtFinish).toEqual([`V13 ${NAME}`]);
  });

  it("reclaimInValidate, as merged: the callback allocates, and reclaim may wait for its lock for ever", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(radeon, BO);
    scene.run(gpu.operations.signal(BO));
    const { mm } = scene;
    scene.reclaim = function* () {
      yield* mm.invalidateRangeStartSleepable({ ...pages(18), event: "CLEAR" });
      return undefined;
    };
    const start = scene.start(pages(17));
    expect(start.blockedOn).toBe(`reservation of ${NAME}`);
    expect(scene.found).toEqual([`V19 ${NAME}`]);
  });
});
