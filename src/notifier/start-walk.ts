import type { ReadSection } from "../blocking/srcu.ts";
import type { Wait } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import type { CallbackReport, CallbackReportOptions } from "./callback-report.ts";
import {
  type CallbackWalk,
  type Failure,
  GIVEN_UP,
  isUnfinished,
  type Obligation,
  runAtOnce,
} from "./callback-walk.ts";
import { EAGAIN } from "./errno.ts";
import type { Finish, IntervalNotifier } from "./interval-notifier.ts";
import { approves, type DueFinish, hitPassive, openIntervalPhase } from "./interval-phase.ts";
import type { IntervalSubscriber } from "./interval-state.ts";
import type { ListNotifier } from "./list-notifier.ts";
import type { CallbackRange } from "./range.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Why a start failed. */
export interface StartRefusal {
  /** Negative, by custom. */
  readonly errno: number;
  readonly by: string | number;
}

type Phase = "intervals" | "finishes" | "list" | "rollback" | "done";

/**
 * `__mmu_notifier_invalidate_range_start`: interval notifiers first, in ascending order and up to the
 * first refusal; then the whole list, newest first, whatever it answers; then, after a refusal and
 * where the profile does so, the end callbacks of the list.
 *
 *     intervals ─▶ finishes ─▶ list ─▶ done
 *                      │          └──▶ rollback ─▶ done       a list notifier refused
 *                      └─────────────────────────▶ done       an interval notifier refused
 *
 * If a callback throws, the same way is taken as after a refusal, in every mode and profile; rolled back
 * are then those whose start has returned.
 */
export class StartWalk implements CallbackWalk {
  readonly mayBlock: boolean;
  /** The refusal that counts: of the list the last one. In blockable mode there is none. */
  refusal: StartRefusal | undefined;
  failure: Failure | undefined;
  /** A refusal by the list has not taken back what the interval phase counted. */
  leftActive = false;
  hits = 0;
  sequence = 0;
  readonly #subscriptions: Subscriptions;
  readonly range: CallbackRange;
  readonly window: number;
  /** Without a tree the kernel has no interval phase, and does not count the invalidation. */
  #countsInKernel = false;
  #phase: Phase = "intervals";
  #at = 0;
  #subscribers: readonly IntervalSubscriber[] = [];
  /** The interval notifier or passive mirror that is being called. */
  #subscriber: IntervalSubscriber = 0;
  /** Made for the first. */
  #finishes: DueFinish[] | undefined;
  #list: readonly ListNotifier[] = [];
  /** Somebody threw, or gave up: the start has to be undone. */
  #isClosing = false;
  #listNotifier: ListNotifier | undefined;
  #section: ReadSection | undefined;
  #report: CallbackReport | undefined;

  constructor(subscriptions: Subscriptions, range: CallbackRange, window: number) {
    this.#subscriptions = subscriptions;
    this.range = range;
    this.window = window;
    this.mayBlock = range.blockable === true;
  }

  /** Takes over in the list phase, where the callback before `at` has just been called. */
  static inList(
    subscriptions: Subscriptions,
    opening: Opening,
    list: readonly ListNotifier[],
    at: number,
    section: ReadSection,
  ): StartWalk {
    const walk = new StartWalk(subscriptions, opening.range, opening.window);
    walk.hits = opening.hits;
    walk.sequence = opening.sequence;
    walk.#countsInKernel = opening.countsInKernel;
    walk.#phase = "list";
    walk.#list = list;
    walk.#at = at;
    walk.#listNotifier = list[at - 1];
    walk.#section = section;
    return walk;
  }

  /** Opens the invalidation, which hits these notifiers; what follows is calls. False if it was refused before it began. */
  begin(start: Address, last: Address, notifiers: readonly IntervalNotifier[]): boolean {
    this.#countsInKernel = this.#subscriptions.hasIntervalTree;
    const plan = openIntervalPhase(this.#subscriptions, start, last, this.mayBlock, notifiers);
    if (plan === undefined) {
      const by = this.#subscriptions.mirrors.heldAscending(start, last)[0];
      this.refusal = { errno: EAGAIN, by };
      this.#phase = "done";
      return false;
    }
    this.#subscriptions.openWindows += 1;
    this.#subscribers = plan.subscribers;
    this.hits = plan.hits;
    this.sequence = plan.sequence;
    return true;
  }

  next(): boolean {
    for (;;) {
      switch (this.#phase) {
        case "intervals":
          if (this.#nextSubscriber()) return true;
          this.#turnTo("finishes");
          break;
        case "finishes":
          if (this.#finishes !== undefined && this.#at < this.#finishes.length) return true;
          if (this.refusal === undefined && !this.#isClosing) {
            this.#enterList();
          } else {
            this.#subscriptions.endInterval();
            this.#finish();
          }
          break;
        case "list":
          if (this.#nextToStart()) return true;
          if (this.refusal !== undefined && this.#subscriptions.profile.rollsBack) {
            this.#turnTo("rollback");
          } else {
            this.#leaveList();
          }
          break;
        case "rollback":
          if (this.#nextToEnd()) return true;
          this.#leaveList();
          break;
        case "done":
          return false;
      }
    }
  }

  label(): string {
    switch (this.#phase) {
      case "intervals":
        return `before ${nameOf(this.#subscriber)}`;
      case "finishes":
        return `before ${this.#finishes?.[this.#at].notifier}.finish`;
      case "list":
        return `before ${this.#listNotifier?.name}.start`;
      default:
        return `before ${this.#listNotifier?.name}.end`;
    }
  }

  call(): unknown {
    switch (this.#phase) {
      case "intervals":
        return this.#callInterval(this.#subscriber);
      case "finishes": {
        const { notifier, finish } = (this.#finishes as DueFinish[])[this.#at];
        if (this.#subscriptions.observed) this.#enter(notifier, "finish", {});
        return finish();
      }
      case "list": {
        const notifier = this.#listNotifier as ListNotifier;
        if (this.#subscriptions.observed) {
          const nonBlockSection = !this.mayBlock && this.#subscriptions.profile.nonBlockSections;
          this.#enter(notifier.name, "start", { nonBlockSection });
        }
        return notifier.start(this.range);
      }
      default: {
        const notifier = this.#listNotifier as ListNotifier;
        if (this.#subscriptions.observed) this.#enter(notifier.name, "end", { rollback: true });
        return notifier.end?.call(notifier.ops, this.range);
      }
    }
  }

  settle(answer: unknown): void {
    switch (this.#phase) {
      case "intervals":
        this.#settleInterval(this.#subscriber, answer);
        break;
      case "finishes":
        this.#at += 1;
        this.#report?.leave(null);
        break;
      case "list":
        this.#settleStart(this.#listNotifier as ListNotifier, answer);
        break;
      default:
        this.#report?.leave(null);
    }
    this.#report = undefined;
  }

  obligation(): Obligation {
    if (this.#phase === "rollback") return "rest";
    if (this.#phase !== "finishes") return "none";
    if (this.refusal !== undefined || this.#isClosing) return "rest";
    return this.mayBlock ? "none" : "callback";
  }

  sleepReporter(): (wait: Wait) => void {
    const report = this.#report;
    return (wait) => report?.slept(wait);
  }

  reportStuck(): void {
    this.#report?.stuck();
  }

  fail(failure: Failure | undefined): void {
    if (this.#phase === "done") return;
    this.failure ??= failure;
    if (failure !== undefined) this.#report?.threw(failure.error);
    this.#report = undefined;
    this.#isClosing = true;
    if (this.#phase === "intervals") {
      // What has been promised is kept.
      this.#turnTo("finishes");
    } else if (this.#phase === "finishes") {
      this.#at += 1;
    } else if (this.#phase === "list") {
      this.#list = this.#list.slice(0, this.#at - 1).filter(({ hasStart }) => hasStart);
      this.#turnTo("rollback");
    }
  }

  #turnTo(phase: Phase): void {
    this.#phase = phase;
    this.#at = 0;
  }

  #nextSubscriber(): boolean {
    const { mirrors } = this.#subscriptions;
    while (this.refusal === undefined && this.#at < this.#subscribers.length) {
      const subscriber = this.#subscribers[this.#at];
      this.#at += 1;
      this.#subscriber = subscriber;
      if (typeof subscriber !== "number" || !mirrors.tree.alive) return true;
      if (!mirrors.tree.isLocked(subscriber)) {
        mirrors.tree.setSequence(subscriber, this.sequence);
      } else if (this.mayBlock) {
        return true;
      } else {
        this.refusal = { errno: EAGAIN, by: subscriber };
      }
    }
    return false;
  }

  #callInterval(subscriber: IntervalSubscriber): unknown {
    if (typeof subscriber === "number") {
      return hitPassive(this.#subscriptions, subscriber, this.sequence);
    }
    const callback = subscriber.twoPass ? "invalidate-start" : "invalidate";
    this.#report = this.#subscriptions.report(subscriber.name, callback, this.window);
    this.#report?.enter(this.range, this.mayBlock, this.sequence);
    return subscriber.invalidate(subscriber, this.range, this.sequence);
  }

  #settleInterval(subscriber: IntervalSubscriber, answer: unknown): void {
    if (typeof subscriber === "number") return;
    const approved = approves(answer);
    this.#report?.leave(approved);
    if (typeof answer === "function") {
      this.#finishes ??= [];
      this.#finishes.push({ notifier: subscriber.name, finish: answer as Finish });
    }
    if (approved) return;
    if (this.mayBlock) {
      this.#subscriptions.warn("interval-refused-blockable", subscriber.name);
    } else {
      this.refusal = { errno: EAGAIN, by: subscriber.name };
    }
  }

  #enterList(): void {
    this.#turnTo("list");
    this.#list = this.#subscriptions.list;
    if (this.#list.length > 0) this.#section = this.#subscriptions.domain.srcu.enter();
  }

  #nextToStart(): boolean {
    while (this.#at < this.#list.length) {
      const notifier = this.#list[this.#at];
      this.#at += 1;
      // Unlinked since the walk began: the kernel's traversal would not come past it.
      if (!notifier.linked || !notifier.hasStart) continue;
      this.#listNotifier = notifier;
      return true;
    }
    return false;
  }

  #nextToEnd(): boolean {
    while (this.#at < this.#list.length) {
      const notifier = this.#list[this.#at];
      this.#at += 1;
      if (!notifier.linked || notifier.end === undefined) continue;
      this.#listNotifier = notifier;
      return true;
    }
    return false;
  }

  #settleStart(notifier: ListNotifier, answer: unknown): void {
    const errno = startResult(answer);
    this.#report?.leave(errno);
    if (errno === 0) return;
    this.refusal = { errno, by: notifier.name };
    const { profile } = this.#subscriptions;
    if (profile.warnsOfRefusals && (this.mayBlock || errno !== EAGAIN)) {
      this.#subscriptions.warn("illegal-refusal", notifier.name);
    }
    if (profile.rollsBack && notifier.end !== undefined) {
      this.#subscriptions.warn("refuser-has-end", notifier.name);
    }
  }

  #leaveList(): void {
    if (this.#section !== undefined) this.#subscriptions.domain.srcu.leave(this.#section);
    this.#section = undefined;
    if (this.#isClosing) {
      this.#subscriptions.endInterval();
      this.#finish();
    } else if (this.refusal !== undefined && !this.mayBlock) {
      // The kernel does not come back to an interval phase that it has begun.
      this.leftActive = this.#countsInKernel && !this.#subscriptions.profile.closesIntervalPhase;
      if (!this.leftActive) this.#subscriptions.endInterval();
      this.#finish();
    } else {
      // The blockable caller does not look at the result.
      this.refusal = undefined;
      this.#phase = "done";
    }
  }

  /** The invalidation is over before it could begin. */
  #finish(): void {
    this.#phase = "done";
    this.#subscriptions.close();
  }

  #enter(
    notifier: string,
    callback: "start" | "end" | "finish",
    options: CallbackReportOptions,
  ): void {
    this.#report = this.#subscriptions.report(notifier, callback, this.window, options);
    this.#report?.enter(this.range, this.mayBlock, null);
  }
}

/** An invalidation whose interval phase is over. */
export interface Opening {
  readonly window: number;
  readonly range: CallbackRange;
  readonly sequence: number;
  readonly hits: number;
  /** Whether the kernel counts it as active: there was an interval tree when it began. */
  readonly countsInKernel: boolean;
}

/**
 * The list phase as long as nobody looks at events, and everybody is a plain function that approves: that
 * needs no walk. At the first who has more to say, one takes over, and has been run when it comes back.
 */
export function startPlainly(
  subscriptions: Subscriptions,
  opening: Opening,
): StartWalk | undefined {
  const { list, domain } = subscriptions;
  const { range } = opening;
  const section = domain.srcu.enter();
  let at = 0;
  let answer: unknown;
  let failure: Failure | undefined;
  try {
    while (at < list.length) {
      const notifier = list[at];
      at += 1;
      if (!notifier.linked || !notifier.hasStart) continue;
      answer = notifier.start(range);
      if (answer !== undefined && answer !== 0) break;
    }
  } catch (error) {
    failure = { error };
  }
  if (failure === undefined && (answer === undefined || answer === 0)) {
    domain.srcu.leave(section);
    return undefined;
  }
  const walk = StartWalk.inList(subscriptions, opening, list, at, section);
  if (failure !== undefined) walk.fail(failure);
  else if (!isUnfinished(answer)) walk.settle(answer);
  runAtOnce(walk, isUnfinished(answer) ? answer : undefined);
  return walk;
}

/** 0 approves; what was given up has refused. */
function startResult(answer: unknown): number {
  if (answer === GIVEN_UP) return EAGAIN;
  return typeof answer === "number" ? answer : 0;
}

function nameOf(subscriber: IntervalSubscriber): string {
  return typeof subscriber === "number"
    ? `mirror ${subscriber}`
    : (subscriber as IntervalNotifier).name;
}
