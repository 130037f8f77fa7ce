import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { queueOomReaper } from "../sim/oom-reaper.ts";
import { processMrelease } from "../sim/process-mrelease.ts";
import type { Vma } from "../sim/vma.ts";
import { checkedVictim } from "./checked-mm.ts";
import type { Invalidator } from "./invalidation.ts";
import type { SimulatedMm } from "./simulated-mm.ts";
import { withinSpace } from "./space-bounds.ts";
import type { World } from "./world.ts";

/**
 * A strike of the OOM killer. It is an experiment on a process that lives on: the pieces stay, the flags
 * are of this strike only, and the next strike may have the same victim.
 */
export function* strike(
  mm: SimulatedMm,
  world: World,
  invalidator: Invalidator,
): Sleepable<undefined> {
  const { counters, driver } = world;
  const victim = checkedVictim(
    mm,
    invalidator,
    () => vmasOf(mm),
    ({ kind }) => {
      if (kind === "reap-approved") counters.approvedReaper += 1;
      else if (kind === "reap-refused") counters.refusedReaper += 1;
    },
  );
  mm.victims.add(victim);
  const outcome = yield* queueOomReaper(victim, driver);
  mm.victims.delete(victim);
  if (outcome === undefined) return;
  counters.attempts += outcome.attempts;
  if (outcome.result === "reaped") {
    counters.reaped += 1;
    if (outcome.attempts > 1) counters.reapedAfterRetry += 1;
  } else if (outcome.result === "skipped") {
    counters.exitedFirst += 1;
  } else {
    counters.gaveUp += 1;
  }
}

/** A `process_mrelease` of the log, for one private piece: the log's events are one for each. */
export function* mrelease(
  mm: SimulatedMm,
  start: Address,
  end: Address,
  world: World,
  invalidator: Invalidator,
): Sleepable<undefined> {
  const victim = checkedVictim(
    mm,
    invalidator,
    () => [{ kind: "anonymous", start, end }],
    () => undefined,
  );
  victim.dying = true;
  if ((yield* processMrelease(victim)) !== 0) world.counters.refusedMrelease += 1;
}

/** The pieces of the log, which does not tell what is mapped but whether it is shared. */
function vmasOf(mm: SimulatedMm): readonly Vma[] {
  return mm.traced.pieces.flatMap(({ start, end, shared }): Vma[] => {
    const range = withinSpace(start, end);
    return range === undefined ? [] : [{ kind: shared ? "shared-file" : "anonymous", ...range }];
  });
}
