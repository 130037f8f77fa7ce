import type { Address } from "../engine/addresses.ts";
import { devicePageShift, lastByte, pageIndex, plusPages } from "./device-pages.ts";
import type { SimulatedMm } from "./simulated-mm.ts";

/**
 * Mirrors of one address space that were inserted together and cover the same range. What happens
 * to memory happens to all of them, so it is written down once for the group, however many they are;
 * only what their devices do differs, and is in the `MirrorTable`.
 *
 *     range         start |-------------------------------------| end
 *     device pages        |  0  |  1  |  2  |  3  |  4  |  5  |6|     2^shift bytes each
 *     changeStamps          17    30    12    17    0     0    31     change count of the last change
 */
export class MirrorGroup {
  readonly mm: SimulatedMm;
  readonly start: Address;
  readonly end: Address;
  /** The sequence at which the tree was frozen before the insertion; 0 if it was not. */
  readonly frozenAt: number;
  /** The mirrors, the oldest first. */
  readonly handles: number[] = [];
  /** Number of device pages, 1 to 8. */
  readonly pageCount: number;
  readonly changeStamps: number[];
  readonly #pageShift: number;

  /** Live pieces of the log that the range overlaps. */
  pieces = 0;
  /** When the mirrors were inserted, by the clock of their address space. */
  insertedAt = 0;
  /** When the range first was no part of one single piece, by the same clock; 0 before that. */
  wideSince = 0;
  /** Serial of the last invalidation for which the group was gathered: it counts once. */
  gatheredFor = 0;
  /** Serial of the last invalidation that had to hit the group. */
  expectedBy = 0;
  /** How many of the mirrors that invalidation has hit. */
  hits = 0;
  /** Secondary entries that the devices of all mirrors hold. */
  entries = 0;

  constructor(mm: SimulatedMm, start: Address, end: Address, frozenAt: number) {
    this.mm = mm;
    this.start = start;
    this.end = end;
    this.frozenAt = frozenAt;
    this.#pageShift = devicePageShift(start, end);
    this.pageCount = pageIndex(start, lastByte(end), this.#pageShift) + 1;
    this.changeStamps = Array.from({ length: this.pageCount }, () => 0);
  }

  overlaps(start: Address, end: Address): boolean {
    return this.start < end && start < this.end;
  }

  isWithin(start: Address, end: Address): boolean {
    return start <= this.start && this.end <= end;
  }

  /** Whether the insertion is deferred, so that invalidations do not see the mirrors yet. */
  get isHidden(): boolean {
    return this.frozenAt !== 0 && this.frozenAt === this.mm.space.sequence;
  }

  /** The device pages that `[start, end)` touches, as bits. */
  pagesIn(start: Address, end: Address): number {
    if (!this.overlaps(start, end)) return 0;
    const shift = this.#pageShift;
    const first = start <= this.start ? 0 : pageIndex(this.start, start, shift);
    const last = pageIndex(this.start, lastByte(end < this.end ? end : this.end), shift);
    return (2 << last) - (1 << first);
  }

  /** `[start, end)` of one device page; the last one may be short. */
  pageRange(page: number): [Address, Address] {
    const start = plusPages(this.start, page, this.#pageShift);
    const end = plusPages(this.start, page + 1, this.#pageShift);
    return end < this.end ? [start, end] : [start, this.end];
  }
}
