import type { Sleepable } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import type { Address } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";
import { isGeneratorFunction, runAtOnce, runSleepable } from "./callback-walk.ts";
import { beginEnd, EndWalk, finishEnd } from "./end-walk.ts";
import { errnoName } from "./errno.ts";
import type { IntervalNotifier } from "./interval-notifier.ts";
import type { ListNotifier } from "./list-notifier.ts";
import { type CallbackRange, lastOfRange, type NotifierRange } from "./range.ts";
import { StartWalk } from "./start-walk.ts";
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
    const fast = this.#tryWithoutCallbacks(range, last, true);
    if (fast !== undefined) return fast;
    this.#checkStartsAtOnce(range, last);
    const walk = this.#enter(range, true);
    walk.begin(range.start, last);
    runAtOnce(walk);
    return this.#approve(walk, range, last, true);
  }

  *startSleepable(range: NotifierRange): Sleepable<InvalidationWindow> {
    const last = this.#lastOf(range);
    const { points } = this.#subscriptions;
    if (points) {
      yield MIGHT_SLEEP;
      yield { kind: "point", label: "before inv_start" };
    } else {
      const fast = this.#tryWithoutCallbacks(range, last, true);
      if (fast !== undefined) return fast;
    }
    const walk = this.#enter(range, true);
    walk.begin(range.start, last);
    yield* runSleepable(walk, points);
    return this.#approve(walk, range, last, true);
  }

  tryStart(range: NotifierRange): StartResult {
    const last = this.#lastOf(range);
    const window = this.#tryWithoutCallbacks(range, last, false);
    if (window !== undefined) return { ok: true, window };
    const walk = this.#enter(range, false);
    if (walk.begin(range.start, last)) runAtOnce(walk);
    return this.#resultOf(walk, range, last);
  }

  *tryStartSleepable(range: NotifierRange): Sleepable<StartResult> {
    const last = this.#lastOf(range);
    const { points } = this.#subscriptions;
    if (points) yield { kind: "point", label: "before inv_start" };
    const walk = this.#enter(range, false);
    if (walk.begin(range.start, last)) yield* runSleepable(walk, points);
    return this.#resultOf(walk, range, last);
  }

  endWindow(window: InvalidationWindow): void {
    if (this.#subscriptions.list.length === 0) {
      beginEnd(this.#subscriptions, window.id, window.range, window.blockable);
      finishEnd(this.#subscriptions, window.id);
    } else {
      runAtOnce(this.#endWalk(window));
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
    if (!window.blockable) return;
    for (const { name, ops } of this.#subscriptions.list) {
      if (!isGeneratorFunction(ops.invalidateRangeEnd)) continue;
      throw new IntervalidateError(
        "WOULD_BLOCK",
        `The end callback of ${name} may sleep: use \`endAsync\`, or let a driver run \`endSleepable\`.`,
      );
    }
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

  /** The hot path: nobody has callbacks and no lock is held, so the engine does it all. */
  #tryWithoutCallbacks(
    range: NotifierRange,
    last: Address,
    blockable: boolean,
  ): InvalidationWindow | undefined {
    const { list, intervals, mirrors, state } = this.#subscriptions;
    if (list.length > 0 || intervals.size > 0 || mirrors.tree.heldLocks > 0) return undefined;
    this.#count += 1;
    const id = this.#count;
    if (this.#subscriptions.observed) this.#tellEnter(id, range, blockable);
    const sequence = state.sequenceOfStart;
    const hits = mirrors.tree.invalidate(range.start, last, sequence);
    this.#subscriptions.startInterval(hits > 0);
    this.#subscriptions.openWindows += 1;
    if (this.#subscriptions.observed) this.#tellStart(id, range, blockable, sequence, hits);
    return new InvalidationWindow(this, id, range, last, blockable, sequence, hits, undefined);
  }

  #enter(range: NotifierRange, blockable: boolean): StartWalk {
    this.#count += 1;
    if (this.#subscriptions.observed) this.#tellEnter(this.#count, range, blockable);
    const callbackRange = this.#callbackRange(range, blockable);
    return new StartWalk(this.#subscriptions, callbackRange, this.#count);
  }

  #approve(
    walk: StartWalk,
    range: NotifierRange,
    last: Address,
    blockable: boolean,
  ): InvalidationWindow {
    const { window, sequence, hits } = walk;
    if (this.#subscriptions.observed) this.#tellStart(window, range, blockable, sequence, hits);
    return new InvalidationWindow(this, window, range, last, blockable, sequence, hits, walk.range);
  }

  #resultOf(walk: StartWalk, range: NotifierRange, last: Address): StartResult {
    const { refusal } = walk;
    if (refusal === undefined) {
      return { ok: true, window: this.#approve(walk, range, last, false) };
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
  #checkStartsAtOnce(range: NotifierRange, last: Address): void {
    const { mirrors, intervals, list } = this.#subscriptions;
    if (mirrors.tree.heldLocks > 0) {
      const held = mirrors.heldAscending(range.start, last);
      if (held.length > 0) throw wouldBlock(`The lock of mirror ${held[0]} is held`);
    }
    for (const notifier of intervals.overlapping(range.start, last)) {
      if (sleepsInStart(notifier)) throw wouldBlock(`The callback of ${notifier.name} may sleep`);
    }
    for (const notifier of list) {
      if (sleepsInStart(notifier)) {
        throw wouldBlock(`The start callback of ${notifier.name} may sleep`);
      }
    }
  }

  #endWalk(window: InvalidationWindow): EndWalk {
    const range = window.callbackRange ?? this.#callbackRange(window.range, window.blockable);
    return new EndWalk(this.#subscriptions, range, window.id);
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

function sleepsInStart(notifier: ListNotifier | IntervalNotifier): boolean {
  const { ops } = notifier;
  const callback =
    "invalidateRangeStart" in ops
      ? ops.invalidateRangeStart
      : "invalidate" in ops || "invalidateStart" in ops
        ? (ops.invalidateStart ?? ops.invalidate)
        : undefined;
  if (callback === undefined) return false;
  return isGeneratorFunction(typeof callback === "function" ? callback : callback.blocking);
}

function wouldBlock(why: string): IntervalidateError {
  return new IntervalidateError(
    "WOULD_BLOCK",
    `${why}, so this start has to sleep: use \`invalidateRangeStartAsync\`, let a driver run \`invalidateRangeStartSleepable\`, or be content with \`tryInvalidateRangeStart\`.`,
  );
}
