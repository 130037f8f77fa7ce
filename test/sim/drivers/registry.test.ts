import { describe, expect, it } from "vitest";
import { DRIVER_MODELS } from "../../../src/drivers/index.ts";
import { pages, Scene } from "./support.ts";

const MODELS_OF_2018 = DRIVER_MODELS.filter(({ era }) => era === "v4.19");

describe.each(MODELS_OF_2018.map((model) => [model.name, model] as const))("%s", (name, model) => {
  it("explains every mistake of its own", () => {
    for (const mistake of model.asMerged) expect(model.personalities).toHaveProperty(mistake);
  });

  it("is called by its name, or by one that it is given", () => {
    const scene = new Scene(model.era);
    const first = scene.attach(model);
    const second = scene.attach(model, { name: "second" });
    expect([first.name, second.name]).toEqual([name, "second"]);
    // Mirrors share the notifier of HMM, and its locks.
    if (name === "hmm-2018") return;
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
