import { NOTHING, type Order } from "../actors/actor.ts";
import type { Declared } from "../declared.ts";
import type { Item } from "../source.ts";
import { type OperationKind, option } from "./operation-kind.ts";

/** `NAME.ORDER` of somebody who takes orders; undefined if it is nothing of the kind. */
export function orderKind(
  text: string,
  item: Item,
  { actors }: Declared,
): OperationKind | undefined {
  const dot = text.lastIndexOf(".");
  const actorName = text.slice(0, dot);
  const name = text.slice(dot + 1);
  const kind = dot > 0 ? actors.get(actorName) : undefined;
  if (kind === undefined) return undefined;
  const orders = { attach: NOTHING, ...kind.orders };
  if (!Object.hasOwn(orders, name)) {
    const known = Object.keys(orders).map((one) => `${actorName}.${one}`);
    return item.fail(`there is no "${text}"; known are ${known.join(", ")}`);
  }
  const shape = orders[name as keyof typeof orders];
  return {
    argument: shape.range ? "required" : "none",
    options: shape.options,
    compile(given, compiler) {
      const order: Order = {
        range: shape.range ? compiler.bounds(given.argument) : { start: 0n, end: 0n },
        data: option(given, "data", (data) => data.items.map((one) => one.count)) ?? [],
        write: option(given, "write", (write) => write.boolean) ?? false,
      };
      return ({ world }) => {
        const actor = world.actor(actorName);
        return name === "attach" ? actor.attach() : actor.orders[name](order);
      };
    },
  };
}
