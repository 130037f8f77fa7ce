import { WaitQueue } from "../blocking/wait-queue.ts";
import type { AddressSpace } from "./address-space.ts";
import { CallbackReport, type CallbackReportOptions } from "./callback-report.ts";
import type { NotifierDomain } from "./domain.ts";
import type { CallbackKind, EventSink, NotifierEvent, Warning } from "./events.ts";
import type { IntervalNotifiers } from "./interval-notifiers.ts";
import type { IntervalState, Thaw } from "./interval-state.ts";
import type { ListNotifier } from "./list-notifier.ts";
import type { PassiveMirrors } from "./passive-mirrors.ts";
import type { Profile } from "./profile.ts";

/**
 * Everything that subscribes to one address space, and the state that its invalidations go through:
 * `struct mmu_notifier_subscriptions`.
 */
export class Subscriptions {
  readonly mm: AddressSpace;
  readonly profile: Profile;
  readonly domain: NotifierDomain;
  readonly state: IntervalState;
  readonly mirrors: PassiveMirrors;
  readonly intervals: IntervalNotifiers;
  /** Whether operations yield points. */
  readonly points: boolean;
  /** Whether anybody looks at events. */
  readonly observed: boolean;
  readonly #events: EventSink | undefined;
  /** Newest first. Replaced, never changed: whoever walks it goes on with the list as it was. */
  list: readonly ListNotifier[] = [];
  /** One of the list, if there is one, whose start is a generator function. */
  sleepsInStart: ListNotifier | undefined;
  /** One of the list, if there is one, whose end is a generator function. */
  sleepsInEnd: ListNotifier | undefined;
  /** Made by the first registration of either kind. */
  exists = false;
  #hasIntervalTree = false;
  /** Starts that were approved and have not ended. Unlike `active` it is never left open by a refusal. */
  openWindows = 0;
  /** Those who wait until no invalidation is open. */
  readonly allEnded: WaitQueue = new WaitQueue();
  readonly #thaw: Thaw = {
    begins: () => this.#tellSequence(),
    finish: (subscriber, work) => {
      if (typeof subscriber === "number") this.mirrors.finishDeferred(subscriber, work);
      else this.intervals.finishDeferred(subscriber, work);
    },
  };

  constructor(parts: {
    mm: AddressSpace;
    profile: Profile;
    domain: NotifierDomain;
    state: IntervalState;
    mirrors: PassiveMirrors;
    intervals: IntervalNotifiers;
    points: boolean;
    events: EventSink | undefined;
  }) {
    this.mm = parts.mm;
    this.profile = parts.profile;
    this.domain = parts.domain;
    this.state = parts.state;
    this.mirrors = parts.mirrors;
    this.intervals = parts.intervals;
    this.points = parts.points;
    this.#events = parts.events;
    this.observed = parts.events !== undefined;
  }

  /** Some interval notifier has been inserted, or has tried to be: `has_itree`. */
  get hasIntervalTree(): boolean {
    return this.#hasIntervalTree || this.mirrors.used;
  }

  set hasIntervalTree(has: boolean) {
    this.#hasIntervalTree = has;
  }

  /** Tells of one call of a callback, if anybody looks at events. */
  report(
    notifier: string,
    callback: CallbackKind,
    window: number | null,
    options?: CallbackReportOptions,
  ): CallbackReport | undefined {
    return this.observed
      ? new CallbackReport(this, notifier, callback, window, options)
      : undefined;
  }

  tell(event: NotifierEvent): void {
    this.#events?.(event);
  }

  warn(warning: Warning, notifier: string | null): void {
    this.#events?.({ kind: "warn", mm: this.mm.name, warning, notifier });
  }

  link(notifier: ListNotifier): void {
    this.#setList([notifier, ...this.list]);
    notifier.linked = true;
  }

  unlink(notifier: ListNotifier): void {
    if (!notifier.linked) return;
    this.#setList(this.list.filter((one) => one !== notifier));
    notifier.linked = false;
    this.#events?.({ kind: "unlinked", mm: this.mm.name, notifier: notifier.name });
  }

  /** `mn_itree_inv_start_range` */
  startInterval(overlaps: boolean): void {
    const before = this.state.sequence;
    this.state.start(overlaps);
    if (this.state.sequence !== before) this.#tellSequence();
  }

  /** `mn_itree_inv_end`: deferred work is finished before anybody is woken. */
  endInterval(): void {
    // What the window protected may be gone.
    if (!this.mirrors.tree.alive) return;
    if (this.state.end()) this.state.thaw(this.#thaw);
  }

  /** An invalidation is over, refused or ended. */
  close(): void {
    this.openWindows -= 1;
    if (this.openWindows === 0) this.allEnded.wakeAll();
  }

  #setList(list: readonly ListNotifier[]): void {
    this.list = list;
    this.sleepsInStart = list.find((notifier) => notifier.sleepsInStart);
    this.sleepsInEnd = list.find((notifier) => notifier.sleepsInEnd);
  }

  #tellSequence(): void {
    if (this.#events === undefined) return;
    const { sequence, active } = this.state;
    this.#events({ kind: "sequence", mm: this.mm.name, sequence, active });
  }
}
