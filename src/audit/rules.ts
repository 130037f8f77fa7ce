import type { Rule } from "./rule.ts";
import { allocations } from "./rules/allocations.ts";
import { installs } from "./rules/installs.ts";
import { intervalPhase } from "./rules/interval-phase.ts";
import { lifetimes } from "./rules/lifetimes.ts";
import { pageTables } from "./rules/page-tables.ts";
import { pairing } from "./rules/pairing.ts";
import { rangeShape } from "./rules/range-shape.ts";
import { reentry } from "./rules/reentry.ts";
import { references } from "./rules/references.ts";
import { refusals } from "./rules/refusals.ts";
import { setSequence } from "./rules/set-sequence.ts";
import { sleeping } from "./rules/sleeping.ts";
import { spuriousRefusals } from "./rules/spurious-refusals.ts";
import { waitsUnderLocks } from "./rules/waits-under-locks.ts";
import { work } from "./rules/work.ts";

/** Everything that is watched for in event streams, in the order in which one event is judged. */
export const RULES: readonly Rule[] = [
  rangeShape,
  sleeping,
  refusals,
  spuriousRefusals,
  pairing,
  intervalPhase,
  pageTables,
  setSequence,
  installs,
  lifetimes,
  references,
  reentry,
  waitsUnderLocks,
  work,
  allocations,
];
