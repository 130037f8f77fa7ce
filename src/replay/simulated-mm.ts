import { RwSemaphore } from "../blocking/rw-semaphore.ts";
import type { Address } from "../engine/addresses.ts";
import type { AddressSpace } from "../notifier/address-space.ts";
import type { InvalidationWindow } from "../notifier/window.ts";
import type { Piece, TracedMm } from "../trace/index.ts";
import type { MirrorTable } from "./mirror-table.ts";

/** A window that somebody opened, and the line of the log that made them. */
export interface OpenWindow {
  readonly window: InvalidationWindow;
  readonly line: number;
}

/**
 * One address space of the log with its simulated half: the notifier's address space, the mmap lock,
 * and which mirrors watch which piece. That last relation is kept from the pieces alone, without the
 * engine, so that it can bear witness against the engine.
 */
export class SimulatedMm {
  readonly traced: TracedMm;
  readonly space: AddressSpace;
  /** Held for writing by every event of the log, for reading by an attempt of the OOM reaper. */
  readonly mmapLock: RwSemaphore;
  readonly openWindows: Set<OpenWindow> = new Set<OpenWindow>();
  released = false;
  /** Handles of the mirrors inserted and not yet removed. */
  readonly mirrors: Set<number> = new Set<number>();
  readonly #table: MirrorTable;
  readonly #watchers = new Map<Piece, number[]>();
  /** Mirrors that also cover what is not mapped: a new piece may appear there. */
  readonly #wide = new Set<number>();

  constructor(traced: TracedMm, space: AddressSpace, table: MirrorTable) {
    this.traced = traced;
    this.space = space;
    this.mmapLock = new RwSemaphore("mmap lock");
    this.#table = table;
  }

  get pieceCount(): number {
    return this.#watchers.size;
  }

  /** A new piece: mirrors that reach into it from holes watch it from now on. */
  addPiece(piece: Piece): void {
    const watchers: number[] = [];
    this.#watchers.set(piece, watchers);
    for (const slot of this.#wide) {
      if (this.#table.overlaps(slot, piece.start, piece.end)) {
        watchers.push(slot);
        this.#table.pieces[slot] += 1;
      }
    }
  }

  /** A piece went or was cut; calls back for each mirror that has no piece left. */
  cutPiece(piece: Piece, remains: readonly Piece[], onOrphan: (slot: number) => void): void {
    const table = this.#table;
    const watchers = this.#watchers.get(piece) as number[];
    this.#watchers.delete(piece);
    const remaining: number[][] = remains.map(() => []);
    for (let i = 0; i < remains.length; i += 1) this.#watchers.set(remains[i], remaining[i]);
    for (const slot of watchers) {
      let pieces = table.pieces[slot] - 1;
      let covered = false;
      for (let i = 0; i < remains.length; i += 1) {
        const { start, end } = remains[i];
        if (!table.overlaps(slot, start, end)) continue;
        remaining[i].push(slot);
        pieces += 1;
        covered ||= start <= table.start[slot] && table.end[slot] <= end;
      }
      table.pieces[slot] = pieces;
      if (pieces === 0) {
        this.#wide.delete(slot);
        onOrphan(slot);
      } else if (!covered) {
        this.#wide.add(slot);
      }
    }
  }

  /** A new mirror watches every piece that it overlaps. */
  addMirror(slot: number): void {
    const table = this.#table;
    const start = table.start[slot];
    const end = table.end[slot];
    let covered = false;
    let pieces = 0;
    for (const piece of this.traced.overlapping(start, end)) {
      // A piece that is not announced yet (a fork copies many) finds the mirror among the wide ones.
      const watchers = this.#watchers.get(piece);
      if (watchers === undefined) continue;
      watchers.push(slot);
      pieces += 1;
      covered ||= piece.start <= start && end <= piece.end;
    }
    table.pieces[slot] = pieces;
    if (!covered) this.#wide.add(slot);
    this.mirrors.add(table.handle[slot]);
  }

  /** The mirrors that overlap a live piece. */
  watchersOf(piece: Piece): readonly number[] {
    return this.#watchers.get(piece) as number[];
  }

  /** All pieces are gone at once; calls back for each mirror. */
  dropPieces(onOrphan: (slot: number) => void): void {
    const orphans = new Set<number>();
    for (const watchers of this.#watchers.values()) for (const slot of watchers) orphans.add(slot);
    this.#watchers.clear();
    this.#wide.clear();
    for (const slot of orphans) {
      this.#table.pieces[slot] = 0;
      onOrphan(slot);
    }
  }

  /** Whether anything of `[start, end)` is mapped. */
  isMapped(start: Address, end: Address): boolean {
    return this.traced.overlapping(start, end).length > 0;
  }
}
