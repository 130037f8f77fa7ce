import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { CallbackRange } from "../../../notifier/range.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type Hfi12018Personality = "flushesInCallback";

/**
 * hfi1, `drivers/infiniband/hw/hfi1/mmu_rb.c` of v4.19: a cache of pinned buffers, in a tree under a spinlock.
 *
 *     start         spinlock { every node in the range that is not in use: out of the tree, into the delete list }
 *                   queue the delete work                 any mode: never refuses
 *     end           none
 *     delete work   spinlock { take the list }; unpin each, under the mmap lock
 *
 * It keeps nothing from start to end. The pin keeps the pages until the work has run, so that the device never
 * writes into somebody else's; but for a while it writes into pages that the process has lost.
 */
export const hfi12018: DriverModel<Hfi12018, Hfi12018Personality> = {
  name: "hfi1-2018",
  era: "v4.19",
  kind: "list",
  personalities: {
    flushesInCallback:
      "start waits for the delete work: a sleep in non-blocking mode, and a deadlock where the caller holds the mmap lock",
  },
  asMerged: [],
  attach: (context, options) => new Hfi12018(context, options).register(),
};

/** `struct mmu_rb_node` */
interface RbNode {
  readonly range: AddressRange;
  /** Requests that use it. */
  users: number;
}

/** The buffers of one process on an hfi1 device: `struct mmu_rb_handler`. */
export class Hfi12018 extends ListDriver<Hfi12018Personality> {
  readonly locks: { readonly lock: NamedLock };
  override readonly workqueues: { readonly hfi1: Workqueue };
  override readonly operations: {
    /** A request that uses the range goes to the device: its buffer cannot be evicted. */
    readonly submit: DeviceOperation;
    /** Such a request is done. */
    readonly complete: DeviceOperation;
  } = {
    submit: (range) => this.#submit(range),
    complete: (range) => this.#complete(range),
  };
  readonly #tree = new RangeSet<RbNode>();
  readonly #deleteWork: Work;
  #deleteList: readonly RbNode[] = [];

  constructor(context: DriverContext, options?: DriverOptions<Hfi12018Personality>) {
    super(context, hfi12018, options);
    this.locks = { lock: context.lock(`lock of ${this.name}`, "spinlock") };
    this.workqueues = { hfi1: context.workqueue(`hfi1 of ${this.name}`) };
    this.#deleteWork = this.workqueues.hfi1.work(`del_work of ${this.name}`, () =>
      this.#handleRemove(),
    );
  }

  /** `pinned` counts buffers in the tree and in the delete list, `inUse` those of requests. */
  get state(): {
    readonly nodes: number;
    readonly deleting: number;
    readonly pinned: number;
    readonly inUse: number;
  } {
    const nodes = this.#tree.size;
    const deleting = this.#deleteList.length;
    const inUse = [...this.#tree].filter(({ users }) => users > 0).length;
    return { nodes, deleting, pinned: this.device.ranges.length, inUse };
  }

  /** A buffer is pinned in advance: as `access`, but it must not be there. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#tree.overlapping(range).length > 0) return -ERRNO.EINVAL;
    return yield* this.access(range);
  }

  /** A buffer is found in the cache, or pinned: `pin_vector_pages` and `hfi1_mmu_rb_insert`. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    const cached = this.#tree.containing(range) !== undefined;
    this.locks.lock.unlock();
    if (cached) return 0;
    yield* this.context.allocate("GFP_KERNEL");
    if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    yield* this.#lock();
    const free = this.#tree.overlapping(range).length === 0;
    if (free) {
      this.#tree.add({ range, users: 0 });
      this.device.install(range);
    }
    this.locks.lock.unlock();
    return free ? 0 : -ERRNO.EINVAL;
  }

  /** `hfi1_mmu_rb_remove` */
  *unmirror(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    const node = this.#tree.at(range);
    if (node !== undefined) this.#tree.delete(node);
    this.locks.lock.unlock();
    if (node === undefined) return -ERRNO.EINVAL;
    yield* this.#unpin(node);
    return 0;
  }

  /** `hfi1_mmu_rb_unregister` */
  override *detach(): Sleepable<undefined> {
    yield* super.detach();
    yield* this.workqueues.hfi1.flush(this.#deleteWork);
    for (const { range } of this.#tree) yield* this.unmirror(range);
  }

  protected ops(): UncheckedListNotifierOps {
    return { invalidateRangeStart: (range) => this.#start(range) };
  }

  /** `mmu_notifier_range_start`. The mode makes no difference. */
  *#start(range: CallbackRange): Sleepable<number> {
    yield* this.#lock();
    // `sdma_rb_invalidate`: what is in use stays.
    const unused = this.#tree.overlapping(range).filter(({ users }) => users === 0);
    for (const node of unused) this.#tree.delete(node);
    this.#deleteList = [...this.#deleteList, ...unused];
    this.locks.lock.unlock();
    if (unused.length === 0) return 0;
    this.workqueues.hfi1.queue(this.#deleteWork);
    if (this.has("flushesInCallback")) yield* this.workqueues.hfi1.flush(this.#deleteWork);
    return 0;
  }

  /** `handle_remove` */
  *#handleRemove(): Sleepable<undefined> {
    yield* this.#lock();
    const list = this.#deleteList;
    this.#deleteList = [];
    this.locks.lock.unlock();
    for (const node of list) yield* this.#unpin(node);
  }

  /** `hfi1_release_user_pages`: the pages are no longer counted as pinned, which the mmap lock guards. */
  *#unpin(node: RbNode): Sleepable<undefined> {
    yield* this.context.mmapLock.lock("write");
    this.context.mmapLock.unlock();
    this.device.tearDown(node.range);
  }

  *#submit(range: AddressRange): Sleepable<number> {
    const errno = yield* this.access(range);
    const node = this.#tree.containing(range);
    if (errno !== 0 || node === undefined) return -ERRNO.EFAULT;
    node.users += 1;
    return 0;
  }

  *#complete(range: AddressRange): Sleepable<number> {
    yield* this.context.point(`${this.name}:before a request is done`);
    const node = this.#tree.containing(range);
    if (node === undefined || node.users === 0) return -ERRNO.EINVAL;
    node.users -= 1;
    return 0;
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.lock, "lock");
  }
}
