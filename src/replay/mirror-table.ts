import { DEVICE_PAGES_MAX } from "./device-pages.ts";
import type { MirrorGroup } from "./mirror-group.ts";

const SLOT_BITS = 24;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const NOT_LIVE = 0xffffffff;

/** The slot of a mirror: the part of its handle that numbers it among all mirrors of an engine. */
export function slotOf(handle: number): number {
  return handle & SLOT_MASK;
}

/**
 * What the owners of all simulated mirrors know, one row for each slot; what mirrors of the same
 * range have in common is in their group. A *secondary entry* is a device page that the device has
 * faulted in.
 *
 *     device pages         |  0  |  1  |  2  |  3  |  4  |  5  |6|    as the group cuts the range
 *     installed               1     0     1     1     0     0    1    bits, page 0 lowest
 *     entryStamp              17          20    17               31   change count at the look-up
 *
 * An entry is stale exactly if its entryStamp is below the page's changeStamp.
 */
export class MirrorTable {
  handle: Uint32Array = new Uint32Array(0);
  installed: Uint8Array = new Uint8Array(0);
  entryStamp: Uint32Array = new Uint32Array(0);
  /** Numbers all insertions: the older of two mirrors has the lower one. */
  insertion: Uint32Array = new Uint32Array(0);
  /** Devices at work on the mirror. */
  users: Uint8Array = new Uint8Array(0);
  /** 1: its owner wants it gone; the last device at work removes it. */
  retired: Uint8Array = new Uint8Array(0);
  /** The device that holds the lock, as its number + 1; 0 if nobody does. */
  holder: Uint8Array = new Uint8Array(0);
  /** Serial of the last invalidation whose hit list held the mirror. */
  hitBy: Uint32Array = new Uint32Array(0);

  readonly group: MirrorGroup[] = [];

  /** Slots that are not retired, in no order; `#position` finds a slot in it. */
  #live: Uint32Array = new Uint32Array(0);
  #position: Uint32Array = new Uint32Array(0);
  #liveCount = 0;
  #insertions = 0;
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
    return this.#rows * (5 * 4 + 4 + DEVICE_PAGES_MAX * 4);
  }

  /** Adds a mirror that was inserted just now to the table and to its group. */
  add(handle: number, group: MirrorGroup): void {
    const slot = slotOf(handle);
    if (slot >= this.#rows) this.#grow(slot + 1);
    this.handle[slot] = handle;
    this.group[slot] = group;
    this.installed[slot] = 0;
    this.#insertions += 1;
    this.insertion[slot] = this.#insertions;
    this.users[slot] = 0;
    this.retired[slot] = 0;
    this.holder[slot] = 0;
    this.hitBy[slot] = 0;
    this.#live[this.#liveCount] = slot;
    this.#position[slot] = this.#liveCount;
    this.#liveCount += 1;
    group.handles.push(handle);
  }

  /** Whether an invalidation comes to a mirror before it comes to another one of the same address space. */
  comesBefore(slot: number, other: number): boolean {
    const a = this.group[slot];
    const b = this.group[other];
    if (a.start < b.start) return true;
    if (b.start < a.start) return false;
    const [first, second] = [this.insertion[slot], this.insertion[other]];
    // While the tree is frozen insertions pile up, and the last one is carried out first.
    const isReversed = a.frozenAt !== 0 && a.frozenAt === b.frozenAt;
    return isReversed ? first > second : first < second;
  }

  /** A device has faulted in a page that it looked up when there had been so many changes. */
  install(slot: number, page: number, lookedUpAt: number): void {
    const bit = 1 << page;
    if ((this.installed[slot] & bit) === 0) this.group[slot].entries += 1;
    this.installed[slot] |= bit;
    this.entryStamp[slot * DEVICE_PAGES_MAX + page] = lookedUpAt;
  }

  /** Drops an entry that is installed. */
  tearDown(slot: number, page: number): void {
    this.installed[slot] &= ~(1 << page);
    this.group[slot].entries -= 1;
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

  #grow(rows: number): void {
    const size = Math.max(1024, rows, Math.ceil(this.#rows * 1.5));
    this.handle = grown(this.handle, size);
    this.installed = grown(this.installed, size);
    this.entryStamp = grown(this.entryStamp, size * DEVICE_PAGES_MAX);
    this.insertion = grown(this.insertion, size);
    this.users = grown(this.users, size);
    this.retired = grown(this.retired, size);
    this.holder = grown(this.holder, size);
    this.hitBy = grown(this.hitBy, size);
    this.#live = grown(this.#live, size);
    this.#position = grown(this.#position, size);
    this.#position.fill(NOT_LIVE, this.#rows);
    this.#rows = size;
  }
}

function grown<T extends Uint8Array | Uint32Array>(old: T, size: number): T {
  const bigger = new (old.constructor as new (size: number) => T)(size);
  bigger.set(old);
  return bigger;
}
