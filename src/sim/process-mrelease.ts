import type { Sleepable } from "../blocking/suspension.ts";
import { ERRNO } from "../notifier/errno.ts";
import { reapMm } from "./reap-mm.ts";
import type { Victim } from "./victim.ts";

/**
 * `process_mrelease`: somebody asks to have a dying process reaped at once. One attempt, which may wait
 * for the mmap lock but for nobody else; OOM_SKIP is left as it is. The call came with v5.15; under
 * older profiles it follows their rules of reaping.
 *
 * @returns 0 if all is taken or there was nothing to do, else negative: -EAGAIN if somebody has refused,
 *   -EINVAL if the process is not dying, -EINTR if a signal came while it waited for the mmap lock
 */
export function* processMrelease(victim: Victim): Sleepable<number> {
  const { mmapLock } = victim.mm;
  if (!victim.dying) return victim.oomSkip ? 0 : -ERRNO.EINVAL;
  for (;;) {
    try {
      yield* mmapLock.readKillable();
    } catch {
      // Only a signal ends this wait otherwise.
      return -ERRNO.EINTR;
    }
    const result = victim.oomSkip ? "reaped" : yield* reapMm(victim);
    // The writer is served first, then all is begun again.
    if (result === "handed-over") continue;
    mmapLock.endRead();
    return result === "reaped" ? 0 : -ERRNO.EAGAIN;
  }
}
