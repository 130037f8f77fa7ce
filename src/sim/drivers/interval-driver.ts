import type { Sleepable } from "../../blocking/suspension.ts";
import { ERRNO } from "../../notifier/errno.ts";
import type {
  IntervalNotifier,
  IntervalNotifierOps,
  UncheckedIntervalNotifierOps,
} from "../../notifier/interval-notifier.ts";
import { Counter } from "../counter.ts";
import type { NamedLock } from "../named-lock.ts";
import { type AddressRange, lengthOf, rangeText } from "./address-range.ts";
import type { DriverContext } from "./context.ts";
import { DeviceEntries } from "./device-entries.ts";
import { DriverBase } from "./driver-base.ts";
import { RangeSet } from "./range-set.ts";

/** `HMM_RANGE_DEFAULT_TIMEOUT`, in microseconds. */
const RANGE_TIMEOUT = 1_000_000;

/** An interval of the address space with an interval notifier of its own: a buffer object, a region. */
export class Mirrored {
  readonly range: AddressRange;
  /** Of its notifier: `i915 [0x1000, 0x2000)`. */
  readonly name: string;
  /** What the device has mapped of it. */
  readonly device: DeviceEntries;
  /** Those who have found it and are at work with it: it is not removed before they are done. */
  readonly users: Counter;
  /** It is being removed: nobody finds it any more. */
  dying = false;
  #notifier: IntervalNotifier | undefined;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    this.range = range;
    this.name = `${driver} ${rangeText(range)}`;
    this.device = new DeviceEntries(context, this.name);
    this.users = new Counter(`users of ${this.name}`);
  }

  /** There is one from insertion on. */
  get notifier(): IntervalNotifier {
    if (this.#notifier === undefined) throw new Error(`${this.name} has not been inserted`);
    return this.#notifier;
  }

  set notifier(notifier: IntervalNotifier) {
    this.#notifier = notifier;
  }
}

/** Locks that each thing has of its own, by their names. */
export function locksOf(locks: Iterable<NamedLock>): Readonly<Record<string, NamedLock>> {
  return Object.fromEntries([...locks].map((lock) => [lock.name, lock]));
}

/** What all drivers have in common that insert one interval notifier for each thing that they mirror. */
export abstract class IntervalDriver<
  Thing extends Mirrored,
  Personality extends string = never,
> extends DriverBase<Personality> {
  /** Those whose notifiers are inserted. */
  protected readonly mirrored: RangeSet<Thing> = new RangeSet<Thing>();

  get entries(): readonly AddressRange[] {
    const ranges = [...this.mirrored].flatMap(({ device }) => device.ranges);
    return ranges.sort((a, b) => (a.start < b.start ? -1 : 1));
  }

  /** The same range twice is -EINVAL, since it is known by that. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.mirrored.at(range) !== undefined || this.context.mm.users === 0) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    yield* this.insert(this.make(range));
    return 0;
  }

  /** Waits for whoever uses it, and for invalidations that may have hit it. */
  *unmirror(range: AddressRange): Sleepable<number> {
    const thing = this.mirrored.at(range);
    if (thing === undefined || thing.dying) return -ERRNO.EINVAL;
    yield* this.remove(thing);
    return 0;
  }

  *detach(): Sleepable<undefined> {
    for (const thing of this.mirrored) {
      if (!thing.dying) yield* this.remove(thing);
    }
  }

  protected abstract make(range: AddressRange): Thing;

  /** The callback of a notifier. */
  protected abstract ops(thing: Thing): IntervalNotifierOps | UncheckedIntervalNotifierOps;

  /** The one with the whole range inside. */
  protected find(range: AddressRange): Thing | undefined {
    const thing = this.mirrored.containing(range);
    return thing?.dying ? undefined : thing;
  }

  /** Waits until nobody uses what is dying. */
  protected *quiesce(thing: Thing): Sleepable<undefined> {
    yield* thing.users.waitForZero();
  }

  /** `mmu_interval_notifier_insert`, or `mmu_interval_notifier_insert_locked` under the mmap lock. */
  protected *insert(thing: Thing, mmapLocked = false): Sleepable<undefined> {
    const { mm } = this.context;
    const { range, name } = thing;
    const ops = { ...this.ops(thing), name };
    const options = { mmapLocked };
    thing.notifier = yield* mm.insertIntervalSleepable(range.start, lengthOf(range), ops, options);
    this.mirrored.add(thing);
  }

  /** `mmu_interval_notifier_remove`. No callback tears anything down afterwards, so that is done here. */
  protected *remove(thing: Thing): Sleepable<undefined> {
    thing.dying = true;
    yield* this.quiesce(thing);
    yield* thing.notifier.removeSleepable();
    thing.device.tearDown(thing.range);
    this.mirrored.delete(thing);
  }

  /**
   * The read side of an interval notifier:
   *
   *     again:  q = read_begin
   *             mmap lock { look the pages up }        -EFAULT if the process has gone
   *             user lock { read_retry(q): again
   *                         install }
   *
   * It gives up with -EBUSY after a second. `install` runs under the lock.
   */
  protected *collideAndRetry(
    thing: Thing,
    userLock: { readonly lock: NamedLock; readonly what: string; readonly mode?: "read" | "write" },
    install: () => void,
  ): Sleepable<number> {
    const { notifier, users } = thing;
    const { lock, what, mode } = userLock;
    const { scheduler } = this.context;
    const deadline = scheduler.now + RANGE_TIMEOUT;
    let errno = -ERRNO.EBUSY;
    users.add(1);
    while (errno === -ERRNO.EBUSY && scheduler.now <= deadline) {
      const sequence = yield* notifier.readBeginSleepable();
      if (!(yield* this.context.getUserPages())) {
        errno = -ERRNO.EFAULT;
        break;
      }
      yield* this.lock(lock, what, mode);
      if (!notifier.readRetry(sequence)) {
        install();
        errno = 0;
      }
      lock.unlock();
    }
    users.add(-1);
    return errno;
  }
}
