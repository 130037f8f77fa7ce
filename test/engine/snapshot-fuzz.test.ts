import { describe, expect, it } from "vitest";
import { ENGINE_BYTES_MAX, OUTCOMES, SnapshotFuzzer, Tally } from "./snapshot-fuzz/fuzzer.ts";
import { moduleOf } from "./support.ts";

const SEED = 20261124;

describe.each([
  ["release", 20_000],
  ["debug", 2_000],
] as const)("mutated snapshots on the %s engine", (target, cases) => {
  it(`are refused by a rule that they break, or restored: ${cases} cases`, () => {
    const fuzzer = new SnapshotFuzzer(moduleOf(target), SEED);
    const tally = new Tally();
    for (let number = 0; number < cases; number += 1) tally.add(fuzzer.play(number));
    expect(fuzzer.engineBytes).toBeLessThanOrEqual(ENGINE_BYTES_MAX);
    // Every outcome has its share: none of the rules stands unused behind another.
    for (const outcome of OUTCOMES) {
      const { left, sealed } = tally.of(outcome);
      expect(left + sealed, outcome).toBeGreaterThan(cases / 500);
    }
    expect(tally.of("restored").sealed).toBeGreaterThan(cases / 10);
  });
});
