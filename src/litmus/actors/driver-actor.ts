import type { Sleepable } from "../../blocking/suspension.ts";
import { type Driver, type DriverModel, offersOf } from "../../drivers/index.ts";
import { LIST_CALLBACKS } from "../names.ts";
import type { Value } from "../program.ts";
import type { World } from "../world.ts";
import {
  type Actor,
  type ActorKind,
  NOTHING,
  type Order,
  type OrderShape,
  type PropertyValue,
  RANGE,
} from "./actor.ts";

/** A driver model in a world. */
class DriverActor implements Actor {
  readonly #begin: () => Sleepable<Driver>;
  readonly #names: readonly string[];
  #driver: Driver | undefined;

  constructor(begin: () => Sleepable<Driver>, orders: readonly string[]) {
    this.#begin = begin;
    this.#names = orders;
  }

  *attach(): Sleepable<Value> {
    this.#driver = yield* this.#begin();
    return 0;
  }

  get orders(): Actor["orders"] {
    return Object.fromEntries(
      this.#names.map((name) => [name, (order) => this.#obey(name, order)]),
    );
  }

  get state(): Readonly<Record<string, PropertyValue>> {
    const driver = this.#attached();
    return { ...driver.state, entries: entriesOf(driver) };
  }

  *#obey(name: string, { range }: Order): Sleepable<Value> {
    const driver = this.#attached();
    switch (name) {
      case "mirror":
        return yield* driver.mirror(range);
      case "access":
        return yield* driver.access(range);
      case "unmirror":
        return yield* driver.unmirror(range);
      case "detach":
        yield* driver.detach();
        return 0;
      default:
        return yield* driver.operations[name](range);
    }
  }

  #attached(): Driver {
    if (this.#driver === undefined) throw new Error("the driver was never attached");
    return this.#driver;
  }
}

function entriesOf({ entries }: Driver): { start: bigint; end: bigint }[] {
  return entries.map(({ start, end }) => ({ start: BigInt(start), end: BigInt(end) }));
}

/** What files can say about a driver is what its model offers: mistakes, operations, state. */
export function driverKind(model: DriverModel): ActorKind {
  const { personalities: mistakes, operations, properties } = offersOf(model);
  const orders: Record<string, OrderShape> = {
    mirror: RANGE,
    access: RANGE,
    unmirror: RANGE,
    detach: NOTHING,
  };
  for (const name of operations) orders[name] = RANGE;
  const list = [...LIST_CALLBACKS.keys()].map((name) => `.${name}`);
  return {
    options: mistakes,
    orders,
    properties: [...properties, "entries"],
    calls: model.kind === "interval" ? [] : list,
    read({ name, fields }) {
      const personalities = mistakes.filter(
        (one) => fields.get(one)?.boolean ?? model.asMerged.includes(one),
      );
      return (world: World, mm: string) =>
        new DriverActor(
          () => model.attach(world.driverContext(mm), { name, personalities }),
          Object.keys(orders),
        );
    },
  };
}
