import type { Point, Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import type { Random } from "../sim/random.ts";
import type { TraceEventType } from "../trace/index.ts";
import { lowestBit } from "./device-pages.ts";
import { slotOf } from "./mirror-table.ts";
import type { SimulatedMm } from "./simulated-mm.ts";
import type { World } from "./world.ts";

/** A window stays open for 0 to 3 steps of the devices. */
const OPEN_STEPS_MAX = 3;

const WINDOW_OPEN: Point = { kind: "point", label: "window open" };

export interface Invalidation {
  readonly mm: SimulatedMm;
  readonly event: TraceEventType;
  readonly blockable: boolean;
  readonly start: Address;
  readonly end: Address;
}

/**
 * The owner of the memory: brackets each change with start and end, has the mirrors that were hit
 * tear down their entries, and has every step checked.
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

  /** One start, change and end. False if the start was refused: then nothing has changed. */
  *invalidate(invalidation: Invalidation): Sleepable<boolean> {
    const { counters, coherence, planter } = this.#world;
    const { mm, event, blockable, start, end } = invalidation;
    const { line } = this.#world;
    const witness = coherence.witness(mm, start, end, line);
    planter.beforeStart(witness);

    const window = yield* this.#start(invalidation);
    if (window === undefined) return false;
    const open = { window, line };
    mm.openWindows.add(open);
    counters.countInvalidation(event, blockable, window.hitCount);
    const hits = planter.afterStart(witness, window.hits);
    coherence.checkStart(witness, window, hits);
    if (this.#verify) coherence.checkAgainstScan(witness, hits);
    this.#tearDown(hits, start, end);

    const steps = this.#random.below(OPEN_STEPS_MAX + 1);
    const stepsBeforeChange = this.#random.below(steps + 1);
    for (let i = 0; i < stepsBeforeChange; i += 1) yield WINDOW_OPEN;
    coherence.change(witness);
    for (let i = stepsBeforeChange; i < steps; i += 1) yield WINDOW_OPEN;

    if (blockable && hits.length > 0 && planter.commits("open-window")) return true;
    this.#end(window);
    mm.openWindows.delete(open);
    coherence.checkEnd(witness);
    return true;
  }

  /** Reports windows that somebody forgot to end, and ends them, so that the replay can go on. */
  closeForgotten(mm: SimulatedMm): void {
    for (const open of mm.openWindows) {
      this.#world.coherence.report(
        "open-window",
        open.line,
        `window ${open.window.id} of ${mm.traced.id} was still open when its address space had its next event, or its last`,
      );
      open.window.end();
    }
    mm.openWindows.clear();
  }

  *#start(invalidation: Invalidation): Sleepable<InvalidationWindow | undefined> {
    const { stopwatch } = this.#world;
    const { mm, event, blockable, start, end } = invalidation;
    const range = { start, end, event };
    const before = stopwatch?.() ?? 0;
    if (!blockable) {
      const result = mm.space.tryInvalidateRangeStart(range);
      this.#stopTiming(before);
      return result.ok ? result.window : undefined;
    }
    // Timed up to the first sleep: what others do meanwhile is not the engine's.
    const sleepable = mm.space.invalidateRangeStartSleepable(range);
    const first = sleepable.next();
    this.#stopTiming(before);
    if (first.done) return first.value;
    yield first.value;
    return yield* sleepable;
  }

  #end(window: InvalidationWindow): void {
    const before = this.#world.stopwatch?.() ?? 0;
    window.end();
    this.#stopTiming(before);
  }

  #stopTiming(before: number): void {
    const { stopwatch } = this.#world;
    if (stopwatch !== undefined) this.#world.engineTime += stopwatch() - before;
  }

  /** What a callback would do: the entries go before the memory changes. */
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
