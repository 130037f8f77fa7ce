import type { Sleepable } from "../../blocking/suspension.ts";
import type { ListNotifier, UncheckedListNotifierOps } from "../../notifier/list-notifier.ts";
import type { AddressRange } from "./address-range.ts";
import type { DriverContext } from "./context.ts";
import { DeviceEntries } from "./device-entries.ts";
import { DriverBase } from "./driver-base.ts";
import type { Driver, DriverModel, DriverOptions } from "./driver-model.ts";

/** What all drivers with one list notifier have in common. */
export abstract class ListDriver<
  Personality extends string = never,
> extends DriverBase<Personality> {
  /** What its device has mapped. */
  protected readonly device: DeviceEntries;
  #notifier: ListNotifier | undefined;

  constructor(
    context: DriverContext,
    model: Pick<DriverModel<Driver, Personality>, "name" | "asMerged">,
    options?: DriverOptions<Personality>,
  ) {
    super(context, model, options);
    this.device = new DeviceEntries(context, this.name);
  }

  get entries(): readonly AddressRange[] {
    return this.device.ranges;
  }

  /** Adds its notifier to the address space. */
  *register(): Sleepable<this> {
    const ops = { ...this.ops(), name: this.name };
    this.#notifier = yield* this.context.mm.unchecked.register(ops);
    return this;
  }

  *detach(): Sleepable<undefined> {
    const notifier = this.#notifier;
    this.#notifier = undefined;
    if (notifier !== undefined) yield* this.context.mm.unregisterSleepable(notifier);
  }

  /** The callbacks of its notifier. */
  protected abstract ops(): UncheckedListNotifierOps;
}
