import type { Sleepable } from "../../../blocking/suspension.ts";
import { ERRNO } from "../../../notifier/errno.ts";
import type { UncheckedListNotifierOps } from "../../../notifier/list-notifier.ts";
import type { NamedLock } from "../../named-lock.ts";
import type { Work, Workqueue } from "../../workqueue.ts";
import type { AddressRange } from "../address-range.ts";
import type { DriverContext } from "../context.ts";
import type { DeviceOperation, DriverModel, DriverOptions } from "../driver-model.ts";
import { ListDriver } from "../list-driver.ts";
import { RangeSet } from "../range-set.ts";

export type Hfi1MmuRbPersonality = "flushesInCallback";

/**
 * The send side of hfi1, `drivers/infiniband/hw/hfi1/mmu_rb.c` of v6.12: a cache of pinned buffers, in a tree
 * under an irq-safe spinlock.
 *
 *     start         spinlock { every node in the range: out of the tree, one reference less; the last one moves it
 *                              into the delete list and queues the work }        any mode: never refuses
 *     end           none
 *     delete work   spinlock { take the list }; unpin each
 *
 * It keeps nothing from start to end: detach now, free later. Buffers in use are detached as well; they stay
 * pinned until the request is done and the work has run.
 */
export const hfi1MmuRb: DriverModel<Hfi1MmuRb, Hfi1MmuRbPersonality> = {
  name: "hfi1-mmu-rb",
  era: "v6.12",
  kind: "list",
  personalities: {
    flushesInCallback:
      "start waits for the delete work under its spinlock, which the work takes first of all: a deadlock",
  },
  asMerged: [],
  attach: (context, options) => new Hfi1MmuRb(context, options).register(),
};

/** `struct mmu_rb_node` */
interface RbNode {
  readonly range: AddressRange;
  /** Of the tree, and of each request that uses it. */
  references: number;
}

/** The buffers of one process on an hfi1 device: `struct mmu_rb_handler`. */
export class Hfi1MmuRb extends ListDriver<Hfi1MmuRbPersonality> {
  readonly locks: { readonly lock: NamedLock };
  override readonly workqueues: { readonly wq: Workqueue };
  override readonly operations: {
    /** A request that uses the range goes to the device. */
    readonly submit: DeviceOperation;
    /** Such a request is done. */
    readonly complete: DeviceOperation;
  } = {
    submit: (range) => this.#submit(range),
    complete: (range) => this.#complete(range),
  };
  readonly #tree = new RangeSet<RbNode>();
  /** Nodes of requests, the oldest first. */
  readonly #requests = new RangeSet<{ readonly range: AddressRange; readonly node: RbNode }>();
  readonly #delWork: Work;
  #delList: readonly RbNode[] = [];
  #pinned = 0;

  constructor(context: DriverContext, options?: DriverOptions<Hfi1MmuRbPersonality>) {
    super(context, hfi1MmuRb, options);
    this.locks = { lock: context.lock(`lock of ${this.name}`, "spinlock") };
    this.workqueues = { wq: context.workqueue(`wq of ${this.name}`) };
    this.#delWork = this.workqueues.wq.work(`del_work of ${this.name}`, () => this.#handleRemove());
  }

  /** `pinned` counts buffers in the tree, those of requests, and those in the delete list. */
  get state(): {
    readonly nodes: number;
    readonly deleting: number;
    readonly pinned: number;
    readonly requests: number;
  } {
    return {
      nodes: this.#tree.size,
      deleting: this.#delList.length,
      pinned: this.#pinned,
      requests: this.#requests.size,
    };
  }

  /** A buffer is pinned in advance: as `access`, but it must not be there. */
  *mirror(range: AddressRange): Sleepable<number> {
    if (this.#tree.overlapping(range).length > 0) return -ERRNO.EINVAL;
    return yield* this.access(range);
  }

  /** A buffer is found in the cache, or pinned: `pin_vector_pages`. */
  *access(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    const isCached = this.#tree.containing(range) !== undefined;
    this.locks.lock.unlock();
    if (isCached) return 0;
    yield* this.context.allocate("GFP_KERNEL");
    if (!(yield* this.context.getUserPages())) return -ERRNO.EFAULT;
    yield* this.#lock();
    // `hfi1_mmu_rb_insert`
    const isFree = this.#tree.overlapping(range).length === 0;
    if (isFree) {
      this.#tree.add({ range, references: 1 });
      this.#pinned += 1;
      this.device.install(range);
    }
    this.locks.lock.unlock();
    return isFree ? 0 : -ERRNO.EINVAL;
  }

  /** `hfi1_mmu_rb_evict`, of one */
  *unmirror(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    const node = this.#tree.at(range);
    if (node !== undefined) this.#detachNode(node);
    this.locks.lock.unlock();
    return node === undefined ? -ERRNO.EINVAL : 0;
  }

  /** `hfi1_mmu_rb_unregister`. Without the notifier nobody but us queues the work. */
  override *detach(): Sleepable<undefined> {
    yield* super.detach();
    for (const { range } of this.#tree) yield* this.unmirror(range);
    yield* this.workqueues.wq.flush(this.#delWork);
  }

  protected ops(): UncheckedListNotifierOps {
    return { invalidateRangeStart: (range) => this.#start(range) };
  }

  /** `mmu_notifier_range_start`. The mode makes no difference. */
  *#start(range: AddressRange): Sleepable<number> {
    yield* this.#lock();
    for (const node of this.#tree.overlapping(range)) this.#detachNode(node);
    if (this.has("flushesInCallback")) yield* this.workqueues.wq.flush(this.#delWork);
    this.locks.lock.unlock();
    return 0;
  }

  /** Out of the tree; the device does not find it any more. */
  #detachNode(node: RbNode): void {
    this.#tree.delete(node);
    this.device.tearDown(node.range);
    this.#put(node);
  }

  /** `kref_put`, and `release_nolock` for the last one. It does not unpin: that may sleep. */
  #put(node: RbNode): void {
    node.references -= 1;
    if (node.references > 0) return;
    this.#delList = [...this.#delList, node];
    this.workqueues.wq.queue(this.#delWork);
  }

  /** `handle_remove` */
  *#handleRemove(): Sleepable<undefined> {
    yield* this.#lock();
    const list = this.#delList;
    this.#delList = [];
    this.locks.lock.unlock();
    this.#pinned -= list.length;
  }

  *#submit(range: AddressRange): Sleepable<number> {
    const errno = yield* this.access(range);
    const node = this.#tree.containing(range);
    if (errno !== 0 || node === undefined) return -ERRNO.EFAULT;
    node.references += 1;
    this.#requests.add({ range, node });
    return 0;
  }

  *#complete(range: AddressRange): Sleepable<number> {
    const request = this.#requests.at(range);
    if (request === undefined) return -ERRNO.EINVAL;
    this.#requests.delete(request);
    yield* this.#lock();
    this.#put(request.node);
    this.locks.lock.unlock();
    return 0;
  }

  #lock(): Sleepable<undefined> {
    return this.lock(this.locks.lock, "lock");
  }
}
