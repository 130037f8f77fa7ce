import type { Sleepable } from "./suspension.ts";
import { waitUntil } from "./suspension.ts";
import { WaitQueue } from "./wait-queue.ts";

/** Everybody who has entered between two grace periods; whoever enters is given the current one. */
export interface ReadSection {
  readonly number: number;
  readers: number;
  next: ReadSection | undefined;
}

/**
 * Sleepable read-copy-update: readers may sleep inside their sections; `synchronize` waits for those
 * sections that were open when it was called, and for no later ones. The kernel has one domain for
 * the notifiers of all address spaces.
 *
 *     oldest ─▶ section ─▶ ... ─▶ current        numbers ascend; the oldest has readers, or is current
 *
 * Readers only count themselves. Who asks for a grace period begins a new section, and waits for the
 * older ones.
 */
export class SrcuDomain {
  readonly #queue = new WaitQueue();
  #current: ReadSection = { number: 1, readers: 0, next: undefined };
  #oldest: ReadSection = this.#current;
  readonly #callbacks: { readonly last: number; readonly run: () => void }[] = [];

  /** Whether anybody is inside a section, so that `synchronize` would sleep. */
  get busy(): boolean {
    return this.#oldest.readers > 0;
  }

  /** `srcu_read_lock`. What comes back is to be given to `leave`, once. */
  enter(): ReadSection {
    const section = this.#current;
    section.readers += 1;
    return section;
  }

  /** `srcu_read_unlock` */
  leave(section: ReadSection): void {
    section.readers -= 1;
    // Nobody waits for the current section.
    if (section.readers === 0 && section !== this.#current) this.#retire();
  }

  /** `synchronize_srcu`: sleeps until everybody who is inside a section now has left it. */
  *synchronize(): Sleepable<undefined> {
    const last = this.#lastToWaitFor();
    yield* waitUntil(() => this.#hasPassed(last), this.#queue, "grace period");
  }

  /** `call_srcu`: runs a function, which must not throw, once everybody who is inside a section now has left it. */
  call(run: () => void): void {
    this.#callbacks.push({ last: this.#lastToWaitFor(), run });
    this.#runCallbacks();
  }

  /** The number of the youngest section that has readers, or of an older one. */
  #lastToWaitFor(): number {
    const { number, readers } = this.#current;
    if (readers === 0) return number - 1;
    this.#current.next = { number: number + 1, readers: 0, next: undefined };
    this.#current = this.#current.next;
    return number;
  }

  #hasPassed(last: number): boolean {
    return this.#oldest.number > last;
  }

  /** Forgets sections that everybody has left, from the oldest on. */
  #retire(): void {
    while (this.#oldest.readers === 0 && this.#oldest.next !== undefined) {
      this.#oldest = this.#oldest.next;
    }
    this.#runCallbacks();
    this.#queue.wakeAll();
  }

  #runCallbacks(): void {
    while (this.#callbacks.length > 0 && this.#hasPassed(this.#callbacks[0].last)) {
      this.#callbacks.shift()?.run();
    }
  }
}
