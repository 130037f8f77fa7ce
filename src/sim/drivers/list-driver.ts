import type { Sleepable } from "../../blocking/suspension.ts";
import type { ListNotifier, UncheckedListNotifierOps } from "../../notifier/list-notifier.ts";
import type { NamedLock } from "../named-lock.ts";
import type { Workqueue } from "../workqueue.ts";
import type { AddressRange } from "./address-range.ts";
import type { DriverContext } from "./context.ts";
import { DeviceEntries } from "./device-entries.ts";
import type { DeviceOperation, Driver, DriverModel, DriverOptions } from "./driver-model.ts";

/** What all drivers with one list notifier have in common. */
export abstract class ListDriver<Personality extends string = never> implements Driver {
  readonly name: string;
  abstract readonly locks: Readonly<Record<string, NamedLock>>;
  readonly workqueues: Readonly<Record<string, Workqueue>> = {};
  readonly operations: Readonly<Record<string, DeviceOperation>> = {};
  protected readonly context: DriverContext;
  /** What its device has mapped. */
  protected readonly device: DeviceEntries;
  readonly #personalities: ReadonlySet<Personality>;
  #notifier: ListNotifier | undefined;

  constructor(
    context: DriverContext,
    model: Pick<DriverModel<Driver, Personality>, "name" | "asMerged">,
    options: DriverOptions<Personality> = {},
  ) {
    this.name = options.name ?? model.name;
    this.context = context;
    this.device = new DeviceEntries(context, this.name);
    this.#personalities = new Set(options.personalities ?? model.asMerged);
  }

  abstract get state(): Readonly<Record<string, number | boolean>>;
  abstract mirror(range: AddressRange): Sleepable<number>;
  abstract access(range: AddressRange): Sleepable<number>;
  abstract unmirror(range: AddressRange): Sleepable<number>;

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
