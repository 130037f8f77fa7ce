import type { Rule } from "./rule.ts";
import { intervalPhase } from "./rules/interval-phase.ts";
import { pairing } from "./rules/pairing.ts";
import { reentry } from "./rules/reentry.ts";
import { refusals } from "./rules/refusals.ts";
import { sleeping } from "./rules/sleeping.ts";
import { waitsUnderLocks } from "./rules/waits-under-locks.ts";

/** Everything that is watched for in event streams. */
export const RULES: readonly Rule[] = [
  sleeping,
  refusals,
  pairing,
  intervalPhase,
  reentry,
  waitsUnderLocks,
];
