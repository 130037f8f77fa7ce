import type { Address } from "../engine/addresses.ts";
import type { Random } from "../sim/random.ts";
import type { Piece, TracedMm } from "../trace/index.ts";
import { withinSpace } from "./space-bounds.ts";

const CPU_PAGE = 4096;
/** A mirror of several pieces looks for them no farther away than this, in bytes. */
const REACH_MAX = 1 << 24;
/** Nor does it reach over more pieces than this on either side. */
const REACH_PIECES_MAX = 3;

/** What a mirror covers: half-open. */
export interface MirrorRange {
  readonly start: Address;
  readonly end: Address;
}

/**
 * Decides how many mirrors a new piece brings and what each of them covers: 16 of 20 exactly the
 * piece, 2 a part of it, 2 its neighbours as well.
 */
export class Placement {
  readonly #random: Random;
  readonly #mirrorsPerPiece: number;

  /** @param mirrorsPerPiece live mirrors wanted for each live piece, a fraction as a rule */
  constructor(random: Random, mirrorsPerPiece: number) {
    this.#random = random;
    this.#mirrorsPerPiece = mirrorsPerPiece;
  }

  /** How many mirrors to insert so that their number follows the number of live pieces. */
  mirrorsDue(livePieces: number, liveMirrors: number): number {
    const due = this.#mirrorsPerPiece * livePieces - liveMirrors;
    if (due <= 0) return 0;
    const whole = Math.floor(due);
    return whole + (this.#random.below(1 << 16) < (due - whole) * (1 << 16) ? 1 : 0);
  }

  /**
   * The ranges of some mirrors for a new piece, in order; equal ones are one object. None for a
   * piece that lies beyond the 64-bit space.
   */
  choose(mm: TracedMm, piece: Piece, count: number): MirrorRange[] {
    if (count === 0) return [];
    const whole = withinSpace(piece.start, piece.end);
    const distinct = new Map<string, MirrorRange>();
    if (whole !== undefined) distinct.set(keyOf(whole), whole);
    const neighbourhood = new Neighbourhood(mm, piece);
    const ranges: MirrorRange[] = [];
    for (let i = 0; i < count; i += 1) {
      const kind = this.#random.below(20);
      // Beyond 2^53 a part is as good as the whole, and so is a neighbourhood.
      if (kind < 16 || typeof piece.start !== "number" || typeof piece.end !== "number") {
        if (whole !== undefined) ranges.push(whole);
        continue;
      }
      const range =
        kind < 18
          ? this.#part(piece.start, piece.end)
          : neighbourhood.within(1 + this.#random.below(REACH_PIECES_MAX));
      if (range === undefined) continue;
      const key = keyOf(range);
      const known = distinct.get(key);
      if (known === undefined) distinct.set(key, range);
      ranges.push(known ?? range);
    }
    return ranges;
  }

  #part(start: number, end: number): MirrorRange {
    const pages = Math.ceil((end - start) / CPU_PAGE);
    const first = this.#random.below(Math.min(pages, 2 ** 32));
    const count = 1 + this.#random.below(Math.min(pages - first, 2 ** 32));
    return {
      start: start + first * CPU_PAGE,
      end: Math.min(end, start + (first + count) * CPU_PAGE),
    };
  }
}

function keyOf({ start, end }: MirrorRange): string {
  return `${start}-${end}`;
}

/** The pieces around a new one; looked for once, however many mirrors want them. */
class Neighbourhood {
  readonly #mm: TracedMm;
  readonly #piece: Piece;
  #near: readonly Piece[] | undefined;

  constructor(mm: TracedMm, piece: Piece) {
    this.#mm = mm;
    this.#piece = piece;
  }

  /** From so many pieces before the new one to as many after it, if they are near. */
  within(reach: number): MirrorRange | undefined {
    const start = Number(this.#piece.start);
    const end = Number(this.#piece.end);
    this.#near ??= this.#mm.overlapping(Math.max(0, start - REACH_MAX), end + REACH_MAX);
    const near = this.#near;
    const at = near.indexOf(this.#piece);
    const first = near[Math.max(0, at - reach)];
    const last = near[Math.min(near.length - 1, at + reach)];
    return withinSpace(first.start, last.end);
  }
}
