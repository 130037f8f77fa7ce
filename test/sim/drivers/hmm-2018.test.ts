import { describe, expect, it } from "vitest";
import { hmm2018 } from "../../../src/drivers/index.ts";
import { pages, Scene } from "./support.ts";

const RANGE = pages(16, 4);

// HMM itself has its tests: here is only what it is as a driver among others.

describe("hmm-2018", () => {
  it("approves everything, tells mirrors in end, and sleeps there", () => {
    const scene = new Scene();
    const hmm = scene.mirrored(hmm2018, RANGE);
    const { sequence } = hmm.state;
    const window = scene.approved(pages(18, 9));
    expect(hmm.state).toEqual({ sequence: sequence + 1, ranges: 0 });
    expect(hmm.entries).toEqual([RANGE]);
    scene.end(window);
    expect(hmm.entries).toEqual([pages(16, 2)]);
    expect(new Set(scene.foundAtFinish)).toEqual(new Set(["V03 hmm of mm"]));
    expect(scene.sleptFor).toEqual(["mirrors_sem of hmm of mm (read)", "mutex of hmm-2018"]);
  });

  it("C68: end waits for mirrors that come and go, whatever the mode is", () => {
    const scene = new Scene();
    const hmm = scene.mirrored(hmm2018, RANGE);
    const { mirrorsSem } = hmm.locks;
    scene.spawn(mirrorsSem.lock("write"), "T2");
    const end = scene.end(scene.approved(RANGE));
    expect(end.blockedOn).toBe("mirrors_sem of hmm of mm (read)");
    mirrorsSem.unlock();
    expect([end.run().value, hmm.entries]).toEqual([undefined, []]);
  });

  it("C71: what is looked up between start and end is installed", () => {
    const scene = new Scene();
    const hmm = scene.attach(hmm2018);
    scene.run(hmm.mirror(RANGE));
    const window = scene.start(RANGE).value;
    expect([scene.run(hmm.access(RANGE)), hmm.entries]).toEqual([0, [RANGE]]);
    scene.end(window);
    expect(hmm.entries).toEqual([]);
    expect(scene.foundAtFinish).toEqual(["V13 hmm-2018"]);
  });

  it("C67: two mirrors are told by one notifier, the newest first", () => {
    const scene = new Scene();
    const first = scene.mirrored(hmm2018, RANGE, { name: "M1" });
    const second = scene.attach(hmm2018, { name: "M2" });
    scene.run(second.access(RANGE));
    expect(scene.mm.listNotifiers.map(({ name }) => name)).toEqual(["hmm of mm"]);
    scene.invalidate(RANGE);
    expect([first.entries, second.entries]).toEqual([[], []]);
  });

  it("what is mapped already, or is not mapped, cannot be mirrored or used", () => {
    const scene = new Scene();
    const hmm = scene.mirrored(hmm2018, RANGE);
    expect([scene.run(hmm.mirror(pages(19))), scene.run(hmm.access(pages(20)))]).toEqual([
      -22, -22,
    ]);
    expect([scene.run(hmm.unmirror(RANGE)), scene.run(hmm.unmirror(RANGE))]).toEqual([0, -22]);
    expect(hmm.entries).toEqual([]);
  });
});
