import type { Address } from "../engine/addresses.ts";
import type { Random } from "../sim/random.ts";
import type { Piece, TracedMm } from "../trace/index.ts";
import { withinSpace } from "./space-bounds.ts";

const CPU_PAGE = 4096;
/** A mirror of several pieces looks for them no farther away than this, in bytes. */
const REACH_MAX = 1 << 24;

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

  /** The range of one mirror for a new piece; undefined if the piece lies beyond the 64-bit space. */
  choose(mm: TracedMm, piece: Piece): { start: Address; end: Address } | undefined {
    const kind = this.#random.below(20);
    if (kind < 16) return withinSpace(piece.start, piece.end);
    if (kind < 18) return this.#part(piece);
    return this.#neighbourhood(mm, piece);
  }

  #part(piece: Piece): { start: Address; end: Address } | undefined {
    const { start, end } = piece;
    // Beyond 2^53 a part is as good as the whole.
    if (typeof start !== "number" || typeof end !== "number") return withinSpace(start, end);
    const pages = Math.ceil((end - start) / CPU_PAGE);
    const first = this.#random.below(Math.min(pages, 2 ** 32));
    const count = 1 + this.#random.below(Math.min(pages - first, 2 ** 32));
    return {
      start: start + first * CPU_PAGE,
      end: Math.min(end, start + (first + count) * CPU_PAGE),
    };
  }

  #neighbourhood(mm: TracedMm, piece: Piece): { start: Address; end: Address } | undefined {
    const { start, end } = piece;
    if (typeof start !== "number" || typeof end !== "number") return withinSpace(start, end);
    const near = mm.overlapping(Math.max(0, start - REACH_MAX), end + REACH_MAX);
    const at = near.indexOf(piece);
    const reach = 1 + this.#random.below(3);
    const first = near[Math.max(0, at - reach)];
    const last = near[Math.min(near.length - 1, at + reach)];
    return withinSpace(first.start, last.end);
  }
}
