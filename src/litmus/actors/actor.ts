import type { Sleepable } from "../../blocking/suspension.ts";
import type { NamedLock } from "../../sim/named-lock.ts";
import type { Declared } from "../declared.ts";
import type { Value } from "../program.ts";
import { type Bounds, rangeText, resultText } from "../quantities.ts";
import type { Item } from "../source.ts";
import type { World } from "../world.ts";

/** What an order is given. */
export interface Order {
  /** Empty where the order takes none. */
  readonly range: Bounds;
  readonly data: readonly number[];
  readonly write: boolean;
}

/** What an order takes in a file. */
export interface OrderShape {
  readonly range: boolean;
  readonly options: readonly ("data" | "write")[];
}

export const RANGE: OrderShape = { range: true, options: [] };
export const NOTHING: OrderShape = { range: false, options: [] };

/** What can be read of an actor. Ranges are told from other values by their shape. */
export type PropertyValue = Value | readonly (Value | Bounds)[];

/** Somebody in a world to whom a file gives orders, and at whom it looks, by name. */
export interface Actor {
  /** It begins: its notifiers are registered. */
  attach(): Sleepable<Value>;
  readonly orders: Readonly<Record<string, (order: Order) => Sleepable<Value>>>;
  readonly state: Readonly<Record<string, PropertyValue>>;
  /** Those that were not made by the context of drivers, which knows its own. */
  readonly locks?: readonly NamedLock[];
}

/** What a file says about an actor. */
interface ActorSource {
  readonly name: string;
  /** Where it stands. */
  readonly item: Item;
  readonly fields: ReadonlyMap<string, Item>;
  readonly declared: Declared;
}

/** One kind of actor: what a file can say about it, known before there is any. */
export interface ActorKind {
  /** Keys beside those that all have. */
  readonly options: readonly string[];
  readonly orders: Readonly<Record<string, OrderShape>>;
  readonly properties: readonly string[];
  /** How its calls are named behind its own name: `.start`, or nothing. */
  readonly calls: readonly string[];
  /** Reads the options, once; what comes back makes one in each world. */
  read(source: ActorSource): (world: World, mm: string) => Actor;
}

/** From so many entries on, equal neighbours are counted. */
const LISTED = 16;

/** A property as expectations compare it. */
export function propertyText(value: PropertyValue): string {
  if (!Array.isArray(value)) return resultText(value);
  const texts = (value as readonly (Value | Bounds)[]).map((one) =>
    typeof one === "object" && one !== null ? rangeText(one) : resultText(one),
  );
  return (texts.length > LISTED ? counted(texts) : texts).join(", ") || "none";
}

/** `512 write` for so many of the same in a row. */
function counted(texts: readonly string[]): string[] {
  const runs: { text: string; count: number }[] = [];
  for (const text of texts) {
    const last = runs.at(-1);
    if (last?.text === text) last.count += 1;
    else runs.push({ text, count: 1 });
  }
  return runs.map(({ text, count }) => `${count} ${text}`);
}

/** Addresses of pages as ranges of those that are neighbours. */
export function rangesOfPages(addresses: Iterable<number>): Bounds[] {
  const ranges: { start: bigint; end: bigint }[] = [];
  for (const at of [...addresses].sort((a, b) => a - b)) {
    const start = BigInt(at);
    const last = ranges.at(-1);
    if (last?.end === start) last.end += 0x1000n;
    else ranges.push({ start, end: start + 0x1000n });
  }
  return ranges;
}

/** A range of whole pages of a process, whose addresses are exact numbers. */
export function pagesOf({ start, end }: Bounds): {
  readonly start: number;
  readonly end: number;
  readonly pages: number;
} {
  return { start: Number(start), end: Number(end), pages: Number((end - start) / 0x1000n) };
}
