import type { Address } from "../engine/addresses.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import { DEVICE_PAGES_MAX, lowestBit, type MirrorTable, slotOf } from "./mirror-table.ts";
import type { SimulatedMm } from "./simulated-mm.ts";

/** What can go wrong between an address space and its mirrors. */
export type ViolationKind =
  /** A mirror holds an entry for memory that has changed since the entry was looked up. */
  | "stale-entry"
  /** A mirror overlaps the invalidated range and is not on the hit list. */
  | "missed-hit"
  /** A mirror is on the hit list and does not overlap the invalidated range, or stands there twice. */
  | "wrong-hit"
  /** A mirror was hit and does not have the sequence of the invalidation. */
  | "unset-sequence"
  /** A mirror was not hit and has the sequence of the invalidation. */
  | "wrong-sequence"
  /** A window was still open when the next event of its address space came, or at the end. */
  | "open-window"
  /** A device installed an entry although its retry check told it not to. */
  | "ignored-retry"
  /** A device installed an entry without holding the mirror's lock. */
  | "unlocked-install"
  /** The engine's own structure is broken, or mirrors are left in it at the end. */
  | "engine";

export interface Violation {
  readonly kind: ViolationKind;
  /** The line of the log, counted from 1, whose event is concerned. */
  readonly line: number;
  readonly message: string;
}

/** The mirrors that an invalidation must hit, found without the engine. */
export interface Witness {
  readonly mm: SimulatedMm;
  readonly start: Address;
  readonly end: Address;
  /** Identifies the invalidation in `hitBy` and `gatheredBy`; from 1. */
  readonly serial: number;
  /** The line of the log it comes from. */
  readonly line: number;
  /** Slots of all mirrors that overlap the range and mapped memory. */
  readonly overlapping: number[];
  /** Slots of mirrors nearby that do not overlap the range. */
  readonly apart: number[];
}

const VIOLATIONS_KEPT = 100;

/**
 * Keeps the truth: when memory last changed, and whether any mirror still holds what was there
 * before. It knows nothing of sequences or hit lists but to check them.
 */
export class Coherence {
  readonly #table: MirrorTable;
  readonly #kept: Violation[] = [];
  #count = 0;
  #changes = 0;
  #serial = 0;

  constructor(table: MirrorTable) {
    this.#table = table;
  }

  /** The first violations, in order. */
  get violations(): readonly Violation[] {
    return this.#kept;
  }

  /** All violations, the ones not kept included. */
  get violationCount(): number {
    return this.#count;
  }

  /** Counts the changes of memory: what a look-up is stamped with. */
  get changes(): number {
    return this.#changes;
  }

  report(kind: ViolationKind, line: number, message: string): void {
    this.#count += 1;
    if (this.#kept.length < VIOLATIONS_KEPT) this.#kept.push({ kind, line, message });
  }

  /** Gathers the mirrors that an invalidation of `[start, end)` must hit. */
  witness(mm: SimulatedMm, start: Address, end: Address, line: number): Witness {
    const table = this.#table;
    this.#serial += 1;
    const serial = this.#serial;
    const overlapping: number[] = [];
    const apart: number[] = [];
    for (const piece of mm.traced.overlapping(start, end)) {
      for (const slot of mm.watchersOf(piece)) {
        if (table.gatheredBy[slot] === serial) continue;
        table.gatheredBy[slot] = serial;
        if (table.isHidden(slot)) continue;
        (table.overlaps(slot, start, end) ? overlapping : apart).push(slot);
      }
    }
    return { mm, start, end, serial, line, overlapping, apart };
  }

  /** After start: the hit list and the sequences are those of exactly the mirrors that overlap. */
  checkStart(witness: Witness, window: InvalidationWindow, hits: readonly number[]): void {
    const table = this.#table;
    const { mm, start, end, serial, line } = witness;
    for (const slot of hits) {
      if (table.mm[slot] !== mm || !table.overlaps(slot, start, end)) {
        this.report(
          "wrong-hit",
          line,
          `${describe(table, slot)} is listed as hit by ${range(start, end)} but lies apart from it`,
        );
      } else if (table.hitBy[slot] === serial) {
        this.report(
          "wrong-hit",
          line,
          `${describe(table, slot)} is listed twice as hit by ${range(start, end)}`,
        );
      }
      table.hitBy[slot] = serial;
    }
    const { mirrors } = mm.space;
    for (const slot of witness.overlapping) {
      if (table.hitBy[slot] !== serial) {
        this.report(
          "missed-hit",
          line,
          `${describe(table, slot)} overlaps ${range(start, end)} but is not listed as hit`,
        );
      } else if (mirrors.sequenceOf(table.handle[slot]) !== window.sequence) {
        this.report(
          "unset-sequence",
          line,
          `${describe(table, slot)} was hit by ${range(start, end)} but does not have its sequence ${window.sequence}`,
        );
      }
    }
    for (const slot of witness.apart) {
      if (mirrors.sequenceOf(table.handle[slot]) === window.sequence) {
        this.report(
          "wrong-sequence",
          line,
          `${describe(table, slot)} lies apart from ${range(start, end)} but has its sequence ${window.sequence}`,
        );
      }
    }
  }

  /** Compares a hit list with a scan over every mirror of the address space. */
  checkAgainstScan(witness: Witness, hits: readonly number[]): void {
    const table = this.#table;
    const { mm, start, end, line } = witness;
    const listed = new Set(hits);
    for (const handle of mm.mirrors) {
      const slot = slotOf(handle);
      // A removal is done at the thaw, before whoever asked for it is woken: the slot may have a
      // new owner already.
      if (table.handle[slot] !== handle || !mm.space.mirrors.has(handle)) continue;
      if (table.isHidden(slot)) continue;
      if (table.overlaps(slot, start, end) !== listed.has(slot)) {
        const kind = listed.has(slot) ? "wrong-hit" : "missed-hit";
        this.report(
          kind,
          line,
          `${describe(table, slot)} against ${range(start, end)}: the hit list and the scan of all mirrors differ`,
        );
      }
    }
  }

  /** The memory of the range changes now: what was looked up before is old. */
  change(witness: Witness): void {
    const table = this.#table;
    this.#changes += 1;
    for (const slot of witness.overlapping) {
      let pages = table.pagesIn(slot, witness.start, witness.end);
      for (; pages !== 0; pages &= pages - 1) {
        table.changeStamp[slot * DEVICE_PAGES_MAX + lowestBit(pages)] = this.#changes;
      }
    }
  }

  /** After end: nobody holds an entry of before the change. */
  checkEnd(witness: Witness): void {
    for (const slot of witness.overlapping) this.#checkEntries(slot, witness);
  }

  /** Memory went: no entry for it may be left. */
  checkUnmapped(slot: number, start: Address, end: Address, line: number): void {
    const table = this.#table;
    if ((table.installed[slot] & table.pagesIn(slot, start, end)) !== 0) {
      this.report(
        "stale-entry",
        line,
        `${describe(table, slot)} holds an entry in ${range(start, end)}, which is no longer mapped`,
      );
    }
  }

  /** A device installs a secondary entry; this is where its protocol is judged. */
  checkInstall(
    slot: number,
    page: number,
    device: number,
    lookedUpAt: number,
    mustRetry: boolean,
    line: number,
  ): void {
    const table = this.#table;
    const install = `device ${device} installs an entry of ${describe(table, slot)}`;
    if (table.holder[slot] !== device + 1) {
      // What else is wrong with it follows from this.
      this.report("unlocked-install", line, `${install} without holding its lock`);
    } else if (mustRetry) {
      this.report("ignored-retry", line, `${install} although an invalidation has come in between`);
    } else if (lookedUpAt < table.changeStamp[slot * DEVICE_PAGES_MAX + page]) {
      this.report("stale-entry", line, `${install} that it looked up before the memory changed`);
    }
  }

  #checkEntries(slot: number, witness: Witness): void {
    const table = this.#table;
    let pages = table.installed[slot] & table.pagesIn(slot, witness.start, witness.end);
    for (; pages !== 0; pages &= pages - 1) {
      const entry = slot * DEVICE_PAGES_MAX + lowestBit(pages);
      if (table.entryStamp[entry] >= table.changeStamp[entry]) continue;
      const [start, end] = table.pageRange(slot, lowestBit(pages));
      this.report(
        "stale-entry",
        witness.line,
        `${describe(table, slot)} still holds its entry for ${range(start, end)} after the end of the invalidation of ${range(witness.start, witness.end)}`,
      );
    }
  }
}

function describe(table: MirrorTable, slot: number): string {
  return `mirror ${table.handle[slot]} of ${range(table.start[slot], table.end[slot])} in ${table.mm[slot].traced.id}`;
}

function range(start: Address, end: Address): string {
  return `[0x${start.toString(16)}, 0x${end.toString(16)})`;
}
