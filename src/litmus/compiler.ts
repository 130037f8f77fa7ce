import { type Declared, isOfActor, nameOf, type SubscriberKind } from "./declared.ts";
import { ACCESSES } from "./operations/accesses.ts";
import { CONTROL } from "./operations/control.ts";
import { INVALIDATIONS } from "./operations/invalidations.ts";
import { LOCKS } from "./operations/locks.ts";
import { MEMORY } from "./operations/memory.ts";
import type { OperationKinds } from "./operations/operation-kind.ts";
import { orderKind } from "./operations/orders.ts";
import { PROCESS } from "./operations/process.ts";
import { REAPING } from "./operations/reaping.ts";
import { SUBSCRIPTIONS } from "./operations/subscriptions.ts";
import { WAITING } from "./operations/waiting.ts";
import { WORK } from "./operations/work.ts";
import type { Arguments, Operation } from "./program.ts";
import { type Bounds, boundsOf } from "./quantities.ts";
import type { Item } from "./source.ts";

const OPERATIONS: OperationKinds = {
  ...INVALIDATIONS,
  ...SUBSCRIPTIONS,
  ...ACCESSES,
  ...LOCKS,
  ...WAITING,
  ...WORK,
  ...MEMORY,
  ...PROCESS,
  ...REAPING,
  ...CONTROL,
};

/** Turns the operations of one program into what can be run. */
export class Compiler {
  readonly declared: Declared;
  /** Whose callback the program is; undefined for a task. */
  readonly callbackOf: "list" | "interval" | undefined;
  /** An operation has said what becomes of the notifier's sequence. */
  decidesSequence = false;

  constructor(declared: Declared, callbackOf?: "list" | "interval") {
    this.declared = declared;
    this.callbackOf = callbackOf;
  }

  /** One operation or a list of them: `E`, `{ S: [0, 0x1000], as: W }`, or several. */
  compile(item: Item): Operation[] {
    return item.items.map((one) => this.#compileOne(one));
  }

  mm(given: Arguments): string {
    const item = given.options.get("mm");
    return item === undefined ? this.declared.mms[0] : nameOf(item, this.declared.mms, "mm");
  }

  /** The argument, if there is one, as the name of an address space. */
  mmArgument(argument: Item): string {
    if (argument.scalar === null) return this.declared.mms[0];
    return nameOf(argument, this.declared.mms, "mm");
  }

  subscriber(item: Item, kinds: readonly SubscriberKind[]): string {
    const known = [...this.declared.subscribers]
      .filter(([, kind]) => kinds.includes(kind))
      .map(([name]) => name);
    return nameOf(item, known, kinds.includes("list") ? "list notifier" : "interval notifier");
  }

  lock(item: Item): string {
    const { locks, mms } = this.declared;
    if (isOfActor(String(item.scalar), this.declared)) return item.text;
    const known = [...locks.keys(), "mmap_lock", ...mms.map((mm) => `${mm}.mmap_lock`)];
    return nameOf(item, known, "lock");
  }

  bounds(item: Item): Bounds {
    return boundsOf(item, this.declared.ranges);
  }

  #compileOne(item: Item): Operation {
    if (!item.isMap) return this.#compileNamed(item.text, new Map(), item);
    const entries = item.entries;
    const [first] = entries;
    if (first === undefined) return item.fail("an operation is wanted here");
    return this.#compileNamed(first[0], new Map(entries.slice(1)), item, first[1]);
  }

  #compileNamed(
    name: string,
    options: ReadonlyMap<string, Item>,
    item: Item,
    argument?: Item,
  ): Operation {
    const kind = Object.hasOwn(OPERATIONS, name)
      ? OPERATIONS[name]
      : orderKind(name, item, this.declared);
    if (kind === undefined) {
      const known = [...Object.keys(OPERATIONS), "and NAME.ORDER of drivers"];
      return item.fail(`there is no operation "${name}"; known are ${known.join(", ")}`);
    }
    const hasArgument = argument !== undefined && argument.scalar !== null;
    if (kind.argument === "required" && !hasArgument) item.fail(`${name} wants an argument`);
    if (kind.argument === "none" && hasArgument) item.fail(`${name} takes no argument`);
    for (const [key, value] of options) {
      if (kind.options?.includes(key)) continue;
      value.fail(
        kind.options === undefined
          ? `${name} takes nothing beside its argument, so not "${key}"`
          : `${name} takes no "${key}"; known are ${kind.options.join(", ")}`,
      );
    }
    if (kind.only !== undefined && this.callbackOf === undefined) {
      item.fail(`${name} has a meaning in callbacks only`);
    }
    if (kind.only === "interval callback" && this.callbackOf !== "interval") {
      item.fail(`${name} has a meaning in the callbacks of interval notifiers only`);
    }
    return kind.compile({ argument: argument ?? item.nothing, options }, this);
  }
}
