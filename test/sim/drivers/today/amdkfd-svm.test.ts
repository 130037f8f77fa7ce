import { describe, expect, it } from "vitest";
import { amdkfdSvm } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene, windowOf } from "../support.ts";

const RANGE = pages(16, 4);
const NAME = "amdkfd-svm [0x10000, 0x14000)";

describe("amdkfd-svm", () => {
  it("C104: sleeps for the range lock in a non-blocking start, and no kernel says so", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdkfdSvm, RANGE);
    const lock = gpu.locks[`lock of ${NAME}`];
    scene.run(lock.lock());
    const start = scene.tryStart({ ...pages(17), event: "CLEAR" });
    expect(start.blockedOn).toBe(`lock of ${NAME}`);
    lock.unlock();
    scene.end(windowOf(start.run()));
    expect(gpu.entries).toEqual([pages(16), pages(18, 2)]);
    expect(scene.foundAtFinish).toEqual([`V01 ${NAME}`]);
    expect(scene.auditor.reports[0]).toMatchObject({
      message: `${NAME} sleeps for lock of ${NAME} in non-blocking window 1 of mm`,
      kernel:
        '"sleeping function called from invalid context"; silent in the callback of an interval notifier',
    });
  });

  it("repaired, it tries the lock: refuses contended, approves otherwise", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdkfdSvm, RANGE, { personalities: [] });
    const lock = gpu.locks[`lock of ${NAME}`];
    scene.run(lock.lock());
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    expect(gpu.entries).toEqual([RANGE]);
    lock.unlock();
    scene.end(scene.approved({ ...pages(17), event: "CLEAR" }));
    expect(gpu.entries).toEqual([pages(16), pages(18, 2)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("what is unmapped is removed by a work, after the end", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdkfdSvm, RANGE);
    const window = scene.start(pages(17)).value;
    scene.runWork();
    expect(scene.workBlockedOn).toEqual([`thaw (remove ${NAME})`]);
    expect(scene.run(gpu.access(RANGE))).toBe(-14);
    scene.end(window);
    scene.runWork();
    expect(gpu.state).toEqual({ ranges: 0, unmapped: 0 });
    expect(scene.mm.intervalNotifiers).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("teardown is ignored: the entries go with the ranges", () => {
    const scene = new Scene("v6.12");
    const gpu = scene.mirrored(amdkfdSvm, RANGE);
    scene.run(scene.mm.releaseSleepable());
    expect(gpu.entries).toEqual([RANGE]);
    scene.run(gpu.detach());
    expect([gpu.entries, scene.mm.count]).toEqual([[], 1]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});
