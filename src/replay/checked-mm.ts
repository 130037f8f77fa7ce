import type { RwSemaphore } from "../blocking/rw-semaphore.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { NotifierRange } from "../notifier/range.ts";
import type { ReapableMm, ReapEvent, ReapStart } from "../sim/victim.ts";
import { Victim } from "../sim/victim.ts";
import type { Vma } from "../sim/vma.ts";
import type { Invalidator, OpenInvalidation } from "./invalidation.ts";
import type { SimulatedMm } from "./simulated-mm.ts";

/** An address space as one of those sees it who reap it: whatever they do is checked. */
class CheckedMm implements ReapableMm {
  readonly name: string;
  readonly profile: ProfileName;
  readonly mmapLock: RwSemaphore;
  readonly #mm: SimulatedMm;
  readonly #invalidator: Invalidator;
  /** What the only task that uses this object is at. */
  #open: OpenInvalidation | undefined;

  constructor(mm: SimulatedMm, invalidator: Invalidator) {
    this.name = mm.space.name;
    this.profile = mm.space.profile;
    this.mmapLock = mm.space.mmapLock;
    this.#mm = mm;
    this.#invalidator = invalidator;
  }

  *tryInvalidateRangeStartSleepable({
    start,
    end,
    event = "UNMAP",
  }: NotifierRange): Sleepable<ReapStart> {
    const attempt = yield* this.#invalidator.tryStart({ mm: this.#mm, event, start, end });
    if (!attempt.ok) return attempt;
    const { open } = attempt;
    this.#open = open;
    return { ok: true, window: { endSleepable: () => this.#invalidator.end(open) } };
  }

  change(): Sleepable<undefined> {
    return this.#invalidator.change(this.#open as OpenInvalidation);
  }

  releaseSleepable(): Sleepable<undefined> {
    return this.#mm.space.releaseSleepable();
  }
}

/** Somebody who is to give memory up, under the checks of the replay. */
export function checkedVictim(
  mm: SimulatedMm,
  invalidator: Invalidator,
  vmas: () => readonly Vma[],
  events: (event: ReapEvent) => void,
): Victim {
  const checked = new CheckedMm(mm, invalidator);
  return new Victim({ mm: checked, vmas, zap: () => checked.change(), events });
}
