import { WaitQueue } from "../blocking/wait-queue.ts";
import type { IntervalNotifier } from "./interval-notifier.ts";

/** A passive mirror by its handle, or an interval notifier with callbacks. */
export type IntervalSubscriber = number | IntervalNotifier;

/** What a thaw does outside of the state. */
export interface Thaw {
  /** The sequence has become even; nothing else has been done yet. */
  begins(): void;
  /** Does what was deferred. Cannot fail. */
  finish(subscriber: IntervalSubscriber, work: "insert" | "remove"): void;
}

/**
 * What the kernel keeps in `mmu_notifier_subscriptions` for interval notifiers: the sequence number,
 * whose lowest bit says "the tree is frozen", the number of open invalidations, and the work that
 * waits for the thaw.
 *
 *     sequence even, active 0   idle
 *     sequence even, active > 0 invalidations are open, but none touched a notifier: the tree may change
 *     sequence odd,  active > 0 frozen: some open invalidation overlapped a notifier, or one was
 *                               inserted while an invalidation was open
 *
 * The sequence has 32 bits and wraps; it is only ever compared for equality.
 */
export class IntervalState {
  #sequence = 2;
  #active = 0;
  #disposed = false;
  #thawing = false;
  #insertions = 0;
  /** Deferred work, oldest first; the kernel's list is the other way round. Made when needed. */
  #deferred: Map<IntervalSubscriber, "insert" | "remove"> | undefined;
  /** What sleeping removers remove. */
  readonly #removed = new Set<IntervalSubscriber>();
  #unreturned = 0;
  readonly #removalWaitsForDeferred: boolean;
  /** Those who sleep until the tree thaws. */
  readonly thawed: WaitQueue = new WaitQueue();

  constructor(removalWaitsForDeferred: boolean) {
    this.#removalWaitsForDeferred = removalWaitsForDeferred;
  }

  /** The address space is gone: nobody may go on waiting for it. */
  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
    this.#deferred = undefined;
    this.#removed.clear();
    this.#unreturned = 0;
    this.thawed.wakeAll();
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Open invalidations. Below 0 after an end without a start. */
  get active(): number {
    return this.#active;
  }

  get frozen(): boolean {
    return (this.#sequence & 1) === 1;
  }

  /** Pieces of work that wait for the thaw, newest first, as on the kernel's list. */
  get deferred(): readonly IntervalSubscriber[] {
    return this.#deferred === undefined ? [] : [...this.#deferred.keys()].reverse();
  }

  /** The sequence that subscribers get if an invalidation that starts now overlaps them. */
  get sequenceOfStart(): number {
    return (this.#sequence | 1) >>> 0;
  }

  /** The sequence of a subscriber that is inserted now: odd, and current if it may be hit already. */
  get sequenceOfInsert(): number {
    // Idle: not the current sequence, so that a first read need not wait.
    return this.#active === 0 ? (this.#sequence - 1) >>> 0 : this.sequenceOfStart;
  }

  /** A number for the next insertion into the tree: equal starts keep that order. */
  nextInsertion(): number {
    this.#insertions += 1;
    return this.#insertions;
  }

  /** `mn_itree_inv_start_range`: opens an invalidation that overlaps a subscriber, or none. */
  start(overlaps: boolean): void {
    this.#active += 1;
    if (overlaps) this.freeze();
  }

  /** Forbids changes of the tree until the last open invalidation ends. */
  freeze(): void {
    this.#sequence = (this.#sequence | 1) >>> 0;
  }

  /** What waits for the thaw on behalf of a subscriber. */
  deferredFor(subscriber: IntervalSubscriber): "insert" | "remove" | undefined {
    return this.#deferred?.get(subscriber);
  }

  defer(subscriber: IntervalSubscriber, work: "insert" | "remove"): void {
    this.#deferred ??= new Map();
    this.#deferred.set(subscriber, work);
  }

  /** Takes deferred work back. */
  undefer(subscriber: IntervalSubscriber): void {
    this.#deferred?.delete(subscriber);
  }

  /** The first half of `mn_itree_inv_end`: closes an invalidation. True if the tree is to thaw now. */
  end(): boolean {
    this.#active -= 1;
    // An end too many leaves the kernel's unsigned counter at its maximum, which is above 0 as well.
    return this.#active === 0 && this.frozen;
  }

  /** The other half: deferred work is done, newest first, and only then are sleepers woken. */
  thaw({ begins, finish }: Thaw): void {
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#thawing = true;
    begins();
    if (this.#deferred !== undefined) {
      const deferred = [...this.#deferred].reverse();
      this.#deferred = undefined;
      for (const [subscriber, work] of deferred) {
        finish(subscriber, work);
        if (work === "remove" && this.#removed.has(subscriber)) this.#unreturned += 1;
      }
    }
    this.#thawing = false;
    this.thawed.wakeAll();
  }

  /** Removers whose removal is done, but who have not returned: each holds its reference until then. */
  get unreturnedRemovers(): number {
    return this.#unreturned;
  }

  /** A remover goes to sleep: its work waits for the thaw. */
  removerSleeps(subscriber: IntervalSubscriber): void {
    this.defer(subscriber, "remove");
    this.#removed.add(subscriber);
  }

  /** A remover returns, or nobody resumes it any more; the removal itself is due all the same. */
  removerLeaves(subscriber: IntervalSubscriber): void {
    if (this.#removed.delete(subscriber) && this.deferredFor(subscriber) === undefined) {
      this.#unreturned -= 1;
    }
  }

  /** Whether a remover that went to sleep at a sequence may return. */
  removalDone(frozenAt: number): boolean {
    if (this.#disposed) return true;
    if (this.#thawing && this.#removalWaitsForDeferred) return false;
    return this.#sequence !== frozenAt;
  }

  /** Whether a reader that went to sleep at a sequence may return. */
  readMayBegin(frozenAt: number): boolean {
    return this.#disposed || this.#sequence !== frozenAt;
  }
}
