import type { Sleepable, Wait } from "../../src/blocking/suspension.ts";
import { WaitQueue } from "../../src/blocking/wait-queue.ts";

/** A gate that can be opened and shut, and what waits for it. */
export class Gate {
  isOpen = false;
  readonly queue: WaitQueue = new WaitQueue();
  readonly wait: Wait;

  constructor(killable = false) {
    this.wait = {
      kind: "wait",
      resource: "gate",
      queue: this.queue,
      killable,
      ready: () => this.isOpen,
    };
  }

  open(): void {
    this.isOpen = true;
    this.queue.wakeAll();
  }

  *pass(log: string[] = [], name = ""): Sleepable<string> {
    try {
      do yield this.wait;
      while (!this.isOpen);
      log.push(`${name} passed`);
      return name;
    } finally {
      log.push(`${name} left`);
    }
  }
}

/** Lets everything run that is ready to run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

export type State = "pending" | "fulfilled" | "rejected";

/** What has become of promises by now. */
export async function statesOf(...promises: readonly Promise<unknown>[]): Promise<State[]> {
  const states: State[] = promises.map(() => "pending");
  promises.forEach((promise, i) => {
    promise.then(
      () => {
        states[i] = "fulfilled";
      },
      () => {
        states[i] = "rejected";
      },
    );
  });
  await settle();
  return states;
}
