import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { flipScenario, parseScenario, runLitmus } from "../../src/litmus/index.ts";
import { engineOf, TARGETS } from "../engine/support.ts";

const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".yaml"))
  .sort();

/** The files here, and the examples of the format page. */
const scenarios = [
  ...files.map((name) => ({ name, text: read(name) })),
  ...[...read("README.md").matchAll(/```yaml\n(.*?)```/gs)].map(([, text], index) => ({
    name: `README.md, example ${index + 1}`,
    text,
  })),
];

function read(name: string): string {
  return readFileSync(join(import.meta.dirname, name), "utf8");
}

describe.each(TARGETS)("litmus files on the %s engine", (target) => {
  const engine = engineOf(target);

  it.each(scenarios)("$name holds", ({ text }) => {
    expect(runLitmus(parseScenario(text), engine).failures).toEqual([]);
  });
});

describe("every expectation, negated, fails:", () => {
  const engine = engineOf("release");

  it.each(scenarios)("$name", ({ text }) => {
    const flips = flipScenario(parseScenario(text), engine);
    expect(flips.length).toBeGreaterThan(0);
    expect(flips.filter(({ failed }) => !failed)).toEqual([]);
  });
});
