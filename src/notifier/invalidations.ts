import type { Sleepable } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import type { Address } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";
import { runAtOnce, runSleepable } from "./callback-walk.ts";
import { beginEnd, EndWalk, endPlainly, finishEnd } from "./end-walk.ts";
import { errnoName } from "./errno.ts";
import type { IntervalNotifier } from "./interval-notifier.ts";
import { type CallbackRange, lastOfRange, type NotifierRange } from "./range.ts";
import { StartWalk, startPlainly } from "./start-walk.ts";
import type { Subscriptions } from "./subscriptions.ts";
import { InvalidationWindow, type WindowKeeper } from "./window.ts";

/** The answer of a non-blocking start. */
export type StartResult =
  | { readonly ok: true; readonly window: InvalidationWindow }
  | {
      readonly ok: false;
      /** `EAGAIN`, unless a notifier broke the contract. */
      readonly errno: string;
      /** Who refused, the last one if there were several: a notifier's name or a mirror's handle. */
      readonly refusedBy: string | number;
    };

/** The starts and ends of one address space: who calls what, and through which door. */
export class Invalidations implements WindowKeeper {
  readonly #mm: AddressSpace;
  readonly #subscriptions: Subscriptions;
  #count = 0;

  constructor(mm: AddressSpace, subscriptions: Subscriptions) {
    this.#mm = mm;
    this.#subscriptions = subscriptions;
  }

  start(range: NotifierRange): InvalidationWindow {
    const last = this.#lastOf(range);
    const notifiers = this.#subscriptions.intervals.overlapping(range.start, last);
    if (this.#needsWalk(notifiers)) {
      this.#checkStartsAtOnce(range, last, notifiers);
      const walk = this.#enter(range, true);
      walk.begin(range.start, last, notifiers);
      runAtOnce(walk);
      return this.#approve(walk, range, last);
    }
    this.#checkListStartsAtOnce();
    const started = this.#startPlainly(range, last, true);
    return started instanceof StartWalk ? this.#approve(started, range, last) : started;
  }

  *startSleepable(range: NotifierRange): Sleepable<InvalidationWindow> {
    const last = this.#lastOf(range);
    const { points, intervals } = this.#subscriptions;
    if (points) {
      yield MIGHT_SLEEP;
      yield { kind: "point", label: "before inv_start" };
    }
    const notifiers = intervals.overlapping(range.start, last);
    if (!points && this.#subscriptions.list.length === 0 && !this.#needsWalk(notifiers)) {
      return this.#open(range, last, true);
    }
    const walk = this.#enter(range, true);
    walk.begin(range.start, last, notifiers);
    yield* runSleepable(walk, points);
    return this.#approve(walk, range, last);
  }

  tryStart(range: NotifierRange): StartResult {
    const last = this.#lastOf(range);
    const notifiers = this.#subscriptions.intervals.overlapping(range.start, last);
    if (this.#needsWalk(notifiers)) {
      const walk = this.#enter(range, false);
      if (walk.begin(range.start, last, notifiers)) runAtOnce(walk);
      return this.#resultOf(walk, range, last);
    }
    const started = this.#startPlainly(range, last, false);
    if (started instanceof StartWalk) return this.#resultOf(started, range, last);
    return { ok: true, window: started };
  }

  *tryStartSleepable(range: NotifierRange): Sleepable<StartResult> {
    const last = this.#lastOf(range);
    const { points, intervals } = this.#subscriptions;
    if (points) yield { kind: "point", label: "before inv_start" };
    const notifiers = intervals.overlapping(range.start, last);
    const walk = this.#enter(range, false);
    if (walk.begin(range.start, last, notifiers)) yield* runSleepable(walk, points);
    return this.#resultOf(walk, range, last);
  }

  endWindow(window: InvalidationWindow): void {
    const { list, observed, profile } = this.#subscriptions;
    if (list.length === 0) {
      beginEnd(this.#subscriptions, window.id, window.range, window.blockable);
      finishEnd(this.#subscriptions, window.id);
    } else if (observed || profile.callsInvalidateRange) {
      runAtOnce(this.#endWalk(window));
    } else {
      endPlainly(this.#subscriptions, this.#callbackRangeOf(window), window.id);
    }
  }

  *endWindowSleepable(window: InvalidationWindow): Sleepable<undefined> {
    const { points } = this.#subscriptions;
    if (points) {
      if (window.blockable) yield MIGHT_SLEEP;
      yield { kind: "point", label: "before inv_end" };
    }
    yield* runSleepable(this.#endWalk(window), points);
  }

  /** An end without a window: the fault of a caller, as the kernel would carry it out. */
  *endUnchecked(range: NotifierRange, blockable: boolean): Sleepable<undefined> {
    const { points } = this.#subscriptions;
    if (points) yield { kind: "point", label: "before inv_end" };
    // Makes up for the count of a window that is not there.
    this.#subscriptions.openWindows += 1;
    const walk = new EndWalk(this.#subscriptions, this.#callbackRange(range, blockable), null);
    yield* runSleepable(walk, points);
  }

  checkEndsAtOnce(window: InvalidationWindow): void {
    const { sleepsInEnd } = this.#subscriptions;
    if (sleepsInEnd === undefined || !window.blockable) return;
    throw new IntervalidateError(
      "WOULD_BLOCK",
      `The end callback of ${sleepsInEnd.name} may sleep: use \`endAsync\`, or let a driver run \`endSleepable\`.`,
    );
  }

  refuseSecondEnd(window: InvalidationWindow): void {
    this.#subscriptions.tell({
      kind: "invalidate-end-again",
      mm: this.#mm.name,
      window: window.id,
    });
  }

  listHits(start: Address, last: Address, count: number): Uint32Array {
    const hits = new Uint32Array(count);
    this.#subscriptions.mirrors.tree.collect(start, last, hits);
    return hits;
  }

  #lastOf(range: NotifierRange): Address {
    const last = lastOfRange(range, this.#subscriptions.profile.refusesDegenerateRanges);
    this.#subscriptions.mirrors.tree.checkAlive();
    return last;
  }

  /**
   * Whether the interval phase has callbacks, or may find a lock held, or somebody looks at the calls of
   * the list. If not, the engine does the interval phase by itself.
   */
  #needsWalk(notifiers: readonly IntervalNotifier[]): boolean {
    const { list, mirrors, observed } = this.#subscriptions;
    return notifiers.length > 0 || (observed && list.length > 0) || mirrors.tree.heldLocks > 0;
  }

  /** The hot path. A walk only if a callback had more to say than yes. */
  #startPlainly(
    range: NotifierRange,
    last: Address,
    blockable: boolean,
  ): InvalidationWindow | StartWalk {
    const countsInKernel = this.#subscriptions.hasIntervalTree;
    const window = this.#open(range, last, blockable);
    const { callbackRange } = window;
    if (callbackRange === undefined) return window;
    const { id, sequence, hitCount } = window;
    const opening = {
      window: id,
      range: callbackRange,
      sequence,
      hits: hitCount,
      countsInKernel,
    };
    return startPlainly(this.#subscriptions, opening) ?? window;
  }

  /** Opens the invalidation; the list has not been called yet. */
  #open(range: NotifierRange, last: Address, blockable: boolean): InvalidationWindow {
    const { list, mirrors, state, observed } = this.#subscriptions;
    this.#count += 1;
    const id = this.#count;
    if (observed) this.#tellEnter(id, range, blockable);
    const sequence = state.sequenceOfStart;
    const hits = mirrors.tree.invalidate(range.start, last, sequence);
    this.#subscriptions.startInterval(hits > 0);
    this.#subscriptions.openWindows += 1;
    if (observed) this.#tellStart(id, range, blockable, sequence, hits);
    const seen = list.length === 0 ? undefined : this.#callbackRange(range, blockable);
    return new InvalidationWindow(this, id, range, last, blockable, sequence, hits, seen);
  }

  #enter(range: NotifierRange, blockable: boolean): StartWalk {
    this.#count += 1;
    if (this.#subscriptions.observed) this.#tellEnter(this.#count, range, blockable);
    const callbackRange = this.#callbackRange(range, blockable);
    return new StartWalk(this.#subscriptions, callbackRange, this.#count);
  }

  #approve(walk: StartWalk, range: NotifierRange, last: Address): InvalidationWindow {
    const { window, sequence, hits, mayBlock } = walk;
    if (this.#subscriptions.observed) this.#tellStart(window, range, mayBlock, sequence, hits);
    return new InvalidationWindow(this, window, range, last, mayBlock, sequence, hits, walk.range);
  }

  #resultOf(walk: StartWalk, range: NotifierRange, last: Address): StartResult {
    const { refusal } = walk;
    if (refusal === undefined) {
      return { ok: true, window: this.#approve(walk, range, last) };
    }
    const errno = errnoName(refusal.errno);
    const refusedBy = refusal.by;
    this.#subscriptions.tell({
      kind: "invalidate-refused",
      mm: this.#mm.name,
      window: walk.window,
      event: range.event ?? "UNMAP",
      start: range.start,
      end: range.end,
      errno,
      refusedBy,
      leftActive: walk.leftActive,
    });
    return { ok: false, errno, refusedBy };
  }

  /** Whatever would have to sleep is found before anything changes. */
  #checkStartsAtOnce(
    range: NotifierRange,
    last: Address,
    notifiers: readonly IntervalNotifier[],
  ): void {
    const { mirrors } = this.#subscriptions;
    if (mirrors.tree.heldLocks > 0) {
      const held = mirrors.heldAscending(range.start, last);
      if (held.length > 0) throw wouldBlock(`The lock of mirror ${held[0]} is held`);
    }
    for (const { name, sleeps } of notifiers) {
      if (sleeps) throw wouldBlock(`The callback of ${name} may sleep`);
    }
    this.#checkListStartsAtOnce();
  }

  #checkListStartsAtOnce(): void {
    const { sleepsInStart } = this.#subscriptions;
    if (sleepsInStart !== undefined) {
      throw wouldBlock(`The start callback of ${sleepsInStart.name} may sleep`);
    }
  }

  #endWalk(window: InvalidationWindow): EndWalk {
    return new EndWalk(this.#subscriptions, this.#callbackRangeOf(window), window.id);
  }

  /** The range as callbacks of the start saw it, or would have. */
  #callbackRangeOf(window: InvalidationWindow): CallbackRange {
    return window.callbackRange ?? this.#callbackRange(window.range, window.blockable);
  }

  #callbackRange(range: NotifierRange, blockable: boolean): CallbackRange {
    const { start, end, event = "UNMAP", owner } = range;
    return { mm: this.#mm, start, end, event, owner, blockable };
  }

  #tellEnter(window: number, range: NotifierRange, blockable: boolean): void {
    const { start, end, event = "UNMAP" } = range;
    this.#subscriptions.tell({
      kind: "invalidate-enter",
      mm: this.#mm.name,
      window,
      event,
      blockable,
      start,
      end,
    });
  }

  #tellStart(
    window: number,
    range: NotifierRange,
    blockable: boolean,
    sequence: number,
    hits: number,
  ): void {
    const { start, end, event = "UNMAP" } = range;
    this.#subscriptions.tell({
      kind: "invalidate-start",
      mm: this.#mm.name,
      window,
      event,
      blockable,
      start,
      end,
      sequence,
      hits,
    });
  }
}

/** `might_sleep`: a place that may sleep, shown even where nothing has to be waited for. */
const MIGHT_SLEEP = {
  kind: "wait",
  resource: "blockable invalidation",
  queue: new WaitQueue(),
  killable: false,
  ready: () => true,
} as const;

function wouldBlock(why: string): IntervalidateError {
  return new IntervalidateError(
    "WOULD_BLOCK",
    `${why}, so this start has to sleep: use \`invalidateRangeStartAsync\`, let a driver run \`invalidateRangeStartSleepable\`, or be content with \`tryInvalidateRangeStart\`.`,
  );
}
