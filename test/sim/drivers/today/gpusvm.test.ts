import { describe, expect, it } from "vitest";
import { gpusvm } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const RANGE = pages(16, 4);
/** Of 512 MiB. */
const CHUNK = "gpusvm [0x0, 0x20000000)";

describe("gpusvm", () => {
  it("refuses anywhere in a chunk in which something is mirrored, and nowhere else", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(gpusvm, RANGE);
    expect(scene.refusedBy(pages(17))).toBe(CHUNK);
    expect(scene.found).toEqual([]);
    expect(scene.refusedBy(pages(1000))).toBe(CHUNK);
    scene.end(scene.approved(pages(0x20000)));
    expect(gpu.entries).toEqual([RANGE]);
    expect(scene.foundAtFinish).toEqual([`V31 ${CHUNK}`]);
  });

  it("ranges of a chunk share a notifier, which goes with the last; none crosses chunks", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(gpusvm, RANGE);
    expect(scene.run(gpu.mirror(pages(0x1fff0, 16)))).toBe(0);
    expect(scene.run(gpu.mirror(pages(0x20000)))).toBe(0);
    expect(scene.run(gpu.mirror(pages(0x3ffff, 2)))).toBe(-22);
    expect(gpu.state).toEqual({ notifiers: 2, ranges: 3 });
    expect(scene.run(gpu.unmirror(RANGE))).toBe(0);
    expect(gpu.state).toEqual({ notifiers: 2, ranges: 2 });
    expect(scene.run(gpu.unmirror(pages(0x1fff0, 16)))).toBe(0);
    expect(gpu.state).toEqual({ notifiers: 1, ranges: 1 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("drops what is in the range; faults of the whole chunk wait, and do not exclude each other", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(gpusvm, RANGE);
    scene.run(gpu.mirror(pages(32)));
    const window = scene.start(pages(17)).value;
    expect(gpu.entries).toEqual([pages(16), pages(18, 2)]);
    const fault = scene.spawn(gpu.access(pages(32)), "fault");
    expect(fault.blockedOn).toBe(`thaw (read ${CHUNK})`);
    scene.end(window);
    scene.run(gpu.locks.notifierLock.lock("read"));
    expect(fault.run().value).toBe(0);
    gpu.locks.notifierLock.unlock();
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("asksBeforeLocking: an invalidation between the question and the lock goes unnoticed", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(gpusvm, RANGE, { personalities: ["asksBeforeLocking"] });
    scene.invalidate(pages(17));
    expect(scene.found).toEqual([]);
    scene.run(gpu.locks.notifierLock.lock());
    const start = scene.start(pages(17));
    const fault = scene.spawn(gpu.access(RANGE), "fault");
    expect(start.blockedOn).toBe("notifier_lock of gpusvm (write)");
    expect(fault.blockedOn).toBe("notifier_lock of gpusvm (read)");
    gpu.locks.notifierLock.unlock();
    scene.end(start.run().value);
    expect(fault.run().value).toBe(0);
    expect(scene.foundAtFinish).toEqual([`V14 ${CHUNK}`]);
  });
});
