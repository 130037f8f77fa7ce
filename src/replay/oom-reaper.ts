import type { Sleepable } from "../blocking/suspension.ts";
import type { Invalidator } from "./invalidation.ts";
import type { SimulatedMm } from "./simulated-mm.ts";
import { withinSpace } from "./space-bounds.ts";
import type { World } from "./world.ts";

/** `MAX_OOM_REAP_RETRIES` of mm/oom_kill.c */
const ATTEMPTS_MAX = 10;
/** `schedule_timeout_idle(HZ / 10)` after each failed attempt */
const RETRY_DELAY_US = 100_000;

/**
 * `oom_reap_task`: tries to take a victim's private memory away without ever waiting. A refused
 * piece is skipped and makes the attempt fail; after 100 ms everything is tried again, ten times at
 * the most. It is an experiment on a process that lives on: the pieces stay.
 */
export function* reap(
  mm: SimulatedMm,
  world: World,
  invalidator: Invalidator,
): Sleepable<undefined> {
  const { counters } = world;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    if (mm.released) {
      counters.exitedFirst += 1;
      return;
    }
    counters.attempts += 1;
    if (yield* attemptReap(mm, world, invalidator)) {
      counters.reaped += 1;
      if (attempt > 1) counters.reapedAfterRetry += 1;
      return;
    }
    yield* world.driver.sleep(RETRY_DELAY_US);
  }
  counters.gaveUp += 1;
}

/** `oom_reap_task_mm`: one attempt over all private pieces, under the mmap lock. */
function* attemptReap(mm: SimulatedMm, world: World, invalidator: Invalidator): Sleepable<boolean> {
  if (!mm.mmapLock.tryRead()) return false;
  let complete = true;
  for (const { start, end, shared } of [...mm.traced.pieces]) {
    if (shared) continue;
    const range = withinSpace(start, end);
    if (range === undefined) continue;
    const approved = yield* invalidator.invalidate({
      mm,
      event: "UNMAP",
      blockable: false,
      ...range,
    });
    if (approved) {
      world.counters.approvedReaper += 1;
    } else {
      world.counters.refusedReaper += 1;
      complete = false;
    }
  }
  mm.mmapLock.endRead();
  return complete;
}
