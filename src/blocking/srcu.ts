import type { Sleepable } from "./suspension.ts";
import { waitUntil } from "./suspension.ts";
import { WaitQueue } from "./wait-queue.ts";

/** Somebody inside a read section. */
export interface ReadSection {
  ticket: number;
  previous: ReadSection | undefined;
  next: ReadSection | undefined;
}

/**
 * Sleepable read-copy-update: readers may sleep inside their sections; `synchronize` waits for those
 * sections that were open when it was called, and for no later ones. The kernel has one domain for
 * the notifiers of all address spaces.
 *
 *     oldest ─▶ section ─▶ section ─▶ ... ─▶ newest        tickets ascend
 */
export class SrcuDomain {
  readonly #queue = new WaitQueue();
  #oldest: ReadSection | undefined;
  #newest: ReadSection | undefined;
  /** Sections to be used again. */
  #spare: ReadSection | undefined;
  #tickets = 0;
  #callbacks: { readonly ticket: number; readonly run: () => void }[] = [];

  /** Whether anybody is inside a section, so that `synchronize` would sleep. */
  get busy(): boolean {
    return this.#oldest !== undefined;
  }

  /** `srcu_read_lock` */
  enter(): ReadSection {
    const section = this.#spare ?? { ticket: 0, previous: undefined, next: undefined };
    this.#spare = section.next;
    this.#tickets += 1;
    section.ticket = this.#tickets;
    section.previous = this.#newest;
    section.next = undefined;
    if (this.#newest === undefined) this.#oldest = section;
    else this.#newest.next = section;
    this.#newest = section;
    return section;
  }

  /** `srcu_read_unlock` */
  leave(section: ReadSection): void {
    const { previous, next } = section;
    if (previous === undefined) this.#oldest = next;
    else previous.next = next;
    if (next === undefined) this.#newest = previous;
    else next.previous = previous;
    section.previous = undefined;
    section.next = this.#spare;
    this.#spare = section;
    if (previous === undefined) this.#runCallbacks();
    this.#queue.wakeAll();
  }

  /** `synchronize_srcu`: sleeps until everybody who is inside a section now has left it. */
  *synchronize(): Sleepable<undefined> {
    const ticket = this.#tickets;
    yield* waitUntil(() => this.#hasPassed(ticket), this.#queue, "grace period");
  }

  /** `call_srcu`: runs a function once everybody who is inside a section now has left it. */
  call(run: () => void): void {
    this.#callbacks.push({ ticket: this.#tickets, run });
    this.#runCallbacks();
  }

  #hasPassed(ticket: number): boolean {
    return this.#oldest === undefined || this.#oldest.ticket > ticket;
  }

  #runCallbacks(): void {
    while (this.#callbacks.length > 0 && this.#hasPassed(this.#callbacks[0].ticket)) {
      this.#callbacks.shift()?.run();
    }
  }
}
