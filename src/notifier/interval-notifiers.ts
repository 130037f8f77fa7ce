import { type Sleepable, waitUntil } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import type { Dependant, Engine } from "../engine/engine.ts";
import { IntervalSet } from "../engine/interval-set.ts";
import { IntervalidateError } from "../errors.ts";
import type { AddressSpace } from "./address-space.ts";
import type { EventSink, NotifierEvent } from "./events.ts";
import {
  IntervalNotifier,
  type IntervalNotifierOps,
  type UncheckedIntervalNotifierOps,
} from "./interval-notifier.ts";
import type { IntervalState } from "./interval-state.ts";

const NONE: readonly IntervalNotifier[] = [];

/**
 * The interval notifiers with callbacks of one address space. All inserted ones are in the engine;
 * those whose insertion waits for the thaw are there too, but are passed over.
 */
export class IntervalNotifiers implements Dependant {
  readonly state: IntervalState;
  /** Whether operations yield points. */
  readonly points: boolean;
  readonly #mm: AddressSpace;
  readonly #engine: Engine;
  /** Whether anybody looks at events. */
  readonly observed: boolean;
  readonly #events: EventSink | undefined;
  /** Made for the first notifier. */
  #tree: IntervalSet | undefined;
  readonly #byHandle = new Map<number, IntervalNotifier>();
  #found = new Uint32Array(16);
  #made = 0;

  constructor(
    mm: AddressSpace,
    engine: Engine,
    state: IntervalState,
    points: boolean,
    events: EventSink | undefined,
  ) {
    this.#mm = mm;
    this.#engine = engine;
    this.state = state;
    this.points = points;
    this.#events = events;
    this.observed = events !== undefined;
  }

  /** Inserted and not removed, deferred ones included. */
  get size(): number {
    return this.#byHandle.size;
  }

  /** Those that invalidations see, in their order. */
  get inTree(): readonly IntervalNotifier[] {
    return [...this.#byHandle.values()].filter((notifier) => notifier.inTree).sort(inTreeOrder);
  }

  tell(event: NotifierEvent): void {
    this.#events?.(event);
  }

  checkAlive(): void {
    this.#tree?.checkAlive();
  }

  /** Those in the tree that overlap `[start, last]`, ascending by start, equal ones as they came. */
  overlapping(start: Address, last: Address): readonly IntervalNotifier[] {
    if (this.#byHandle.size === 0 || this.#tree === undefined) return NONE;
    let count = this.#tree.collect(start, last, this.#found);
    if (count === 0) return NONE;
    if (count > this.#found.length) {
      this.#found = new Uint32Array(2 * count);
      count = this.#tree.collect(start, last, this.#found);
    }
    const notifiers: IntervalNotifier[] = [];
    for (let i = 0; i < count; i += 1) {
      const notifier = this.#byHandle.get(this.#found[i]) as IntervalNotifier;
      if (notifier.inTree) notifiers.push(notifier);
    }
    return notifiers.length > 1 ? notifiers.sort(inTreeOrder) : notifiers;
  }

  /**
   * `__mmu_interval_notifier_insert` after its checks: visible at once, or deferred until the thaw.
   *
   * @throws {IntervalidateError} ARGUMENT, CAPACITY or OUT_OF_MEMORY; nothing has changed then
   */
  insert(
    start: Address,
    last: Address,
    ops: IntervalNotifierOps | UncheckedIntervalNotifierOps,
  ): IntervalNotifier {
    const { state } = this;
    const name = ops.name ?? `interval notifier ${this.#made + 1}`;
    const sequence = state.sequenceOfInsert;
    const notifier = new IntervalNotifier(this, this.#mm, name, start, last, ops, sequence);
    this.#tree ??= new IntervalSet(this.#engine, this);
    notifier.handle = this.#tree.insert(start, last);
    this.#byHandle.set(notifier.handle, notifier);
    this.#made += 1;
    const deferred = state.frozen;
    if (deferred) {
      state.defer(notifier, "insert");
    } else {
      this.#link(notifier);
      // Which ranges are open is not recorded, so the new notifier counts as hit.
      if (state.active !== 0) {
        state.freeze();
        this.#tellSequence();
      }
    }
    const { end } = notifier;
    this.tell({
      kind: "interval-insert",
      mm: this.#mm.name,
      notifier: name,
      start,
      end,
      sequence,
      deferred,
    });
    return notifier;
  }

  remove(notifier: IntervalNotifier): boolean {
    const verdict = this.#tryRemove(notifier);
    if (verdict !== "wait") return verdict === "removed";
    throw new IntervalidateError(
      "WOULD_BLOCK",
      `${notifier.name} cannot be removed while an invalidation that may have hit it is open: end the window first, use \`removeAsync\`, or let a driver run \`removeSleepable\`.`,
    );
  }

  *removeSleepable(notifier: IntervalNotifier): Sleepable<boolean> {
    const { state } = this;
    if (this.points) yield { kind: "point", label: `before remove ${notifier.name}` };
    const verdict = this.#tryRemove(notifier);
    if (verdict !== "wait") return verdict === "removed";
    state.removerSleeps(notifier);
    const mm = this.#mm.name;
    this.tell({ kind: "interval-remove", mm, notifier: notifier.name, deferred: true });
    const frozenAt = state.sequence;
    // The removal is due from here on, whether or not anybody waits for it.
    try {
      yield* waitUntil(
        () => state.removalDone(frozenAt),
        state.thawed,
        `thaw (remove ${notifier.name})`,
      );
    } finally {
      state.removerLeaves(notifier);
    }
    this.checkAlive();
    return true;
  }

  /** Does what was deferred. Called when the tree has thawed; cannot fail. */
  finishDeferred(notifier: IntervalNotifier, work: "insert" | "remove"): void {
    const mm = this.#mm.name;
    if (work === "insert") {
      this.#link(notifier);
      this.tell({ kind: "interval-inserted", mm, notifier: notifier.name });
    } else {
      this.#unlink(notifier);
      this.tell({ kind: "interval-removed", mm, notifier: notifier.name });
    }
  }

  dispose(): void {
    this.#tree?.dispose();
  }

  /** The tree is gone, however that came about: nobody may go on waiting for it. */
  forget(): void {
    this.#byHandle.clear();
    this.state.dispose();
  }

  #tryRemove(notifier: IntervalNotifier): "removed" | "absent" | "wait" {
    const { state } = this;
    this.checkAlive();
    const mm = this.#mm.name;
    const isKnown = this.#byHandle.get(notifier.handle) === notifier;
    const deferredWork = state.deferredFor(notifier);
    if (!isKnown || deferredWork === "remove") {
      this.tell({ kind: "interval-remove-again", mm, notifier: notifier.name });
      return "absent";
    }
    // Still waiting to be inserted: it never became visible.
    if (deferredWork === "insert") state.undefer(notifier);
    else if (state.frozen) return "wait";
    this.#unlink(notifier);
    this.tell({ kind: "interval-remove", mm, notifier: notifier.name, deferred: false });
    return "removed";
  }

  #link(notifier: IntervalNotifier): void {
    notifier.inTree = true;
    notifier.insertion = this.state.nextInsertion();
  }

  #unlink(notifier: IntervalNotifier): void {
    this.#tree?.remove(notifier.handle);
    this.#byHandle.delete(notifier.handle);
    notifier.inTree = false;
  }

  #tellSequence(): void {
    const { sequence, active } = this.state;
    this.tell({ kind: "sequence", mm: this.#mm.name, sequence, active });
  }
}

function inTreeOrder(a: IntervalNotifier, b: IntervalNotifier): number {
  if (a.start !== b.start) {
    if (a.start < b.start) return -1;
    // A number and a bigint may be the same address.
    if (a.start > b.start) return 1;
  }
  return a.insertion - b.insertion;
}
