import { describe, expect, it } from "vitest";
import { KernelBug, kvm2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const SLOT = pages(16, 16);

describe("kvm-2018", () => {
  it("never refuses: the same work in both modes, and the count is kept from start to end", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT);
    const reaped = scene.approved(pages(20, 2));
    expect(kvm.state).toEqual({ count: 1, sequence: 0, retries: 0 });
    expect(kvm.entries).toEqual([pages(16, 4), pages(22, 10)]);
    const unmapped = scene.start(pages(30, 8)).value;
    expect(kvm.state).toEqual({ count: 2, sequence: 0, retries: 0 });
    expect(kvm.entries).toEqual([pages(16, 4), pages(22, 8)]);
    for (const window of [reaped, unmapped]) scene.end(window);
    expect(kvm.state).toEqual({ count: 0, sequence: 2, retries: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("no overlap: takes the lock and raises the count all the same", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT);
    scene.spawn(kvm.locks.mmuLock.lock(), "T2");
    const start = scene.tryStart(pages(100));
    expect(start.blockedOn).toBe("mmu_lock of kvm-2018");
    kvm.locks.mmuLock.unlock();
    const window = windowOf(start.run());
    expect([kvm.state.count, kvm.entries]).toEqual([1, [SLOT]]);
    scene.end(window);
    // Busy waiting is no sleep.
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("C30: a fault that sampled the sequence before both starts succeeds after both ends", () => {
    const scene = new Scene();
    const kvm = scene.attach(kvm2018);
    scene.run(kvm.mirror(SLOT));
    const first = scene.start(pages(16)).value;
    const second = scene.start(pages(20)).value;
    const fault = scene.spawn(kvm.access(pages(16)), "vcpu");
    expect(fault.blockedOn).toBe("mmu_notifier_count of kvm-2018");
    scene.end(first);
    expect(fault.run().blockedOn).toBe("mmu_notifier_count of kvm-2018");
    scene.end(second);
    expect(fault.run().value).toBe(0);
    expect(kvm.state).toEqual({ count: 0, sequence: 2, retries: 1 });
    expect(kvm.entries).toEqual([pages(16)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a fault begins again if an invalidation came and went while the page was looked up", () => {
    const scene = new Scene();
    const kvm = scene.attach(kvm2018);
    scene.run(kvm.mirror(SLOT));
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(kvm.access(pages(17)), "vcpu");
    expect(fault.blockedOn).toBe("mmap lock of mm (read)");
    scene.invalidate(pages(17));
    scene.context.mmapLock.unlock();
    expect(fault.run().value).toBe(0);
    expect(kvm.state).toEqual({ count: 0, sequence: 1, retries: 1 });
  });

  it("faults only in memory slots, and has nothing left of one that was deleted", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT);
    expect(scene.run(kvm.access(pages(15)))).toBe(-14);
    expect(scene.run(kvm.mirror(pages(31, 2)))).toBe(-22);
    expect(scene.run(kvm.unmirror(SLOT))).toBe(0);
    expect([kvm.entries, scene.run(kvm.unmirror(SLOT))]).toEqual([[], -22]);
  });

  it("has nothing mapped once the address space is torn down", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT);
    scene.run(scene.mm.releaseSleepable());
    expect(kvm.entries).toEqual([]);
    expect(scene.run(kvm.access(pages(16)))).toBe(-14);
    scene.run(kvm.detach());
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("kvm-2018 beside somebody who refuses", () => {
  it("v4.19: the count stays raised, and the guest faults for ever", () => {
    const scene = new Scene("v4.19");
    const kvm = scene.mirrored(kvm2018, SLOT);
    scene.refuser();
    expect(scene.refusedBy(pages(16))).toBe("refuser");
    const fault = scene.spawn(kvm.access(pages(16)), "vcpu");
    scene.invalidate(pages(100));
    expect(fault.run().blockedOn).toBe("mmu_notifier_count of kvm-2018");
    expect(kvm.state).toEqual({ count: 1, sequence: 1, retries: 1 });
    expect(scene.foundAtFinish).toEqual(["V08 kvm-2018"]);
  });

  it("v6.12: rolled back", () => {
    const scene = new Scene("v6.12");
    const kvm = scene.mirrored(kvm2018, SLOT);
    scene.refuser();
    expect(scene.refusedBy(pages(16))).toBe("refuser");
    expect(kvm.state).toEqual({ count: 0, sequence: 1, retries: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("kvm-2018, done wrong", () => {
  it("a caller that forgets an end: the same as a missing end of its own", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT);
    scene.start(pages(16));
    expect(kvm.state.count).toBe(1);
    expect(scene.foundAtFinish).toEqual(["V08 kvm-2018"]);
  });

  it("missingEnd: faults wait for ever, and no event tells why", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT, { personalities: ["missingEnd"] });
    scene.invalidate(pages(16));
    const fault = scene.spawn(kvm.access(pages(16)), "vcpu");
    expect(fault.blockedOn).toBe("mmu_notifier_count of kvm-2018");
    expect(kvm.state).toEqual({ count: 1, sequence: 0, retries: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("extraEnd: a bug trap", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT, { personalities: ["extraEnd"] });
    const end = scene.end(scene.start(pages(16)).value);
    expect(() => end.value).toThrow(new KernelBug("mmu_notifier_count of kvm-2018 is -1"));
    expect(kvm.state.count).toBe(-1);
  });

  it("a caller that ends twice: the same trap, and V07", () => {
    const scene = new Scene();
    const kvm = scene.mirrored(kvm2018, SLOT);
    scene.invalidate(pages(16));
    const end = scene.spawn(scene.mm.unchecked.end(pages(16), true));
    expect(() => end.value).toThrow(KernelBug);
    expect(kvm.state.count).toBe(-1);
    expect(scene.foundAtFinish).toEqual(["V07 kvm-2018"]);
  });

  it("reschedulesInUnmap: a sleep in the OOM reaper, and none where callers may sleep", () => {
    const scene = new Scene("v6.12");
    const kvm = scene.mirrored(kvm2018, SLOT, { personalities: ["reschedulesInUnmap"] });
    scene.invalidate(pages(16));
    expect(scene.found).toEqual([]);
    scene.end(scene.approved(pages(20)));
    expect(kvm.entries).toEqual([pages(17, 3), pages(21, 11)]);
    expect(scene.foundAtFinish).toEqual(["V01 kvm-2018"]);
    expect(scene.sleptFor).toEqual(["the processor"]);
  });
});
