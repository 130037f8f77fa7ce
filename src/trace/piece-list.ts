// The pieces of one address space: ascending, disjoint, in blocks of bounded size, so that a change
// moves few of them however many there are.

import type { Address } from "../engine/addresses.ts";
import type { Piece } from "./observer.ts";

const BLOCK_PIECES_MAX = 64;

/** What a list needs to know of a piece. */
type Extent = Pick<Piece, "start" | "end">;

export interface TaggedPiece extends Piece {
  /** Where the shared memory segment it belongs to was attached. */
  readonly tag: Address | undefined;
}

export function makePiece(
  start: Address,
  end: Address,
  shared: boolean,
  tag: Address | undefined,
): TaggedPiece {
  return { start, end, shared, tag };
}

const NONE: readonly never[] = [];

export class PieceList<P extends Extent> {
  size = 0;
  /** No block is empty. */
  #blocks: P[][] = [];

  *[Symbol.iterator](): Generator<P> {
    for (const block of this.#blocks) yield* block;
  }

  toArray(): P[] {
    return this.#blocks.flat();
  }

  /** The pieces that intersect `[start, end)`, ascending. Not to be changed: it may be shared. */
  overlapping(start: Address, end: Address): readonly P[] {
    if (!(start < end) || this.size === 0) return NONE;
    let b = this.#blockFor(start);
    let i = 0;
    if (b < 0) b = 0;
    else i = firstEndingAfter(this.#blocks[b]!, start);
    if (i === this.#blocks[b]!.length) {
      b += 1;
      i = 0;
    }
    if (b === this.#blocks.length || this.#blocks[b]![i]!.start >= end) return NONE;
    const found: P[] = [];
    for (; b < this.#blocks.length; b++, i = 0) {
      const block = this.#blocks[b]!;
      for (; i < block.length; i++) {
        const piece = block[i]!;
        if (piece.start >= end) return found;
        found.push(piece);
      }
    }
    return found;
  }

  /** The pieces next to an address that none contains, on its left and on its right. */
  around(at: Address): [P | undefined, P | undefined] {
    const b = this.#blockFor(at);
    if (b < 0) return [undefined, this.#blocks[0]?.[0]];
    const block = this.#blocks[b]!;
    const i = firstEndingAfter(block, at);
    return [block[i - 1], block[i] ?? this.#blocks[b + 1]?.[0]];
  }

  /** Adds a piece that overlaps none. */
  insert(piece: P): void {
    this.size += 1;
    const b = Math.max(this.#blockFor(piece.start), 0);
    const block = this.#blocks[b];
    if (block === undefined) {
      this.#blocks.push([piece]);
      return;
    }
    const i = firstEndingAfter(block, piece.start);
    insertAt(block, i, piece);
    if (block.length > BLOCK_PIECES_MAX) this.#split(b);
  }

  /**
   * Replaces pieces that follow each other, at least one, by those that are left of them.
   *
   * @param remains what is left, ascending, inside the bounds of `gone`
   */
  replace(gone: readonly P[], remains: readonly P[]): void {
    const blocks = this.#blocks;
    let b = this.#blockFor(gone[0]!.start);
    let i = firstEndingAfter(blocks[b]!, gone[0]!.start);
    this.size += remains.length - gone.length;
    if (gone.length === 1 && remains.length <= 1) {
      if (remains.length === 1) blocks[b]![i] = remains[0]!;
      else {
        removeAt(blocks[b]!, i);
        this.#tidy(b);
      }
      return;
    }
    let left = gone.length;
    const firstBlock = b;
    const firstIndex = i;
    // Whole blocks go at once; only the first and the last are cut.
    while (left > 0) {
      const block = blocks[b]!;
      const count = Math.min(left, block.length - i);
      left -= count;
      if (left === 0 && b === firstBlock) {
        block.splice(i, count, ...remains);
        this.#tidy(b);
        return;
      }
      if (b === firstBlock) block.length = i;
      else if (left === 0) block.splice(0, count);
      if (left > 0) {
        b += 1;
        i = 0;
      }
    }
    const lastKept = blocks[b]!.length > 0 ? b : b + 1;
    blocks.splice(firstBlock + 1, lastKept - firstBlock - 1);
    blocks[firstBlock]!.splice(firstIndex, 0, ...remains);
    this.#tidy(firstBlock);
  }

  clear(): void {
    this.size = 0;
    this.#blocks = [];
  }

  #tidy(b: number): void {
    const block = this.#blocks[b]!;
    if (block.length === 0) this.#blocks.splice(b, 1);
    else if (block.length > BLOCK_PIECES_MAX) this.#split(b);
  }

  #split(b: number): void {
    const block = this.#blocks[b]!;
    this.#blocks.splice(b + 1, 0, block.splice(block.length >> 1));
  }

  /** The last block that begins at or before `at`; -1 if there is none. */
  #blockFor(at: Address): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (blocks[middle]![0]!.start <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The index of the first piece that ends after `at`. */
function firstEndingAfter(block: readonly Extent[], at: Address): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (block[middle]!.end <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The blocks are short: moving their pieces one by one is faster than `splice`, which also makes an
// array of what it takes out.

function insertAt<P>(block: P[], index: number, piece: P): void {
  block.push(piece);
  for (let i = block.length - 1; i > index; i--) block[i] = block[i - 1]!;
  block[index] = piece;
}

function removeAt(block: unknown[], index: number): void {
  for (let i = index + 1; i < block.length; i++) block[i - 1] = block[i];
  block.pop();
}
