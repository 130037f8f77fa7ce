import { describe, expect, it } from "vitest";
import { i915 } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const BO = pages(16, 4);

describe("i915", () => {
  it("never refuses and waits for nobody: the pages stay pinned, and mapped", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(i915, BO);
    scene.end(scene.approved(pages(17)));
    scene.invalidate(pages(17));
    expect(gpu.state).toEqual({ objects: 1, fences: 1, restarts: 0 });
    expect(gpu.entries).toEqual([BO]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("the next submission waits: for the end, then for the GPU, and binds anew", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(i915, BO);
    const window = scene.start(pages(17)).value;
    const submission = scene.spawn(gpu.access(pages(18)), "client");
    expect(submission.blockedOn).toBe("thaw (read i915 [0x10000, 0x14000))");
    scene.end(window);
    expect(submission.run().blockedOn).toBe("fences of i915 [0x10000, 0x14000)");
    scene.run(gpu.operations.signal(BO));
    expect(submission.run().value).toBe(0);
    expect(scene.trace).toEqual(["install 16-19", "tear-down 16-19", "install 16-19"]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("pages that have not been invalidated are used again", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(i915, BO);
    scene.invalidate(pages(100));
    expect(scene.run(gpu.access(BO))).toBe(0);
    expect(gpu.state).toEqual({ objects: 1, fences: 2, restarts: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a submission that collides is restarted", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(i915);
    scene.run(gpu.mirror(BO));
    scene.run(scene.context.mmapLock.lock());
    const submission = scene.spawn(gpu.access(BO), "client");
    scene.invalidate(pages(17));
    scene.context.mmapLock.unlock();
    expect(submission.run().value).toBe(0);
    expect(gpu.state).toEqual({ objects: 1, fences: 1, restarts: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("ignoresRetry: binds stale pages", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(i915, { personalities: ["ignoresRetry"] });
    scene.run(gpu.mirror(BO));
    scene.run(scene.context.mmapLock.lock());
    const submission = scene.spawn(gpu.access(BO), "client");
    scene.invalidate(pages(17));
    scene.context.mmapLock.unlock();
    expect(submission.run().value).toBe(0);
    expect(scene.foundAtFinish).toEqual(["V14 i915 [0x10000, 0x14000)"]);
  });
});
