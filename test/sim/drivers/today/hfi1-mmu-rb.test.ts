import { describe, expect, it } from "vitest";
import { hfi1MmuRb } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const BUFFER = pages(16, 4);

describe("hfi1-mmu-rb", () => {
  it("C102: never refuses; a buffer leaves the tree at once, and is pinned until the work has run", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(hfi1MmuRb, BUFFER);
    const window = scene.approved(pages(17));
    expect(device.state).toEqual({ nodes: 0, deleting: 1, pinned: 1, requests: 0 });
    expect(device.entries).toEqual([]);
    scene.end(window);
    scene.runWork();
    expect(device.state).toEqual({ nodes: 0, deleting: 0, pinned: 0, requests: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a buffer in use is detached as well, and stays pinned until its request is done", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(hfi1MmuRb, BUFFER);
    scene.run(device.operations.submit(BUFFER));
    scene.invalidate(BUFFER);
    scene.runWork();
    expect(device.state).toEqual({ nodes: 0, deleting: 0, pinned: 1, requests: 1 });
    scene.run(device.operations.complete(BUFFER));
    scene.runWork();
    expect(device.state).toEqual({ nodes: 0, deleting: 0, pinned: 0, requests: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("flushesInCallback: waits under the lock for work that takes it", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(hfi1MmuRb, BUFFER, { personalities: ["flushesInCallback"] });
    const start = scene.start(BUFFER);
    scene.runWork();
    expect(start.run().blockedOn).toBe("work del_work of hfi1-mmu-rb");
    expect(scene.workBlockedOn).toEqual(["lock of hfi1-mmu-rb"]);
    expect(device.state.deleting).toBe(1);
    expect(scene.foundAtFinish).toEqual(["V20 hfi1-mmu-rb"]);
  });
});
