import type { Sleepable } from "../blocking/suspension.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";
import { isGeneratorFunction } from "./callback-checks.ts";
import { EAGAIN } from "./errno.ts";
import type { CallbackRange } from "./range.ts";

/**
 * What a callback that may sleep gives back: nothing, or the generator that it is. A generator's `void`
 * takes nothing but `undefined`, and is what is inferred for one without a `return`.
 */
export type MaySleep = undefined | Sleepable<void>;

/**
 * The callbacks of a list notifier, `struct mmu_notifier_ops`. It is called for every invalidation of
 * its address space and filters ranges by itself. All are optional. A callback that never sleeps is a
 * plain function; one that may sleep is a generator. A declared `(): void` function is refused by the
 * types on purpose: `void` would accept generators and promises, which nobody would run.
 */
export interface ListNotifierOps<Data = unknown> {
  /** Names the notifier in events and reports. Default: `list notifier N`. */
  readonly name?: string;
  /**
   * `invalidate_range_start`, one callback for each mode: so a blockable start cannot refuse, and a
   * non-blocking one cannot sleep, by type. `nonblocking` returns true to approve and false to refuse;
   * whoever approves promises that its end will not sleep either.
   */
  readonly invalidateRangeStart?: {
    blocking(range: CallbackRange): MaySleep;
    nonblocking(range: CallbackRange): boolean;
  };
  /** `invalidate_range_end`; must not sleep if the range is not blockable. It cannot refuse. */
  invalidateRangeEnd?(range: CallbackRange): MaySleep;
  /** `invalidate_range`, in v4.19 and v5.5 only: just before the end callback of the same notifier. */
  invalidateRange?(range: CallbackRange): MaySleep;
  /** `release`: the address space goes away. Must be idempotent: teardown and unregister may race. */
  release?(mm: AddressSpace): MaySleep;
  /** `alloc_notifier`: makes the `data` of a notifier that `get` had to register. Throw to fail. */
  allocNotifier?(mm: AddressSpace): Data;
  /** `free_notifier`: after the last put, when no callback runs any more. Must not sleep. */
  freeNotifier?(notifier: ListNotifier<Data>): undefined;
  clearFlushYoung?(
    mm: AddressSpace,
    start: CallbackRange["start"],
    end: CallbackRange["end"],
  ): boolean;
  clearYoung?(mm: AddressSpace, start: CallbackRange["start"], end: CallbackRange["end"]): boolean;
  testYoung?(mm: AddressSpace, address: CallbackRange["start"]): boolean;
  /** `arch_invalidate_secondary_tlbs`: under a page table lock, so it never sleeps. */
  archInvalidateSecondaryTlbs?(
    mm: AddressSpace,
    start: CallbackRange["start"],
    end: CallbackRange["end"],
  ): undefined;
}

/**
 * The same without the types' help, for drivers that break the contract so that somebody can be seen
 * to notice: a start that returns any error in any mode, an end that sleeps when it must not.
 */
export interface UncheckedListNotifierOps<Data = unknown>
  extends Omit<ListNotifierOps<Data>, "invalidateRangeStart"> {
  /** 0 or undefined approves; anything else refuses, a negated error number by custom. */
  invalidateRangeStart?(range: CallbackRange): number | undefined | Sleepable<number | undefined>;
}

/** What the core calls: the answer is looked at when it comes. */
type Callback = (range: CallbackRange) => unknown;

/** A list notifier in the list of its address space, `struct mmu_notifier`. */
export class ListNotifier<Data = unknown> {
  readonly name: string;
  readonly mm: AddressSpace;
  /** The very object that was registered: `get` knows a notifier by it. */
  readonly ops: ListNotifierOps<Data> | UncheckedListNotifierOps<Data>;
  /** What `allocNotifier` made. */
  readonly data: Data | undefined;
  /** @internal Gets minus puts; 1 after registration. */
  users = 1;
  /** @internal Whether it is in the list: invalidations call it. */
  linked = false;
  /** @internal Whether it still holds its reference to the address space. */
  counted = false;
  /** @internal Whether it has a start callback. */
  readonly hasStart: boolean;
  /** @internal */
  readonly end: Callback | undefined;
  /** @internal Whether the callback is written as one that may sleep. */
  readonly sleepsInStart: boolean;
  /** @internal */
  readonly sleepsInEnd: boolean;
  /** @internal */
  readonly sleepsInRelease: boolean;
  /** What the start callbacks belong to. */
  readonly #receiver: unknown;
  readonly #blocking: Callback | undefined;
  /** Undefined if one callback serves both modes. */
  readonly #nonblocking: Callback | undefined;

  /** For `AddressSpace` only. The callbacks are taken from `ops` once, now. */
  constructor(
    mm: AddressSpace,
    name: string,
    ops: ListNotifierOps<Data> | UncheckedListNotifierOps<Data>,
    data: Data | undefined,
  ) {
    this.mm = mm;
    this.name = name;
    this.ops = ops;
    this.data = data;
    const start = ops.invalidateRangeStart;
    this.hasStart = start !== undefined;
    this.#receiver = typeof start === "object" ? start : ops;
    this.#blocking = typeof start === "object" ? start.blocking : start;
    this.#nonblocking = typeof start === "object" ? start.nonblocking : undefined;
    this.end = ops.invalidateRangeEnd;
    this.sleepsInStart = isGeneratorFunction(this.#blocking);
    this.sleepsInEnd = isGeneratorFunction(this.end);
    this.sleepsInRelease = isGeneratorFunction(ops.release);
  }

  /** @internal Calls the start callback for the mode of the range. */
  start(range: CallbackRange): unknown {
    if (range.blockable || this.#nonblocking === undefined) {
      return this.#blocking?.call(this.#receiver, range);
    }
    return approval(this.name, this.#nonblocking.call(this.#receiver, range));
  }
}

function approval(name: string, answer: unknown): number {
  if (answer === true) return 0;
  if (answer === false) return EAGAIN;
  throw new IntervalidateError(
    "ARGUMENT",
    `The nonblocking callback of ${name} must return true or false at once, but returned ${answer === null ? "null" : typeof answer}.`,
  );
}
