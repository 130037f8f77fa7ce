import type { ReadSection } from "../blocking/srcu.ts";
import type { Wait } from "../blocking/suspension.ts";
import type { CallbackReport } from "./callback-report.ts";
import type { CallbackWalk, Failure, Obligation } from "./callback-walk.ts";
import type { Finish } from "./interval-notifier.ts";
import { approves, type DueFinish, hitPassive, openIntervalPhase } from "./interval-phase.ts";
import type { IntervalSubscriber } from "./interval-state.ts";
import type { ListNotifier } from "./list-notifier.ts";
import type { CallbackRange } from "./range.ts";
import type { Subscriptions } from "./subscriptions.ts";

type Phase = "intervals" | "finishes" | "list" | "done";

/** The last byte of `[0, MAX)`: a notifier that covers only the byte MAX is not told of the release. */
const RELEASE_LAST = (1n << 64n) - 2n;

/**
 * `__mmu_notifier_release` up to its grace period: every interval notifier is told with the event
 * RELEASE, then the release callbacks of the list run, newest first, and the list is emptied.
 */
export class ReleaseWalk implements CallbackWalk {
  readonly mayBlock = true;
  failure: Failure | undefined;
  readonly #subscriptions: Subscriptions;
  readonly #range: CallbackRange;
  #phase: Phase;
  #at = 0;
  #subscribers: readonly IntervalSubscriber[] = [];
  readonly #finishes: DueFinish[] = [];
  #sequence = 0;
  #list: readonly ListNotifier[] = [];
  #section: ReadSection | undefined;
  #report: CallbackReport | undefined;

  constructor(subscriptions: Subscriptions, range: CallbackRange) {
    this.#subscriptions = subscriptions;
    this.#range = range;
    this.#phase = "intervals";
    if (subscriptions.hasIntervalTree) {
      const notifiers = subscriptions.intervals.overlapping(range.start, RELEASE_LAST);
      const plan = openIntervalPhase(subscriptions, range.start, RELEASE_LAST, true, notifiers);
      this.#subscribers = plan?.subscribers ?? [];
      this.#sequence = plan?.sequence ?? 0;
    }
  }

  /** Whether the list had anybody, so that a grace period has to follow. */
  get hadList(): boolean {
    return this.#list.length > 0;
  }

  next(): boolean {
    for (;;) {
      switch (this.#phase) {
        case "intervals":
          if (this.#at < this.#subscribers.length) return true;
          this.#turnTo("finishes");
          break;
        case "finishes":
          if (this.#at < this.#finishes.length) return true;
          if (this.#subscriptions.hasIntervalTree) this.#subscriptions.endInterval();
          this.#turnTo("list");
          this.#list = this.#subscriptions.list;
          if (this.#list.length > 0) this.#section = this.#subscriptions.domain.srcu.enter();
          break;
        case "list":
          if (this.#skipToRelease()) return true;
          this.#leaveList();
          break;
        case "done":
          return false;
      }
    }
  }

  label(): string {
    switch (this.#phase) {
      case "intervals": {
        const subscriber = this.#subscribers[this.#at];
        return `before ${typeof subscriber === "number" ? `mirror ${subscriber}` : subscriber.name}`;
      }
      case "finishes":
        return `before ${this.#finishes[this.#at].notifier}.finish`;
      default:
        return `before ${this.#list[this.#at].name}.release`;
    }
  }

  call(): unknown {
    switch (this.#phase) {
      case "intervals": {
        const subscriber = this.#subscribers[this.#at];
        if (typeof subscriber === "number") {
          return hitPassive(this.#subscriptions, subscriber, this.#sequence);
        }
        this.#enter(subscriber.name, subscriber.twoPass ? "invalidate-start" : "invalidate");
        return subscriber.invalidate(subscriber, this.#range, this.#sequence);
      }
      case "finishes": {
        const { notifier, finish } = this.#finishes[this.#at];
        this.#enter(notifier, "finish");
        return finish();
      }
      default: {
        const { name, ops, mm } = this.#list[this.#at];
        this.#enter(name, "release");
        return ops.release?.(mm);
      }
    }
  }

  settle(answer: unknown): void {
    const subscriber = this.#phase === "intervals" ? this.#subscribers[this.#at] : 0;
    this.#at += 1;
    if (typeof subscriber === "number") {
      this.#report?.leave(null);
    } else {
      const approved = approves(answer);
      this.#report?.leave(approved);
      if (typeof answer === "function") {
        this.#finishes.push({ notifier: subscriber.name, finish: answer as Finish });
      }
      if (!approved) this.#subscriptions.warn("interval-refused-blockable", subscriber.name);
    }
    this.#report = undefined;
  }

  obligation(): Obligation {
    return "rest";
  }

  sleepReporter(): (wait: Wait) => void {
    return () => {};
  }

  reportStuck(): void {}

  /** Teardown goes on whatever a callback does. */
  fail(failure: Failure | undefined): void {
    this.failure ??= failure;
    if (failure !== undefined) this.#report?.threw(failure.error);
    this.#report = undefined;
    this.#at += 1;
  }

  #turnTo(phase: Phase): void {
    this.#phase = phase;
    this.#at = 0;
  }

  #skipToRelease(): boolean {
    while (this.#at < this.#list.length) {
      const notifier = this.#list[this.#at];
      if (notifier.linked && notifier.ops.release !== undefined) return true;
      this.#at += 1;
    }
    return false;
  }

  #leaveList(): void {
    for (const notifier of this.#list) this.#subscriptions.unlink(notifier);
    if (this.#section !== undefined) this.#subscriptions.domain.srcu.leave(this.#section);
    this.#section = undefined;
    this.#phase = "done";
  }

  #enter(
    notifier: string,
    callback: "invalidate" | "invalidate-start" | "finish" | "release",
  ): void {
    this.#report = this.#subscriptions.report(notifier, callback, null);
    const sequence = this.#phase === "intervals" ? this.#sequence : null;
    const range = this.#phase === "list" ? undefined : this.#range;
    this.#report?.enter(range, true, sequence);
  }
}
