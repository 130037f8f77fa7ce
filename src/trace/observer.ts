import type { Address } from "../engine/addresses.ts";

/** A strace log that can be read from the beginning more than once. */
export interface LogSource {
  /** How messages refer to it: a path, or `-`. */
  readonly name: string;
  /**
   * The unpacked bytes, from the first one, each time it is called. Chunks may have any size; one is
   * used up before the next is asked for, so their memory may be used again.
   */
  open(): AsyncIterable<Uint8Array>;
}

/** What an event does to the page tables of its range. */
export type TraceEventType = "UNMAP" | "CLEAR" | "PROTECTION_VMA" | "PROTECTION_PAGE" | "RELEASE";

/** How an address space came to be known: first seen running, copied by a fork, made by an exec. */
export type MmOrigin = "unseen" | "fork" | "exec";

/**
 * One mapped range `[start, end)`. Pieces are immutable: what a cut leaves are new pieces, so a
 * piece may serve as a key.
 */
export interface Piece {
  readonly start: Address;
  readonly end: Address;
  readonly shared: boolean;
}

/** An address space of the log, as far as the log has told. */
export interface TracedMm {
  /** `PID.K`: the K-th address space of that process number, from 0. */
  readonly id: string;
  /** The id of the address space it came from. */
  readonly parent: string | null;
  readonly origin: MmOrigin;
  /** The live pieces, ascending and disjoint. A view: it changes as the log is read. */
  readonly pieces: readonly Piece[];
  /** The live pieces that intersect `[start, end)`, ascending: a copy. */
  overlapping(start: Address, end: Address): Piece[];
}

/** One invalidation of `[start, end)`. A RELEASE has start = end = 0 and concerns every piece. */
export interface TraceEvent {
  readonly mm: TracedMm;
  readonly type: TraceEventType;
  readonly blockable: boolean;
  readonly start: Address;
  readonly end: Address;
  /** The number of live pieces that intersect the range (RELEASE: of all live pieces). */
  readonly overlaps: number;
  /** The physical line, counted from 1, at which it takes effect. */
  readonly line: number;
}

/** What `readTrace` tells, synchronously and in log order. Every method is optional. */
export interface TraceObserver {
  /** A new address space, still empty: a fork's copied pieces are announced afterwards. */
  mmCreated?(mm: TracedMm): void;
  /** Called before the removal that goes with the event: the pieces are still there. */
  event?(event: TraceEvent): void;
  /** A piece is found in the way and is about to go without an event; once for each such piece. */
  staleRemoval?(mm: TracedMm, piece: Piece, line: number): void;
  /** A piece made by mapping, growth or a fork's copy (not what a cut leaves over). */
  pieceAdded?(mm: TracedMm, piece: Piece): void;
  /** Called after the change: `piece` is gone, its 0 to 2 remains are in its place. */
  pieceCut?(mm: TracedMm, piece: Piece, remains: readonly Piece[]): void;
  /** Called after the RELEASE event; the pieces are gone, without a `pieceCut` for each. */
  mmReleased?(mm: TracedMm): void;
}

/** Logical lines by kind. */
export interface LineKinds {
  call: number;
  unfinished: number;
  resumed: number;
  signal: number;
  exit: number;
  other: number;
}

/** Totals over the whole log. */
export interface TraceFacts {
  /** Physical lines. */
  readonly lines: number;
  readonly kinds: Readonly<LineKinds>;
  /** Completed calls by name. */
  readonly calls: ReadonlyMap<string, number>;
  /** The failed ones among them. */
  readonly failed: ReadonlyMap<string, number>;
  /** Calls whose result strace made up. */
  readonly injected: number;
  /** Calls that were begun and never completed. */
  readonly unfinishedLost: number;
  /** Second halves of calls without a first one. */
  readonly orphanResumed: number;
  readonly tasks: number;
  /** Address spaces created. */
  readonly mms: number;
  readonly events: number;
  readonly nonblockable: number;
  /** The largest number of pieces, over all address spaces, after any effect. */
  readonly peakVmas: number;
  readonly finalVmas: number;
  /** Pieces that were in the way of a new mapping without the log having shown why. */
  readonly stalePieces: number;
  /** `process_mrelease` calls whose target is not known. */
  readonly mreleaseUnresolved: number;
}
