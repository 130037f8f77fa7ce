import { describe, expect, it } from "vitest";
import { amdgpuGfx, amdgpuHsa } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const BO = pages(16, 4);

describe("amdgpu-gfx", () => {
  it("refuses where an object is, and is not asked elsewhere", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuGfx, BO);
    expect(scene.refusedBy(pages(17))).toBe("amdgpu-gfx [0x10000, 0x14000)");
    scene.end(scene.approved(pages(20)));
    expect(gpu.entries).toEqual([BO]);
    expect(scene.mm.activeInvalidations).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("where it may sleep it waits for the GPU, and keeps submissions out until then", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuGfx, BO);
    scene.run(gpu.mirror(pages(32)));
    const start = scene.start(pages(17));
    expect(start.blockedOn).toBe("fences of amdgpu-gfx [0x10000, 0x14000)");
    const submission = scene.spawn(gpu.access(pages(32)), "client");
    expect(submission.blockedOn).toBe("notifier_lock of amdgpu-gfx");
    scene.run(gpu.operations.signal(BO));
    const window = start.run().value;
    // Of another object: it does not wait for the end.
    expect(submission.run().value).toBe(0);
    expect(gpu.entries).toEqual([pages(32)]);
    const again = scene.spawn(gpu.access(BO), "client 2");
    expect(again.blockedOn).toBe("thaw (read amdgpu-gfx [0x10000, 0x14000))");
    scene.end(window);
    expect(again.run().value).toBe(0);
    expect(gpu.entries).toEqual([BO, pages(32)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("noModeCheck: the OOM reaper sleeps for the mutex and for the GPU, and no kernel says so", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuGfx, BO, { personalities: ["noModeCheck"] });
    const start = scene.tryStart(pages(17));
    expect(start.blockedOn).toBe("fences of amdgpu-gfx [0x10000, 0x14000)");
    scene.run(gpu.operations.signal(BO));
    expect(start.run().value.ok).toBe(true);
    expect(scene.sleptFor).toEqual([
      "notifier_lock of amdgpu-gfx",
      "fences of amdgpu-gfx [0x10000, 0x14000)",
    ]);
    expect(scene.found).toEqual([
      "V01 amdgpu-gfx [0x10000, 0x14000)",
      "V01 amdgpu-gfx [0x10000, 0x14000)",
    ]);
  });
});

describe("amdgpu-hsa", () => {
  it("refuses where an object is, and leaves the queues alone", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuHsa, BO);
    expect(scene.refusedBy(pages(17))).toBe("amdgpu-hsa [0x10000, 0x14000)");
    expect(gpu.state).toEqual({ bos: 1, evictions: 0, queuesRun: true });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("where it may sleep it stops the queues, which run again once all pages are there", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuHsa, BO);
    scene.run(gpu.mirror(pages(32)));
    const first = scene.start(pages(17)).value;
    scene.invalidate(pages(32));
    expect(gpu.state).toEqual({ bos: 2, evictions: 2, queuesRun: false });
    expect(gpu.entries).toEqual([]);
    const kernel = scene.spawn(gpu.access(pages(18)), "queue");
    expect(kernel.blockedOn).toBe("evicted_bos of amdgpu-hsa");
    scene.pass(1);
    expect(scene.workBlockedOn).toEqual(["thaw (read amdgpu-hsa [0x10000, 0x14000))"]);
    scene.end(first);
    scene.runWork();
    expect(gpu.state).toEqual({ bos: 2, evictions: 0, queuesRun: true });
    expect(gpu.entries).toEqual([BO, pages(32)]);
    expect(kernel.run().value).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("an eviction while pages are looked up has the restore work come again", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuHsa, BO);
    scene.invalidate(pages(17));
    scene.run(scene.context.mmapLock.lock());
    scene.pass(1);
    expect(scene.workBlockedOn).toEqual(["mmap lock of mm (read)"]);
    scene.invalidate(pages(18));
    scene.context.mmapLock.unlock();
    scene.runWork();
    expect(gpu.state).toEqual({ bos: 1, evictions: 2, queuesRun: false });
    scene.pass(1);
    expect(gpu.state).toEqual({ bos: 1, evictions: 0, queuesRun: true });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("flushesRestoreWork: waits under the mutex for work that takes it", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdgpuHsa, BO, { personalities: ["flushesRestoreWork"] });
    const start = scene.start(pages(17));
    scene.runWork();
    expect(start.run().blockedOn).toBe("work restore_userptr of amdgpu-hsa");
    expect(scene.workBlockedOn).toEqual(["notifier_lock of amdgpu-hsa"]);
    expect(gpu.state.queuesRun).toBe(false);
    expect(scene.foundAtFinish).toEqual(["V20 amdgpu-hsa [0x10000, 0x14000)"]);
  });
});
