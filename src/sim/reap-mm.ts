import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { REAP_RULES } from "./reap-rules.ts";
import type { Victim } from "./victim.ts";
import { isReapable, type Vma } from "./vma.ts";

const CHUNK_SHIFT = 30;
const CHUNK = 2 ** CHUNK_SHIFT;

/**
 * `__oom_reap_task_mm`: takes away what can be taken from a victim without ever waiting. A mapping that
 * somebody refuses is left alone, and the others follow all the same. The caller holds the mmap lock
 * for reading; after `handed-over` it no longer does.
 */
export function* reapMm(victim: Victim): Sleepable<"reaped" | "refused" | "handed-over"> {
  const { mm } = victim;
  const { inChunks, sparesMlocked } = REAP_RULES[mm.profile];
  victim.unstable = true;
  const vmas = inChunks ? [...victim.vmas()].reverse() : victim.vmas();
  let complete = true;
  for (const vma of vmas) {
    if (!isReapable(vma, sparesMlocked)) continue;
    let { end } = vma;
    while (end > vma.start) {
      const start = inChunks ? startOfChunk(vma.start, end) : vma.start;
      if (!(yield* reapRange(victim, vma, start, end))) {
        complete = false;
        break;
      }
      end = start;
      if (inChunks && mm.mmapLock.contended) {
        mm.mmapLock.endRead();
        return "handed-over";
      }
    }
  }
  return complete ? "reaped" : "refused";
}

/** Start, zap and end of one range. False if the start was refused. */
function* reapRange(victim: Victim, vma: Vma, start: Address, end: Address): Sleepable<boolean> {
  const { mm } = victim;
  const { event } = REAP_RULES[mm.profile];
  const about = { mm: mm.name, vma, start, end };
  const result = yield* mm.tryInvalidateRangeStartSleepable({ start, end, event });
  if (!result.ok) {
    const { errno, refusedBy } = result;
    victim.tell({ kind: "reap-refused", ...about, errno, refusedBy });
    return false;
  }
  victim.tell({ kind: "reap-approved", ...about });
  const zapping = victim.zap(vma, start, end);
  if (zapping !== undefined) yield* zapping;
  yield* result.window.endSleepable();
  return true;
}

/** The highest multiple of 1 GiB below `end`, but not below `start`. */
function startOfChunk(start: Address, end: Address): Address {
  const cut =
    typeof end === "number"
      ? Math.floor((end - 1) / CHUNK) * CHUNK
      : ((end - 1n) >> BigInt(CHUNK_SHIFT)) << BigInt(CHUNK_SHIFT);
  return cut > start ? cut : start;
}
