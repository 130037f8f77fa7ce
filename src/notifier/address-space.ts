import type { Sleepable } from "../blocking/suspension.ts";
import { type Address, closedLast } from "../engine/addresses.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import { IntervalidateError } from "../errors.ts";
import type { EventSink } from "./events.ts";
import { IntervalState } from "./interval-state.ts";
import { PassiveMirrors } from "./passive-mirrors.ts";
import type { NotifierRange } from "./range.ts";
import { InvalidationWindow, type WindowKeeper } from "./window.ts";

export interface AddressSpaceOptions {
  /** Names the address space in events and messages. Default: `mm`. */
  readonly name?: string;
  /** The engine that keeps the mirrors. Default: one shared by the whole program. */
  readonly engine?: Engine;
  /** Receives everything observable, as it happens. Costs nothing when absent. */
  readonly events?: EventSink;
}

/** The answer of a non-blocking start. */
export type StartResult =
  | { readonly ok: true; readonly window: InvalidationWindow }
  | {
      readonly ok: false;
      readonly errno: "EAGAIN";
      /** The lowest mirror that would have had to sleep. */
      readonly refusedBy: number;
    };

/**
 * One address space, the kernel's `mm`, and everything that mirrors it. Whoever changes
 * `[start, end)` brackets the change with `invalidateRangeStart(...)` and `window.end()`.
 */
export class AddressSpace implements Disposable {
  readonly name: string;
  /** Interval notifiers without callbacks, by the million. */
  readonly mirrors: PassiveMirrors;
  readonly #events: EventSink | undefined;
  readonly #state: IntervalState;
  readonly #keeper: WindowKeeper;
  #windows = 0;

  constructor(options: AddressSpaceOptions = {}) {
    this.name = options.name ?? "mm";
    this.#events = options.events;
    this.#state = new IntervalState();
    this.mirrors = new PassiveMirrors(
      this.name,
      options.engine ?? defaultEngine(),
      this.#state,
      this.#events,
    );
    this.#keeper = {
      closeWindow: (window) => this.#closeWindow(window),
      refuseSecondEnd: (window) =>
        this.#events?.({ kind: "invalidate-end-again", mm: this.name, window: window.id }),
      listHits: (start, last, count) => {
        const hits = new Uint32Array(count);
        this.mirrors.tree.collect(start, last, hits);
        return hits;
      },
    };
  }

  /** The notifier sequence, `invalidate_seq`: odd while the tree is frozen. Starts at 2. */
  get sequence(): number {
    return this.#state.sequence;
  }

  /** Invalidations that have started and not ended, `active_invalidate_ranges`. */
  get activeInvalidations(): number {
    return this.#state.active;
  }

  /**
   * Announces a change of `[range.start, range.end)` by a caller that may wait:
   * `mmu_notifier_invalidate_range_start`. It cannot be refused.
   *
   * @throws {IntervalidateError} RANGE or ARGUMENT; WOULD_BLOCK if a mirror's lock is held, so that it
   *   would have to sleep. Nothing has changed then.
   */
  invalidateRangeStart(range: NotifierRange): InvalidationWindow {
    const last = this.#checkRange(range);
    const window = this.#tryOpen(range, last, true);
    if (window !== undefined) return window;
    throw new IntervalidateError(
      "WOULD_BLOCK",
      `The lock of mirror ${this.#lowestHeld(range.start, last)} is held, so this start has to sleep: release the lock, let a driver run \`invalidateRangeStartSleepable\`, or use \`tryInvalidateRangeStart\`.`,
    );
  }

  /** `invalidateRangeStart` that sleeps while a mirror that it hits is locked. Uninterruptible. */
  *invalidateRangeStartSleepable(range: NotifierRange): Sleepable<InvalidationWindow> {
    const last = this.#checkRange(range);
    const window = this.#tryOpen(range, last, true);
    if (window !== undefined) return window;
    return yield* this.#openAroundLocks(range, last);
  }

  /**
   * The same by a caller that may not wait, such as the OOM reaper:
   * `mmu_notifier_invalidate_range_start_nonblock`. If the lock of any mirror in the range is held,
   * the answer is EAGAIN and nothing has changed; the caller must leave the range alone, must not
   * call end, and may try again later.
   *
   * @throws {IntervalidateError} RANGE or ARGUMENT; nothing has changed then
   */
  tryInvalidateRangeStart(range: NotifierRange): StartResult {
    const last = this.#checkRange(range);
    const window = this.#tryOpen(range, last, false);
    if (window !== undefined) return { ok: true, window };
    const refusedBy = this.#lowestHeld(range.start, last);
    this.#events?.({
      kind: "invalidate-refused",
      mm: this.name,
      event: range.event ?? "UNMAP",
      start: range.start,
      end: range.end,
      errno: "EAGAIN",
      refusedBy,
    });
    return { ok: false, errno: "EAGAIN", refusedBy };
  }

  /**
   * Forgets all mirrors and gives their memory back to the engine. Idempotent. Starts and everything
   * about mirrors throw DISPOSED from then on, in those who sleep too; open windows may still be ended.
   * A reset of the engine does the same to all address spaces in it.
   */
  [Symbol.dispose](): void {
    this.mirrors.dispose();
  }

  #checkRange(range: NotifierRange): Address {
    if (typeof range !== "object" || range === null) {
      throw new IntervalidateError(
        "ARGUMENT",
        `A range is an object { start, end, event?, owner? }, but this is ${range === null ? "null" : typeof range}.`,
      );
    }
    return closedLast(range.start, range.end);
  }

  /** The phase change of `mn_itree_invalidate` in one step, or undefined and no change if a lock is held. */
  #tryOpen(
    range: NotifierRange,
    last: Address,
    blockable: boolean,
  ): InvalidationWindow | undefined {
    const sequence = this.#state.sequenceOfStart;
    const hits = this.mirrors.tree.invalidate(range.start, last, sequence);
    if (hits < 0) return undefined;
    this.#state.start(hits > 0);
    return this.#openWindow(range, last, blockable, sequence, hits);
  }

  /**
   * The same where locks are held: what is free is set at once, so that its readers wait, and each
   * held lock is waited for in ascending order. The tree is frozen meanwhile, so no hit can vanish.
   */
  *#openAroundLocks(range: NotifierRange, last: Address): Sleepable<InvalidationWindow> {
    const tree = this.mirrors.tree;
    const sequence = this.#state.sequenceOfStart;
    const held = this.#heldAscending(range.start, last);
    this.#state.start(true);
    let opened = false;
    try {
      const free = tree.invalidateUnlocked(range.start, last, sequence);
      for (const mirror of held) {
        const wait = this.mirrors.waitForLock(mirror, false);
        while (!wait.ready()) yield wait;
        tree.setSequence(mirror, sequence);
      }
      opened = true;
      return this.#openWindow(range, last, true, sequence, free + held.length);
    } finally {
      // Whoever gives up half-way must not leave the tree frozen.
      if (!opened) this.#endState();
    }
  }

  #openWindow(
    range: NotifierRange,
    last: Address,
    blockable: boolean,
    sequence: number,
    hits: number,
  ): InvalidationWindow {
    this.#windows += 1;
    const id = this.#windows;
    this.#events?.({
      kind: "invalidate-start",
      mm: this.name,
      window: id,
      event: range.event ?? "UNMAP",
      blockable,
      start: range.start,
      end: range.end,
      sequence,
      hits,
    });
    return new InvalidationWindow(this.#keeper, id, range, last, blockable, sequence, hits);
  }

  #closeWindow(window: InvalidationWindow): void {
    // What the window protected is gone, but every start has its end in the stream.
    if (this.mirrors.tree.alive) this.#endState();
    this.#events?.({
      kind: "invalidate-end",
      mm: this.name,
      window: window.id,
      sequence: this.#state.sequence,
    });
  }

  /** `mn_itree_inv_end`: deferred work is finished before anybody is woken. */
  #endState(): void {
    if (!this.#state.end()) return;
    this.mirrors.finishDeferred();
    this.#state.thawed.wakeAll();
  }

  #heldAscending(start: Address, last: Address): number[] {
    const tree = this.mirrors.tree;
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

  #lowestHeld(start: Address, last: Address): number {
    return this.#heldAscending(start, last)[0];
  }
}
