import { describe, expect, it } from "vitest";
import { KernelBug, kvm } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const SLOT = pages(0, 200);

describe("kvm", () => {
  it("never refuses: the same work in both modes, and both counts are kept from start to end", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    const reaped = scene.approved(pages(20, 2));
    expect(machine.entries).toEqual([pages(0, 20), pages(22, 178)]);
    const unmapped = scene.start(pages(190, 20)).value;
    expect(machine.entries).toEqual([pages(0, 20), pages(22, 168)]);
    expect(machine.state).toMatchObject({ active: 2, inProgress: 2, sequence: 0 });
    for (const window of [reaped, unmapped]) scene.end(window);
    expect(machine.state).toMatchObject({ active: 0, inProgress: 0, sequence: 2 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("C96: the bounding range holds what nobody invalidates, until all have ended", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    const { retryGfn } = machine.operations;
    const first = scene.start(pages(0, 2)).value;
    const second = scene.start(pages(100, 2)).value;
    const answers = (): number[] => [50, 150].map((gfn) => scene.run(retryGfn(pages(gfn))));
    expect(answers()).toEqual([-11, 0]);
    scene.end(first);
    expect(answers()).toEqual([-11, 0]);
    scene.end(second);
    expect(answers()).toEqual([0, 0]);
    expect(machine.state.sequence).toBe(2);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("C97: outside all memory slots mmu_lock is not taken, but slots cannot change before the end", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    const { mmuLock } = machine.locks;
    scene.run(mmuLock.lock());
    const window = scene.start(pages(300, 4)).value;
    expect(machine.state).toMatchObject({ active: 1, inProgress: 0 });
    const update = scene.spawn(machine.mirror(pages(300, 10)), "updater");
    expect(update.blockedOn).toBe("mn_active_invalidate_count of kvm");
    scene.end(window).value satisfies undefined;
    mmuLock.unlock();
    expect(update.run().value).toBe(0);
    expect(machine.state).toMatchObject({ active: 0, inProgress: 0, sequence: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a fault waits for the bounding range, and begins again if the sequence has changed", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    const window = scene.start(pages(10, 2)).value;
    const fault = scene.spawn(machine.access(pages(11)), "vcpu");
    expect(fault.blockedOn).toBe("bounding range of kvm");
    scene.end(window);
    expect(fault.run().value).toBe(0);
    expect(machine.state.retries).toBe(1);

    scene.run(scene.context.mmapLock.lock());
    const late = scene.spawn(machine.access(pages(10)), "vcpu 2");
    expect(late.blockedOn).toBe("mmap lock of mm (read)");
    scene.invalidate(pages(10));
    scene.context.mmapLock.unlock();
    expect(late.run().value).toBe(0);
    expect(machine.state.retries).toBe(2);
    expect(machine.entries).toEqual([pages(0, 10), pages(10), pages(11), pages(12, 188)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("pfn caches are dropped by every start that hits them, and refreshed when none is open", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    const { refreshPfnCache } = machine.operations;
    expect(scene.run(refreshPfnCache(pages(7)))).toBe(0);
    const elsewhere = scene.approved(pages(8));
    expect(machine.state.pfnCaches).toBe(1);
    const window = scene.approved(pages(7));
    expect(machine.state.pfnCaches).toBe(0);
    const refresh = scene.spawn(refreshPfnCache(pages(7)), "vcpu");
    scene.end(window);
    expect(refresh.run().blockedOn).toBe("mn_active_invalidate_count of kvm");
    scene.end(elsewhere);
    expect(refresh.run().value).toBe(0);
    expect(machine.state.pfnCaches).toBe(1);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a memory slot is deleted with its entries, and goes with a destroyed machine", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    expect(scene.run(machine.mirror(pages(199, 2)))).toBe(-22);
    expect(scene.run(machine.unmirror(SLOT))).toBe(0);
    expect([machine.entries, scene.run(machine.unmirror(SLOT))]).toEqual([[], -22]);
    expect(scene.run(machine.access(pages(1)))).toBe(-14);
    const window = scene.start(pages(1)).value;
    scene.run(machine.detach());
    expect(machine.state.active).toBe(0);
    scene.end(window);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("the refusal of another is rolled back", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT);
    scene.refuser();
    expect(scene.refusedBy(pages(16))).toBe("refuser");
    expect(machine.state).toMatchObject({ active: 0, inProgress: 0, sequence: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("kvm, done wrong", () => {
  it("missingEnd: faults wait for ever, and so does whoever changes memory slots", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT, { personalities: ["missingEnd"] });
    scene.invalidate(pages(16));
    const fault = scene.spawn(machine.access(pages(16)), "vcpu");
    const update = scene.spawn(machine.mirror(pages(300)), "updater");
    expect([fault.blockedOn, update.blockedOn]).toEqual([
      "bounding range of kvm",
      "mn_active_invalidate_count of kvm",
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("swapsMemslotsAtOnce: end finds a slot that start did not, which is a bug trap", () => {
    const scene = new Scene("v6.12");
    const machine = scene.mirrored(kvm, SLOT, { personalities: ["swapsMemslotsAtOnce"] });
    const window = scene.start(pages(300)).value;
    expect(scene.run(machine.mirror(pages(300)))).toBe(0);
    const end = scene.end(window);
    expect(() => end.value).toThrow(new KernelBug("mmu_invalidate_in_progress of kvm is -1"));
  });

  it("reschedulesInUnmap: a sleep in the OOM reaper, and none where callers may sleep", () => {
    const scene = new Scene("v6.12");
    scene.mirrored(kvm, SLOT, { personalities: ["reschedulesInUnmap"] });
    scene.invalidate(pages(16));
    expect(scene.found).toEqual([]);
    scene.end(scene.approved(pages(20)));
    expect(scene.foundAtFinish).toEqual(["V01 kvm"]);
    expect(scene.auditor.reports[0].message).toBe(
      "kvm.start sleeps for the processor in non-blocking window 2 of mm",
    );
  });
});
