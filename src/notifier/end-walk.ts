import type { ReadSection } from "../blocking/srcu.ts";
import type { Wait } from "../blocking/suspension.ts";
import { CallbackReport } from "./callback-report.ts";
import { type CallbackWalk, runNowOrLater, runPlain } from "./callback-walk.ts";
import type { ListNotifier } from "./list-notifier.ts";
import type { CallbackRange } from "./range.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * `__mmu_notifier_invalidate_range_end`: the interval phase is closed first, then the end callbacks of
 * the list run, newest first. Nobody can refuse. A callback that throws does not keep the others from
 * running.
 */
export class EndWalk implements CallbackWalk {
  readonly mayBlock: boolean;
  readonly #subscriptions: Subscriptions;
  readonly #range: CallbackRange;
  readonly #window: number | null;
  readonly #list: readonly ListNotifier[];
  #at = 0;
  #notifier: ListNotifier | undefined;
  /** v4.19 and v5.5 call `invalidate_range` of a notifier just before its end. */
  #callback: "invalidate-range" | "end" = "end";
  #begun = false;
  #section: ReadSection | undefined;
  #report: CallbackReport | undefined;
  #done = false;

  constructor(subscriptions: Subscriptions, range: CallbackRange, window: number | null) {
    this.#subscriptions = subscriptions;
    this.mayBlock = range.blockable === true;
    this.#window = window;
    this.#list = subscriptions.list;
    this.#range = subscriptions.profile.endKnowsMode ? range : { ...range, blockable: undefined };
  }

  next(): boolean {
    if (!this.#begun) this.#begin();
    const { callsInvalidateRange } = this.#subscriptions.profile;
    for (;;) {
      const current = this.#notifier;
      if (this.#callback === "invalidate-range" && current !== undefined) {
        this.#callback = "end";
        if (current.hasEnd) return true;
      }
      if (this.#at === this.#list.length) break;
      const notifier = this.#list[this.#at];
      this.#at += 1;
      if (!notifier.linked) continue;
      this.#notifier = notifier;
      if (callsInvalidateRange && notifier.ops.invalidateRange !== undefined) {
        this.#callback = "invalidate-range";
        return true;
      }
      if (notifier.hasEnd) return true;
    }
    this.#finish();
    return false;
  }

  label(): string {
    return `before ${this.#notifier?.name}.${this.#callback}`;
  }

  call(): unknown {
    const { name, ops } = this.#notifier as ListNotifier;
    const { profile } = this.#subscriptions;
    this.#report = new CallbackReport(this.#subscriptions, name, this.#callback, this.#window, {
      // The kernel has it around end only.
      nonBlockSection: this.#callback === "end" && !this.mayBlock && profile.nonBlockSections,
    });
    this.#report.enter(this.#range, this.mayBlock, null);
    return this.#callback === "end"
      ? ops.invalidateRangeEnd?.(this.#range)
      : ops.invalidateRange?.(this.#range);
  }

  settle(_answer: unknown): void {
    this.#report?.leave(null);
    this.#report = undefined;
  }

  mustFinish(): boolean {
    return true;
  }

  sleepReporter(): (wait: Wait) => void {
    const report = this.#report;
    return (wait) => report?.slept(wait);
  }

  reportStuck(): void {
    this.#report?.stuck();
  }

  fail(error: unknown): void {
    if (this.#done) return;
    if (error !== undefined) this.#report?.threw(error);
    this.#report = undefined;
    // The rest of the ends is owed all the same; only the first error is told.
    try {
      const rest = runPlain(this);
      if (rest !== undefined) runNowOrLater(rest);
    } catch {
      // Told as an event.
    }
  }

  #begin(): void {
    this.#begun = true;
    this.#subscriptions.endInterval();
    if (this.#list.length > 0) this.#section = this.#subscriptions.domain.srcu.enter();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#section !== undefined) this.#subscriptions.domain.srcu.leave(this.#section);
    this.#section = undefined;
    this.#subscriptions.close();
  }
}
