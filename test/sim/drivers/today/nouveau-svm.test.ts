import { describe, expect, it } from "vitest";
import { nouveauSvm } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const PAGES = pages(16, 4);

describe("nouveau-svm, the list notifier", () => {
  it("refuses every non-blocking start, also where nothing is mapped", () => {
    const scene = new Scene("strict");
    const gpu = scene.mirrored(nouveauSvm, PAGES);
    expect(scene.refusedBy(pages(17))).toBe("nouveau-svm");
    expect(scene.found).toEqual([]);
    expect(scene.refusedBy(pages(100))).toBe("nouveau-svm");
    expect(gpu.entries).toEqual([PAGES]);
    expect(scene.foundAtFinish).toEqual(["V31 nouveau-svm"]);
  });

  it("drops what is mapped, but for its own migrations and the unmanaged window", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(nouveauSvm, PAGES);
    scene.invalidate({ ...pages(16), event: "MIGRATE", owner: "nouveau-svm" });
    expect(gpu.entries).toEqual([PAGES]);
    scene.invalidate({ ...pages(16), event: "MIGRATE", owner: "amdgpu" });
    expect(gpu.entries).toEqual([pages(17, 3)]);
    scene.run(gpu.operations.setUnmanaged(pages(18)));
    scene.invalidate(pages(0, 18));
    expect(gpu.entries).toEqual([pages(19)]);
    expect([scene.run(gpu.mirror(pages(18))), scene.run(gpu.access(pages(18)))]).toEqual([
      -22, -14,
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("nouveau-svm, the pair", () => {
  it("a fault begins again if it collides, and what was mapped before is dropped by the list", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(nouveauSvm, pages(8));
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(gpu.access(PAGES), "fault");
    expect(fault.blockedOn).toBe("mmap lock of mm (read)");
    scene.invalidate(pages(17));
    scene.context.mmapLock.unlock();
    expect(fault.run().value).toBe(0);
    expect(gpu.state).toEqual({ faults: 2, retries: 1 });
    expect(gpu.entries).toEqual([pages(8), PAGES]);
    expect(scene.mm.intervalNotifiers).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("the fault's notifier refuses while the mutex is held, before the list is asked", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(nouveauSvm, pages(8));
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(gpu.access(PAGES), "fault");
    scene.run(gpu.locks.mutex.lock());
    expect(scene.refusedBy(pages(17))).toBe("nouveau-svm fault 2 [0x10000, 0x14000)");
    expect(scene.mm.activeInvalidations).toBe(0);
    gpu.locks.mutex.unlock();
    scene.context.mmapLock.unlock();
    expect(fault.run().value).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("its own EXCLUSIVE is no reason to begin again", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(nouveauSvm, pages(8));
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(gpu.access(PAGES), "fault");
    scene.invalidate({ ...pages(17), event: "EXCLUSIVE", owner: "nouveau-svm" });
    scene.context.mmapLock.unlock();
    expect(fault.run().value).toBe(0);
    expect(gpu.state.retries).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("v6.12: one refusal leaves the interval phase open, and the next fault waits for ever", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(nouveauSvm, PAGES);
    expect(scene.refusedBy(pages(17))).toBe("nouveau-svm");
    expect([scene.mm.activeInvalidations, scene.mm.sequence]).toEqual([1, 2]);
    const fault = scene.spawn(gpu.access(pages(100)), "fault");
    expect(fault.blockedOn).toBe("thaw (read nouveau-svm fault 2 [0x64000, 0x65000))");
    expect(scene.foundAtFinish).toEqual(["V10 nouveau-svm"]);
    expect(scene.auditor.reports[0].message).toBe(
      "nouveau-svm refused window 1 after the interval phase had begun, and nobody closed that: mm counts it as active for ever",
    );
  });

  it("strict: the interval phase is closed, and the next fault is served", () => {
    const scene = new Scene("strict");
    const gpu = scene.mirrored(nouveauSvm, PAGES);
    expect(scene.refusedBy(pages(17))).toBe("nouveau-svm");
    expect([scene.mm.activeInvalidations, scene.mm.sequence]).toEqual([0, 2]);
    expect(scene.run(gpu.access(pages(100)))).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("removesUnderMutex: waits for an invalidation whose callback waits for the mutex", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.attach(nouveauSvm, { personalities: ["removesUnderMutex"] });
    scene.run(gpu.access(pages(8)));
    expect(scene.found).toEqual([]);
    scene.invalidate(pages(8));
    expect(scene.foundAtFinish).toEqual(["V24 nouveau-svm fault 1 [0x8000, 0x9000)"]);
  });
});
