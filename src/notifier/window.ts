import type { Address } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { NotifierRange } from "./range.ts";

/** What a window needs from the address space that opened it. */
export interface WindowKeeper {
  closeWindow(window: InvalidationWindow): void;
  refuseSecondEnd(window: InvalidationWindow): void;
  /** The mirrors that overlap `[start, last]`, of which there are `count`. */
  listHits(start: Address, last: Address, count: number): Uint32Array;
}

const NO_HITS = new Uint32Array(0);

/**
 * The time between an approved `invalidateRangeStart` and its end, in which no mirror may install
 * an entry for the range. Whoever opened a window must end it, exactly once: by `end()`, or by
 * leaving the scope of a `using` declaration.
 */
export class InvalidationWindow implements Disposable {
  /** Counts the windows of this address space, from 1. */
  readonly id: number;
  /** The range as the caller gave it, half-open. */
  readonly range: NotifierRange;
  /** Whether start was allowed to sleep, and so end is. */
  readonly blockable: boolean;
  /** The sequence that every mirror hit was given: odd. */
  readonly sequence: number;
  /** How many passive mirrors were hit. */
  readonly hitCount: number;
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
  ) {
    this.#keeper = keeper;
    this.id = id;
    this.range = range;
    this.#start = range.start;
    this.#last = last;
    this.blockable = blockable;
    this.sequence = sequence;
    this.hitCount = hitCount;
    if (hitCount === 0) this.#hits = NO_HITS;
  }

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
   * Closes the window: `mmu_notifier_invalidate_range_end`. It cannot be refused and never sleeps.
   *
   * @throws {IntervalidateError} ALREADY_ENDED on a second call, which is also an event of the stream
   */
  end(): void {
    if (this.#ended) {
      this.#keeper.refuseSecondEnd(this);
      throw new IntervalidateError(
        "ALREADY_ENDED",
        `Window ${this.id} has ended already: every start has exactly one end.`,
      );
    }
    this.#ended = true;
    this.#keeper.closeWindow(this);
  }

  /** Ends the window if that has not been done. */
  [Symbol.dispose](): void {
    if (!this.#ended) this.end();
  }
}
