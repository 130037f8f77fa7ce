import { describe, expect, it } from "vitest";
import { IntervalidateError } from "../../../src/index.ts";
import { DRIVER_MODELS, driverModel } from "../../../src/sim/drivers/index.ts";
import { pages, Scene } from "./support.ts";

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

describe.each(DRIVER_MODELS.map((model) => [model.name, model] as const))("%s", (name, model) => {
  it("explains every mistake of its own", () => {
    for (const mistake of model.asMerged) expect(model.personalities).toHaveProperty(mistake);
  });

  it("is called by its name, or by one that it is given", () => {
    const scene = new Scene(model.era);
    const first = scene.attach(model);
    const second = scene.attach(model, { name: "second" });
    expect([first.name, second.name]).toEqual([name, "second"]);
    expect(scene.mm.listNotifiers.map((one) => one.name)).toEqual(["second", name]);
    const locks = [first, second].flatMap((driver) => Object.values(driver.locks));
    expect(new Set(locks.map((lock) => lock.name)).size).toBe(locks.length);
  });

  it("mirrors, uses, loses and gives up a range, and goes", () => {
    const scene = new Scene(model.era);
    const range = pages(16, 2);
    const driver = scene.mirrored(model, range);
    expect(driver.entries).toEqual([range]);
    const { signal, retire } = driver.operations;
    for (const operation of [signal, retire]) {
      if (operation !== undefined) scene.run(operation(range));
    }
    const start = scene.start(range);
    scene.runWork();
    scene.end(start.run().value);
    scene.pass(1);
    scene.withWork(driver.unmirror(range));
    scene.withWork(driver.detach());
    scene.runWork();
    expect(driver.entries).toEqual([]);
    expect(scene.mm.listNotifiers).toEqual([]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});
