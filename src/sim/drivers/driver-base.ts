import type { Sleepable } from "../../blocking/suspension.ts";
import type { NamedLock } from "../named-lock.ts";
import type { Workqueue } from "../workqueue.ts";
import type { AddressRange } from "./address-range.ts";
import type { DriverContext } from "./context.ts";
import type { DeviceOperation, Driver, DriverModel, DriverOptions } from "./driver-model.ts";

/** What all drivers have in common. */
export abstract class DriverBase<Personality extends string> implements Driver {
  readonly name: string;
  abstract readonly locks: Readonly<Record<string, NamedLock>>;
  readonly workqueues: Readonly<Record<string, Workqueue>> = {};
  readonly operations: Readonly<Record<string, DeviceOperation>> = {};
  protected readonly context: DriverContext;
  readonly #personalities: ReadonlySet<Personality>;

  constructor(
    context: DriverContext,
    model: Pick<DriverModel<Driver, Personality>, "name" | "asMerged">,
    options: DriverOptions<Personality> = {},
  ) {
    this.name = options.name ?? model.name;
    this.context = context;
    this.#personalities = new Set(options.personalities ?? model.asMerged);
  }

  abstract get entries(): readonly AddressRange[];
  abstract get state(): Readonly<Record<string, number | boolean>>;
  abstract mirror(range: AddressRange): Sleepable<number>;
  abstract access(range: AddressRange): Sleepable<number>;
  abstract unmirror(range: AddressRange): Sleepable<number>;
  abstract detach(): Sleepable<undefined>;

  /** Somebody opens its device file. Its notifiers come with what is mirrored. */
  *open(): Sleepable<this> {
    yield* this.context.point(`${this.name}:before open`);
    return this;
  }

  /** Whether it makes this mistake. */
  protected has(personality: Personality): boolean {
    return this.#personalities.has(personality);
  }

  /** Takes a lock, after a place to be preempted at; `what` names the lock there. */
  protected *lock(
    lock: NamedLock,
    what: string,
    mode: "read" | "write" = "write",
  ): Sleepable<undefined> {
    yield* this.context.point(`${this.name}:before ${what}`);
    yield* lock.lock(mode);
  }
}
