import { runAsync } from "../blocking/asynchronous-driver.ts";
import { RwSemaphore } from "../blocking/rw-semaphore.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import { runAtOnce } from "../blocking/synchronous-driver.ts";
import type { Address } from "../engine/addresses.ts";
import { defaultEngine, type Engine } from "../engine/engine.ts";
import { NotifierDomain } from "./domain.ts";
import type { EventSink } from "./events.ts";
import type {
  IntervalNotifier,
  IntervalNotifierOps,
  UncheckedIntervalNotifierOps,
} from "./interval-notifier.ts";
import { IntervalNotifiers } from "./interval-notifiers.ts";
import { IntervalState } from "./interval-state.ts";
import { Invalidations, type StartResult } from "./invalidations.ts";
import type { ListNotifier, ListNotifierOps } from "./list-notifier.ts";
import { PassiveMirrors } from "./passive-mirrors.ts";
import { type ProfileName, profileOf } from "./profile.ts";
import { Questions } from "./questions.ts";
import type { NotifierRange } from "./range.ts";
import { type RegisterOptions, Registrations } from "./registrations.ts";
import { Subscriptions } from "./subscriptions.ts";
import { UncheckedNotifiers } from "./unchecked-notifiers.ts";
import type { InvalidationWindow } from "./window.ts";

export interface AddressSpaceOptions {
  /** Names the address space in events and messages. Default: `mm`. */
  readonly name?: string;
  /** Whose rules it follows. Default: `strict`. */
  readonly profile?: ProfileName;
  /** The engine that keeps the mirrors. Default: one shared by the whole program. */
  readonly engine?: Engine;
  /** What it shares with other address spaces of its kernel. Default: one for the whole program. */
  readonly domain?: NotifierDomain;
  /** Receives everything observable, as it happens. Costs nothing when absent. */
  readonly events?: EventSink;
  /** For simulators: its generators yield a point wherever a task may be preempted. Default: false. */
  readonly points?: boolean;
}

/** A wait that a signal may end: with the signal's reason, and as if nothing had been asked for. */
interface Interruptible {
  readonly signal?: AbortSignal;
}

let sharedDomain: NotifierDomain | undefined;

/**
 * One address space, the kernel's `mm`, and everything that mirrors it. Whoever changes
 * `[start, end)` brackets the change with `invalidateRangeStart(...)` and `window.end()`.
 *
 * Operations that may sleep have three doors. `op(...)` is synchronous and throws WOULD_BLOCK, before
 * anything has changed, where it would have to sleep. `opAsync(...)` is always a promise.
 * `opSleepable(...)` is the generator itself, for a simulator.
 */
export class AddressSpace implements Disposable {
  readonly name: string;
  readonly profile: ProfileName;
  /** Interval notifiers without callbacks, by the million. */
  readonly mirrors: PassiveMirrors;
  /** `mmap_lock`: held for writing by `register` and by the first insertion of an interval notifier. */
  readonly mmapLock: RwSemaphore;
  /** The doors for notifiers and callers that break the contract on purpose. */
  readonly unchecked: UncheckedNotifiers;
  readonly #subscriptions: Subscriptions;
  readonly #invalidations: Invalidations;
  readonly #registrations: Registrations;
  readonly #questions: Questions;

  constructor(options: AddressSpaceOptions = {}) {
    const profile = profileOf(options.profile ?? "strict");
    const { events } = options;
    sharedDomain ??= new NotifierDomain();
    this.name = options.name ?? "mm";
    this.profile = profile.name;
    this.mmapLock = new RwSemaphore(`mmap lock of ${this.name}`);
    const engine = options.engine ?? defaultEngine();
    const points = options.points ?? false;
    const state = new IntervalState(profile.removeWaitsForDeferred);
    this.mirrors = new PassiveMirrors(
      this.name,
      engine,
      state,
      () => this.users > 0,
      !profile.passiveFirst,
      events,
    );
    this.#subscriptions = new Subscriptions({
      mm: this,
      profile,
      domain: options.domain ?? sharedDomain,
      state,
      mirrors: this.mirrors,
      intervals: new IntervalNotifiers(this, engine, state, points, events),
      points,
      events,
    });
    this.#invalidations = new Invalidations(this, this.#subscriptions);
    this.#registrations = new Registrations(this, this.#subscriptions);
    this.#questions = new Questions(this.#subscriptions);
    this.unchecked = new UncheckedNotifiers(this.#registrations, this.#invalidations);
  }

  /** The notifier sequence, `invalidate_seq`: odd while the tree is frozen. Starts at 2. */
  get sequence(): number {
    return this.#subscriptions.state.sequence;
  }

  /**
   * Invalidations that have started and not ended, `active_invalidate_ranges`. The kernel counts them only
   * once there is an interval tree; here they count from the first on.
   */
  get activeInvalidations(): number {
    return this.#subscriptions.state.active;
  }

  /** Tasks that use the address space, `mm_users`: 1, or 0 once it is torn down. */
  get users(): number {
    return this.#registrations.users;
  }

  /** @internal */
  set users(users: number) {
    this.#registrations.users = users;
  }

  /** References to the address space, `mm_count`: its own, one per list notifier, interval notifier and mirror. */
  get count(): number {
    return this.#registrations.count;
  }

  /** Whether anything has ever been registered: `notifier_subscriptions` is not null. */
  get hasSubscriptions(): boolean {
    return this.#subscriptions.exists || this.mirrors.used;
  }

  /** Whether an interval notifier has ever been inserted, or failed to be: `has_itree`. */
  get hasIntervalTree(): boolean {
    return this.#subscriptions.hasIntervalTree;
  }

  /** The linked list notifiers, newest first: the order of the calls. */
  get listNotifiers(): readonly ListNotifier[] {
    return this.#subscriptions.list;
  }

  /** The interval notifiers with callbacks that invalidations see, ascending by start. */
  get intervalNotifiers(): readonly IntervalNotifier[] {
    return this.#subscriptions.intervals.inTree;
  }

  /** Insertions and removals that wait for the thaw, newest first: notifiers, and handles of mirrors. */
  get deferred(): readonly (IntervalNotifier | number)[] {
    return this.#subscriptions.state.deferred;
  }

  /**
   * Announces a change of `[range.start, range.end)` by a caller that may wait:
   * `mmu_notifier_invalidate_range_start`. It cannot be refused. If a callback throws, what was opened
   * is closed, and the error is thrown.
   *
   * @throws {IntervalidateError} RANGE or ARGUMENT; WOULD_BLOCK if a mirror's lock is held or a callback
   *   is a generator. Nothing has changed then.
   */
  invalidateRangeStart(range: NotifierRange): InvalidationWindow {
    return this.#invalidations.start(range);
  }

  /** `invalidateRangeStart` that sleeps where a lock is held or a callback sleeps. Uninterruptible. */
  invalidateRangeStartSleepable(range: NotifierRange): Sleepable<InvalidationWindow> {
    return this.#invalidations.startSleepable(range);
  }

  /** `invalidateRangeStart` as a promise. Uninterruptible. */
  invalidateRangeStartAsync(range: NotifierRange): Promise<InvalidationWindow> {
    return runAsync(this.#invalidations.startSleepable(range));
  }

  /**
   * The same by a caller that may not wait, such as the OOM reaper:
   * `mmu_notifier_invalidate_range_start_nonblock`. If anybody refuses, the caller must leave the range
   * alone, must not call end, and may try again later. A callback that sleeps all the same is given up
   * and has refused.
   *
   * @throws {IntervalidateError} RANGE or ARGUMENT; nothing has changed then
   */
  tryInvalidateRangeStart(range: NotifierRange): StartResult {
    return this.#invalidations.tryStart(range);
  }

  /** `tryInvalidateRangeStart` in a simulator: a callback that sleeps is reported, and sleeps. */
  tryInvalidateRangeStartSleepable(range: NotifierRange): Sleepable<StartResult> {
    return this.#invalidations.tryStartSleepable(range);
  }

  /**
   * Adds a list notifier: `mmu_notifier_register`. It waits for all open invalidations, so that it never
   * sees an end without its start. No lock that a callback takes may be held.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if the mmap lock is held or an invalidation is open; ARGUMENT
   *   (EINVAL) for a forbidden mix of callbacks, or without users. Nothing has changed then.
   */
  register<Data = unknown>(
    ops: ListNotifierOps<Data>,
    options?: RegisterOptions,
  ): ListNotifier<Data> {
    return runAtOnce(this.#registrations.register(ops, options), "register");
  }

  /** `register` that sleeps. Killable: then nothing has changed. */
  registerSleepable<Data = unknown>(
    ops: ListNotifierOps<Data>,
    options?: RegisterOptions,
  ): Sleepable<ListNotifier<Data>> {
    return this.#registrations.register(ops, options);
  }

  /** `register` as a promise. @throws the signal's reason if it is aborted meanwhile */
  registerAsync<Data = unknown>(
    ops: ListNotifierOps<Data>,
    options: RegisterOptions & Interruptible = {},
  ): Promise<ListNotifier<Data>> {
    return runAsync(this.#registrations.register(ops, options), options.signal);
  }

  /**
   * Takes a list notifier out for good: `mmu_notifier_unregister`. Calls its release callback unless the
   * address space was torn down, then waits for every callback that is running anywhere. An end whose
   * start it has seen may never come.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if a callback of any address space of this domain is running,
   *   or the release callback is a generator; ARGUMENT if it is not registered. Nothing has changed then.
   */
  unregister(notifier: ListNotifier): void {
    this.#registrations.checkUnregistersAtOnce(notifier);
    runAtOnce(this.#registrations.unregister(notifier), "unregister");
  }

  /** `unregister` that sleeps. Uninterruptible. Never from a callback. */
  unregisterSleepable(notifier: ListNotifier): Sleepable<undefined> {
    return this.#registrations.unregister(notifier);
  }

  /** `unregister` as a promise. */
  unregisterAsync(notifier: ListNotifier): Promise<undefined> {
    return runAsync(this.#registrations.unregister(notifier));
  }

  /**
   * `mmu_notifier_unregister_no_release` of v4.19: unlinks at once, without release and without waiting.
   *
   * @throws {IntervalidateError} ARGUMENT in other profiles, and if it is not registered
   */
  unregisterNoRelease(notifier: ListNotifier): void {
    this.#registrations.unregisterNoRelease(notifier);
  }

  /**
   * The list notifier that was registered with this very `ops` object, or a new one:
   * `mmu_notifier_get`. Each get needs a put.
   *
   * @throws {IntervalidateError} RANGE (EOVERFLOW) after 2^32 - 1 gets; what `allocNotifier` throws; as
   *   `register`
   */
  get<Data = unknown>(ops: ListNotifierOps<Data>, options?: RegisterOptions): ListNotifier<Data> {
    return runAtOnce(this.#registrations.get(ops, options), "get");
  }

  /** `get` that sleeps. Killable: then nothing has changed. */
  getSleepable<Data = unknown>(
    ops: ListNotifierOps<Data>,
    options?: RegisterOptions,
  ): Sleepable<ListNotifier<Data>> {
    return this.#registrations.get(ops, options);
  }

  /** `get` as a promise. @throws the signal's reason if it is aborted meanwhile */
  getAsync<Data = unknown>(
    ops: ListNotifierOps<Data>,
    options: RegisterOptions & Interruptible = {},
  ): Promise<ListNotifier<Data>> {
    return runAsync(this.#registrations.get(ops, options), options.signal);
  }

  /**
   * Gives a `get` back: `mmu_notifier_put`. The last one unlinks the notifier; it is freed once all
   * callbacks that are running now have finished. Never sleeps, so callbacks may use it.
   */
  put(notifier: ListNotifier): void {
    this.#registrations.put(notifier);
  }

  /**
   * Waits until notifiers that have been put are freed: `mmu_notifier_synchronize`.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if a callback of any address space of this domain is running
   */
  synchronize(): void {
    runAtOnce(this.#registrations.synchronize(), "synchronize");
  }

  /** `synchronize` that sleeps. Uninterruptible. */
  synchronizeSleepable(): Sleepable<undefined> {
    return this.#registrations.synchronize();
  }

  /** `synchronize` as a promise. */
  synchronizeAsync(): Promise<undefined> {
    return runAsync(this.#registrations.synchronize());
  }

  /**
   * Adds an interval notifier with callbacks for `length` bytes from `start`:
   * `mmu_interval_notifier_insert`, which takes a length where all else takes an end. The first one of an
   * address space registers it, as `register` does.
   *
   * @throws {IntervalidateError} RANGE (EOVERFLOW) for a length of 0 or beyond the end of the space, ARGUMENT
   *   (EINVAL) without users, after the address space has been registered; as `register`; CAPACITY,
   *   OUT_OF_MEMORY
   */
  insertInterval(
    start: Address,
    length: Address,
    ops: IntervalNotifierOps,
    options?: RegisterOptions,
  ): IntervalNotifier {
    return runAtOnce(
      this.#registrations.insertInterval(start, length, ops, options),
      "insertInterval",
    );
  }

  /** `insertInterval` that sleeps. Killable: then nothing has changed. */
  insertIntervalSleepable(
    start: Address,
    length: Address,
    ops: IntervalNotifierOps | UncheckedIntervalNotifierOps,
    options?: RegisterOptions,
  ): Sleepable<IntervalNotifier> {
    return this.#registrations.insertInterval(start, length, ops, options);
  }

  /** `insertInterval` as a promise. @throws the signal's reason if it is aborted meanwhile */
  insertIntervalAsync(
    start: Address,
    length: Address,
    ops: IntervalNotifierOps,
    options: RegisterOptions & Interruptible = {},
  ): Promise<IntervalNotifier> {
    return runAsync(
      this.#registrations.insertInterval(start, length, ops, options),
      options.signal,
    );
  }

  /** Whether anybody has used the range lately, and forgets it: all are asked. `clear_flush_young` */
  clearFlushYoung(start: Address, end: Address): boolean {
    return this.#questions.clearFlushYoung(start, end);
  }

  /** The same without a flush of secondary TLBs: all are asked. `clear_young` */
  clearYoung(start: Address, end: Address): boolean {
    return this.#questions.clearYoung(start, end);
  }

  /** Whether anybody has used the address lately: asks until one says yes. `test_young` */
  testYoung(address: Address): boolean {
    return this.#questions.testYoung(address);
  }

  /** `mmu_notifier_arch_invalidate_secondary_tlbs`: outside the pairing of start and end. */
  archInvalidateSecondaryTlbs(start: Address, end: Address): void {
    this.#questions.archInvalidateSecondaryTlbs(start, end);
  }

  /**
   * The last user has gone: `mmu_notifier_release`. Interval notifiers are told with the event RELEASE and
   * stay; then list notifiers are released, newest first, and unlinked. Once; later calls do nothing.
   *
   * @throws {IntervalidateError} WOULD_BLOCK if a callback is running or is a generator, or a mirror's
   *   lock is held. Nothing has changed then.
   */
  release(): void {
    this.#registrations.checkReleasesAtOnce();
    runAtOnce(this.#registrations.release(), "release");
  }

  /** `release` that sleeps. Uninterruptible. */
  releaseSleepable(): Sleepable<undefined> {
    return this.#registrations.release();
  }

  /** `release` as a promise. */
  releaseAsync(): Promise<undefined> {
    return runAsync(this.#registrations.release());
  }

  /**
   * Forgets everybody and gives their memory back to the engine; no callback is called. Idempotent.
   * Starts and everything about mirrors throw DISPOSED from then on, in those who sleep too; open windows
   * may still be ended. A reset of the engine does the same to all address spaces in it.
   */
  [Symbol.dispose](): void {
    this.#subscriptions.intervals.dispose();
    this.mirrors.dispose();
  }
}
