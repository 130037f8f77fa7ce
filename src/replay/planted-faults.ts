import type { Witness } from "./coherence.ts";
import type { MirrorTable } from "./mirror-table.ts";

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
  #sequencesBefore: number[] = [];

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
    const { mirrors } = witness.mm.space;
    this.#sequencesBefore = witness.overlapping.map((slot) =>
      mirrors.sequenceOf(this.#table.handle[slot]),
    );
  }

  /** After a start: undoes its work on one mirror that has an entry in the range. */
  afterStart(witness: Witness, hits: number[]): void {
    if (!this.#tampersWithHits()) return;
    const table = this.#table;
    const victim = witness.overlapping.findIndex(
      (slot) => (table.installed[slot] & table.pagesIn(slot, witness.start, witness.end)) !== 0,
    );
    if (victim < 0) return;
    this.#committed = true;
    const slot = witness.overlapping[victim];
    witness.mm.space.mirrors.tree.setSequence(table.handle[slot], this.#sequencesBefore[victim]);
    if (this.#fault === "missed-hit") hits.splice(hits.indexOf(slot), 1);
  }

  #tampersWithHits(): boolean {
    return this.#plans("missed-hit") || this.#plans("unset-sequence");
  }
}
