import type { Profile } from "../notifier/profile.ts";
import type { ViolationId } from "./report.ts";

/** What is to be said about a rule, whoever breaks it. */
export interface CatalogueEntry {
  readonly title: string;
  /** The kernel's own outcome: whether it warns, says nothing, hangs or traps, by profile. */
  kernel(profile: Profile): string;
  readonly fix: string;
}

const DEADLOCK = always("deadlock, reported by lockdep if it is built in");

/** Every rule of the contract: those that are watched for in event streams, and those that are not yet. */
export const CATALOGUE: Readonly<Record<ViolationId, CatalogueEntry>> = {
  V01: {
    title: "a non-blocking start sleeps",
    kernel: sleepOutcome("silent in the callback of an interval notifier"),
    fix: "try the lock in non-blocking mode, and refuse if that fails",
  },
  V02: {
    title: "a non-blocking start tries its first lock and sleeps on a later one",
    kernel: sleepOutcome("silent in the callback of an interval notifier"),
    fix: "try every lock of the non-blocking path, not only the first",
  },
  V03: {
    title: "an end sleeps although its non-blocking start approved",
    kernel: sleepOutcome("a hang of the OOM reaper if nobody wakes it"),
    fix: "decide in start whether either half would sleep, and refuse there: end cannot",
  },
  V04: {
    title: "a blockable start is refused",
    kernel: ({ warnsOfRefusals, rollsBack }) =>
      `${warnsOfRefusals ? "warning" : "one line in the log"}; the refusal is ignored, and page tables change under live entries${rollsBack ? "; the end callbacks run twice" : ""}`,
    fix: "sleep until the work is done: only a non-blocking start may refuse",
  },
  V05: {
    title: "a start fails with something else than EAGAIN",
    kernel: ({ warnsOfRefusals }) =>
      `${warnsOfRefusals ? "warning" : "silent"}; treated as a refusal`,
    fix: "return 0 or -EAGAIN, nothing else",
  },
  V06: {
    title: "a notifier that refuses has an end",
    kernel: ({ rollsBack }) =>
      rollsBack
        ? "warning; its end is called although its start undid everything"
        : "silent; its end is not called after a refusal",
    fix: "do all the work in start and have no end, or never refuse",
  },
  V07: {
    title: "an end without a start",
    kernel: always("not checked: counters go below zero, locks are released that nobody holds"),
    fix: "call end once for each start that was approved, and never after a refusal",
  },
  V08: {
    title: "a start without an end",
    kernel: always(
      "not checked: counters stay raised and faults retry for ever, locks stay held, the tree stays frozen",
    ),
    fix: "call end for each start that was approved; a kernel before v5.12 has no roll-back that does it",
  },
  V09: {
    title: "a refusal leaves state behind",
    kernel: always("not checked: a slow leak, and a hang later"),
    fix: "undo counters and release locks before refusing",
  },
  V10: {
    title: "a refused start leaves the interval phase open",
    kernel: always(
      "silent: active_invalidate_ranges never returns to 0, and readers and removers of a frozen tree sleep for ever",
    ),
    fix: "do not mix a list notifier that refuses with interval notifiers, or close the phase as profile strict does",
  },
  V11: {
    title: "an end differs from its start in range, mode or address space",
    kernel: always("not checked: notifiers that filter ranges lose their balance"),
    fix: "end the very range that was started, in the same mode and address space",
  },
  V12: {
    title: "page tables change outside an approved, open invalidation",
    kernel: always("not checked: mirrors keep stale entries, data is corrupted"),
    fix: "change them between an approved start and its end, and within the range",
  },
  V13: {
    title: "a mapping is installed during an open invalidation",
    kernel: always("not checked: a stale entry, and use of the page after it was freed"),
    fix: "install under the user lock, and only if read_retry is false there",
  },
  V14: {
    title: "a mapping is installed without a valid answer of read_retry",
    kernel: always("not checked: a stale entry, and use of the page after it was freed"),
    fix: "ask read_retry under the user lock, install before releasing it, start over if it is true",
  },
  V15: {
    title: "a callback approves without setting the sequence",
    kernel: always("not checked: readers miss the collision"),
    fix: "call set_seq under the user lock for every event that is not the driver's own",
  },
  V16: {
    title: "one read_begin serves two installs",
    kernel: always("not checked: usually the second retry fails for ever"),
    fix: "begin anew before each attempt",
  },
  V17: {
    title: "the callback of an interval notifier refuses in blockable mode",
    kernel: always("warning; treated as approved, and page tables change under live entries"),
    fix: "sleep until the work is done: false is for non-blocking mode",
  },
  V18: {
    title: "an allocation that reclaims under a lock that a callback takes",
    kernel: always("lockdep report; a deadlock when reclaim reaches the same address space"),
    fix: "allocate before taking the lock, or in a no-reclaim scope: no-FS and no-IO are not enough",
  },
  V19: {
    title: "an allocation that reclaims inside a callback",
    kernel: always(
      "lockdep report; reclaim calls notifiers again, the OOM reaper waits for itself",
    ),
    fix: "allocate without reclaim, or before the callback is needed",
  },
  V20: {
    title: "a callback waits for work that needs what the callback holds, or that reclaims",
    kernel: DEADLOCK,
    fix: "release the lock before waiting, or do not wait in the callback",
  },
  V21: {
    title: "a callback waits for the work item that it runs on",
    kernel: DEADLOCK,
    fix: "do not flush from a callback what may have caused it",
  },
  V22: {
    title: "register, unregister, synchronize or remove inside a callback",
    kernel: always(
      "the task waits for itself: for its own grace period, or for the end of its own invalidation",
    ),
    fix: "hand it to a work item, or use put, which callbacks may call",
  },
  V23: {
    title: "register under a lock of the address space or of a callback",
    kernel: DEADLOCK,
    fix: "register before taking locks",
  },
  V24: {
    title: "read_begin or remove under a lock that a callback takes",
    kernel: DEADLOCK,
    fix: "release the lock first: both wait for invalidations whose callbacks wait for the lock",
  },
  V25: {
    title: "the mmap lock, or a page fault, inside a callback",
    kernel: DEADLOCK,
    fix: "do not touch user memory in a callback: whoever invalidates holds the lock",
  },
  V26: {
    title: "a notifier is used after it has gone",
    kernel: always("use after free"),
    fix: "free a notifier only after unregister, remove or the grace period of put; install nothing after release",
  },
  V27: {
    title: "an HMM mirror clears its owner while other mirrors remain",
    kernel: always("a later registration spins for ever"),
    fix: "clear it with the last mirror",
  },
  V28: {
    title: "the release callback runs twice",
    kernel: always(
      "tolerated: unregister and teardown may race; whoever is not idempotent tears down twice",
    ),
    fix: "make release idempotent",
  },
  V29: {
    title: "an interval notifier is removed twice, or was never inserted",
    kernel: always("undefined: the tree or the list is corrupted"),
    fix: "remove once, and only what was inserted",
  },
  V30: {
    title: "gets and puts do not match",
    kernel: always(
      "warning for a put too many; a notifier that is never put outlives its address space",
    ),
    fix: "one put for each get",
  },
  V31: {
    title: "a refusal although nothing mirrored is in the range",
    kernel: always("legal: the OOM reaper leaves memory that it could have freed"),
    fix: "look for an overlap before refusing",
  },
  V32: {
    title: "an end that rolls a refused start back sleeps",
    kernel: always(
      "silent: roll-back is outside the sections in which the kernel looks for sleeps",
    ),
    fix: "decide in start whether either half would sleep, and refuse there: roll-back is non-blocking",
  },
  V33: {
    title: "the secondary-TLB callback beside start or end",
    kernel: ({ refusesSecondaryTlbMix }) =>
      refusesSecondaryTlbMix ? "-EINVAL, and one warning" : "accepted",
    fix: "register two notifiers",
  },
  V34: {
    title: "an empty or inverted range",
    kernel: ({ refusesDegenerateRanges }) =>
      refusesDegenerateRanges
        ? "refused before anything changes"
        : "KVM warns; the interval tree is asked for a degenerate query",
    fix: "start below end; an end of 0 means the end of the space",
  },
};

function always(outcome: string): () => string {
  return () => outcome;
}

/** What becomes of a sleep in a non-blocking call. */
function sleepOutcome(beside: string): (profile: Profile) => string {
  return ({ nonBlockSections }) =>
    nonBlockSections
      ? `"sleeping function called from invalid context"; ${beside}`
      : "silent; the OOM reaper may hang";
}
