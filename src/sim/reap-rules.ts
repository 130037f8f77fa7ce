import type { ProfileName } from "../notifier/profile.ts";
import type { InvalidationEvent } from "../notifier/range.ts";

/** What differs between the versions in how memory is reaped. */
export interface ReapRules {
  /** `OOM_REAPER_DELAY`, since v5.18: so long is a victim given to exit by itself. Microseconds. */
  readonly delay: number;
  readonly event: InvalidationEvent;
  /** Memory that is locked stays, until v5.17. */
  readonly sparesMlocked: boolean;
  /** From the top in pieces of at most 1 GiB, and waiting writers get the mmap lock in between. */
  readonly inChunks: boolean;
  /** No sleep after the last attempt. */
  readonly stopsAtLastFailure: boolean;
  /** The exiting process reaps its own memory if it is a victim, until v5.19. */
  readonly exitReaps: boolean;
}

const V4_19: ReapRules = {
  delay: 0,
  event: "UNMAP",
  sparesMlocked: true,
  inChunks: false,
  stopsAtLastFailure: false,
  exitReaps: true,
};

const V6_12: ReapRules = {
  ...V4_19,
  delay: 2_000_000,
  sparesMlocked: false,
  exitReaps: false,
};

const NEXT: ReapRules = { ...V6_12, event: "CLEAR", inChunks: true, stopsAtLastFailure: true };

export const REAP_RULES: Readonly<Record<ProfileName, ReapRules>> = {
  "v4.19": V4_19,
  "v5.5": V4_19,
  "v6.12": V6_12,
  next: NEXT,
  strict: V6_12,
};
