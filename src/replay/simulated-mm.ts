import type { Address } from "../engine/addresses.ts";
import type { AddressSpace } from "../notifier/address-space.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import type { Victim } from "../sim/victim.ts";
import type { Piece, TracedMm } from "../trace/index.ts";
import { PieceList } from "../trace/piece-list.ts";
import type { MirrorGroup } from "./mirror-group.ts";
import { type MirrorTable, slotOf } from "./mirror-table.ts";

/** A window that somebody opened, and the line of the log that made them. */
export interface OpenWindow {
  readonly window: InvalidationWindow;
  readonly line: number;
}

/** A piece, as it was announced, and who watches it. */
export interface WatchedPiece {
  readonly start: Address;
  readonly end: Address;
  /** When it came, by the clock of its address space; what a cut leaves came with the cut. */
  readonly since: number;
  /** When the piece came of which cuts have left this one. */
  readonly mappedAt: number;
  /** All groups that overlap it, each once. */
  readonly groups: MirrorGroup[];
}

/**
 * One address space of the log with its simulated half: the notifier's address space, whose mmap lock
 * the events of the log take, and which mirrors watch which piece. That last relation is kept from the pieces alone, without the
 * engine, so that it can bear witness against the engine.
 */
export class SimulatedMm {
  readonly traced: TracedMm;
  readonly space: AddressSpace;
  readonly openWindows: Set<OpenWindow> = new Set<OpenWindow>();
  released = false;
  /** The strikes of the OOM killer that are under way. */
  readonly victims: Set<Victim> = new Set<Victim>();
  /** Handles of the mirrors inserted and not yet removed. */
  readonly mirrors: Set<number> = new Set<number>();
  readonly #table: MirrorTable;
  readonly #pieces = new PieceList<WatchedPiece>();
  /** Counts what happens to the pieces. */
  #clock = 0;

  constructor(traced: TracedMm, space: AddressSpace, table: MirrorTable) {
    this.traced = traced;
    this.space = space;
    this.#table = table;
  }

  get pieceCount(): number {
    return this.#pieces.size;
  }

  /**
   * A new piece: mirrors that reach into it from holes watch it from now on. Such a mirror has a
   * piece left, on one side of the hole at least, so it watches the piece next to the hole there.
   */
  addPiece({ start, end }: Piece): void {
    this.#clock += 1;
    const groups: MirrorGroup[] = [];
    const [left, right] = this.#pieces.around(start);
    for (const group of left?.groups ?? []) {
      if (group.overlaps(start, end)) groups.push(group);
    }
    for (const group of right?.groups ?? []) {
      const known = left !== undefined && group.overlaps(left.start, left.end);
      if (!known && group.overlaps(start, end)) groups.push(group);
    }
    for (const group of groups) group.pieces += 1;
    this.#pieces.insert({ start, end, since: this.#clock, mappedAt: this.#clock, groups });
  }

  /** A piece went or was cut; calls back for each mirror that has no piece left. */
  cutPiece(piece: Piece, remains: readonly Piece[], onOrphan: (handle: number) => void): void {
    const watched = this.#watched(piece);
    this.#clock += 1;
    const cutAt = this.#clock;
    const left = remains.map(({ start, end }): WatchedPiece => {
      this.#clock += 1;
      return { start, end, since: this.#clock, mappedAt: watched.mappedAt, groups: [] };
    });
    this.#pieces.replace([watched], left);
    const orphans: MirrorGroup[] = [];
    for (const group of watched.groups) {
      let within = false;
      group.pieces -= 1;
      for (const { start, end, groups } of left) {
        if (!group.overlaps(start, end)) continue;
        groups.push(group);
        group.pieces += 1;
        within ||= group.isWithin(start, end);
      }
      if (group.pieces === 0) orphans.push(group);
      else if (!within && group.wideSince === 0) group.wideSince = cutAt;
    }
    for (const handle of this.#inOrder(watched, orphans)) onOrphan(handle);
  }

  /** The mirrors of a new group watch every piece that they overlap. */
  addGroup(group: MirrorGroup): void {
    const { start, end } = group;
    let within = false;
    // A piece that is not announced yet (a fork copies many) finds the group by itself.
    for (const piece of this.#pieces.overlapping(start, end)) {
      piece.groups.push(group);
      group.pieces += 1;
      within ||= group.isWithin(piece.start, piece.end);
    }
    group.insertedAt = this.#clock;
    if (!within) group.wideSince = this.#clock;
  }

  /** The groups that overlap a live piece. */
  watchersOf(piece: Piece): readonly MirrorGroup[] {
    return this.#watched(piece).groups;
  }

  /** The live pieces that intersect `[start, end)`, ascending. */
  overlapping(start: Address, end: Address): readonly WatchedPiece[] {
    return this.#pieces.overlapping(start, end);
  }

  /** Handles of the mirrors that watch these pieces, each once, piece by piece, in a fixed order. */
  mirrorsOf(pieces: Iterable<WatchedPiece>): number[] {
    const seen = new Set<MirrorGroup>();
    const handles: number[] = [];
    for (const piece of pieces) {
      const groups = piece.groups.filter((group) => !seen.has(group));
      for (const group of groups) seen.add(group);
      for (const handle of this.#inOrder(piece, groups)) handles.push(handle);
    }
    return handles;
  }

  /** All pieces are gone at once; calls back for each mirror. */
  dropPieces(onOrphan: (handle: number) => void): void {
    const orphans = this.mirrorsOf([...this.#pieces].sort((a, b) => a.since - b.since));
    this.#pieces.clear();
    for (const handle of orphans) onOrphan(handle);
  }

  /** Whether anything of `[start, end)` is mapped. */
  isMapped(start: Address, end: Address): boolean {
    return this.#pieces.overlapping(start, end).length > 0;
  }

  #watched({ start, end }: Piece): WatchedPiece {
    return this.#pieces.overlapping(start, end)[0];
  }

  /**
   * The mirrors of some groups that watch a piece: first those that reached into it when it was
   * mapped, by when they came to reach beyond their own piece, then those inserted since.
   */
  #inOrder(piece: WatchedPiece, groups: readonly MirrorGroup[]): readonly number[] {
    if (groups.length === 1) return groups[0].handles;
    const { group: groupOf, insertion } = this.#table;
    const time = (group: MirrorGroup) =>
      group.insertedAt < piece.mappedAt ? group.wideSince : group.insertedAt;
    return groups
      .flatMap(({ handles }) => handles)
      .sort((a, b) => {
        const slotA = slotOf(a);
        const slotB = slotOf(b);
        const difference = time(groupOf[slotA]) - time(groupOf[slotB]);
        return difference !== 0 ? difference : insertion[slotA] - insertion[slotB];
      });
  }
}
