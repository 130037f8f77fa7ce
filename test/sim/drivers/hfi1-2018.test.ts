import { describe, expect, it } from "vitest";
import { hfi12018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const BUFFER = pages(16, 4);

describe("hfi1-2018", () => {
  it("C102: never refuses: the buffer is out of the tree at once, and pinned until the work runs", () => {
    const scene = new Scene();
    const hfi1 = scene.mirrored(hfi12018, BUFFER);
    const window = scene.approved(pages(19, 9));
    expect(hfi1.state).toEqual({ nodes: 0, deleting: 1, pinned: 1, inUse: 0 });
    expect(hfi1.entries).toEqual([BUFFER]);
    scene.end(window);
    expect(hfi1.entries).toEqual([BUFFER]);
    scene.runWork();
    expect(hfi1.state).toEqual({ nodes: 0, deleting: 0, pinned: 0, inUse: 0 });
    expect(scene.trace).toEqual([
      "install 16-19",
      "work-queue del_work of hfi1-2018",
      "work-run del_work of hfi1-2018",
      "tear-down 16-19",
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("no overlap: looks under the spinlock", () => {
    const scene = new Scene();
    const hfi1 = scene.mirrored(hfi12018, BUFFER);
    scene.spawn(hfi1.locks.lock.lock(), "T2");
    const start = scene.tryStart(pages(20));
    expect(start.blockedOn).toBe("lock of hfi1-2018");
    hfi1.locks.lock.unlock();
    scene.end(windowOf(start.run()));
    expect(hfi1.state).toEqual({ nodes: 1, deleting: 0, pinned: 1, inUse: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a buffer that a request uses stays", () => {
    const scene = new Scene();
    const hfi1 = scene.attach(hfi12018);
    scene.run(hfi1.operations.submit(BUFFER));
    scene.invalidate(BUFFER);
    expect(hfi1.state).toEqual({ nodes: 1, deleting: 0, pinned: 1, inUse: 1 });
    scene.run(hfi1.operations.complete(BUFFER));
    scene.invalidate(BUFFER);
    scene.runWork();
    expect(hfi1.state).toEqual({ nodes: 0, deleting: 0, pinned: 0, inUse: 0 });
  });

  it("one work for all that is deleted before it runs", () => {
    const scene = new Scene();
    const hfi1 = scene.mirrored(hfi12018, BUFFER);
    scene.run(hfi1.mirror(pages(32)));
    scene.invalidate(pages(0, 20));
    scene.invalidate(pages(20, 20));
    expect(hfi1.state.deleting).toBe(2);
    scene.runWork();
    expect(hfi1.entries).toEqual([]);
    expect(scene.trace.filter((event) => event.startsWith("work-run"))).toHaveLength(1);
  });

  it("what was evicted is pinned again on use; a buffer can be given up", () => {
    const scene = new Scene();
    const hfi1 = scene.mirrored(hfi12018, BUFFER);
    scene.invalidate(BUFFER);
    scene.runWork();
    expect([scene.run(hfi1.access(BUFFER)), hfi1.entries]).toEqual([0, [BUFFER]]);
    expect([scene.run(hfi1.mirror(pages(19))), scene.run(hfi1.access(pages(19, 2)))]).toEqual([
      -22, -22,
    ]);
    expect([scene.run(hfi1.unmirror(BUFFER)), scene.run(hfi1.unmirror(BUFFER))]).toEqual([0, -22]);
    expect(hfi1.entries).toEqual([]);
  });

  it("lets go of everything at the end", () => {
    const scene = new Scene();
    const hfi1 = scene.mirrored(hfi12018, BUFFER);
    scene.run(hfi1.mirror(pages(32)));
    scene.invalidate(BUFFER);
    const detach = scene.spawn(hfi1.detach());
    expect(detach.blockedOn).toBe("work del_work of hfi1-2018");
    scene.runWork();
    expect([detach.run().value, hfi1.entries]).toEqual([undefined, []]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("hfi1-2018 with flushesInCallback", () => {
  const options = { personalities: ["flushesInCallback"] } as const;

  it("sleeps in non-blocking mode", () => {
    const scene = new Scene("v6.12");
    scene.mirrored(hfi12018, BUFFER, options);
    const start = scene.tryStart(BUFFER);
    expect(start.blockedOn).toBe("work del_work of hfi1-2018");
    scene.runWork();
    scene.end(windowOf(start.run()));
    expect(scene.foundAtFinish).toEqual(["V01 hfi1-2018"]);
  });

  it("waits for work that waits for the mmap lock of the caller", () => {
    const scene = new Scene();
    scene.mirrored(hfi12018, BUFFER, options);
    const start = scene.startUnderMmapLock(BUFFER);
    scene.runWork();
    expect(start.run().blockedOn).toBe("work del_work of hfi1-2018");
    expect(scene.workBlockedOn).toEqual(["mmap lock of mm (write)"]);
    expect(scene.foundAtFinish).toEqual(["V20 hfi1-2018"]);
  });
});
