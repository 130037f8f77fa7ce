import { describe, expect, it } from "vitest";
import { scif2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const WINDOW = pages(16, 4);

describe("scif-2018", () => {
  it("never refuses: windows go to the list of what is to be freed, and are pinned until the work runs", () => {
    const scene = new Scene();
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.run(scif.mirror(pages(32)));
    const window = scene.approved(pages(19, 2));
    expect(scif.state).toEqual({ windows: 1, toFree: 1, pinned: 2 });
    scene.end(window);
    scene.runWork();
    expect(scif.state).toEqual({ windows: 1, toFree: 0, pinned: 1 });
    expect(scif.entries).toEqual([pages(32)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("no overlap: walks the list under the spinlock", () => {
    const scene = new Scene();
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.spawn(scif.locks.tcLock.lock(), "T2");
    const start = scene.tryStart(pages(20));
    expect(start.blockedOn).toBe("tc_lock of scif-2018");
    scif.locks.tcLock.unlock();
    scene.end(windowOf(start.run()));
    expect(scif.state).toEqual({ windows: 1, toFree: 0, pinned: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("blockable: the same, and nothing to wait for", () => {
    const scene = new Scene();
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.invalidate(WINDOW);
    expect(scif.state).toEqual({ windows: 0, toFree: 1, pinned: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a window is made anew where it was, and a greater one takes its place", () => {
    const scene = new Scene();
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.invalidate(WINDOW);
    expect(scene.run(scif.access(WINDOW))).toBe(0);
    scene.runWork();
    expect([scif.state, scif.entries]).toEqual([{ windows: 1, toFree: 0, pinned: 1 }, [WINDOW]]);
    expect(scene.run(scif.access(pages(15, 8)))).toBe(0);
    scene.runWork();
    expect([scif.state, scif.entries]).toEqual([
      { windows: 1, toFree: 0, pinned: 1 },
      [pages(15, 8)],
    ]);
  });

  it("goes with the process", () => {
    const scene = new Scene();
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.run(scene.mm.releaseSleepable());
    scene.runWork();
    expect([scif.state, scene.run(scif.access(WINDOW))]).toEqual([
      { windows: 0, toFree: 0, pinned: 0 },
      -14,
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("scif-2018 has an end that does nothing", () => {
  it("v6.12: a roll-back is harmless", () => {
    const scene = new Scene("v6.12");
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.refuser();
    expect(scene.refusedBy(pages(0))).toBe("refuser");
    expect(scif.state).toEqual({ windows: 1, toFree: 0, pinned: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("v4.19: so is an end that is missing, or one too many; the caller is reported all the same", () => {
    const scene = new Scene();
    const scif = scene.mirrored(scif2018, WINDOW);
    scene.refuser();
    expect(scene.refusedBy(pages(0))).toBe("refuser");
    scene.invalidate(pages(1));
    scene.run(scene.mm.unchecked.end(pages(1), true));
    expect(scif.state).toEqual({ windows: 1, toFree: 0, pinned: 1 });
    expect(scene.foundAtFinish).toEqual(["V07 scif-2018", "V08 scif-2018"]);
  });
});
