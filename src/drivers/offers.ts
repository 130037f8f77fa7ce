import { SimulatedDriver } from "../blocking/simulated-driver.ts";
import { runNowOrLater } from "../blocking/synchronous-driver.ts";
import { AddressSpace } from "../notifier/address-space.ts";
import { type Driver, DriverContext, type DriverModel } from "../sim/drivers/index.ts";

/** What a model offers, by name, to whoever does not know it. */
export interface DriverOffers {
  /** Mistakes that it can be told to make; those of the kernel's own code are among them. */
  readonly personalities: readonly string[];
  /** What only this driver does with a range. */
  readonly operations: readonly string[];
  /** What can be read of its state. */
  readonly properties: readonly string[];
}

/** Asks an instance, in an address space of its own: nobody else knows. */
export function offersOf(model: DriverModel): DriverOffers {
  const context = new DriverContext({
    mm: new AddressSpace({ profile: model.era }),
    scheduler: new SimulatedDriver({ chooser: { below: () => 0 } }),
    events: () => {},
    currentTask: () => "nobody",
  });
  const found: Driver[] = [];
  runNowOrLater(
    (function* () {
      found.push(yield* model.attach(context));
    })(),
  );
  const [driver] = found;
  const offers = {
    personalities: Object.keys(model.personalities),
    operations: Object.keys(driver.operations),
    properties: Object.keys(driver.state),
  };
  context.mm[Symbol.dispose]();
  return offers;
}
