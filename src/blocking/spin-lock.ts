import { IntervalidateError } from "../errors.ts";
import type { Sleepable, Wait } from "./suspension.ts";
import { WaitQueue } from "./wait-queue.ts";

/**
 * A lock that is waited for busily, like the kernel's `spinlock_t`: taking it never sleeps, and its
 * holder must not sleep.
 */
export class SpinLock {
  readonly name: string;
  readonly #queue = new WaitQueue();
  readonly #wait: Wait;
  #locked = false;

  constructor(name: string) {
    this.name = name;
    this.#wait = {
      kind: "wait",
      resource: name,
      queue: this.#queue,
      killable: false,
      spins: true,
      ready: () => !this.#locked,
    };
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** `spin_trylock` */
  tryLock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    return true;
  }

  /** `spin_lock` */
  *lock(): Sleepable<undefined> {
    while (!this.tryLock()) yield this.#wait;
  }

  /** `spin_unlock` */
  unlock(): void {
    if (!this.#locked) {
      throw new IntervalidateError("ARGUMENT", `${this.name} cannot be unlocked: nobody holds it.`);
    }
    this.#locked = false;
    this.#queue.wakeAll();
  }
}
