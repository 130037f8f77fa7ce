import type { Witness } from "./coherence.ts";
import { type MirrorTable, slotOf } from "./mirror-table.ts";

/**
 * Faults that can be planted into a replay, one at a time, to see that its checks bite. Each is named
 * as the violation that it must be found as, and is committed once, at the first occasion: for the
 * engine's faults that is a mirror with an entry at stake, for an open window one that hit a mirror.
 */
export const PLANTED_FAULTS = [
  /** The engine skips one mirror: not listed, sequence not set. */
  "missed-hit",
  /** The engine lists a mirror and does not set its sequence. */
  "unset-sequence",
  /** The owner of the change forgets to end a window. */
  "open-window",
  /** A device installs what its retry check told it to throw away. */
  "ignored-retry",
  /** A device installs without taking the mirror's lock. */
  "unlocked-install",
] as const;

export type PlantedFault = (typeof PLANTED_FAULTS)[number];

/** Commits the planted fault, if there is one, and remembers that it is done. */
export class FaultPlanter {
  readonly #fault: PlantedFault | undefined;
  readonly #table: MirrorTable;
  #committed = false;
  #reserved = false;
  /** By handle, for each invalidation whose start is under way: several may be at once. */
  readonly #sequencesBefore = new WeakMap<Witness, ReadonlyMap<number, number>>();

  constructor(fault: PlantedFault | undefined, table: MirrorTable) {
    this.#fault = fault;
    this.#table = table;
  }

  /** Whether the fault has been committed; null if none is planted. */
  get committed(): boolean | null {
    return this.#fault === undefined ? null : this.#committed;
  }

  /** Sets this fault aside for one culprit, who then commits it or gives it back. */
  reserves(fault: PlantedFault): boolean {
    if (this.#reserved || !this.#plans(fault)) return false;
    this.#reserved = true;
    return true;
  }

  giveBack(): void {
    this.#reserved = false;
  }

  #plans(fault: PlantedFault): boolean {
    return this.#fault === fault && !this.#committed;
  }

  /** Whether the occasion is taken; true at most once. */
  commits(fault: PlantedFault): boolean {
    if (!this.#plans(fault)) return false;
    this.#committed = true;
    return true;
  }

  /** Before a start: remembers what a faulty engine would leave untouched. */
  beforeStart(witness: Witness): void {
    if (!this.#tampersWithHits()) return;
    const { mm, start, end, overlapping } = witness;
    const { tree } = mm.space.mirrors;
    const groups = new Set(overlapping);
    const sequences = new Map<number, number>();
    for (const handle of mm.mirrorsOf(mm.overlapping(start, end))) {
      if (!groups.has(this.#table.group[slotOf(handle)])) continue;
      sequences.set(handle, tree.sequenceOf(handle));
    }
    this.#sequencesBefore.set(witness, sequences);
  }

  /** After a start: undoes its work on one mirror that has an entry in the range. */
  afterStart(witness: Witness, hits: Uint32Array): Uint32Array {
    if (!this.#tampersWithHits()) return hits;
    for (const [handle, sequence] of this.#sequencesBefore.get(witness) ?? []) {
      if (!this.#hasEntry(handle, witness)) continue;
      this.#committed = true;
      witness.mm.space.mirrors.tree.setSequence(handle, sequence);
      return this.#fault === "missed-hit" ? hits.filter((hit) => hit !== handle) : hits;
    }
    return hits;
  }

  #hasEntry(handle: number, { start, end }: Witness): boolean {
    const { installed, group } = this.#table;
    const slot = slotOf(handle);
    return (installed[slot] & group[slot].pagesIn(start, end)) !== 0;
  }

  #tampersWithHits(): boolean {
    return this.#plans("missed-hit") || this.#plans("unset-sequence");
  }
}
