import type { Address } from "../engine/addresses.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import { DEVICE_PAGES_MAX, lowestBit } from "./device-pages.ts";
import type { MirrorGroup } from "./mirror-group.ts";
import { type MirrorTable, slotOf } from "./mirror-table.ts";
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
  /** A mirror was not hit and has the sequence of the invalidation, or a refusal has left a wrong one. */
  | "wrong-sequence"
  /** A window was still open when the owner of its address space made the next change, or at the end. */
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
  /** Identifies the invalidation in the marks of mirrors and groups; from 1. */
  readonly serial: number;
  /** The line of the log it comes from. */
  readonly line: number;
  /** All groups that overlap the range and mapped memory in it. */
  readonly overlapping: readonly MirrorGroup[];
  /** Groups nearby that do not overlap the range. */
  readonly apart: readonly MirrorGroup[];
  /** The sequence of the address space before the start. */
  readonly sequenceBefore: number;
  /** The sequences before a start that may be refused, of all mirrors of `overlapping` in order. */
  readonly overlappingBefore: readonly number[] | undefined;
  /** The same of `apart`, if the tree was frozen: then a sequence alone does not tell who hit a mirror. */
  readonly apartBefore: readonly number[] | undefined;
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

  /**
   * Gathers the mirrors that an invalidation of `[start, end)` must hit, just before its start.
   *
   * @param mayBeRefused whether the start is a non-blocking one
   */
  witness(
    mm: SimulatedMm,
    start: Address,
    end: Address,
    line: number,
    mayBeRefused: boolean,
  ): Witness {
    this.#serial += 1;
    const serial = this.#serial;
    const overlapping: MirrorGroup[] = [];
    const apart: MirrorGroup[] = [];
    for (const { groups } of mm.overlapping(start, end)) {
      for (const group of groups) {
        if (group.gatheredFor === serial) continue;
        group.gatheredFor = serial;
        if (group.isHidden) continue;
        (group.overlaps(start, end) ? overlapping : apart).push(group);
      }
    }
    const sequenceBefore = mm.space.sequence;
    const isFrozen = (sequenceBefore & 1) === 1;
    return {
      mm,
      start,
      end,
      serial,
      line,
      overlapping,
      apart,
      sequenceBefore,
      overlappingBefore: mayBeRefused ? sequencesOf(mm, overlapping) : undefined,
      apartBefore: isFrozen ? sequencesOf(mm, apart) : undefined,
    };
  }

  /**
   * After start: the hit list and the sequences are those of exactly the mirrors that overlap.
   *
   * @param hits handles
   */
  checkStart(witness: Witness, window: InvalidationWindow, hits: Uint32Array): void {
    for (const group of witness.overlapping) {
      group.expectedBy = witness.serial;
      group.hits = 0;
    }
    this.#checkHits(witness, window, hits);
    for (const group of witness.overlapping) {
      // Each mirror counts once, so equal numbers mean that none is missing.
      if (group.hits !== group.handles.length) this.#reportMissed(group, witness);
    }
    this.#checkApart(witness, window);
  }

  #checkHits(witness: Witness, { sequence }: InvalidationWindow, hits: Uint32Array): void {
    const table = this.#table;
    const { mm, start, end, serial, line } = witness;
    const { tree } = mm.space.mirrors;
    for (const handle of hits) {
      const slot = slotOf(handle);
      const group = table.group[slot];
      const expected = group.expectedBy === serial;
      // Beside the expected ones those may be hit that overlap the range in a hole only.
      const overlaps = expected || (group.mm === mm && group.overlaps(start, end));
      if (!overlaps || table.handle[slot] !== handle) {
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
      } else if (expected) {
        group.hits += 1;
        if (tree.sequenceOf(handle) !== sequence) {
          this.report(
            "unset-sequence",
            line,
            `${describe(table, slot)} was hit by ${range(start, end)} but does not have its sequence ${sequence}`,
          );
        }
      }
      table.hitBy[slot] = serial;
    }
  }

  #reportMissed({ handles }: MirrorGroup, { start, end, serial, line }: Witness): void {
    const table = this.#table;
    for (const handle of handles) {
      if (table.hitBy[slotOf(handle)] === serial) continue;
      this.report(
        "missed-hit",
        line,
        `${describe(table, slotOf(handle))} overlaps ${range(start, end)} but is not listed as hit`,
      );
    }
  }

  #checkApart(witness: Witness, { sequence }: InvalidationWindow): void {
    const { mm, apart, apartBefore } = witness;
    const { tree } = mm.space.mirrors;
    let at = 0;
    for (const { handles } of apart) {
      for (const handle of handles) {
        const now = tree.sequenceOf(handle);
        const before = apartBefore?.[at];
        at += 1;
        if (before === undefined ? now !== sequence : now === before) continue;
        this.report(
          "wrong-sequence",
          witness.line,
          `${describe(this.#table, slotOf(handle))} lies apart from ${rangeOf(witness)} but has its sequence ${sequence}`,
        );
      }
    }
  }

  /**
   * After a refusal by a mirror: whoever comes before it in the tree has been given the sequence of the
   * start, and will retry without need; the others, and in `strict` all, are as they were before.
   */
  checkRefusal(witness: Witness, refusedBy: string | number): void {
    const { mm, line, overlapping, overlappingBefore = [], sequenceBefore } = witness;
    const { tree } = mm.space.mirrors;
    const changesNothing = mm.space.profile === "strict";
    const others = mm.openWindows.size > 0;
    const cur = (sequenceBefore | 1) >>> 0;
    const closed = others ? cur : (cur + 1) >>> 0;
    const expected = changesNothing ? sequenceBefore : closed;
    if (mm.space.sequence !== expected) {
      this.report(
        "wrong-sequence",
        line,
        `${mm.traced.id} has sequence ${mm.space.sequence} after the refusal of ${rangeOf(witness)}, instead of ${expected}`,
      );
    }
    const refuser = slotOf(refusedBy as number);
    let at = 0;
    for (const { handles } of overlapping) {
      for (const handle of handles) {
        const before = overlappingBefore[at];
        at += 1;
        const approved = !changesNothing && this.#table.comesBefore(slotOf(handle), refuser);
        const now = tree.sequenceOf(handle);
        if (now === (approved ? cur : before)) continue;
        this.report(
          approved ? "unset-sequence" : "wrong-sequence",
          line,
          `${describe(this.#table, slotOf(handle))} has sequence ${now} after mirror ${refusedBy} refused ${rangeOf(witness)}, instead of ${approved ? cur : before}`,
        );
      }
    }
  }

  /** Compares a hit list with a scan over every mirror of the address space. */
  checkAgainstScan(witness: Witness, hits: Uint32Array): void {
    const table = this.#table;
    const { mm, start, end, line } = witness;
    const listed = new Set(hits);
    for (const handle of mm.mirrors) {
      const slot = slotOf(handle);
      // A removal is done at the thaw, before whoever asked for it is woken: the slot may have a
      // new owner already.
      if (table.handle[slot] !== handle || !mm.space.mirrors.has(handle)) continue;
      const group = table.group[slot];
      if (group.isHidden) continue;
      if (group.overlaps(start, end) !== listed.has(handle)) {
        const kind = listed.has(handle) ? "wrong-hit" : "missed-hit";
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
    this.#changes += 1;
    for (const group of witness.overlapping) {
      let pages = group.pagesIn(witness.start, witness.end);
      for (; pages !== 0; pages &= pages - 1) group.changeStamps[lowestBit(pages)] = this.#changes;
    }
  }

  /** After end: nobody holds an entry of before the change. */
  checkEnd(witness: Witness): void {
    const { installed } = this.#table;
    for (const group of witness.overlapping) {
      if (group.entries === 0) continue;
      const pages = group.pagesIn(witness.start, witness.end);
      for (const handle of group.handles) {
        const entries = installed[slotOf(handle)] & pages;
        if (entries !== 0) this.#checkEntries(slotOf(handle), entries, witness);
      }
    }
  }

  /** Memory went: no mirror of the group may have an entry for it left. */
  checkUnmapped(group: MirrorGroup, start: Address, end: Address, line: number): void {
    if (group.entries === 0) return;
    const table = this.#table;
    const pages = group.pagesIn(start, end);
    for (const handle of group.handles) {
      if ((table.installed[slotOf(handle)] & pages) === 0) continue;
      this.report(
        "stale-entry",
        line,
        `${describe(table, slotOf(handle))} holds an entry in ${range(start, end)}, which is no longer mapped`,
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
    if (table.holder[slot] !== device + 1) {
      // What else is wrong with it follows from this.
      this.#reportInstall("unlocked-install", slot, device, line, "without holding its lock");
    } else if (mustRetry) {
      const why = "although an invalidation has come in between";
      this.#reportInstall("ignored-retry", slot, device, line, why);
    } else if (lookedUpAt < table.group[slot].changeStamps[page]) {
      const why = "that it looked up before the memory changed";
      this.#reportInstall("stale-entry", slot, device, line, why);
    }
  }

  #reportInstall(
    kind: ViolationKind,
    slot: number,
    device: number,
    line: number,
    why: string,
  ): void {
    const mirror = describe(this.#table, slot);
    this.report(kind, line, `device ${device} installs an entry of ${mirror} ${why}`);
  }

  /** @param entries device pages whose entries are installed, as bits */
  #checkEntries(slot: number, entries: number, witness: Witness): void {
    const table = this.#table;
    const group = table.group[slot];
    for (let pages = entries; pages !== 0; pages &= pages - 1) {
      const page = lowestBit(pages);
      const lookedUpAt = table.entryStamp[slot * DEVICE_PAGES_MAX + page];
      if (lookedUpAt >= group.changeStamps[page]) continue;
      const [start, end] = group.pageRange(page);
      this.report(
        "stale-entry",
        witness.line,
        `${describe(table, slot)} still holds its entry for ${range(start, end)} after the end of the invalidation of ${range(witness.start, witness.end)}`,
      );
    }
  }
}

/** The sequences of all mirrors of some groups, in order. */
function sequencesOf(mm: SimulatedMm, groups: readonly MirrorGroup[]): number[] {
  const { tree } = mm.space.mirrors;
  const sequences: number[] = [];
  for (const { handles } of groups) {
    for (const handle of handles) sequences.push(tree.sequenceOf(handle));
  }
  return sequences;
}

function describe(table: MirrorTable, slot: number): string {
  const { start, end, mm } = table.group[slot];
  return `mirror ${table.handle[slot]} of ${range(start, end)} in ${mm.traced.id}`;
}

function rangeOf({ start, end }: Witness): string {
  return range(start, end);
}

function range(start: Address, end: Address): string {
  return `[0x${start.toString(16)}, 0x${end.toString(16)})`;
}
