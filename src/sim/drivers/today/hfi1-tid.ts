import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedIntervalNotifierOps } from "../../../notifier/interval-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import { type AddressRange, lengthOf, rangeText } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DriverModel, DriverOptions } from "../driver-model.ts";
import { IntervalDriver, locksOf, Mirrored } from "../interval-driver.ts";

export type Hfi1TidPersonality = "noModeCheck";

/**
 * The receive side of hfi1, `drivers/infiniband/hw/hfi1/user_exp_rcv.c` of v6.12: buffers into which the device
 * writes what is expected. An interval notifier for each node, which lives as long as that, and one for each
 * buffer while it is set up.
 *
 *     invalidate of a node     other than UNMAP: nothing; node mutex { free the entry; tell the process }    in any mode
 *     invalidate of a buffer   other than UNMAP: nothing; cover mutex { set_seq }                            in any mode
 *     setup                    insert the buffer's; read_begin; pin pages; insert the node's and program the entry;
 *                              cover mutex { read_retry: undo, -EBUSY }; remove the buffer's
 *
 * Neither callback looks at the mode, and both sleep on UNMAP, which is what the OOM reaper sends. The pin
 * keeps pages through all other events. A node is one entry here, whatever its size.
 */
export const hfi1Tid: DriverModel<Hfi1Tid, Hfi1TidPersonality> = {
  name: "hfi1-tid",
  era: "v6.12",
  kind: "interval",
  personalities: {
    noModeCheck:
      "the callbacks do the same in any mode, and sleep for their mutexes in a non-blocking start; without it they try them, and contended they refuse",
  },
  // `tid_rb_invalidate`, `tid_cover_invalidate`
  asMerged: ["noModeCheck"],
  attach: (context, options) => new Hfi1Tid(context, options).open(),
};

/** `struct tid_rb_node` */
class TidNode extends Mirrored {
  readonly invalidateMutex: NamedLock;
  freed = false;

  constructor(context: DriverContext, driver: string, range: AddressRange) {
    super(context, driver, range);
    this.invalidateMutex = context.lock(`invalidate_mutex of ${this.name}`, "mutex");
  }
}

/** A process that receives from an hfi1 device. */
export class Hfi1Tid extends IntervalDriver<TidNode, Hfi1TidPersonality> {
  #buffers = 0;
  /** `invalid_tid_idx`: entries that the process has not been told of. */
  #invalidTids = 0;

  constructor(context: DriverContext, options?: DriverOptions<Hfi1TidPersonality>) {
    super(context, hfi1Tid, options);
  }

  get locks(): Readonly<Record<string, NamedLock>> {
    return locksOf([...this.mirrored].map((thing) => thing.invalidateMutex));
  }

  /** `freed` counts nodes without an entry, `invalidTids` those that were invalidated. */
  get state(): { readonly nodes: number; readonly freed: number; readonly invalidTids: number } {
    const freed = [...this.mirrored].filter((node) => node.freed).length;
    return { nodes: this.mirrored.size, freed, invalidTids: this.#invalidTids };
  }

  /** `hfi1_user_exp_rcv_setup`. -EBUSY if the buffer was unmapped meanwhile. */
  override *mirror(range: AddressRange): Sleepable<number> {
    const { mm } = this.context;
    if (this.mirrored.at(range) !== undefined || mm.users === 0) return -ERRNO.EINVAL;
    yield* this.context.allocate("GFP_KERNEL");
    this.#buffers += 1;
    const name = `${this.name} buffer ${this.#buffers} ${rangeText(range)}`;
    const coverMutex = this.context.lock(`cover_mutex of ${name}`, "mutex");
    const ops = { ...this.#coverOps(coverMutex), name };
    const cover = yield* mm.insertIntervalSleepable(range.start, lengthOf(range), ops);
    const coverSequence = yield* cover.readBeginSleepable();
    let errno = (yield* this.context.getUserPages()) ? 0 : -ERRNO.EFAULT;
    if (errno === 0) {
      const node = this.make(range);
      yield* this.insert(node);
      // `hfi1_put_tid`
      if (!node.freed) node.device.install(range);
      yield* this.lock(coverMutex, "cover_mutex");
      if (cover.readRetry(coverSequence)) errno = -ERRNO.EBUSY;
      coverMutex.unlock();
      if (errno !== 0) yield* this.remove(node);
    }
    yield* cover.removeSleepable();
    return errno;
  }

  /** Something is received: into an entry, or not at all. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before use`);
    return this.find(range)?.device.covers(range) ? 0 : -ERRNO.EFAULT;
  }

  protected make(range: AddressRange): TidNode {
    return new TidNode(this.context, this.name, range);
  }

  /** `tid_rb_invalidate` */
  protected ops(node: TidNode): UncheckedIntervalNotifierOps {
    return this.#onUnmap(node.invalidateMutex, "invalidate_mutex", () => {
      if (node.freed) return;
      // `__clear_tid_node`: the whole entry goes.
      node.freed = true;
      node.device.tearDown(node.range);
      this.#invalidTids += 1;
    });
  }

  /** `tid_cover_invalidate` */
  #coverOps(coverMutex: NamedLock): UncheckedIntervalNotifierOps {
    return this.#onUnmap(coverMutex, "cover_mutex", (sequence, notifier) =>
      notifier.setSequence(sequence),
    );
  }

  #onUnmap(
    mutex: NamedLock,
    what: string,
    act: (sequence: number, notifier: { setSequence(sequence: number): void }) => void,
  ): UncheckedIntervalNotifierOps {
    const driver = this;
    return {
      *invalidate(notifier, { event, blockable }, sequence) {
        if (event !== "UNMAP") return true;
        if (blockable || driver.has("noModeCheck")) yield* driver.lock(mutex, what);
        else if (!mutex.tryLock()) return false;
        act(sequence, notifier);
        mutex.unlock();
        return true;
      },
    };
  }
}
