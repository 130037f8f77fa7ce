import type { Point, Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import type { InvalidationEvent } from "../notifier/range.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import type { Random } from "../sim/random.ts";
import type { Witness } from "./coherence.ts";
import { lowestBit } from "./device-pages.ts";
import { slotOf } from "./mirror-table.ts";
import type { OpenWindow, SimulatedMm } from "./simulated-mm.ts";
import type { World } from "./world.ts";

/** A window stays open for 0 to 3 steps of the devices. */
const OPEN_STEPS_MAX = 3;

const WINDOW_OPEN: Point = { kind: "point", label: "window open" };

export interface Invalidation {
  readonly mm: SimulatedMm;
  readonly event: InvalidationEvent;
  readonly start: Address;
  readonly end: Address;
}

/** An invalidation whose start was approved. */
export interface OpenInvalidation extends OpenWindow {
  readonly witness: Witness;
  /** Handles. */
  readonly hits: Uint32Array;
}

/** The answer of a non-blocking start. */
export type Attempt =
  | { readonly ok: true; readonly open: OpenInvalidation }
  | { readonly ok: false; readonly errno: string; readonly refusedBy: string | number };

/**
 * Whoever changes memory: brackets each change with start and end, has the mirrors that were hit tear
 * down their entries, and has every step checked.
 */
export class Invalidator {
  readonly #world: World;
  readonly #random: Random;
  readonly #verify: boolean;

  constructor(world: World, random: Random, verify: boolean) {
    this.#world = world;
    this.#random = random;
    this.#verify = verify;
  }

  /** One start, change and end by somebody who may wait. */
  *invalidate(invalidation: Invalidation): Sleepable<undefined> {
    const { mm, event, start, end } = invalidation;
    const witness = this.#witness(invalidation, true);
    const window = yield* this.#timed(
      mm.space.invalidateRangeStartSleepable({ start, end, event }),
    );
    const open = this.#opened(invalidation, witness, window);
    yield* this.change(open);
    if (open.hits.length > 0 && this.#world.planter.commits("open-window")) return;
    yield* this.end(open);
  }

  /** The start by somebody who may not wait. If it is refused, nothing may be changed. */
  *tryStart(invalidation: Invalidation): Sleepable<Attempt> {
    const { mm, event, start, end } = invalidation;
    const witness = this.#witness(invalidation, false);
    const result = yield* this.#timed(
      mm.space.tryInvalidateRangeStartSleepable({ start, end, event }),
    );
    if (result.ok) return { ok: true, open: this.#opened(invalidation, witness, result.window) };
    this.#world.coherence.checkRefusal(witness, result.refusedBy);
    return result;
  }

  /** The change itself, and the time around it in which the window is open. */
  *change({ witness }: OpenInvalidation): Sleepable<undefined> {
    const steps = this.#random.below(OPEN_STEPS_MAX + 1);
    const stepsBeforeChange = this.#random.below(steps + 1);
    for (let i = 0; i < stepsBeforeChange; i += 1) yield WINDOW_OPEN;
    this.#world.coherence.change(witness);
    for (let i = stepsBeforeChange; i < steps; i += 1) yield WINDOW_OPEN;
  }

  *end(open: OpenInvalidation): Sleepable<undefined> {
    yield* this.#timed(open.window.endSleepable());
    open.witness.mm.openWindows.delete(open);
    this.#world.coherence.checkEnd(open.witness);
  }

  /** Reports windows that somebody forgot to end, and ends them, so that the replay can go on. */
  closeForgotten(mm: SimulatedMm): void {
    for (const open of mm.openWindows) {
      this.#world.coherence.report(
        "open-window",
        open.line,
        `window ${open.window.id} of ${mm.traced.id} was still open when its address space was changed again, or at the end`,
      );
      open.window.end();
    }
    mm.openWindows.clear();
  }

  #witness({ mm, start, end }: Invalidation, blockable: boolean): Witness {
    const { coherence, planter, line } = this.#world;
    const witness = coherence.witness(mm, start, end, line, !blockable);
    planter.beforeStart(witness);
    return witness;
  }

  /** Start was approved: the hits are checked, and their entries go before the memory changes. */
  #opened(
    { mm, event, start, end }: Invalidation,
    witness: Witness,
    window: InvalidationWindow,
  ): OpenInvalidation {
    const { counters, coherence, planter } = this.#world;
    counters.countInvalidation(event, window.blockable, window.hitCount);
    const hits = planter.afterStart(witness, window.hits);
    const open = { window, line: witness.line, witness, hits };
    mm.openWindows.add(open);
    coherence.checkStart(witness, window, hits);
    if (this.#verify) coherence.checkAgainstScan(witness, hits);
    this.#tearDown(hits, start, end);
    return open;
  }

  /** Timed up to the first sleep: what others do meanwhile is not the engine's. */
  *#timed<T>(body: Sleepable<T>): Sleepable<T> {
    const { stopwatch } = this.#world;
    const before = stopwatch?.() ?? 0;
    const first = body.next();
    if (stopwatch !== undefined) this.#world.engineTime += stopwatch() - before;
    if (first.done) return first.value;
    yield first.value;
    return yield* body;
  }

  /** What a callback would do. */
  #tearDown(hits: Uint32Array, start: Address, end: Address): void {
    const { table, counters, wanted } = this.#world;
    const { installed } = table;
    // In an order that does not depend on how the engine lists hits: devices draw from what is torn.
    for (const handle of hits.filter((one) => installed[slotOf(one)] !== 0).sort()) {
      const slot = slotOf(handle);
      let torn = installed[slot] & table.group[slot].pagesIn(start, end);
      for (; torn !== 0; torn &= torn - 1) {
        table.tearDown(slot, lowestBit(torn));
        counters.entriesTornDown += 1;
        wanted.add(handle, lowestBit(torn));
      }
    }
  }
}
