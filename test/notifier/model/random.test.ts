// Random programs. A failure prints fast-check's seed and path, the steps that led to it, and the program as
// a call of `run` that replays it.

import fc from "fast-check";
import { describe, it } from "vitest";
import { PROFILE_NAMES } from "../../../src/notifier/profile.ts";
import { engineOf, TARGETS } from "../../engine/support.ts";
import { INTERLEAVED, programs, SEQUENTIAL } from "./arbitraries.ts";
import { type Mode, run } from "./lock-step.ts";

const MODES = [
  ["interleaved", INTERLEAVED],
  ["sequential, synchronous doors", SEQUENTIAL],
] as const satisfies readonly (readonly [Mode, unknown])[];

/** Programs for each mode, profile and build of the engine. */
const RUNS = Number(process.env.NOTIFIER_MODEL_RUNS ?? 250);
/** Equal seeds give equal programs. */
const SEED = Number(process.env.NOTIFIER_MODEL_SEED ?? 1);
/** Where in them to begin: the path of a failure, together with its seed. */
const PATH = process.env.NOTIFIER_MODEL_PATH ?? "";

describe.each(TARGETS)("random programs on the %s engine", (target) => {
  const engine = engineOf(target);

  describe.each(MODES)("%s", (mode, size) => {
    it.each(PROFILE_NAMES)("%s: the library does what the model does", (profile) => {
      fc.assert(
        fc.property(programs(profile, size), (program) => {
          run(program, engine, mode);
        }),
        { numRuns: RUNS, seed: SEED, path: PATH },
      );
    });
  });
});
