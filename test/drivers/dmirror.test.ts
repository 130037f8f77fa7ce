import { describe, expect, it } from "vitest";
import { dmirror } from "../../src/drivers/index.ts";
import { pages, Scene } from "../sim/drivers/support.ts";

const PAGES = pages(16, 4);

describe("dmirror", () => {
  it("refuses while its mutex is held, and else approves: drops the entries, and the device reads them anew", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(dmirror, PAGES);
    const { mutex } = device.locks;
    scene.run(mutex.lock());
    expect(scene.refusedBy(pages(17))).toBe("dmirror");
    mutex.unlock();
    expect(device.entries).toEqual([PAGES]);
    const window = scene.approved(pages(17));
    expect(device.entries).toEqual([pages(16), pages(18, 2)]);
    const read = scene.spawn(device.access(PAGES), "device");
    expect(read.blockedOn).toBe("thaw (read dmirror)");
    scene.end(window);
    expect(read.run().value).toBe(0);
    expect(device.entries).toEqual([PAGES]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("knows its own migrations, and no others", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(dmirror, PAGES);
    expect(scene.run(device.operations.migrateToDevice(pages(16)))).toBe(0);
    expect(scene.run(device.operations.migrateToSystem(pages(16)))).toBe(0);
    expect(scene.run(device.operations.write(pages(16)))).toBe(0);
    scene.invalidate({ ...pages(17), event: "MIGRATE", owner: "dmirror" });
    expect(device.entries).toEqual([PAGES]);
    scene.invalidate({ ...pages(17), event: "MIGRATE", owner: "dmirror2" });
    expect(device.entries).toEqual([pages(16), pages(18, 2)]);
    // It maps what it has migrated without read_retry: the pages are locked, which the auditor cannot see.
    expect(scene.foundAtFinish).toEqual(["V14 dmirror"]);
  });

  it("has nothing where the process has nothing", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(dmirror, PAGES);
    expect(scene.run(device.mirror(pages(18)))).toBe(-22);
    expect(scene.run(device.unmirror(PAGES))).toBe(0);
    expect(device.entries).toEqual([]);
    expect(scene.run(device.access(PAGES))).toBe(-14);
    scene.run(device.detach());
    expect(scene.mm.intervalNotifiers).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});
