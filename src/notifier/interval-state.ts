import { WaitQueue } from "../blocking/wait-queue.ts";

/**
 * The counters that the kernel keeps in `mmu_notifier_subscriptions`: the sequence number, whose
 * lowest bit says "the tree is frozen", and the number of open invalidations.
 *
 *     sequence even, active 0   idle
 *     sequence even, active > 0 invalidations are open, but none touched a mirror: the tree may change
 *     sequence odd,  active > 0 frozen: some open invalidation overlapped a mirror, or a mirror was
 *                               inserted while one was open
 *
 * The sequence has 32 bits and wraps; it is only ever compared for equality.
 */
export class IntervalState {
  #sequence = 2;
  #active = 0;
  #disposed = false;
  /** Those who sleep until the tree thaws. */
  readonly thawed: WaitQueue = new WaitQueue();

  /** The address space is gone: nobody may go on waiting for it. */
  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
    this.thawed.wakeAll();
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Open invalidations. */
  get active(): number {
    return this.#active;
  }

  get frozen(): boolean {
    return (this.#sequence & 1) === 1;
  }

  /** The sequence that mirrors get if an invalidation that starts now overlaps them. */
  get sequenceOfStart(): number {
    return (this.#sequence | 1) >>> 0;
  }

  /** `mn_itree_inv_start_range`: opens an invalidation that overlaps a mirror, or none. */
  start(overlaps: boolean): void {
    this.#active += 1;
    if (overlaps) this.freeze();
  }

  /** Forbids changes of the tree until the last open invalidation ends. */
  freeze(): void {
    this.#sequence = (this.#sequence | 1) >>> 0;
  }

  /** First half of `mn_itree_inv_end`: true if the tree thaws, so that deferred work is due. */
  end(): boolean {
    this.#active -= 1;
    if (this.#active > 0 || !this.frozen) return false;
    this.#sequence = (this.#sequence + 1) >>> 0;
    return true;
  }
}
