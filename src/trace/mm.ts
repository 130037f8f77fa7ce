// One address space.

import type { Address } from "../engine/addresses.ts";
import type { CallName } from "./call-names.ts";
import type { MmOrigin, Piece, TracedMm } from "./observer.ts";
import { PieceList, type TaggedPiece } from "./piece-list.ts";

/** How often each call was made. */
export class Tally {
  readonly #counts = new Map<CallName, { count: number }>();

  add(name: CallName): void {
    const entry = this.#counts.get(name);
    if (entry === undefined) this.#counts.set(name, { count: 1 });
    else entry.count += 1;
  }

  /** By name, in alphabetical order. */
  sorted(): Map<string, number> {
    const entries = [...this.#counts].map(([name, { count }]): [string, number] => [
      name.text,
      count,
    ]);
    return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

export class Mm implements TracedMm {
  readonly id: string;
  readonly parent: string | null;
  readonly origin: MmOrigin;
  released = false;
  /** Tasks that are bound to it. */
  users = 0;
  /** The program break; unknown until a call shows it. */
  programBreak: Address | undefined;
  peakPieces = 0;
  readonly list: PieceList<TaggedPiece> = new PieceList();
  readonly calls: Tally = new Tally();
  readonly failed: Tally = new Tally();
  /** By tag: an end that no piece with this tag goes beyond. */
  attachEnds: Map<Address, Address> | undefined;

  constructor(id: string, parent: string | null, origin: MmOrigin) {
    this.id = id;
    this.parent = parent;
    this.origin = origin;
  }

  get pieces(): readonly Piece[] {
    return this.list.toArray();
  }

  overlapping(start: Address, end: Address): Piece[] {
    return [...this.list.overlapping(start, end)];
  }
}
