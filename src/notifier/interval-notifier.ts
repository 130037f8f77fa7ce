import { runAsync } from "../blocking/asynchronous-driver.ts";
import { type Sleepable, waitUntil } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";
import { isGeneratorFunction } from "./callback-checks.ts";
import type { IntervalNotifiers } from "./interval-notifiers.ts";
import type { MaySleep } from "./list-notifier.ts";
import type { CallbackRange } from "./range.ts";

/** Called once for the start that gave it back, after all starts of the invalidation: `next` only. */
export type Finish = () => MaySleep;

/**
 * The callback of an interval notifier, `struct mmu_interval_notifier_ops`, one for each mode. Both
 * take the notifier's user lock (`nonblocking` only if that needs no sleep), call
 * `notifier.setSequence(sequence)` under it in any case, tear down what they mirror, and give the
 * lock back. `nonblocking` returns true to approve and false to refuse.
 */
export interface IntervalNotifierOps {
  /** Names the notifier in events and reports. Default: `interval notifier N`. */
  readonly name?: string;
  readonly invalidate?: {
    blocking(notifier: IntervalNotifier, range: CallbackRange, sequence: number): MaySleep;
    nonblocking(notifier: IntervalNotifier, range: CallbackRange, sequence: number): boolean;
  };
  /**
   * Instead of `invalidate`, in profile `next`: the start half, which may give back what is to be done
   * when every start has run. `nonblocking` gives back false to refuse.
   */
  readonly invalidateStart?: {
    blocking(
      notifier: IntervalNotifier,
      range: CallbackRange,
      sequence: number,
    ): MaySleep | Finish | Sleepable<undefined | Finish>;
    nonblocking(
      notifier: IntervalNotifier,
      range: CallbackRange,
      sequence: number,
    ): boolean | Finish;
  };
}

/** The same without the types' help, for drivers that break the contract. False refuses in any mode. */
export interface UncheckedIntervalNotifierOps {
  readonly name?: string;
  invalidate?(
    notifier: IntervalNotifier,
    range: CallbackRange,
    sequence: number,
  ): boolean | undefined | Sleepable<boolean | undefined>;
  invalidateStart?(
    notifier: IntervalNotifier,
    range: CallbackRange,
    sequence: number,
  ): boolean | undefined | Finish | Refusal | Sleepable<boolean | undefined | Finish | Refusal>;
}

/** A refusal that gives a finish back all the same: it is ignored. */
export interface Refusal {
  readonly approved: false;
  readonly finish: Finish;
}

/** What the core calls: the answer is looked at when it comes. */
type InvalidateCallback = (
  notifier: IntervalNotifier,
  range: CallbackRange,
  sequence: number,
) => unknown;

/**
 * A subscription to one address interval, `struct mmu_interval_notifier`: called only for
 * invalidations that overlap it. Readers remember its sequence, and look again when it has changed.
 */
export class IntervalNotifier {
  readonly name: string;
  readonly mm: AddressSpace;
  /** First byte. */
  readonly start: Address;
  /** Last byte: closed, as the kernel's tree keeps it. */
  readonly last: Address;
  readonly ops: IntervalNotifierOps | UncheckedIntervalNotifierOps;
  /** @internal Its handle in the engine, while it is inserted. */
  handle = 0;
  /** @internal Visible to invalidations: deferred ones are not. */
  inTree = false;
  /** @internal When it came into the tree: equal starts are called in that order. */
  insertion = 0;
  /** @internal */
  readonly invalidate: InvalidateCallback;
  /** @internal Whether the callback comes in two passes. */
  readonly twoPass: boolean;
  /** @internal Whether the callback is written as one that may sleep. */
  readonly sleeps: boolean;
  readonly #notifiers: IntervalNotifiers;
  #sequence: number;

  /** For `AddressSpace` only. */
  constructor(
    notifiers: IntervalNotifiers,
    mm: AddressSpace,
    name: string,
    start: Address,
    last: Address,
    ops: IntervalNotifierOps | UncheckedIntervalNotifierOps,
    sequence: number,
  ) {
    this.#notifiers = notifiers;
    this.mm = mm;
    this.name = name;
    this.start = start;
    this.last = last;
    this.ops = ops;
    this.#sequence = sequence;
    this.invalidate = invalidateCallback(name, ops);
    this.twoPass = ops.invalidateStart !== undefined;
    const callback = ops.invalidateStart ?? ops.invalidate;
    this.sleeps = isGeneratorFunction(typeof callback === "object" ? callback.blocking : callback);
  }

  /** One past the last byte. */
  get end(): bigint {
    return BigInt(this.last) + 1n;
  }

  /** `invalidate_seq`: that of the last invalidation that hit it. */
  get sequence(): number {
    return this.#sequence;
  }

  /** `mmu_interval_set_seq`: to be called by the callback, under the user lock, in any case. */
  setSequence(sequence: number): undefined {
    this.#sequence = sequence;
    if (this.#notifiers.observed) {
      const { mm, name } = this;
      this.#notifiers.tell({ kind: "set-sequence", mm: mm.name, notifier: name, sequence });
    }
    return undefined;
  }

  /**
   * Starts a read of the mirrored memory: `mmu_interval_read_begin`. Returns the sequence to give to
   * `readRetry`. It does not loop: a retry may be due already when it returns.
   *
   * @throws {IntervalidateError} WOULD_BLOCK while an invalidation that hit the notifier is open
   */
  readBegin(): number {
    const sequence = this.#sequence;
    if (sequence === this.mm.sequence) {
      throw new IntervalidateError(
        "WOULD_BLOCK",
        `${this.name} is being invalidated: a read has to wait for the end. Use \`readBeginAsync\`, or let a driver run \`readBeginSleepable\`.`,
      );
    }
    this.#tellBegin(sequence);
    return sequence;
  }

  /** `readBegin` that sleeps until the invalidation has ended. Killable. */
  *readBeginSleepable(): Sleepable<number> {
    const notifiers = this.#notifiers;
    notifiers.tell({ kind: "read-enter", mm: this.mm.name, subscriber: this.name });
    if (notifiers.points) yield { kind: "point", label: `before read_begin ${this.name}` };
    const sequence = this.#sequence;
    const { state } = notifiers;
    if (sequence === state.sequence) {
      yield* waitUntil(
        () => state.readMayBegin(sequence),
        state.thawed,
        `thaw (read ${this.name})`,
        true,
      );
      notifiers.checkAlive();
    }
    this.#tellBegin(sequence);
    return sequence;
  }

  /** `readBegin` as a promise. @throws the signal's reason if it is aborted meanwhile */
  readBeginAsync(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return runAsync(this.readBeginSleepable(), options.signal);
  }

  /**
   * Whether an invalidation has hit the notifier since `readBegin` returned `sequence`, so that what was
   * read must not be installed: `mmu_interval_read_retry`. To be called under the user lock.
   */
  readRetry(sequence: number): boolean {
    const retry = this.#sequence !== sequence;
    this.#notifiers.tell({
      kind: "read-retry",
      mm: this.mm.name,
      subscriber: this.name,
      sequence,
      retry,
      locked: null,
    });
    return retry;
  }

  /** The same without the lock: true is certain, false is only a hint. `mmu_interval_check_retry` */
  checkRetry(sequence: number): boolean {
    return this.#sequence !== sequence;
  }

  /**
   * Ends the subscription: `mmu_interval_notifier_remove`. After return no callback of it runs.
   * False if it is not inserted, or being removed already.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if the tree is frozen, so that the kernel would sleep;
   *   nothing has changed then
   */
  remove(): boolean {
    return this.#notifiers.remove(this);
  }

  /** `remove` that sleeps until the tree thaws. Uninterruptible; not from a callback. */
  removeSleepable(): Sleepable<boolean> {
    return this.#notifiers.removeSleepable(this);
  }

  /** `remove` as a promise. */
  removeAsync(): Promise<boolean> {
    return runAsync(this.removeSleepable());
  }

  #tellBegin(sequence: number): void {
    this.#notifiers.tell({
      kind: "read-begin",
      mm: this.mm.name,
      subscriber: this.name,
      sequence,
    });
  }
}

function invalidateCallback(
  name: string,
  ops: IntervalNotifierOps | UncheckedIntervalNotifierOps,
): InvalidateCallback {
  const callback = (ops.invalidateStart ?? ops.invalidate) as Exclude<
    typeof ops.invalidate | typeof ops.invalidateStart,
    undefined
  >;
  if (typeof callback === "function") {
    return (notifier, range, sequence) =>
      withoutFinish(callback.call(ops, notifier, range, sequence));
  }
  const { blocking, nonblocking } = callback;
  return (notifier, range, sequence) =>
    range.blockable
      ? blocking.call(callback, notifier, range, sequence)
      : approval(name, nonblocking.call(callback, notifier, range, sequence));
}

/** A finish that comes with a refusal is ignored. */
function withoutFinish(answer: unknown): unknown {
  const isRefusal = typeof answer === "object" && answer !== null && "approved" in answer;
  return isRefusal ? answer.approved : answer;
}

function approval(name: string, answer: unknown): unknown {
  if (typeof answer === "boolean" || typeof answer === "function") return answer;
  throw new IntervalidateError(
    "ARGUMENT",
    `The nonblocking callback of ${name} must return true or false at once, but returned ${answer === null ? "null" : typeof answer}.`,
  );
}
