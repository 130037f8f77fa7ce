import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROFILE_NAMES, type Profile, profileOf } from "../../src/notifier/profile.ts";

const page = readFileSync(join(import.meta.dirname, "../../src/notifier/README.md"), "utf8");

/** The rows of the table of profiles, by what they say; the first holds for all. */
const RULES: readonly (keyof Profile)[] = [
  "name",
  "unregistersWithoutRelease",
  "callsInvalidateRange",
  "endKnowsMode",
  "warnsOfRefusals",
  "nonBlockSections",
  "intervalNotifiers",
  "rollsBack",
  "removeWaitsForDeferred",
  "refusesSecondaryTlbMix",
  "twoPassCallbacks",
  "closesIntervalPhase",
  "passiveFirst",
  "refusesDegenerateRanges",
];

describe("the page about the contract", () => {
  it("has every rule of every profile as it is", () => {
    const [head, ...rows] = page
      .split("\n")
      .filter((line) => /^\| .*(\| v4\.19 \||[●].* \|)/.test(line))
      .map((line) => line.split("|").map((cell) => cell.trim()));
    expect(head.slice(2, 7)).toEqual(PROFILE_NAMES);
    const told = rows.map((cells) => cells.slice(2, 7).map((cell) => cell === "●"));
    const actual = RULES.map((rule) =>
      PROFILE_NAMES.map((name) => profileOf(name)[rule] !== false),
    );
    expect(told).toEqual(actual);
    expect([...RULES].sort()).toEqual(Object.keys(profileOf("strict")).sort());
  });
});
