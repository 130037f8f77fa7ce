import { describe, expect, it } from "vitest";
import { gru } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

describe("gru", () => {
  it("never refuses: flushes in both modes, whatever the range is", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gru, pages(16, 4));
    const reaped = scene.approved(pages(17));
    const elsewhere = scene.start(pages(100)).value;
    expect(device.state).toEqual({ active: 2, contexts: 1 });
    expect(device.entries).toEqual([pages(16), pages(18, 2)]);
    for (const window of [reaped, elsewhere]) scene.end(window);
    expect(device.state.active).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("C101: a fault waits for the last end, wherever the ranges are", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gru, pages(16, 4));
    const first = scene.start(pages(16)).value;
    const second = scene.start(pages(100)).value;
    const fault = scene.spawn(device.access(pages(16)), "cb");
    expect(fault.blockedOn).toBe("ms_range_active of gru");
    scene.end(first);
    expect(fault.run().blockedOn).toBe("ms_range_active of gru");
    scene.end(second);
    expect(fault.run().value).toBe(0);
    expect(device.entries).toEqual([pages(16), pages(17, 3)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("an entry that is flushed on its way is dropped in anew", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gru, pages(16, 4));
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(device.access(pages(17)), "cb");
    const window = scene.start(pages(17)).value;
    scene.context.mmapLock.unlock();
    expect(fault.run().blockedOn).toBe("ms_range_active of gru");
    scene.end(window);
    expect(fault.run().value).toBe(0);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("its contexts share one notifier, which is freed after the last, without a release", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gru, pages(16, 4));
    scene.run(device.mirror(pages(32, 4)));
    expect([scene.mm.listNotifiers.length, scene.mm.count]).toEqual([1, 2]);
    scene.run(device.unmirror(pages(16, 4)));
    expect([device.entries, scene.mm.listNotifiers.length]).toEqual([[], 1]);
    scene.run(device.detach());
    expect([scene.mm.listNotifiers.length, scene.mm.count]).toEqual([0, 1]);
    expect(scene.run(device.access(pages(32)))).toBe(-14);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("missingEnd: faults wait for ever", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gru, pages(16, 4), { personalities: ["missingEnd"] });
    scene.invalidate(pages(100));
    const fault = scene.spawn(device.access(pages(16)), "cb");
    expect(fault.blockedOn).toBe("ms_range_active of gru");
    expect(device.state.active).toBe(1);
    expect(scene.foundAtFinish).toEqual([]);
  });
});
