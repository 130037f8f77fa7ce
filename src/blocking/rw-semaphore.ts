import { IntervalidateError } from "../errors.ts";
import type { Sleepable, Wait } from "./suspension.ts";
import { WaitQueue } from "./wait-queue.ts";

/**
 * A sleeping reader / writer lock, like the kernel's `rw_semaphore`. A writer that waits keeps new
 * readers out, so a stream of readers cannot starve it.
 */
export class RwSemaphore {
  readonly #queue = new WaitQueue();
  readonly #readWait: Wait;
  readonly #killableReadWait: Wait;
  readonly #writeWait: Wait;
  readonly #killableWriteWait: Wait;
  #readers = 0;
  #writing = false;
  #writersWaiting = 0;

  readonly name: string;

  constructor(name: string) {
    this.name = name;
    this.#readWait = {
      kind: "wait",
      resource: `${name} (read)`,
      queue: this.#queue,
      killable: false,
      ready: () => !this.#writing && this.#writersWaiting === 0,
    };
    this.#killableReadWait = { ...this.#readWait, killable: true };
    this.#writeWait = {
      kind: "wait",
      resource: `${name} (write)`,
      queue: this.#queue,
      killable: false,
      ready: () => this.#readers === 0 && !this.#writing,
    };
    this.#killableWriteWait = { ...this.#writeWait, killable: true };
  }

  /** Takes the lock for reading if that needs no sleep: `down_read_trylock`. */
  tryRead(): boolean {
    if (this.#writing || this.#writersWaiting > 0) return false;
    this.#readers += 1;
    return true;
  }

  /** Takes the lock for reading, sleeping while a writer has it or waits for it: `down_read`. */
  *read(): Sleepable<undefined> {
    do yield this.#readWait;
    while (!this.tryRead());
  }

  /** `down_read_killable`: a signal ends the wait, and then the lock has not been taken. */
  *readKillable(): Sleepable<undefined> {
    do yield this.#killableReadWait;
    while (!this.tryRead());
  }

  /** How many have it for reading. */
  get readers(): number {
    return this.#readers;
  }

  /** Whether somebody has it for writing. */
  get writing(): boolean {
    return this.#writing;
  }

  /** A writer waits: new readers stay out. */
  get contended(): boolean {
    return this.#writersWaiting > 0;
  }

  /** `up_read` */
  endRead(): void {
    if (this.#readers === 0) {
      throw new IntervalidateError("ARGUMENT", `${this.name} has no reader whose read could end.`);
    }
    this.#readers -= 1;
    this.#queue.wakeAll();
  }

  /** Takes the lock for writing if nobody has it: `down_write_trylock`. */
  tryWrite(): boolean {
    if (!this.#writeWait.ready()) return false;
    this.#writing = true;
    return true;
  }

  /** Takes the lock for writing, sleeping while anybody else has it: `down_write`. */
  write(): Sleepable<undefined> {
    return this.#write(this.#writeWait);
  }

  /** `down_write_killable`: a signal ends the wait, and then the lock has not been taken. */
  writeKillable(): Sleepable<undefined> {
    return this.#write(this.#killableWriteWait);
  }

  /** `up_write` */
  endWrite(): void {
    if (!this.#writing) {
      throw new IntervalidateError("ARGUMENT", `${this.name} has no writer whose write could end.`);
    }
    this.#writing = false;
    this.#queue.wakeAll();
  }

  *#write(wait: Wait): Sleepable<undefined> {
    this.#writersWaiting += 1;
    try {
      do yield wait;
      while (!this.tryWrite());
    } finally {
      this.#writersWaiting -= 1;
      // Whoever gave up was in the way of readers.
      if (!this.#writing) this.#queue.wakeAll();
    }
  }
}
