import type { Sleepable, Wait } from "./suspension.ts";
import { WaitQueue } from "./wait-queue.ts";

/** "This much has been done", waited for: the kernel's `struct completion`. */
export class Completion {
  readonly #queue = new WaitQueue();
  readonly #wait: Wait;
  #done = 0;

  constructor(name: string) {
    this.#wait = {
      kind: "wait",
      resource: name,
      queue: this.#queue,
      killable: false,
      ready: () => this.#done > 0,
    };
  }

  /** Lets one waiter, present or future, go on: `complete`. */
  complete(): void {
    this.#done += 1;
    this.#queue.wakeAll();
  }

  /** Lets everybody go on until `reinit`: `complete_all`. */
  completeAll(): void {
    this.#done = Number.POSITIVE_INFINITY;
    this.#queue.wakeAll();
  }

  /** `reinit_completion` */
  reinit(): void {
    this.#done = 0;
  }

  /** `try_wait_for_completion` */
  tryWait(): boolean {
    if (this.#done === 0) return false;
    this.#done -= 1;
    return true;
  }

  /** `wait_for_completion` */
  *wait(): Sleepable<undefined> {
    do yield this.#wait;
    while (!this.tryWait());
  }
}
