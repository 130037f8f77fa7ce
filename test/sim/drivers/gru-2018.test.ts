import { describe, expect, it } from "vitest";
import { gru2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const RANGE = pages(16, 4);
const ACTIVE = "ms_range_active of gru-2018";

describe("gru-2018", () => {
  it("C101: a fault waits while any invalidation is open, whatever its range", () => {
    const scene = new Scene();
    const gru = scene.attach(gru2018);
    const [first, second] = [scene.start(pages(0)).value, scene.approved(pages(1))];
    const fault = scene.spawn(gru.access(RANGE));
    expect([gru.state.active, fault.blockedOn]).toEqual([2, ACTIVE]);
    scene.end(first);
    expect([gru.state.active, fault.run().blockedOn]).toEqual([1, ACTIVE]);
    scene.end(second);
    expect([gru.state.active, fault.run().value]).toEqual([0, 0]);
    expect(gru.entries).toEqual([RANGE]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it.each(["v4.19", "v6.12"] as const)(
    "%s: never refuses; a flush spins for a TLB handle",
    (profile) => {
      const scene = new Scene(profile);
      const gru = scene.mirrored(gru2018, RANGE);
      scene.spawn(gru.locks.tgh.lock(), "T2");
      const start = scene.tryStart(pages(18, 9));
      expect(start.blockedOn).toBe("TLB handle of gru-2018");
      gru.locks.tgh.unlock();
      const window = windowOf(start.run());
      expect(gru.entries).toEqual([pages(16, 2)]);
      scene.end(window);
      expect(gru.state).toEqual({ active: 0, released: false });
      expect(scene.foundAtFinish).toEqual([]);
    },
  );

  it("the hardware ignores an entry if a flush came while the page was looked up", () => {
    const scene = new Scene();
    const gru = scene.attach(gru2018);
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(gru.access(RANGE));
    const window = scene.start(pages(17)).value;
    scene.context.mmapLock.unlock();
    expect(fault.run().blockedOn).toBe(ACTIVE);
    scene.end(window);
    expect([fault.run().value, gru.entries]).toEqual([0, [RANGE]]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("contexts come and go, and the process ends", () => {
    const scene = new Scene();
    const gru = scene.mirrored(gru2018, RANGE);
    expect([scene.run(gru.unmirror(pages(16))), gru.entries]).toEqual([0, [pages(17, 3)]]);
    scene.run(scene.mm.releaseSleepable());
    expect([gru.state.released, scene.run(gru.access(RANGE))]).toEqual([true, -14]);
    scene.run(gru.detach());
    expect(gru.entries).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("gru-2018, done wrong", () => {
  it("v4.19 beside somebody who refuses: faults wait for ever", () => {
    const scene = new Scene();
    const gru = scene.mirrored(gru2018, RANGE);
    scene.refuser();
    expect(scene.refusedBy(pages(0))).toBe("refuser");
    expect(scene.spawn(gru.access(RANGE)).blockedOn).toBe(ACTIVE);
    expect(scene.foundAtFinish).toEqual(["V08 gru-2018"]);
  });

  it.each([
    ["missingEnd", 1],
    ["extraEnd", -1],
  ] as const)("%s: the count is %i, and faults wait for ever", (personality, active) => {
    const scene = new Scene();
    const gru = scene.mirrored(gru2018, RANGE, { personalities: [personality] });
    scene.invalidate(RANGE);
    expect(gru.state.active).toBe(active);
    expect(scene.spawn(gru.access(RANGE)).blockedOn).toBe(ACTIVE);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a caller that ends twice", () => {
    const scene = new Scene();
    const gru = scene.mirrored(gru2018, RANGE);
    scene.invalidate(RANGE);
    scene.run(scene.mm.unchecked.end(RANGE, true));
    expect(gru.state.active).toBe(-1);
    expect(scene.foundAtFinish).toEqual(["V07 gru-2018"]);
  });
});
