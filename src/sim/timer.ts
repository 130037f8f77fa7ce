import type { Sleepable, Wait } from "../blocking/suspension.ts";
import type { Scheduler } from "./clock.ts";

/**
 * Calls a function once when its time has come, unless it is set anew or called off before:
 * `struct timer_list`. The function runs where nobody may sleep, so it is a plain one.
 */
export class Timer {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #expired: () => undefined;
  /** Of the setting that counts, if there is one. */
  #wait: Wait | undefined;

  constructor(name: string, scheduler: Scheduler, expired: () => undefined) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#expired = expired;
  }

  get pending(): boolean {
    return this.#wait !== undefined;
  }

  /** Sets it, or sets it anew, to so many microseconds from now: `mod_timer`. Whether it was pending. */
  mod(microseconds: number): boolean {
    const wasPending = this.delete();
    // Begun here and not by the task: its time runs from now on.
    const setting = this.#scheduler.sleep(microseconds).next().value as Wait;
    this.#wait = setting;
    this.#scheduler.spawn(`timer ${this.name}`, this.#run(setting));
    return wasPending;
  }

  /** Calls it off: `timer_delete`. Whether it was pending. */
  delete(): boolean {
    const wait = this.#wait;
    this.#wait = undefined;
    wait?.queue.wakeAll();
    return wait !== undefined;
  }

  *#run(setting: Wait): Sleepable<undefined> {
    const wait: Wait = {
      ...setting,
      resource: `timer ${this.name}`,
      ready: () => setting.ready() || this.#wait !== setting,
    };
    do yield wait;
    while (!wait.ready());
    if (this.#wait !== setting) return;
    this.#wait = undefined;
    this.#expired();
  }
}
