import { IntervalidateError } from "../errors.ts";

/**
 * Which kernel's rules an address space follows. `strict` is `v6.12` with its known defects repaired
 * and degenerate ranges refused.
 */
export type ProfileName = "v4.19" | "v5.5" | "v6.12" | "next" | "strict";

/** What differs between the versions; see `src/notifier/README.md` for each rule's kernel commit. */
export interface Profile {
  readonly name: ProfileName;
  /** `mmu_interval_notifier`, since v5.5. */
  readonly intervalNotifiers: boolean;
  /** `invalidate_start` / `invalidate_finish` pairs of an interval notifier. */
  readonly twoPassCallbacks: boolean;
  /** Warnings about refusals in blockable mode or with another error, since v5.4. */
  readonly warnsOfRefusals: boolean;
  /** `non_block_start()` around list callbacks, since v5.4. */
  readonly nonBlockSections: boolean;
  /** A refused start calls the end callbacks of the list, since v5.12. */
  readonly rollsBack: boolean;
  /** A start that the list refused closes the interval phase as well. */
  readonly closesIntervalPhase: boolean;
  /** A remover looks at the sequence under the lock, since v5.18: not before deferred work is done. */
  readonly removeWaitsForDeferred: boolean;
  /** The secondary-TLB callback excludes range callbacks, since v6.6. */
  readonly refusesSecondaryTlbMix: boolean;
  /** The callback `invalidate_range` just before each end, until v6.6. */
  readonly callsInvalidateRange: boolean;
  /** The end callback is told whether it may sleep, since v5.2. */
  readonly endKnowsMode: boolean;
  /** `mmu_notifier_unregister_no_release`, until v5.2. */
  readonly unregistersWithoutRelease: boolean;
  /** A refusal by a passive mirror changes nothing at all, and passive mirrors come before callbacks. */
  readonly passiveFirst: boolean;
  /** Ranges with `start >= end` are errors, not queries that follow the formula. */
  readonly refusesDegenerateRanges: boolean;
}

const V4_19: Profile = {
  name: "v4.19",
  intervalNotifiers: false,
  twoPassCallbacks: false,
  warnsOfRefusals: false,
  nonBlockSections: false,
  rollsBack: false,
  closesIntervalPhase: false,
  removeWaitsForDeferred: false,
  refusesSecondaryTlbMix: false,
  callsInvalidateRange: true,
  endKnowsMode: false,
  unregistersWithoutRelease: true,
  passiveFirst: false,
  refusesDegenerateRanges: false,
};

const V5_5: Profile = {
  ...V4_19,
  name: "v5.5",
  intervalNotifiers: true,
  warnsOfRefusals: true,
  nonBlockSections: true,
  endKnowsMode: true,
  unregistersWithoutRelease: false,
};

const V6_12: Profile = {
  ...V5_5,
  name: "v6.12",
  rollsBack: true,
  removeWaitsForDeferred: true,
  refusesSecondaryTlbMix: true,
  callsInvalidateRange: false,
};

const NEXT: Profile = { ...V6_12, name: "next", twoPassCallbacks: true };

const STRICT: Profile = {
  ...V6_12,
  name: "strict",
  closesIntervalPhase: true,
  passiveFirst: true,
  refusesDegenerateRanges: true,
};

const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  "v4.19": V4_19,
  "v5.5": V5_5,
  "v6.12": V6_12,
  next: NEXT,
  strict: STRICT,
};

export const PROFILE_NAMES: readonly ProfileName[] = Object.keys(PROFILES) as ProfileName[];

/** @throws {IntervalidateError} ARGUMENT if there is no such profile */
export function profileOf(name: ProfileName): Profile {
  if (Object.hasOwn(PROFILES, name)) return PROFILES[name];
  throw new IntervalidateError(
    "ARGUMENT",
    `There is no profile ${String(name)}: choose one of ${PROFILE_NAMES.join(", ")}.`,
  );
}
