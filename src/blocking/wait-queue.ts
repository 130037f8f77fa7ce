/** Whoever sleeps, as its driver sees it. */
export interface Waiter {
  /** Something changed: look again. Must not resume the sleeper before the waker has returned. */
  wake(): void;
}

/** Sleepers in the order in which they came. */
export class WaitQueue {
  /** Made for the first sleeper: most queues never have one. */
  #waiters: Set<Waiter> | undefined;

  get size(): number {
    return this.#waiters?.size ?? 0;
  }

  add(waiter: Waiter): void {
    this.#waiters ??= new Set();
    this.#waiters.add(waiter);
  }

  delete(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
  }

  /** Tells every sleeper to look again, and forgets them: who still has to wait comes back. */
  wakeAll(): void {
    if (this.#waiters === undefined || this.#waiters.size === 0) return;
    const woken = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of woken) waiter.wake();
  }
}
