import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { flipScenario, parseScenario, runLitmus } from "../../src/litmus/index.ts";
import { engineOf, TARGETS } from "../engine/support.ts";

const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".yaml"))
  .sort();

describe.each(TARGETS)("litmus files on the %s engine", (target) => {
  const engine = engineOf(target);

  it.each(files)("%s holds", (file) => {
    const scenario = parseScenario(readFileSync(join(import.meta.dirname, file), "utf8"));
    expect(runLitmus(scenario, engine).failures).toEqual([]);
  });
});

describe("every expectation, negated, fails:", () => {
  const engine = engineOf("release");

  it.each(files)("%s", (file) => {
    const scenario = parseScenario(readFileSync(join(import.meta.dirname, file), "utf8"));
    const flips = flipScenario(scenario, engine);
    expect(flips.length).toBeGreaterThan(0);
    expect(flips.filter(({ failed }) => !failed)).toEqual([]);
  });
});
