import { describe, expect, it } from "vitest";
import { xe } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const VMA = pages(16, 4);
const NAME = "xe [0x10000, 0x14000)";

describe("xe", () => {
  it("refuses where a mapping is, bound or not", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(xe);
    scene.run(gpu.mirror(VMA));
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    scene.run(gpu.access(VMA));
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    expect(gpu.entries).toEqual([VMA]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("where it may sleep it waits for all commands of the VM", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(xe, VMA);
    scene.run(gpu.mirror(pages(32)));
    // Not bound yet: nobody to wait for.
    scene.invalidate(pages(32));
    scene.run(gpu.access(pages(32)));
    const start = scene.start(pages(17));
    expect(start.blockedOn).toBe("fences of xe");
    const submission = scene.spawn(gpu.access(pages(32)), "client");
    expect(submission.blockedOn).toBe("notifier_lock of xe (read)");
    scene.run(gpu.operations.signal(VMA));
    scene.end(start.run().value);
    expect(submission.run().value).toBe(0);
    expect(gpu.state).toEqual({ vmas: 2, bound: 1, fences: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("skipsSetSequence: a submission misses the collision, and binds what has gone", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(xe, { personalities: ["skipsSetSequence"] });
    scene.run(gpu.mirror(VMA));
    scene.run(scene.context.mmapLock.lock());
    const submission = scene.spawn(gpu.access(VMA), "client");
    const window = scene.start(pages(17)).value;
    scene.context.mmapLock.unlock();
    expect(submission.run().value).toBe(0);
    scene.end(window);
    expect(gpu.entries).toEqual([VMA]);
    expect(scene.foundAtFinish).toEqual([`V15 ${NAME}`, `V13 ${NAME}`]);
  });
});
