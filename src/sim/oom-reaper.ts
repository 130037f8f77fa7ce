import type { Sleepable } from "../blocking/suspension.ts";
import type { Clock } from "./clock.ts";
import { reapMm } from "./reap-mm.ts";
import { REAP_RULES } from "./reap-rules.ts";
import type { AttemptResult, Victim } from "./victim.ts";

/** `MAX_OOM_REAP_RETRIES` */
const ATTEMPTS_MAX = 10;
/** `schedule_timeout_idle(HZ / 10)` */
const RETRY_DELAY_US = 100_000;

/** How a victim fared. */
export interface ReapOutcome {
  /** Of the last attempt; `skipped` if the victim has exited by itself. */
  readonly result: AttemptResult;
  /** Attempts that count: from 0, if the victim exited before the first one, to 10. */
  readonly attempts: number;
}

/**
 * What becomes of a victim of the OOM killer: it is killed and queued, is given time to exit by itself
 * where the profile does so, and is reaped. `queue_oom_reaper` and what follows from it. An address
 * space is queued once: for the second time nothing happens, and the outcome is undefined.
 *
 * The kernel has one thread for all victims; here each is a task of its own.
 */
export function* queueOomReaper(victim: Victim, clock: Clock): Sleepable<ReapOutcome | undefined> {
  if (victim.queued) return undefined;
  victim.queued = true;
  victim.dying = true;
  const { delay } = REAP_RULES[victim.mm.profile];
  if (delay > 0) yield* clock.sleep(delay);
  if (victim.oomSkip) return { result: "skipped", attempts: 0 };
  return yield* oomReapTask(victim, clock);
}

/**
 * `oom_reap_task`: attempts until one succeeds, ten at the most, with 100 ms of sleep after each failure.
 * Each begins with the first mapping again. In the end OOM_SKIP is set, whatever has become of the
 * memory, so that the OOM killer may pick another victim.
 */
export function* oomReapTask(victim: Victim, clock: Clock): Sleepable<ReapOutcome> {
  const mm = victim.mm.name;
  const { stopsAtLastFailure } = REAP_RULES[victim.mm.profile];
  let failures = 0;
  let result: AttemptResult;
  for (;;) {
    victim.tell({ kind: "reap-attempt", mm, attempt: failures + 1 });
    result = yield* oomReapTaskMm(victim);
    victim.tell({ kind: "reap-attempted", mm, result });
    if (result === "reaped" || result === "skipped") break;
    if (result !== "handed-over") failures += 1;
    if (failures === ATTEMPTS_MAX && stopsAtLastFailure) break;
    victim.tell({ kind: "reap-sleep", mm, microseconds: RETRY_DELAY_US });
    yield* clock.sleep(RETRY_DELAY_US);
    if (failures === ATTEMPTS_MAX) break;
  }
  const settled = result === "reaped" || result === "skipped";
  if (!settled && !victim.oomSkip) victim.log(`unable to reap ${victim.name}`);
  victim.oomSkip = true;
  return { result, attempts: settled ? failures + 1 : failures };
}

/** `oom_reap_task_mm`: one attempt, if the mmap lock can be had without waiting. */
export function* oomReapTaskMm(victim: Victim): Sleepable<AttemptResult> {
  const { mmapLock } = victim.mm;
  if (!mmapLock.tryRead()) return "locked";
  // An exiting process sets the flag and then waits for the readers of the lock to leave.
  if (victim.oomSkip) {
    mmapLock.endRead();
    return "skipped";
  }
  const result = yield* reapMm(victim);
  if (result === "reaped") victim.log(`reaped process ${victim.name}`);
  if (result !== "handed-over") mmapLock.endRead();
  return result;
}

/**
 * What `exit_mmap` has to do with reaping: nobody is left who could refuse once the address space has
 * been released; and once the mmap lock has been had for writing, no reaper is at work any more.
 */
export function* exitMmap(victim: Victim): Sleepable<undefined> {
  const { mm } = victim;
  victim.dying = true;
  yield* mm.releaseSleepable();
  if (victim.queued && REAP_RULES[mm.profile].exitReaps) yield* reapMm(victim);
  victim.oomSkip = true;
  yield* mm.mmapLock.write();
  mm.mmapLock.endWrite();
}
