import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import type { IntervalNotifier, UncheckedIntervalNotifierOps } from "./interval-notifier.ts";
import type { Invalidations } from "./invalidations.ts";
import type { ListNotifier, UncheckedListNotifierOps } from "./list-notifier.ts";
import type { NotifierRange } from "./range.ts";
import type { RegisterOptions, Registrations } from "./registrations.ts";

/**
 * The doors for those who break the contract on purpose, to see who notices: drivers whose start
 * refuses in any mode and with any error, callers whose end has no start.
 */
export class UncheckedNotifiers {
  readonly #registrations: Registrations;
  readonly #invalidations: Invalidations;

  /** For `AddressSpace` only. */
  constructor(registrations: Registrations, invalidations: Invalidations) {
    this.#registrations = registrations;
    this.#invalidations = invalidations;
  }

  /** `registerSleepable` */
  register<Data = unknown>(
    ops: UncheckedListNotifierOps<Data>,
    options?: RegisterOptions,
  ): Sleepable<ListNotifier<Data>> {
    return this.#registrations.register(ops, options);
  }

  /** `getSleepable` */
  get<Data = unknown>(
    ops: UncheckedListNotifierOps<Data>,
    options?: RegisterOptions,
  ): Sleepable<ListNotifier<Data>> {
    return this.#registrations.get(ops, options);
  }

  /** `insertIntervalSleepable` */
  insertInterval(
    start: Address,
    length: Address,
    ops: UncheckedIntervalNotifierOps,
    options?: RegisterOptions,
  ): Sleepable<IntervalNotifier> {
    return this.#registrations.insertInterval(start, length, ops, options);
  }

  /** An end for any range in any mode, whether or not it had a start. */
  end(range: NotifierRange, blockable: boolean): Sleepable<undefined> {
    return this.#invalidations.endUnchecked(range, blockable);
  }
}
