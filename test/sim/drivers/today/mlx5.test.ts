import { describe, expect, it } from "vitest";
import { mlx5 } from "../../../../src/sim/drivers/index.ts";
import { pages, Scene } from "../support.ts";

const REGION = pages(16, 4);
const NAME = "mlx5 [0x10000, 0x14000)";

describe("mlx5", () => {
  it("C103: refuses and leaves the region as it was; blockable, it sets the sequence under the mutex and unmaps", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(mlx5, REGION);
    const [{ sequence }] = scene.mm.intervalNotifiers;
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    expect(device.entries).toEqual([REGION]);
    expect(scene.mm.intervalNotifiers[0].sequence).toBe(sequence);

    scene.run(device.mirror(pages(32)));
    const window = scene.start(pages(17, 8)).value;
    expect(device.entries).toEqual([pages(16)]);
    expect(scene.mm.intervalNotifiers[0].sequence).toBe(scene.mm.sequence);
    scene.end(window);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a fault waits for the end, and begins again if it collides", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(mlx5, REGION);
    const window = scene.start(pages(17)).value;
    const fault = scene.spawn(device.access(pages(17)), "fault");
    expect(fault.blockedOn).toBe(`thaw (read ${NAME})`);
    scene.end(window);
    expect(fault.run().value).toBe(0);

    scene.run(scene.context.mmapLock.lock());
    scene.invalidate(pages(18));
    const late = scene.spawn(device.access(pages(18)), "fault 2");
    scene.invalidate(pages(18));
    scene.context.mmapLock.unlock();
    expect(late.run().value).toBe(0);
    expect(device.entries).toEqual([pages(16), pages(17), pages(18), pages(19)]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("gives up after a second of collisions, with nothing mapped", () => {
    const scene = new Scene("v6.12");
    const device = scene.attach(mlx5);
    const { mmapLock } = scene.context;
    scene.run(device.mirror(REGION));
    scene.run(mmapLock.lock());
    const fault = scene.spawn(device.access(REGION), "fault");
    scene.invalidate(REGION);
    scene.pass(1001);
    mmapLock.unlock();
    expect(fault.run().value).toBe(-16);
    expect(device.entries).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("refusalKeepsMutex: the next fault and the next invalidation wait for ever", () => {
    const scene = new Scene("v6.12");
    const device = scene.mirrored(mlx5, REGION, { personalities: ["refusalKeepsMutex"] });
    expect(scene.refusedBy(pages(17))).toBe(NAME);
    const fault = scene.spawn(device.access(pages(17)), "fault");
    const start = scene.start(pages(17));
    expect([fault.blockedOn, start.blockedOn]).toEqual([
      `umem_mutex of ${NAME}`,
      `umem_mutex of ${NAME}`,
    ]);
  });
});
