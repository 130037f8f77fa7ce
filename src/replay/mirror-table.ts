import type { Address } from "../engine/addresses.ts";
import type { SimulatedMm } from "./simulated-mm.ts";

/** At most so many device pages make up one mirror: their state is one byte of bits. */
export const DEVICE_PAGES_MAX = 8;

const CPU_PAGE_SHIFT = 12;
/** 2^shift; a look-up is much faster than a power. */
const PAGE_SIZE = Float64Array.from({ length: 64 }, (_, shift) => 2 ** shift);
const SLOT_BITS = 24;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const NOT_LIVE = 0xffffffff;

/** The slot of a mirror: the part of its handle that numbers it among all mirrors of an engine. */
export function slotOf(handle: number): number {
  return handle & SLOT_MASK;
}

/**
 * What the owners of all simulated mirrors know, one row for each slot. A mirror's range is cut into
 * up to eight device pages of equal size, a power of two; a *secondary entry* is a device page that
 * the device has faulted in.
 *
 *     range        start |-------------------------------------| end
 *     device pages       |  0  |  1  |  2  |  3  |  4  |  5  |6|     2^pageShift bytes each
 *     installed            1     0     1     1     0     0    1      bits, page 0 lowest
 *     entryStamp           17          20    17               31     change count at the look-up
 *     changeStamp          17    30    12    17    0     0    31     change count of the last change
 *
 * An entry is stale exactly if its entryStamp is below its changeStamp.
 */
export class MirrorTable {
  handle: Uint32Array = new Uint32Array(0);
  pageShift: Uint8Array = new Uint8Array(0);
  installed: Uint8Array = new Uint8Array(0);
  entryStamp: Uint32Array = new Uint32Array(0);
  changeStamp: Uint32Array = new Uint32Array(0);
  /** Live pieces of the log that the mirror overlaps. */
  pieces: Uint32Array = new Uint32Array(0);
  /** Devices at work on the mirror. */
  users: Uint8Array = new Uint8Array(0);
  /** 1: its owner wants it gone; the last device at work removes it. */
  retired: Uint8Array = new Uint8Array(0);
  /** The device that holds the lock, as its number + 1; 0 if nobody does. */
  holder: Uint8Array = new Uint8Array(0);
  /** The sequence at which the tree was frozen when the mirror was inserted; 0 if it was not. */
  frozenAt: Uint32Array = new Uint32Array(0);
  /** Serial of the last window whose hit list held the mirror. */
  hitBy: Uint32Array = new Uint32Array(0);
  /** Serial of the last window whose overlaps were gathered: each mirror counts once. */
  gatheredBy: Uint32Array = new Uint32Array(0);

  readonly start: Address[] = [];
  readonly end: Address[] = [];
  readonly mm: SimulatedMm[] = [];

  /** Slots that are not retired, in no order; `#position` finds a slot in it. */
  #live: Uint32Array = new Uint32Array(0);
  #position: Uint32Array = new Uint32Array(0);
  #liveCount = 0;
  #rows = 0;

  get liveCount(): number {
    return this.#liveCount;
  }

  /** The i-th live mirror, in no order. */
  liveAt(i: number): number {
    return this.#live[i];
  }

  isLive(slot: number): boolean {
    return this.#position[slot] !== NOT_LIVE;
  }

  /** Bytes of the typed arrays, for the report. */
  get bytes(): number {
    return this.#rows * (7 * 4 + 5 + DEVICE_PAGES_MAX * 8);
  }

  /** @param frozenAt the sequence at which the tree was frozen before the insertion, or 0 */
  add(handle: number, mm: SimulatedMm, start: Address, end: Address, frozenAt: number): number {
    const slot = slotOf(handle);
    if (slot >= this.#rows) this.#grow(slot + 1);
    this.handle[slot] = handle;
    this.mm[slot] = mm;
    this.start[slot] = start;
    this.end[slot] = end;
    this.pageShift[slot] = devicePageShift(start, end);
    this.installed[slot] = 0;
    this.pieces[slot] = 0;
    this.users[slot] = 0;
    this.retired[slot] = 0;
    this.holder[slot] = 0;
    this.frozenAt[slot] = frozenAt;
    this.hitBy[slot] = 0;
    this.gatheredBy[slot] = 0;
    this.changeStamp.fill(0, slot * DEVICE_PAGES_MAX, (slot + 1) * DEVICE_PAGES_MAX);
    this.#live[this.#liveCount] = slot;
    this.#position[slot] = this.#liveCount;
    this.#liveCount += 1;
    return slot;
  }

  /** Nobody starts work on the mirror from now on. */
  retire(slot: number): void {
    this.retired[slot] = 1;
    this.#liveCount -= 1;
    const last = this.#live[this.#liveCount];
    this.#live[this.#position[slot]] = last;
    this.#position[last] = this.#position[slot];
    this.#position[slot] = NOT_LIVE;
  }

  overlaps(slot: number, start: Address, end: Address): boolean {
    return this.start[slot] < end && start < this.end[slot];
  }

  /** Whether the mirror's insertion is deferred, so that invalidations do not see it yet. */
  isHidden(slot: number): boolean {
    return this.frozenAt[slot] !== 0 && this.frozenAt[slot] === this.mm[slot].space.sequence;
  }

  /** Number of device pages, 1 to 8. */
  pageCount(slot: number): number {
    return pageIndex(this.start[slot], lastByte(this.end[slot]), this.pageShift[slot]) + 1;
  }

  /** The device pages of a mirror that `[start, end)` touches, as bits. */
  pagesIn(slot: number, start: Address, end: Address): number {
    const mirrorStart = this.start[slot];
    const mirrorEnd = this.end[slot];
    if (start >= mirrorEnd || end <= mirrorStart) return 0;
    const shift = this.pageShift[slot];
    const first = start <= mirrorStart ? 0 : pageIndex(mirrorStart, start, shift);
    const last = pageIndex(mirrorStart, lastByte(end < mirrorEnd ? end : mirrorEnd), shift);
    return (2 << last) - (1 << first);
  }

  /** `[start, end)` of one device page; the last one may be short. */
  pageRange(slot: number, page: number): [Address, Address] {
    const shift = this.pageShift[slot];
    const mirrorEnd = this.end[slot];
    const start = plusPages(this.start[slot], page, shift);
    const end = plusPages(this.start[slot], page + 1, shift);
    return end < mirrorEnd ? [start, end] : [start, mirrorEnd];
  }

  #grow(rows: number): void {
    const size = Math.max(1024, rows, Math.ceil(this.#rows * 1.5));
    this.handle = grown(this.handle, size);
    this.pageShift = grown(this.pageShift, size);
    this.installed = grown(this.installed, size);
    this.entryStamp = grown(this.entryStamp, size * DEVICE_PAGES_MAX);
    this.changeStamp = grown(this.changeStamp, size * DEVICE_PAGES_MAX);
    this.pieces = grown(this.pieces, size);
    this.users = grown(this.users, size);
    this.retired = grown(this.retired, size);
    this.holder = grown(this.holder, size);
    this.frozenAt = grown(this.frozenAt, size);
    this.hitBy = grown(this.hitBy, size);
    this.gatheredBy = grown(this.gatheredBy, size);
    this.#live = grown(this.#live, size);
    this.#position = grown(this.#position, size);
    this.#position.fill(NOT_LIVE, this.#rows);
    this.#rows = size;
  }
}

/** The place of the lowest bit that is set. */
export function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function grown<T extends Uint8Array | Uint32Array>(old: T, size: number): T {
  const bigger = new (old.constructor as new (size: number) => T)(size);
  bigger.set(old);
  return bigger;
}

/** The smallest device page, not below a CPU page, of which eight cover the range. */
function devicePageShift(start: Address, end: Address): number {
  const eighth = Math.floor(Math.log2(Number(end) - Number(start))) - 3;
  let shift = Math.max(CPU_PAGE_SHIFT, eighth - 1);
  while (pageIndex(start, lastByte(end), shift) >= DEVICE_PAGES_MAX) shift += 1;
  return shift;
}

function lastByte(end: Address): Address {
  return typeof end === "number" ? end - 1 : end - 1n;
}

function pageIndex(base: Address, address: Address, shift: number): number {
  if (typeof base === "number" && typeof address === "number") {
    return Math.floor((address - base) / PAGE_SIZE[shift]);
  }
  return Number((BigInt(address) - BigInt(base)) >> BigInt(shift));
}

function plusPages(base: Address, pages: number, shift: number): Address {
  const sum = typeof base === "number" ? base + pages * PAGE_SIZE[shift] : Number.NaN;
  if (Number.isSafeInteger(sum)) return sum;
  return BigInt(base) + (BigInt(pages) << BigInt(shift));
}
