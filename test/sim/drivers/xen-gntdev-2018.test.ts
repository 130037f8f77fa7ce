import { describe, expect, it } from "vitest";
import { xenGntdev2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "./support.ts";

const MAP = pages(16, 4);
const NAME = xenGntdev2018.name;
const IDLE = { maps: 1, freeable: 0, unmapping: 0, pins: 0 };
const UNMAP_ALL = `unmap of [0x10000, 0x14000) of ${NAME}`;

describe("xen-gntdev-2018, non-blocking", () => {
  it.each(["v4.19", "v6.12"] as const)("%s: refuses a map that is hit by one page", (profile) => {
    const scene = new Scene(profile);
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    expect(scene.refusedBy(pages(19, 9))).toBe(NAME);
    expect([gntdev.state, gntdev.entries]).toEqual([IDLE, [MAP]]);
    expect(gntdev.locks.lock.holders).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("refuses a freeable map as well, as long as it is mapped", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    scene.run(gntdev.operations.release(MAP));
    expect([gntdev.state, scene.refusedBy(MAP)]).toEqual([{ ...IDLE, maps: 0, freeable: 1 }, NAME]);
    expect(scene.run(gntdev.unmirror(MAP))).toBe(0);
    expect(gntdev.state).toEqual({ ...IDLE, maps: 0 });
    scene.end(scene.approved(MAP));
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("no overlap: approves", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    scene.end(scene.approved(pages(20)));
    expect(gntdev.entries).toEqual([MAP]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a contended mutex refuses whatever the range is", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    scene.spawn(gntdev.locks.lock.lock(), "T2");
    expect(scene.refusedBy(pages(100))).toBe(NAME);
    expect(scene.foundAtFinish).toEqual([`V31 ${NAME}`]);
  });
});

describe("xen-gntdev-2018, blockable", () => {
  it("unmaps the grants inside the range; nothing brings them back", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    scene.invalidate(pages(18, 9));
    expect([gntdev.state, gntdev.entries]).toEqual([IDLE, [pages(16, 2)]]);
    expect(scene.run(gntdev.access(pages(17)))).toBe(0);
    expect(scene.run(gntdev.access(pages(18)))).toBe(-14);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("as merged: waits with the mutex held for pages in use, which are tried after 5, 10, 15 ms", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    scene.run(gntdev.operations.pin(pages(17)));
    const start = scene.start(MAP);
    expect(start.blockedOn).toBe(UNMAP_ALL);
    expect([gntdev.state.unmapping, gntdev.locks.lock.holders.length]).toEqual([1, 1]);
    const queued = () => scene.trace.filter((event) => event.startsWith("work-queue")).length;
    const queuings = [5, 9, 1, 14, 1].map((milliseconds) => {
      scene.pass(milliseconds);
      return queued();
    });
    expect(queuings).toEqual([2, 2, 3, 3, 4]);
    scene.run(gntdev.operations.unpin(pages(17)));
    scene.pass(20);
    scene.end(start.run().value);
    expect([gntdev.state, gntdev.entries]).toEqual([IDLE, []]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("repaired: the rest is left to the delayed work", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP, { personalities: [] });
    scene.run(gntdev.operations.pin(pages(17)));
    scene.invalidate(MAP);
    expect([gntdev.state.unmapping, gntdev.entries]).toEqual([1, [MAP]]);
    // What is being unmapped is left alone.
    scene.invalidate(pages(16, 2));
    expect(gntdev.state.unmapping).toBe(1);
    scene.run(gntdev.operations.unpin(pages(17)));
    scene.pass(5);
    expect([gntdev.state, gntdev.entries]).toEqual([IDLE, []]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a map goes with the process, or when it is given up", () => {
    const scene = new Scene();
    const gntdev = scene.mirrored(xenGntdev2018, MAP);
    expect(scene.run(gntdev.mirror(pages(19)))).toBe(-22);
    scene.run(gntdev.mirror(pages(32)));
    expect(scene.run(gntdev.unmirror(MAP))).toBe(0);
    expect(scene.run(gntdev.operations.release(MAP))).toBe(0);
    expect([gntdev.state, gntdev.entries]).toEqual([IDLE, [pages(32)]]);
    scene.run(scene.mm.releaseSleepable());
    expect(gntdev.entries).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("xen-gntdev-2018 with earlyCheckRemoved", () => {
  it("schedules work in non-blocking mode, and approves with the grants still mapped", () => {
    const scene = new Scene("v6.12");
    const gntdev = scene.mirrored(xenGntdev2018, MAP, { personalities: ["earlyCheckRemoved"] });
    scene.run(gntdev.operations.pin(MAP));
    scene.end(scene.approved(MAP));
    expect([gntdev.state.unmapping, gntdev.entries]).toEqual([1, [MAP]]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("and waitsForUnmap: sleeps for whoever uses the pages", () => {
    const scene = new Scene("v6.12");
    const gntdev = scene.mirrored(xenGntdev2018, MAP, {
      personalities: ["earlyCheckRemoved", "waitsForUnmap"],
    });
    scene.run(gntdev.operations.pin(MAP));
    const start = scene.tryStart(MAP);
    expect(start.blockedOn).toBe(UNMAP_ALL);
    scene.run(gntdev.operations.unpin(MAP));
    scene.pass(5);
    scene.end(windowOf(start.run()));
    expect(gntdev.entries).toEqual([]);
    expect(scene.sleptFor).toEqual([UNMAP_ALL]);
    expect(scene.foundAtFinish).toEqual([`V01 ${NAME}`]);
  });
});
