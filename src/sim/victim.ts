import type { RwSemaphore } from "../blocking/rw-semaphore.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { NotifierRange } from "../notifier/range.ts";
import type { Vma } from "./vma.ts";

/** What reaping needs of an `AddressSpace`; a simulation may put checks of its own in between. */
export interface ReapableMm {
  readonly name: string;
  readonly profile: ProfileName;
  readonly mmapLock: RwSemaphore;
  tryInvalidateRangeStartSleepable(range: NotifierRange): Sleepable<ReapStart>;
  releaseSleepable(): Sleepable<undefined>;
}

/** The answer of a non-blocking start, as far as it matters here. */
export type ReapStart =
  | { readonly ok: true; readonly window: { endSleepable(): Sleepable<undefined> } }
  | { readonly ok: false; readonly errno: string; readonly refusedBy: string | number };

/** What can be seen of reaping; ranges are half-open. */
export type ReapEvent =
  /** Attempts are counted from 1; one that is handed over to a writer is not counted. */
  | { readonly kind: "reap-attempt"; readonly mm: string; readonly attempt: number }
  | { readonly kind: "reap-attempted"; readonly mm: string; readonly result: AttemptResult }
  | {
      readonly kind: "reap-approved";
      readonly mm: string;
      readonly vma: Vma;
      readonly start: Address;
      readonly end: Address;
    }
  | {
      readonly kind: "reap-refused";
      readonly mm: string;
      readonly vma: Vma;
      readonly start: Address;
      readonly end: Address;
      readonly errno: string;
      readonly refusedBy: string | number;
    }
  | { readonly kind: "reap-sleep"; readonly mm: string; readonly microseconds: number }
  /** A line of the kernel's log. */
  | { readonly kind: "log"; readonly mm: string; readonly line: string };

export type AttemptResult =
  /** everything that can be taken has been */
  | "reaped"
  /** OOM_SKIP was set: nothing to do */
  | "skipped"
  /** the mmap lock was not to be had */
  | "locked"
  /** somebody refused */
  | "refused"
  /** `next`: a writer waited for the mmap lock, which was dropped between two chunks */
  | "handed-over";

export interface VictimOptions {
  readonly mm: ReapableMm;
  /** Asked anew by each attempt, under the mmap lock: ascending and apart, as `vmaList` has it. */
  readonly vmas: () => readonly Vma[];
  /** Takes the memory of `[start, end)`, a part of the mapping, away; between start and end. */
  readonly zap?: (vma: Vma, start: Address, end: Address) => undefined | Sleepable<undefined>;
  /** Receives every event at once. It must not throw. */
  readonly events?: (event: ReapEvent) => void;
  /** Names the process in the kernel's log. Default: the name of the address space. */
  readonly name?: string;
}

/** A process that is to give its memory up, with the flags of its `mm` that are about that. */
export class Victim {
  readonly mm: ReapableMm;
  readonly name: string;
  readonly vmas: () => readonly Vma[];
  /** Killed or exiting: `task_will_free_mem`. */
  dying = false;
  /** Chosen by the OOM killer: `MMF_OOM_REAP_QUEUED`, and `MMF_OOM_VICTIM` of older kernels. */
  queued = false;
  /** Some of the memory may be gone: `MMF_UNSTABLE`. */
  unstable = false;
  /** The OOM killer and the reaper leave the address space alone from now on: `MMF_OOM_SKIP`. */
  oomSkip = false;
  readonly #zap: VictimOptions["zap"];
  readonly #events: VictimOptions["events"];

  constructor(options: VictimOptions) {
    this.mm = options.mm;
    this.name = options.name ?? options.mm.name;
    this.vmas = options.vmas;
    this.#zap = options.zap;
    this.#events = options.events;
  }

  /** @internal */
  zap(vma: Vma, start: Address, end: Address): undefined | Sleepable<undefined> {
    return this.#zap?.(vma, start, end);
  }

  /** @internal */
  tell(event: ReapEvent): void {
    this.#events?.(event);
  }

  /** @internal */
  log(text: string): void {
    this.tell({ kind: "log", mm: this.mm.name, line: `oom_reaper: ${text}` });
  }
}
