import type { ReadSection } from "../blocking/srcu.ts";
import type { Wait } from "../blocking/suspension.ts";
import type { CallbackReport } from "./callback-report.ts";
import {
  type CallbackWalk,
  type Failure,
  isUnfinished,
  type Obligation,
  runAtOnce,
} from "./callback-walk.ts";
import type { ListNotifier } from "./list-notifier.ts";
import type { CallbackRange, NotifierRange } from "./range.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * `__mmu_notifier_invalidate_range_end`: the interval phase is closed first, then the end callbacks of
 * the list run, newest first. Nobody can refuse. A callback that throws does not keep the others from
 * running, nor the window from being closed.
 */
export class EndWalk implements CallbackWalk {
  readonly mayBlock: boolean;
  failure: Failure | undefined;
  readonly #subscriptions: Subscriptions;
  readonly #range: CallbackRange;
  readonly #window: number | null;
  #list: readonly ListNotifier[];
  #at = 0;
  #notifier: ListNotifier | undefined;
  /** v4.19 and v5.5 call `invalidate_range` of a notifier just before its end. */
  #callback: "invalidate-range" | "end" = "end";
  #begun = false;
  #section: ReadSection | undefined;
  #report: CallbackReport | undefined;
  #done = false;

  /** Takes over where the interval phase is closed, and the end before `at` has just been called. */
  static inList(
    subscriptions: Subscriptions,
    range: CallbackRange,
    window: number,
    list: readonly ListNotifier[],
    at: number,
    section: ReadSection,
  ): EndWalk {
    const walk = new EndWalk(subscriptions, range, window);
    walk.#begun = true;
    walk.#list = list;
    walk.#at = at;
    walk.#notifier = list[at - 1];
    walk.#section = section;
    return walk;
  }

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
        if (current.end !== undefined) return true;
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
      if (notifier.end !== undefined) return true;
    }
    this.#finish();
    return false;
  }

  label(): string {
    return `before ${this.#notifier?.name}.${this.#callback}`;
  }

  call(): unknown {
    const notifier = this.#notifier as ListNotifier;
    if (this.#subscriptions.observed) this.#enter(notifier);
    return this.#callback === "end"
      ? notifier.end?.call(notifier.ops, this.#range)
      : notifier.ops.invalidateRange?.(this.#range);
  }

  settle(_answer: unknown): void {
    this.#report?.leave(null);
    this.#report = undefined;
  }

  obligation(): Obligation {
    return "rest";
  }

  sleepReporter(): (wait: Wait) => void {
    const report = this.#report;
    return (wait) => report?.slept(wait);
  }

  reportStuck(): void {
    this.#report?.stuck();
  }

  fail(failure: Failure | undefined): void {
    this.failure ??= failure;
    if (failure !== undefined) this.#report?.threw(failure.error);
    this.#report = undefined;
  }

  #enter({ name }: ListNotifier): void {
    const { profile } = this.#subscriptions;
    // The kernel has it around end only.
    const nonBlockSection = this.#callback === "end" && !this.mayBlock && profile.nonBlockSections;
    this.#report = this.#subscriptions.report(name, this.#callback, this.#window, {
      nonBlockSection,
    });
    this.#report?.enter(this.#range, this.mayBlock, null);
  }

  #begin(): void {
    this.#begun = true;
    beginEnd(this.#subscriptions, this.#window, this.#range, this.mayBlock);
    if (this.#list.length > 0) this.#section = this.#subscriptions.domain.srcu.enter();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#section !== undefined) this.#subscriptions.domain.srcu.leave(this.#section);
    this.#section = undefined;
    finishEnd(this.#subscriptions, this.#window);
  }
}

/**
 * An end of which nobody looks at events: that needs no walk as long as the callbacks are plain functions. At
 * the first that is not, one takes over.
 */
export function endPlainly(
  subscriptions: Subscriptions,
  range: CallbackRange,
  window: number,
): void {
  const { list, domain } = subscriptions;
  subscriptions.endInterval();
  const section = domain.srcu.enter();
  let at = 0;
  let answer: unknown;
  let failure: Failure | undefined;
  try {
    while (at < list.length && !isUnfinished(answer)) {
      const { linked, end, ops } = list[at];
      at += 1;
      if (linked) answer = end?.call(ops, range);
    }
  } catch (error) {
    failure = { error };
  }
  if (failure === undefined && !isUnfinished(answer)) {
    domain.srcu.leave(section);
    subscriptions.close();
    return;
  }
  const walk = EndWalk.inList(subscriptions, range, window, list, at, section);
  if (failure !== undefined) walk.fail(failure);
  runAtOnce(walk, isUnfinished(answer) ? answer : undefined);
}

/** The part of an end that comes before the callbacks. */
export function beginEnd(
  subscriptions: Subscriptions,
  window: number | null,
  { start, end }: NotifierRange,
  blockable: boolean,
): void {
  if (subscriptions.observed) {
    const mm = subscriptions.mm.name;
    subscriptions.tell({ kind: "invalidate-end-enter", mm, window, blockable, start, end });
  }
  subscriptions.endInterval();
}

/** The part of an end that comes after the callbacks. */
export function finishEnd(subscriptions: Subscriptions, window: number | null): void {
  subscriptions.close();
  if (!subscriptions.observed) return;
  const { mm, state } = subscriptions;
  const { sequence } = state;
  subscriptions.tell({ kind: "invalidate-end", mm: mm.name, window, sequence });
}
