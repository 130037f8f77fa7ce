import { describe, expect, it } from "vitest";
import { DRIVER_MODELS, driverModel } from "../../src/drivers/index.ts";
import { IntervalidateError } from "../../src/index.ts";
import { pages, Scene } from "../sim/drivers/support.ts";

describe("driver models", () => {
  it("are found by name", () => {
    expect(DRIVER_MODELS.map(({ name }) => name)).toEqual([
      "kvm-2018",
      "i915-2018",
      "amdgpu-gfx-2018",
      "amdgpu-hsa-2018",
      "radeon-2018",
      "umem-odp-2018",
      "hfi1-2018",
      "scif-2018",
      "gru-2018",
      "xen-gntdev-2018",
      "hmm-2018",
      "kvm",
      "gru",
      "hfi1-mmu-rb",
      "nouveau-svm",
      "i915",
      "amdgpu-gfx",
      "amdgpu-hsa",
      "radeon",
      "mlx5",
      "gntdev",
      "amdkfd-svm",
      "hfi1-tid",
      "xe",
      "gpusvm",
      "dmirror",
    ]);
    for (const model of DRIVER_MODELS) expect(driverModel(model.name)).toBe(model);
  });

  it("an unknown name is told the known ones", () => {
    expect(() => driverModel("kvm-1991")).toThrow(IntervalidateError);
    expect(() => driverModel("kvm-1991")).toThrow(
      "There is no driver kvm-1991: choose one of kvm-2018, ",
    );
  });
});

const TODAY = DRIVER_MODELS.filter(({ era }) => era === "v6.12");

describe.each(TODAY.map((model) => [model.name, model] as const))("%s", (name, model) => {
  it("explains every mistake of its own", () => {
    for (const mistake of model.asMerged) expect(model.personalities).toHaveProperty(mistake);
  });

  it("is called by its name, or by one that it is given", () => {
    const scene = new Scene("v6.12");
    const first = scene.attach(model);
    const second = scene.attach(model, { name: "second" });
    expect([first.name, second.name]).toEqual([name, "second"]);
    const locks = [first, second].flatMap((driver) => Object.values(driver.locks));
    expect(new Set(locks.map((lock) => lock.name)).size).toBe(locks.length);
  });

  it("repaired, it mirrors, uses, loses and gives up a range, and goes", () => {
    const scene = new Scene("v6.12");
    const range = pages(16, 2);
    const driver = scene.mirrored(model, range, { personalities: [] });
    expect(driver.entries).toEqual([range]);
    if (driver.operations.signal !== undefined) scene.run(driver.operations.signal(range));
    const start = scene.start({ ...range, event: "CLEAR" });
    scene.runWork();
    scene.end(start.run().value);
    scene.pass(1);
    scene.withWork(driver.unmirror(range));
    scene.withWork(driver.detach());
    scene.runWork();
    expect(driver.entries).toEqual([]);
    scene.run(scene.mm.synchronizeSleepable());
    expect([scene.mm.listNotifiers, scene.mm.intervalNotifiers, scene.mm.count]).toEqual([
      [],
      [],
      1,
    ]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});
