import type { Sleepable } from "../../blocking/suspension.ts";
import type { NamedLock } from "../named-lock.ts";
import type { Workqueue } from "../workqueue.ts";
import type { AddressRange } from "./address-range.ts";
import type { DriverContext } from "./context.ts";

/** Something that the device, or the owner of it, does with a range: 0, or a negated error number. */
export type DeviceOperation = (range: AddressRange) => Sleepable<number>;

/**
 * A driver at work: it mirrors what it is told to of one address space, and is called by that through its
 * notifiers. What its owner mirrors (a memory slot, a buffer object, a registered region, a mapping of
 * grants) is known by its range.
 */
export interface Driver {
  /** Of its notifier, in events; of a driver with several, what their names begin with. */
  readonly name: string;
  /**
   * By the names that the kernel gives them; those that belong to one of the things that it mirrors by
   * their own. The mmap lock is not among them.
   */
  readonly locks: Readonly<Record<string, NamedLock>>;
  readonly workqueues: Readonly<Record<string, Workqueue>>;
  /** What its device has mapped, ascending. */
  readonly entries: readonly AddressRange[];
  /** What else it is in: counters, flags, and how much there is of what. A copy. */
  readonly state: Readonly<Record<string, number | boolean>>;

  /** Its owner has a range mirrored. -EINVAL if that cannot be. */
  mirror(range: AddressRange): Sleepable<number>;
  /**
   * The device uses a range: after 0 it has entries for it, unless somebody has invalidated them again.
   * -EFAULT if it cannot have any.
   */
  access(range: AddressRange): Sleepable<number>;
  /** The owner gives up what it had mirrored. -EINVAL if that is not there. */
  unmirror(range: AddressRange): Sleepable<number>;
  /** What only this driver has. */
  readonly operations: Readonly<Record<string, DeviceOperation>>;
  /** Takes its notifiers out. Waits, as that does; the device has no entries afterwards. */
  detach(): Sleepable<undefined>;
}

export interface DriverOptions<Personality extends string = string> {
  /** Names the driver in events, locks, and works. Default: the name of the model. */
  readonly name?: string;
  /** The mistakes that it makes. Default: those of the kernel's own code, `asMerged` of the model. */
  readonly personalities?: readonly Personality[];
}

/** How one driver of one kernel uses notifiers. */
export interface DriverModel<
  Instance extends Driver = Driver,
  Personality extends string = string,
> {
  /** By it the model is found; drivers of 2018 end in `-2018`. */
  readonly name: string;
  /** The kernel whose code it follows. It runs in all profiles that have its kind of notifiers. */
  readonly era: "v4.19" | "v6.12";
  /** The notifiers that it uses. */
  readonly kind: "list" | "interval" | "list and interval";
  /** Mistakes that it can be told to make, and what comes of each. */
  readonly personalities: Readonly<Record<Personality, string>>;
  /** Those among them that the kernel made. Without them it is a driver repaired. */
  readonly asMerged: readonly Personality[];
  /** Begins to follow the address space of the context. Registers, and so may wait. */
  attach(context: DriverContext, options?: DriverOptions<Personality>): Sleepable<Instance>;
}
