// The names that files use for what the library names by types.

import type { InvalidationEvent } from "../notifier/range.ts";
import type { VmaKind } from "../sim/vma.ts";
import type { CallbackName } from "./scenario.ts";

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

/** The callbacks of a list notifier, with what they are if the file does not say. */
export const LIST_CALLBACKS: ReadonlyMap<CallbackName, "there" | "absent"> = new Map([
  ["start", "there"],
  ["end", "there"],
  ["release", "there"],
  ["alloc", "there"],
  ["free", "there"],
  ["invalidate_range", "absent"],
  ["clear_flush_young", "absent"],
  ["clear_young", "absent"],
  ["test_young", "absent"],
  ["secondary_tlb", "absent"],
]);

export const VMA_KINDS: readonly VmaKind[] = [
  "anonymous",
  "private-file",
  "shared-file",
  "shmem",
  "hugetlb",
  "pfnmap",
];

/** Those of an interval notifier that are named by more than its own name. */
export const TWO_PASS_CALLBACKS: readonly CallbackName[] = ["start", "finish"];
