import { describe, expect, it } from "vitest";
import { gntdev } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const MAP = pages(16, 4);
const NAME = "gntdev [0x10000, 0x14000)";

describe("gntdev", () => {
  it("refuses where a mapping is, and unmaps the intersection where it may sleep", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gntdev, MAP);
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    expect(device.entries).toEqual([MAP]);
    scene.invalidate(pages(18, 8));
    expect(device.entries).toEqual([pages(16, 2)]);
    scene.end(scene.approved(pages(100)));
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("refuses what the process has unmapped since: the interval stays as it was", () => {
    const scene = new Scene("v6.12");
    scene.mirrored(gntdev, MAP);
    scene.invalidate(pages(18, 2));
    expect(scene.refusedBy(pages(18, 2))).toBe(NAME);
    expect(scene.foundAtFinish).toEqual([`V31 ${NAME}`]);
    expect(scene.auditor.reports[0]).toMatchObject({
      quality: true,
      message: `${NAME} refused [0x12000, 0x14000), in which ${NAME} mirrors nothing`,
    });
  });

  it("does not wait for pages that are in use: a delayed work tries again, after ever longer", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gntdev, MAP);
    scene.run(device.operations.pin(pages(17)));
    scene.invalidate(pages(17));
    expect(device.state).toEqual({ maps: 1, unmapping: 1, pins: 1 });
    scene.pass(5);
    scene.run(device.operations.unpin(pages(17)));
    scene.pass(9);
    expect(device.entries).toEqual([MAP]);
    scene.pass(1);
    expect(device.entries).toEqual([pages(16), pages(18, 2)]);
    expect(device.state).toEqual({ maps: 1, unmapping: 0, pins: 0 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("earlyCheckRemoved: the OOM reaper waits for whoever uses the pages", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(gntdev, MAP, { personalities: ["earlyCheckRemoved"] });
    scene.run(device.operations.pin(pages(17)));
    const start = scene.tryStart(pages(17));
    expect(start.blockedOn).toBe("unmap of [0x11000, 0x12000) of gntdev");
    scene.run(device.operations.unpin(pages(17)));
    scene.pass(5);
    expect(start.run().value.ok).toBe(true);
    expect(scene.found).toEqual([`V01 ${NAME}`]);
  });
});
