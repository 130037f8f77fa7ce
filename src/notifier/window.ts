import { runAsync } from "../blocking/asynchronous-driver.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { CallbackRange, NotifierRange } from "./range.ts";

/** What a window needs from the address space that opened it. */
export interface WindowKeeper {
  /** @throws {IntervalidateError} WOULD_BLOCK if an end callback may sleep and the window may; nothing has changed then */
  checkEndsAtOnce(window: InvalidationWindow): void;
  endWindow(window: InvalidationWindow): void;
  endWindowSleepable(window: InvalidationWindow): Sleepable<undefined>;
  refuseSecondEnd(window: InvalidationWindow): void;
  /** The mirrors that overlap `[start, last]`, of which there are `count`. */
  listHits(start: Address, last: Address, count: number): Uint32Array;
}

const NO_HITS = new Uint32Array(0);

/**
 * The time between an approved `invalidateRangeStart` and its end, in which no mirror may install
 * an entry for the range. Whoever opened a window must end it, exactly once: by `end()` or one of its
 * other doors, or by leaving the scope of a `using` or `await using` declaration.
 */
export class InvalidationWindow implements Disposable, AsyncDisposable {
  /** Counts the invalidations of this address space, refused ones included, from 1. */
  readonly id: number;
  /** The range as the caller gave it, half-open. */
  readonly range: NotifierRange;
  /** Whether start was allowed to sleep, and so end is. */
  readonly blockable: boolean;
  /** The sequence that everybody hit was given: odd. */
  readonly sequence: number;
  /** How many passive mirrors were hit. */
  readonly hitCount: number;
  /** @internal The range as the callbacks of start saw it, if there were any. */
  readonly callbackRange: CallbackRange | undefined;
  readonly #keeper: WindowKeeper;
  readonly #start: Address;
  readonly #last: Address;
  #hits: Uint32Array | undefined;
  #ended = false;

  /** For `AddressSpace` only. `last` is the last byte of the range, closed. */
  constructor(
    keeper: WindowKeeper,
    id: number,
    range: NotifierRange,
    last: Address,
    blockable: boolean,
    sequence: number,
    hitCount: number,
    callbackRange: CallbackRange | undefined,
  ) {
    this.#keeper = keeper;
    this.id = id;
    this.range = range;
    this.#start = range.start;
    this.#last = last;
    this.blockable = blockable;
    this.sequence = sequence;
    this.hitCount = hitCount;
    this.callbackRange = callbackRange;
    if (hitCount === 0) this.#hits = NO_HITS;
  }

  /** Whether end has been called. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Handles of the passive mirrors hit, in any order: a copy, made on first use. The tree is frozen
   * while the window is open, so the first use may come at any time until then.
   *
   * @throws {IntervalidateError} ALREADY_ENDED if the window has ended and the hits were never read
   */
  get hits(): Uint32Array {
    if (this.#hits === undefined) {
      if (this.#ended) {
        throw new IntervalidateError(
          "ALREADY_ENDED",
          `The hits of window ${this.id} were not read while it was open and are gone: read \`hits\` before \`end()\`.`,
        );
      }
      this.#hits = this.#keeper.listHits(this.#start, this.#last, this.hitCount);
    }
    return this.#hits;
  }

  /**
   * Closes the window: `mmu_notifier_invalidate_range_end`. It cannot be refused. An end callback that
   * sleeps although the window is not blockable is reported, and finished in the background. If a
   * callback throws, the others run all the same, the window is closed, and the error is thrown.
   *
   * @throws {IntervalidateError} ALREADY_ENDED on a second call, which is also an event of the stream;
   *   WOULD_BLOCK if the window is blockable and an end callback is a generator: it is still open then
   */
  end(): void {
    this.#checkOpen();
    this.#keeper.checkEndsAtOnce(this);
    this.#ended = true;
    this.#keeper.endWindow(this);
  }

  /** `end` that sleeps where a callback does. Uninterruptible. */
  *endSleepable(): Sleepable<undefined> {
    this.#checkOpen();
    this.#ended = true;
    yield* this.#keeper.endWindowSleepable(this);
  }

  /** `end` as a promise. */
  endAsync(): Promise<undefined> {
    return runAsync(this.endSleepable());
  }

  /** Ends the window if that has not been done. @throws as `end` */
  [Symbol.dispose](): void {
    if (!this.#ended) this.end();
  }

  /** Ends the window if that has not been done. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.endAsync();
  }

  #checkOpen(): void {
    if (!this.#ended) return;
    this.#keeper.refuseSecondEnd(this);
    throw new IntervalidateError(
      "ALREADY_ENDED",
      `Window ${this.id} has ended already: every start has exactly one end.`,
    );
  }
}
