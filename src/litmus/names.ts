// The names that files use for what the library names by types.

import type { InvalidationEvent } from "../notifier/range.ts";

export const EVENT_NAMES: readonly InvalidationEvent[] = [
  "UNMAP",
  "CLEAR",
  "PROTECTION_VMA",
  "PROTECTION_PAGE",
  "SOFT_DIRTY",
  "RELEASE",
  "MIGRATE",
  "EXCLUSIVE",
];
