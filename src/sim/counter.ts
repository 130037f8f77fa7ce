import { type Sleepable, waitUntil } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";

/** A number that callbacks raise and lower, and that tasks can wait for. */
export class Counter {
  readonly #queue = new WaitQueue();
  readonly #name: string;
  #value = 0;

  /** @param name what whoever waits for it is said to wait for */
  constructor(name: string) {
    this.#name = name;
  }

  get value(): number {
    return this.#value;
  }

  add(difference: number): void {
    this.#value += difference;
    this.#queue.wakeAll();
  }

  *waitForZero(): Sleepable<undefined> {
    yield* waitUntil(() => this.#value === 0, this.#queue, this.#name);
  }
}
