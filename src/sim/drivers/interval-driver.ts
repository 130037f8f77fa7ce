import type { Sleepable } from "../../blocking/suspension.ts";
import { ERRNO } from "../../notifier/errno.ts";
import type {
  IntervalNotifier,
  IntervalNotifierOps,
  UncheckedIntervalNotifierOps,
} from "../../notifier/interval-notifier.ts";
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
  #notifier: IntervalNotifier | undefined;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    this.range = range;
    this.name = `${driver} ${rangeText(range)}`;
    this.device = new DeviceEntries(context, this.name);
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

  /** Waits for invalidations that may have hit it. */
  *unmirror(range: AddressRange): Sleepable<number> {
    const thing = this.mirrored.at(range);
    if (thing === undefined) return -ERRNO.EINVAL;
    yield* this.remove(thing);
    return 0;
  }

  *detach(): Sleepable<undefined> {
    for (const thing of this.mirrored) yield* this.remove(thing);
  }

  protected abstract make(range: AddressRange): Thing;

  /** The callback of a notifier. */
  protected abstract ops(thing: Thing): IntervalNotifierOps | UncheckedIntervalNotifierOps;

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
    this.mirrored.delete(thing);
    yield* thing.notifier.removeSleepable();
    thing.device.tearDown(thing.range);
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
    const { scheduler } = this.context;
    const deadline = scheduler.now + RANGE_TIMEOUT;
    while (scheduler.now <= deadline) {
      if (this.mirrored.at(thing.range) !== thing) return -ERRNO.EFAULT;
      const sequence = yield* thing.notifier.readBeginSleepable();
      if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
      yield* this.lock(userLock.lock, userLock.what, userLock.mode);
      const retry = this.readRetry(thing, sequence);
      if (!retry) install();
      userLock.lock.unlock();
      if (!retry) return 0;
    }
    return -ERRNO.EBUSY;
  }

  /** Under the user lock. Whoever has been removed meanwhile finds that out when it begins anew. */
  protected readRetry(thing: Thing, sequence: number): boolean {
    return thing.notifier.readRetry(sequence) || this.mirrored.at(thing.range) !== thing;
  }
}
