import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import { Counter } from "../../counter.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation } from "../driver-model.ts";
import { IntervalDriver, Mirrored } from "../interval-driver.ts";

/** A buffer object of user memory, which commands of a GPU use. */
export class UserptrBo extends Mirrored {
  /** Fences that have not signalled. */
  readonly fences: Counter;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    super(context, driver, range);
    this.fences = new Counter(`fences of ${this.name}`);
  }
}

/** What drivers have in common to which commands are submitted that use buffer objects. */
export abstract class GpuDriver<
  Bo extends UserptrBo,
  Personality extends string,
> extends IntervalDriver<Bo, Personality> {
  override readonly operations: {
    /** The GPU is done with the commands that use the range: their fences signal. */
    readonly signal: DeviceOperation;
  } = { signal: (range) => this.#signal(range) };

  /** Fences of all objects that have not signalled. */
  protected get fences(): number {
    let fences = 0;
    for (const bo of this.mirrored) fences += bo.fences.value;
    return fences;
  }

  /** And the GPU is done. */
  protected override *quiesce(bo: Bo): Sleepable<undefined> {
    yield* super.quiesce(bo);
    yield* bo.fences.waitForZero();
  }

  *#signal(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before the fences signal`);
    const bo = this.mirrored.containing(range);
    if (bo === undefined) return -ERRNO.EINVAL;
    bo.fences.add(-bo.fences.value);
    return 0;
  }
}
