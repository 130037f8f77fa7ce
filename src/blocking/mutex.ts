import { IntervalidateError } from "../errors.ts";
import type { Sleepable, Wait } from "./suspension.ts";
import { WaitQueue } from "./wait-queue.ts";

/** A sleeping lock with one holder, like the kernel's `mutex`. Not recursive. */
export class Mutex {
  readonly name: string;
  readonly #queue = new WaitQueue();
  readonly #wait: Wait;
  readonly #killableWait: Wait;
  #locked = false;

  constructor(name: string) {
    this.name = name;
    const wait = {
      kind: "wait",
      resource: name,
      queue: this.#queue,
      ready: () => !this.#locked,
    } as const;
    this.#wait = { ...wait, killable: false };
    this.#killableWait = { ...wait, killable: true };
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Takes the lock if it is free: `mutex_trylock`. */
  tryLock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    return true;
  }

  /** `mutex_lock`. It yields even if the lock is free, so that a driver sees every place that may sleep. */
  *lock(): Sleepable<undefined> {
    do yield this.#wait;
    while (!this.tryLock());
  }

  /** `mutex_lock_killable`: a signal ends the wait, and then the lock has not been taken. */
  *lockKillable(): Sleepable<undefined> {
    do yield this.#killableWait;
    while (!this.tryLock());
  }

  /** `mutex_unlock` */
  unlock(): void {
    if (!this.#locked) {
      throw new IntervalidateError("ARGUMENT", `${this.name} cannot be unlocked: nobody holds it.`);
    }
    this.#locked = false;
    this.#queue.wakeAll();
  }
}
