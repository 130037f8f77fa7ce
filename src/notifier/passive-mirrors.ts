import { runAsync } from "../blocking/asynchronous-driver.ts";
import { type Sleepable, type Wait, waitUntil } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import { type Address, closedLast } from "../engine/addresses.ts";
import type { Dependant, Engine } from "../engine/engine.ts";
import { checkedHandle } from "../engine/handles.ts";
import { IntervalSet } from "../engine/interval-set.ts";
import { checkedPairs } from "../engine/pairs.ts";
import { IntervalidateError } from "../errors.ts";
import { deadMm } from "./dead-mm.ts";
import type { EventSink } from "./events.ts";
import { InsertionNumbers } from "./insertion-numbers.ts";
import type { IntervalState } from "./interval-state.ts";

/**
 * The passive mirrors of one address space: interval notifiers without callbacks, kept wholly inside
 * the engine. A mirror is a number, its user lock is one bit, and what an invalidation does to it is
 * fixed: take the bit, set the sequence, release the bit. Its owner tears its own entries down.
 *
 * While the tree is frozen, insertions and removals are deferred as the kernel does it
 * (`mmu_interval_notifier_insert` and `_remove`): a mirror inserted then is invisible to
 * invalidations until the thaw, one removed then stays visible until the thaw.
 */
export class PassiveMirrors implements Dependant {
  readonly #mm: string;
  readonly #state: IntervalState;
  readonly #inUse: () => boolean;
  readonly #events: EventSink | undefined;
  /** What invalidations see. */
  readonly #tree: IntervalSet;
  /** Mirrors whose insertion is deferred; an own set keeps handle, sequence and lock bit working. */
  #waiting: IntervalSet | undefined;
  /** Kept where the order of equal starts can be seen. */
  readonly #insertions: InsertionNumbers | undefined;
  /** Those who sleep until any lock bit is released: few, so one queue serves all mirrors. */
  readonly #lockReleased = new WaitQueue();

  /** @internal Whether there has ever been a mirror. */
  used = false;

  /**
   * For `AddressSpace` only. `inUse`: whether it has users. `ordered`: whether the order of equal starts
   * can be seen.
   */
  constructor(
    mm: string,
    engine: Engine,
    state: IntervalState,
    inUse: () => boolean,
    ordered: boolean,
    events: EventSink | undefined,
  ) {
    this.#mm = mm;
    this.#inUse = inUse;
    this.#tree = new IntervalSet(engine, this);
    this.#state = state;
    this.#insertions = ordered ? InsertionNumbers.of(engine) : undefined;
    this.#events = events;
  }

  /** Mirrors inserted and not removed. */
  get size(): number {
    return this.#tree.size + (this.#waiting?.size ?? 0);
  }

  /** Whether this number is the handle of a mirror of this address space. @throws {IntervalidateError} ARGUMENT for a non-number */
  has(mirror: number): boolean {
    return this.#setOf(mirror) !== undefined;
  }

  /** First byte mirrored. @throws {IntervalidateError} ARGUMENT if there is no such mirror */
  startOf(mirror: number): bigint {
    return this.#mustFind(mirror).startOf(mirror) as bigint;
  }

  /** One past the last byte mirrored. @throws {IntervalidateError} ARGUMENT if there is no such mirror */
  endOf(mirror: number): bigint {
    return (this.#mustFind(mirror).lastOf(mirror) as bigint) + 1n;
  }

  /**
   * Mirrors `[start, end)` from now on: `mmu_interval_notifier_insert`. Never sleeps. If an
   * invalidation is open, the mirror is assumed to be hit by it: its first `readBegin` waits for
   * the thaw.
   *
   * @throws {IntervalidateError} RANGE, ARGUMENT, CAPACITY or OUT_OF_MEMORY; ARGUMENT (EINVAL) in an
   *   address space that has been released, which nobody would tell of a release any more. Nothing has
   *   changed then.
   */
  insert(start: Address, end: Address): number {
    const last = closedLast(start, end);
    this.#checkInUse();
    const state = this.#state;
    let mirror: number;
    const deferred = state.frozen;
    const sequence = state.sequenceOfInsert;
    if (deferred) {
      mirror = this.#insertDeferred(start, last, sequence);
    } else {
      mirror = this.#tree.insert(start, last, sequence);
      this.#insertions?.set(mirror, state.nextInsertion());
      // Which ranges are open is not recorded, so the new mirror counts as hit.
      if (state.active !== 0) this.#freeze();
    }
    this.used = true;
    this.#events?.({
      kind: "mirror-insert",
      mm: this.#mm,
      mirror,
      start,
      end,
      sequence,
      deferred,
    });
    return mirror;
  }

  /**
   * Inserts a mirror for each `[starts[i], ends[i])`, all or none; returns their handles in order.
   * It is one insertion: all of them become visible at once, or are deferred together.
   *
   * @throws {IntervalidateError} as `insert`; nothing has changed then
   */
  insertMany(
    starts: Float64Array | BigUint64Array,
    ends: Float64Array | BigUint64Array,
  ): Uint32Array {
    checkedPairs(starts, ends);
    this.#checkInUse();
    const state = this.#state;
    const deferred = state.frozen;
    const sequence = state.sequenceOfInsert;
    let mirrors: Uint32Array;
    if (deferred) {
      const waiting = this.#waitingSet();
      waiting.reserve(starts.length);
      try {
        mirrors = waiting.insertMany(starts, ends, sequence);
      } catch (error) {
        waiting.reserve(-starts.length);
        throw error;
      }
      for (const mirror of mirrors) state.defer(mirror, "insert");
    } else {
      mirrors = this.#tree.insertMany(starts, ends, sequence);
      if (this.#insertions !== undefined) {
        for (const mirror of mirrors) this.#insertions.set(mirror, state.nextInsertion());
      }
      if (state.active !== 0 && mirrors.length > 0) this.#freeze();
    }
    this.used ||= mirrors.length > 0;
    if (this.#events !== undefined) {
      for (let i = 0; i < mirrors.length; i += 1) {
        this.#events({
          kind: "mirror-insert",
          mm: this.#mm,
          mirror: mirrors[i],
          start: starts[i],
          end: ends[i],
          sequence,
          deferred,
        });
      }
    }
    return mirrors;
  }

  /**
   * Ends the mirroring: `mmu_interval_notifier_remove`. Returns false if there is no such mirror or
   * it is being removed already. After return no invalidation hits it.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if the tree is frozen, so that the kernel would sleep;
   *   ARGUMENT if the mirror's lock is held; nothing has changed then
   */
  remove(mirror: number): boolean {
    const verdict = this.#tryRemove(mirror);
    if (verdict !== "wait") return verdict === "removed";
    throw new IntervalidateError(
      "WOULD_BLOCK",
      `Mirror ${mirror} cannot be removed while an invalidation that may have hit it is open: end the window first, use \`removeAsync\`, or let a driver run \`removeSleepable\`.`,
    );
  }

  /** `remove` that sleeps until the tree thaws. */
  *removeSleepable(mirror: number): Sleepable<boolean> {
    const verdict = this.#tryRemove(mirror);
    if (verdict !== "wait") return verdict === "removed";
    this.#state.removerSleeps(mirror);
    this.#events?.({ kind: "mirror-remove", mm: this.#mm, mirror, deferred: true });
    // The removal is due from here on, whether or not anybody waits for it.
    const frozenAt = this.#state.sequence;
    try {
      yield* this.#waitForThaw("thaw (remove)", false, () => this.#state.removalDone(frozenAt));
    } finally {
      this.#state.removerLeaves(mirror);
    }
    return true;
  }

  /** `remove` as a promise. Uninterruptible, as in the kernel. */
  removeAsync(mirror: number): Promise<boolean> {
    return runAsync(this.removeSleepable(mirror));
  }

  /**
   * Starts a read of the mirrored memory: `mmu_interval_read_begin`. Returns the sequence to give to
   * `readRetry`. It does not loop: a retry may be due already when it returns.
   *
   * @throws {IntervalidateError} WOULD_BLOCK while an invalidation that hit the mirror is open;
   *   ARGUMENT if there is no such mirror
   */
  readBegin(mirror: number): number {
    const sequence = this.#mustFind(mirror).sequenceOf(mirror);
    if (sequence === this.#state.sequence) {
      throw new IntervalidateError(
        "WOULD_BLOCK",
        `Mirror ${mirror} is being invalidated: a read has to wait for the end. Use \`readBeginAsync\`, or let a driver run \`readBeginSleepable\`.`,
      );
    }
    this.#events?.({ kind: "read-begin", mm: this.#mm, subscriber: mirror, sequence });
    return sequence;
  }

  /** `readBegin` that sleeps until the invalidation has ended. Killable. */
  *readBeginSleepable(mirror: number): Sleepable<number> {
    const sequence = this.#mustFind(mirror).sequenceOf(mirror);
    this.#events?.({ kind: "read-enter", mm: this.#mm, subscriber: mirror });
    if (sequence === this.#state.sequence) {
      yield* this.#waitForThaw("thaw (read)", true, () => this.#state.readMayBegin(sequence));
    }
    this.#events?.({ kind: "read-begin", mm: this.#mm, subscriber: mirror, sequence });
    return sequence;
  }

  /** `readBegin` as a promise. @throws the signal's reason if it is aborted meanwhile */
  readBeginAsync(mirror: number, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return runAsync(this.readBeginSleepable(mirror), options.signal);
  }

  /**
   * Whether an invalidation has hit the mirror since `readBegin` returned `sequence`, so that what was
   * read must not be installed: `mmu_interval_read_retry`. To be called with the mirror's lock held.
   *
   * @throws {IntervalidateError} ARGUMENT if there is no such mirror
   */
  readRetry(mirror: number, sequence: number): boolean {
    const set = this.#mustFind(mirror);
    const retry = set.sequenceOf(mirror) !== sequence;
    this.#events?.({
      kind: "read-retry",
      mm: this.#mm,
      subscriber: mirror,
      sequence,
      retry,
      locked: set.isLocked(mirror),
    });
    return retry;
  }

  /**
   * Takes the mirror's lock.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if somebody holds it; ARGUMENT if there is no such mirror
   */
  lock(mirror: number): void {
    if (this.tryLock(mirror)) return;
    throw new IntervalidateError(
      "WOULD_BLOCK",
      `The lock of mirror ${mirror} is held: unlock it first, use \`lockAsync\`, or let a driver run \`lockSleepable\`.`,
    );
  }

  /** `lock` that sleeps while somebody else holds it. It always yields, so that a driver sees it. */
  *lockSleepable(mirror: number): Sleepable<undefined> {
    const wait = this.waitForLock(mirror, true);
    do yield wait;
    while (!this.tryLock(mirror));
  }

  /** `lock` as a promise. @throws the signal's reason if it is aborted meanwhile */
  lockAsync(mirror: number, options: { readonly signal?: AbortSignal } = {}): Promise<undefined> {
    return runAsync(this.lockSleepable(mirror), options.signal);
  }

  /** Takes the mirror's lock if it is free. @throws {IntervalidateError} ARGUMENT if there is no such mirror */
  tryLock(mirror: number): boolean {
    const set = this.#mustFind(mirror);
    if (this.#state.deferredFor(mirror) === "remove") {
      throw new IntervalidateError(
        "ARGUMENT",
        `Mirror ${mirror} is being removed: whoever removes a mirror has finished using it.`,
      );
    }
    const taken = set.tryLock(mirror);
    this.#events?.({
      kind: taken ? "mirror-lock" : "mirror-trylock-failed",
      mm: this.#mm,
      mirror,
    });
    return taken;
  }

  /** @throws {IntervalidateError} ARGUMENT if there is no such mirror or its lock is free */
  unlock(mirror: number): void {
    this.#mustFind(mirror).unlock(mirror);
    this.#events?.({ kind: "mirror-unlock", mm: this.#mm, mirror });
    this.#lockReleased.wakeAll();
  }

  /** Whether somebody holds the mirror's lock. @throws {IntervalidateError} ARGUMENT if there is no such mirror */
  isLocked(mirror: number): boolean {
    return this.#mustFind(mirror).isLocked(mirror);
  }

  /** The sequence of the last invalidation that hit the mirror. @throws {IntervalidateError} ARGUMENT if there is no such mirror */
  sequenceOf(mirror: number): number {
    return this.#mustFind(mirror).sequenceOf(mirror);
  }

  /** @internal What invalidations see. */
  get tree(): IntervalSet {
    return this.#tree;
  }

  /** @internal One look at the mirror's lock; `ready` is also true once the mirror is gone. */
  waitForLock(mirror: number, killable: boolean): Wait {
    return {
      kind: "wait",
      resource: "mirror lock",
      queue: this.#lockReleased,
      killable,
      ready: () => this.#state.disposed || this.#setOf(mirror)?.isLocked(mirror) !== true,
    };
  }

  /** @internal The mirrors that overlap `[start, last]`, ascending by start, equal ones as they came. */
  overlapping(start: Address, last: Address): number[] {
    const mirrors = [...this.#tree.ordered(start, last)];
    const starts = mirrors.map((mirror) => this.#tree.startOf(mirror));
    // Ordered by start, but equal starts by their ends.
    for (let from = 0, to = 1; to <= mirrors.length; to += 1) {
      if (to < mirrors.length && starts[to] === starts[from]) continue;
      if (to - from > 1) {
        const equal = mirrors
          .slice(from, to)
          .sort((a, b) => this.insertionOf(a) - this.insertionOf(b));
        for (let i = from; i < to; i += 1) mirrors[i] = equal[i - from];
      }
      from = to;
    }
    return mirrors;
  }

  /** @internal When a mirror came into the tree, compared with others of its address space. */
  insertionOf(mirror: number): number {
    return this.#insertions?.get(mirror) ?? 0;
  }

  /** @internal The mirrors of `[start, last]` whose lock is held, ascending by start. */
  heldAscending(start: Address, last: Address): number[] {
    const tree = this.#tree;
    const held = new Uint32Array(tree.heldLocks);
    const count = tree.collectLocked(start, last, held);
    const starts = new Map<number, bigint>();
    for (const mirror of held.subarray(0, count)) {
      starts.set(mirror, tree.startOf(mirror) as bigint);
    }
    return [...starts]
      .sort(([a, startA], [b, startB]) => (startA < startB ? -1 : startA > startB ? 1 : a - b))
      .map(([mirror]) => mirror);
  }

  /** @internal Does what was deferred. Called when the tree has thawed; cannot fail. */
  finishDeferred(mirror: number, work: "insert" | "remove"): void {
    if (work === "insert") {
      const waiting = this.#waiting as IntervalSet;
      waiting.reserve(-1);
      waiting.transferTo(this.#tree, mirror);
      this.#insertions?.set(mirror, this.#state.nextInsertion());
      this.#events?.({ kind: "mirror-inserted", mm: this.#mm, mirror });
    } else {
      this.#tree.remove(mirror);
      this.#events?.({ kind: "mirror-removed", mm: this.#mm, mirror });
      this.#lockReleased.wakeAll();
    }
  }

  /** @internal */
  dispose(): void {
    this.#waiting?.dispose();
    this.#tree.dispose();
  }

  /** @internal The tree is gone, however that came about: nobody may go on waiting for it. */
  forget(): void {
    this.#state.dispose();
    this.#lockReleased.wakeAll();
  }

  #checkInUse(): void {
    if (this.#inUse()) return;
    this.#events?.({ kind: "warn", mm: this.#mm, warning: "insert-into-dead-mm", notifier: null });
    throw deadMm(this.#mm, "Inserting a mirror");
  }

  #freeze(): void {
    const state = this.#state;
    state.freeze();
    const { sequence, active } = state;
    this.#events?.({ kind: "sequence", mm: this.#mm, sequence, active });
  }

  #insertDeferred(start: Address, last: Address, sequence: number): number {
    const waiting = this.#waitingSet();
    // The thaw must not fail, so its memory is set aside now.
    waiting.reserve(1);
    let mirror: number;
    try {
      mirror = waiting.insert(start, last, sequence);
    } catch (error) {
      waiting.reserve(-1);
      throw error;
    }
    this.#state.defer(mirror, "insert");
    return mirror;
  }

  #tryRemove(mirror: number): "removed" | "absent" | "wait" {
    const set = this.#setOf(mirror);
    if (set === undefined || this.#state.deferredFor(mirror) === "remove") return "absent";
    if (set.isLocked(mirror)) {
      throw new IntervalidateError(
        "ARGUMENT",
        `Mirror ${mirror} cannot be removed while its lock is held: unlock it first.`,
      );
    }
    if (set !== this.#tree) {
      // It never became visible.
      this.#state.undefer(mirror);
      set.remove(mirror);
      set.reserve(-1);
    } else if (this.#state.frozen) {
      return "wait";
    } else {
      set.remove(mirror);
    }
    this.#events?.({ kind: "mirror-remove", mm: this.#mm, mirror, deferred: false });
    this.#lockReleased.wakeAll();
    return "removed";
  }

  *#waitForThaw(resource: string, killable: boolean, ready: () => boolean): Sleepable<undefined> {
    yield* waitUntil(ready, this.#state.thawed, resource, killable);
    // Disposal ends the wait as well, and is told as such.
    this.#tree.checkAlive();
  }

  #waitingSet(): IntervalSet {
    // Before a set is made for nothing, and for ever.
    this.#tree.checkAlive();
    this.#waiting ??= new IntervalSet(this.#tree.engine);
    return this.#waiting;
  }

  #setOf(mirror: number): IntervalSet | undefined {
    const handle = checkedHandle(mirror);
    if (this.#tree.has(handle)) return this.#tree;
    return this.#waiting?.has(handle) ? this.#waiting : undefined;
  }

  #mustFind(mirror: number): IntervalSet {
    const set = this.#setOf(mirror);
    if (set !== undefined) return set;
    throw new IntervalidateError(
      "ARGUMENT",
      `${String(mirror)} is not a live mirror of address space ${this.#mm}: it was removed, or belongs to another one.`,
    );
  }
}
