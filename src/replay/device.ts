import type { Point, Sleepable } from "../blocking/suspension.ts";
import type { Random } from "../sim/random.ts";
import { slotOf } from "./mirror-table.ts";
import type { World } from "./world.ts";

/** So often does a device redo a read that collided, before it turns to something else. */
const RETRIES_MAX = 3;

/** Filling in a device's page table takes it 1 to this many steps, under the mirror's lock. */
const INSTALL_STEPS_MAX = 2;

const IDLE = point("device: idle");
const AFTER_BEGIN = point("device: before look-up");
const AFTER_LOOKUP = point("device: before lock");
const BEFORE_INSTALL = point("device: before install");
const BEFORE_UNLOCK = point("device: before unlock");

function point(label: string): Point {
  return { kind: "point", label };
}

/**
 * A device that faults in pages of the mirrors, one at a time, for ever: begin, look up, lock, check
 * for retry, install, unlock; each is a step of its own, so that invalidations come in between.
 * This is the read side of the contract, `hmm_range_fault` and its driver loop reduced to the bone.
 */
export class Device {
  readonly #number: number;
  readonly #world: World;
  readonly #random: Random;

  /** @param number from 0 to 254, unique in its world */
  constructor(number: number, world: World, random: Random) {
    this.#number = number;
    this.#world = world;
    this.#random = random;
  }

  *run(): Sleepable<undefined> {
    while (!this.#world.stopping) {
      const work = this.#chooseWork();
      if (work === undefined) yield IDLE;
      else yield* this.#fault(work.slot, work.page);
    }
  }

  /** Half of the work is getting back what was torn down, the rest is anywhere. */
  #chooseWork(): { slot: number; page: number } | undefined {
    const { table, wanted } = this.#world;
    if (wanted.size > 0 && this.#random.chance(1, 2)) {
      const { handle, page } = wanted.take(this.#random.below(wanted.size));
      const slot = slotOf(handle);
      if (table.handle[slot] === handle && table.isLive(slot)) return { slot, page };
    }
    if (table.liveCount === 0) return undefined;
    const slot = table.liveAt(this.#random.below(table.liveCount));
    return { slot, page: this.#random.below(table.group[slot].pageCount) };
  }

  *#fault(slot: number, page: number): Sleepable<undefined> {
    const { table, counters } = this.#world;
    table.users[slot] += 1;
    let retries = 0;
    while (yield* this.#tryFault(slot, page)) {
      counters.collisions += 1;
      retries += 1;
      if (retries > RETRIES_MAX) break;
    }
    table.users[slot] -= 1;
    if (table.retired[slot] === 0) return;
    counters.readsAbandoned += 1;
    // The last device out removes what its owner has given up.
    if (table.users[slot] === 0) yield* this.#world.removeMirror(slot);
  }

  /** One read of the memory behind a device page. True if it collided and has to be redone. */
  *#tryFault(slot: number, page: number): Sleepable<boolean> {
    const { table, counters, coherence, planter } = this.#world;
    const group = table.group[slot];
    const { mm } = group;
    const { mirrors } = mm.space;
    const handle = table.handle[slot];

    counters.reads += 1;
    const sequence = yield* mirrors.readBeginSleepable(handle);
    yield AFTER_BEGIN;

    if (table.retired[slot] === 1) return false;
    const [start, end] = group.pageRange(page);
    if (!mm.isMapped(start, end)) {
      counters.readsUnmapped += 1;
      return false;
    }
    const lookedUpAt = coherence.changes;
    yield AFTER_LOOKUP;

    const locks = !planter.reserves("unlocked-install");
    if (locks) {
      yield* mirrors.lockSleepable(handle);
      table.holder[slot] = this.#number + 1;
    }
    const retry = mirrors.readRetry(handle, sequence);
    if (!retry || planter.commits("ignored-retry")) {
      const steps = 1 + this.#random.below(INSTALL_STEPS_MAX);
      for (let i = 0; i < steps; i += 1) yield BEFORE_INSTALL;
      if (!locks) planter.commits("unlocked-install");
      this.#install(slot, page, lookedUpAt, mirrors.readRetry(handle, sequence));
      yield BEFORE_UNLOCK;
    }
    if (locks) {
      table.holder[slot] = 0;
      mirrors.unlock(handle);
    } else {
      planter.giveBack();
    }
    return retry && table.retired[slot] === 0;
  }

  #install(slot: number, page: number, lookedUpAt: number, mustRetry: boolean): void {
    const { table, counters, coherence } = this.#world;
    coherence.checkInstall(slot, page, this.#number, lookedUpAt, mustRetry, this.#world.line);
    table.install(slot, page, lookedUpAt);
    counters.entriesInstalled += 1;
  }
}
