import { describe, expect, it } from "vitest";
import { hfi1Tid } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const BUFFER = pages(16, 4);
const NODE = "hfi1-tid [0x10000, 0x14000)";
/** The second one that is set up. */
const COVER = "hfi1-tid buffer 2 [0x10000, 0x14000)";

describe("hfi1-tid", () => {
  it("acts on UNMAP only: the pin keeps pages through all else", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(hfi1Tid, BUFFER);
    scene.end(scene.approved({ ...pages(17), event: "CLEAR" }));
    expect(device.entries).toEqual([BUFFER]);
    scene.invalidate(pages(17));
    expect(device.state).toEqual({ nodes: 1, freed: 1, invalidTids: 1 });
    expect([device.entries, scene.run(device.access(BUFFER))]).toEqual([[], -14]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a buffer that is unmapped while it is set up is given up", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(hfi1Tid, pages(8));
    scene.run(scene.context.mmapLock.lock());
    const setup = scene.spawn(device.mirror(BUFFER), "setup");
    expect(setup.blockedOn).toBe("mmap lock of mm (read)");
    scene.invalidate(pages(17));
    scene.context.mmapLock.unlock();
    expect(setup.run().value).toBe(-16);
    expect(device.state).toEqual({ nodes: 1, freed: 0, invalidTids: 0 });
    expect(scene.mm.intervalNotifiers.map(({ name }) => name)).toEqual([
      "hfi1-tid [0x8000, 0x9000)",
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("noModeCheck, as merged: both callbacks sleep on what the OOM reaper sends", () => {
    const scene = new Scene("v6.12");
    const device = scene.attach(hfi1Tid);
    scene.run(device.mirror(pages(8)));
    scene.run(scene.context.mmapLock.lock());
    const setup = scene.spawn(device.mirror(BUFFER), "setup");
    scene.end(scene.approved(pages(17)));
    scene.context.mmapLock.unlock();
    expect(setup.run().value).toBe(-16);
    expect(scene.run(device.mirror(BUFFER))).toBe(0);
    scene.end(scene.approved(pages(17)));
    expect(scene.found).toEqual([`V01 ${COVER}`, `V01 ${NODE}`]);
  });

  it("repaired, it tries the mutex: refuses contended, approves otherwise", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(hfi1Tid, BUFFER, { personalities: [] });
    const lock = device.locks[`invalidate_mutex of ${NODE}`];
    scene.run(lock.lock());
    expect(scene.refusedBy(pages(17))).toBe(NODE);
    lock.unlock();
    scene.end(scene.approved(pages(17)));
    expect(device.state).toEqual({ nodes: 1, freed: 1, invalidTids: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });
});
