import { type Sleepable, waitUntil } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { checkedAddress } from "../engine/addresses.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";
import { checkIntervalOps, checkListOps } from "./callback-checks.ts";
import { isUnfinished, mustBeSleepable, runSleepable } from "./callback-walk.ts";
import { deadMm } from "./dead-mm.ts";
import type { CallbackKind } from "./events.ts";
import type {
  IntervalNotifier,
  IntervalNotifierOps,
  UncheckedIntervalNotifierOps,
} from "./interval-notifier.ts";
import {
  ListNotifier,
  type ListNotifierOps,
  type UncheckedListNotifierOps,
} from "./list-notifier.ts";
import type { CallbackRange } from "./range.ts";
import { ReleaseWalk } from "./release-walk.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface RegisterOptions {
  /** The caller holds the mmap lock for writing: `__mmu_notifier_register` and the `_locked` forms. */
  readonly mmapLocked?: boolean;
}

type AnyListOps<Data> = ListNotifierOps<Data> | UncheckedListNotifierOps<Data>;

const USERS_MAX = 0xffffffff;
const ADDRESS_MAX = (1n << 64n) - 1n;

/** Who comes and goes, list notifiers and interval notifiers, and the end of the address space. */
export class Registrations {
  /** Tasks that use the address space. */
  users = 1;
  readonly #mm: AddressSpace;
  readonly #subscriptions: Subscriptions;
  /** List notifiers that hold a reference. */
  #references = 0;
  #made = 0;
  #released = false;

  constructor(mm: AddressSpace, subscriptions: Subscriptions) {
    this.#mm = mm;
    this.#subscriptions = subscriptions;
  }

  get count(): number {
    const { mirrors, intervals, state } = this.#subscriptions;
    const inserted = intervals.size + (mirrors.tree.alive ? mirrors.size : 0);
    return 1 + this.#references + inserted + state.unreturnedRemovers;
  }

  *register<Data>(
    ops: AnyListOps<Data>,
    options: RegisterOptions = {},
  ): Sleepable<ListNotifier<Data>> {
    checkListOps(ops);
    const notifier = this.#make(ops, undefined);
    yield* this.#link(notifier, options);
    return notifier;
  }

  *unregister(notifier: ListNotifier): Sleepable<undefined> {
    const { points, domain } = this.#subscriptions;
    const about = { mm: this.#mm.name, notifier: notifier.name };
    if (points) yield { kind: "point", label: `before unregister ${notifier.name}` };
    this.#checkRegistered(notifier);
    // From here on a second unregister is a fault.
    notifier.counted = false;
    this.#subscriptions.tell({ kind: "unregister-enter", ...about });
    try {
      if (notifier.linked) yield* this.#releaseOne(notifier);
    } finally {
      // Whatever a callback does, nobody is called any more after return.
      this.#subscriptions.unlink(notifier);
      yield* domain.srcu.synchronize();
      this.#references -= 1;
      this.#subscriptions.tell({ kind: "unregister", ...about });
    }
  }

  /** @throws {IntervalidateError} as the synchronous door of unregister promises */
  checkUnregistersAtOnce(notifier: ListNotifier): void {
    this.#checkRegistered(notifier);
    this.#checkQuiet("unregister");
    if (notifier.linked && notifier.sleepsInRelease) {
      throw wouldBlock("unregister", `the release callback of ${notifier.name} may sleep`);
    }
  }

  unregisterNoRelease(notifier: ListNotifier): void {
    const { profile } = this.#subscriptions;
    if (!profile.unregistersWithoutRelease) {
      throw new IntervalidateError(
        "ARGUMENT",
        `Profile ${profile.name} has no unregisterNoRelease: it went with v5.2. Use unregister.`,
      );
    }
    this.#checkRegistered(notifier);
    notifier.counted = false;
    this.#subscriptions.unlink(notifier);
    this.#references -= 1;
    const about = { mm: this.#mm.name, notifier: notifier.name };
    this.#subscriptions.tell({ kind: "unregister", ...about });
  }

  *get<Data>(ops: AnyListOps<Data>, options: RegisterOptions = {}): Sleepable<ListNotifier<Data>> {
    checkListOps(ops);
    const { mmapLock } = this.#mm;
    if (!options.mmapLocked) yield* mmapLock.writeKillable();
    try {
      let notifier = this.#subscriptions.list.find((one) => one.ops === ops) as
        | ListNotifier<Data>
        | undefined;
      if (notifier === undefined) {
        notifier = this.#make(ops, ops.allocNotifier?.(this.#mm));
        try {
          yield* this.#link(notifier, { mmapLocked: true });
        } catch (error) {
          this.#free(notifier);
          throw error;
        }
      } else if (notifier.users === USERS_MAX) {
        throw new IntervalidateError(
          "RANGE",
          `${notifier.name} has been got ${USERS_MAX} times: give some of them back by put.`,
          { errno: "EOVERFLOW" },
        );
      } else {
        notifier.users += 1;
      }
      const { name, users } = notifier;
      this.#subscriptions.tell({ kind: "get", mm: this.#mm.name, notifier: name, users });
      return notifier;
    } finally {
      if (!options.mmapLocked) mmapLock.endWrite();
    }
  }

  put(notifier: ListNotifier): void {
    this.#checkMine(notifier);
    if (notifier.users === 0 || !notifier.counted) {
      this.#subscriptions.warn("put-without-get", notifier.name);
      return;
    }
    notifier.users -= 1;
    const { name, users } = notifier;
    this.#subscriptions.tell({ kind: "put", mm: this.#mm.name, notifier: name, users });
    if (users > 0) return;
    this.#subscriptions.unlink(notifier);
    // From here on an unregister is a fault.
    notifier.counted = false;
    let isLater = false;
    this.#subscriptions.domain.srcu.call(() => {
      this.#references -= 1;
      try {
        this.#free(notifier);
      } catch (error) {
        if (!isLater) throw error;
        // Whoever left the last section has nothing to do with it.
        void Promise.reject(error);
      }
    });
    isLater = true;
  }

  *synchronize(): Sleepable<undefined> {
    const mm = this.#mm.name;
    this.#subscriptions.tell({ kind: "synchronize-enter", mm });
    yield* this.#subscriptions.domain.srcu.synchronize();
    this.#subscriptions.tell({ kind: "synchronize", mm });
  }

  *insertInterval(
    start: Address,
    length: Address,
    ops: IntervalNotifierOps | UncheckedIntervalNotifierOps,
    options: RegisterOptions = {},
  ): Sleepable<IntervalNotifier> {
    const { profile, points, intervals } = this.#subscriptions;
    if (!profile.intervalNotifiers) {
      throw new IntervalidateError(
        "ARGUMENT",
        `Profile ${profile.name} has no interval notifiers: they came with v5.5.`,
      );
    }
    checkedAddress(start);
    checkedAddress(length);
    checkIntervalOps(ops, profile);
    if (!this.#subscriptions.hasIntervalTree) {
      const about = { mm: this.#mm.name, notifier: null };
      this.#subscriptions.tell({ kind: "register-enter", ...about });
      yield* this.#openToAll(options, null, () => {
        this.#subscriptions.hasIntervalTree = true;
      });
      this.#subscriptions.tell({ kind: "register", ...about, callbacks: [] });
    }
    if (points) yield { kind: "point", label: `before insert ${ops.name ?? "interval notifier"}` };
    const last = BigInt(start) + BigInt(length) - 1n;
    if (BigInt(length) === 0n || last > ADDRESS_MAX) {
      throw new IntervalidateError(
        "RANGE",
        `An interval notifier needs at least one byte and ends within the space, but starts at ${start} with length ${length}.`,
        { errno: "EOVERFLOW" },
      );
    }
    if (this.users === 0) {
      this.#subscriptions.warn("insert-into-dead-mm", ops.name ?? null);
      throw deadMm(this.#mm.name, "insertInterval");
    }
    return intervals.insert(
      start,
      typeof start === "number" && last <= MAX_SAFE ? Number(last) : last,
      ops,
    );
  }

  *release(): Sleepable<undefined> {
    const { points, domain, mirrors } = this.#subscriptions;
    mirrors.tree.checkAlive();
    this.users = 0;
    if (this.#released) return;
    this.#released = true;
    const mm = this.#mm.name;
    this.#subscriptions.tell({ kind: "release-enter", mm });
    const walk = new ReleaseWalk(this.#subscriptions, this.#releaseRange());
    try {
      yield* runSleepable(walk, points);
    } finally {
      if (walk.hadList) yield* domain.srcu.synchronize();
      this.#subscriptions.tell({ kind: "release", mm });
    }
  }

  /** @throws {IntervalidateError} as the synchronous door of release promises */
  checkReleasesAtOnce(): void {
    const { list, intervals, mirrors } = this.#subscriptions;
    if (this.#released) return;
    this.#checkQuiet("release");
    if (mirrors.tree.heldLocks > 0) throw wouldBlock("release", "a mirror's lock is held");
    for (const { name, sleepsInRelease } of list) {
      if (sleepsInRelease) {
        throw wouldBlock("release", `the release callback of ${name} may sleep`);
      }
    }
    for (const { name, sleeps } of intervals.inTree) {
      if (sleeps) throw wouldBlock("release", `the callback of ${name} may sleep`);
    }
  }

  #releaseRange(): CallbackRange {
    return {
      mm: this.#mm,
      start: 0,
      end: ADDRESS_MAX,
      event: "RELEASE",
      owner: undefined,
      blockable: true,
    };
  }

  #make<Data>(ops: AnyListOps<Data>, data: Data | undefined): ListNotifier<Data> {
    const name = ops.name ?? `list notifier ${this.#made + 1}`;
    const notifier = new ListNotifier<Data>(this.#mm, name, ops, data);
    this.#made += 1;
    return notifier;
  }

  /** `__mmu_notifier_register` for a list notifier. */
  *#link<Data>(notifier: ListNotifier<Data>, options: RegisterOptions): Sleepable<undefined> {
    const { ops, name } = notifier;
    const about = { mm: this.#mm.name, notifier: name };
    this.#subscriptions.tell({ kind: "register-enter", ...about });
    const check = (): void => this.#checkMix(ops, name);
    yield* this.#openToAll(options, check, () => {
      this.#references += 1;
      notifier.counted = true;
      this.#subscriptions.link(notifier as ListNotifier);
    });
    this.#subscriptions.tell({ kind: "register", ...about, callbacks: callbacksOf(ops) });
  }

  /**
   * Publishes something while no invalidation is open, as the kernel does by taking every lock under
   * which one can run. Killable.
   */
  *#openToAll(
    { mmapLocked = false }: RegisterOptions,
    check: (() => void) | null,
    publish: () => void,
  ): Sleepable<undefined> {
    const { points } = this.#subscriptions;
    const { mmapLock } = this.#mm;
    if (!mmapLocked) yield* mmapLock.writeKillable();
    try {
      check?.();
      if (this.users === 0) throw deadMm(this.#mm.name, "register");
      if (points) yield { kind: "point", label: "before mm_take_all_locks" };
      yield* waitUntil(
        () => this.#subscriptions.openWindows === 0,
        this.#subscriptions.allEnded,
        `open invalidations of ${this.#mm.name}`,
        true,
      );
      this.#subscriptions.exists = true;
      publish();
    } finally {
      if (!mmapLocked) mmapLock.endWrite();
    }
  }

  #checkMix<Data>(ops: AnyListOps<Data>, name: string): void {
    const { profile, domain } = this.#subscriptions;
    if (!profile.refusesSecondaryTlbMix || ops.archInvalidateSecondaryTlbs === undefined) return;
    if (ops.invalidateRangeStart === undefined && ops.invalidateRangeEnd === undefined) return;
    const warning = "secondary-tlb-with-range-callbacks";
    if (domain.warnsFirst(warning)) this.#subscriptions.warn(warning, name);
    throw new IntervalidateError(
      "ARGUMENT",
      `${name} has archInvalidateSecondaryTlbs and a start or an end: register them as two notifiers.`,
      { errno: "EINVAL" },
    );
  }

  *#releaseOne(notifier: ListNotifier): Sleepable<undefined> {
    const { domain, points } = this.#subscriptions;
    const { release } = notifier.ops;
    if (release === undefined) return;
    const section = domain.srcu.enter();
    const report = this.#subscriptions.report(notifier.name, "release", null);
    try {
      if (points) yield { kind: "point", label: `before ${notifier.name}.release` };
      report?.enter(undefined, true, null);
      const answer = release.call(notifier.ops, this.#mm);
      if (isUnfinished(answer)) yield* mustBeSleepable(answer);
      report?.leave(null);
    } catch (error) {
      report?.threw(error);
      throw error;
    } finally {
      domain.srcu.leave(section);
    }
  }

  #free<Data>(notifier: ListNotifier<Data>): void {
    const { freeNotifier } = notifier.ops;
    if (freeNotifier === undefined) return;
    const report = this.#subscriptions.report(notifier.name, "free", null);
    report?.enter(undefined, false, null);
    try {
      const answer: unknown = freeNotifier.call(notifier.ops, notifier);
      if (isUnfinished(answer)) throw mustNotSleep(notifier.name);
      report?.leave(null);
    } catch (error) {
      report?.threw(error);
      throw error;
    }
  }

  #checkMine(notifier: ListNotifier): void {
    if (notifier instanceof ListNotifier && notifier.mm === this.#mm) return;
    throw new IntervalidateError(
      "ARGUMENT",
      `This is not a list notifier of address space ${this.#mm.name}.`,
    );
  }

  #checkRegistered(notifier: ListNotifier): void {
    this.#checkMine(notifier);
    if (notifier.counted) return;
    throw new IntervalidateError(
      "ARGUMENT",
      `${notifier.name} is not registered: it was unregistered or put before.`,
    );
  }

  /** @throws {IntervalidateError} WOULD_BLOCK if a grace period would take time */
  #checkQuiet(what: string): void {
    if (!this.#subscriptions.domain.srcu.busy) return;
    throw wouldBlock(what, "a callback is running, in this address space or another one");
  }
}

/** Which callbacks a list notifier has, by the names that events give them. */
function callbacksOf<Data>(ops: AnyListOps<Data>): readonly CallbackKind[] {
  const callbacks: readonly (readonly [CallbackKind, unknown])[] = [
    ["start", ops.invalidateRangeStart],
    ["end", ops.invalidateRangeEnd],
    ["invalidate-range", ops.invalidateRange],
    ["release", ops.release],
    ["free", ops.freeNotifier],
    ["clear-flush-young", ops.clearFlushYoung],
    ["clear-young", ops.clearYoung],
    ["test-young", ops.testYoung],
    ["secondary-tlb", ops.archInvalidateSecondaryTlbs],
  ];
  return callbacks.filter(([, callback]) => callback !== undefined).map(([kind]) => kind);
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function wouldBlock(what: string, why: string): IntervalidateError {
  return new IntervalidateError(
    "WOULD_BLOCK",
    `${what} has to sleep, because ${why}: use \`${what}Async\`, or let a driver run \`${what}Sleepable\`.`,
  );
}

function mustNotSleep(notifier: string): IntervalidateError {
  return new IntervalidateError(
    "ARGUMENT",
    `freeNotifier of ${notifier} must not sleep, but returned a generator or a promise: make it a plain function.`,
  );
}
