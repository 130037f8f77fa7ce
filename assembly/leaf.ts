// A leaf, one block: up to 60 intervals of one tree, in no order.
//
//     0  count  parent  place  set
//    16  base i64       locks u64: one bit per slot
//    32  tree u8 | wide u8 | shift u8     (5 bytes spare)
//    40  low i64  high i64: what keys are clamped to before offsets are made      (8 bytes spare)
//    64  narrow: startOff i32[60] | lastOff i32[60] | id u32[60] | sequence u32[60]
//    64  wide:   start i64[40]    | last i64[40]    | id u32[40] | sequence u32[40]
//  1024
//
// A narrow leaf keeps offsets from `base`, shifted right by `shift`: every start and every last + 1
// in it is a multiple of 2^shift, so that no bit is lost, and a bound of a query, shifted likewise,
// compares exactly. Where the window of 2^(32 + shift) is too small the leaf is wide.
//
// Slots from `count` on hold anything; hit masks are cut to the first `count` bits.

import { greatestKey, greatestOffset, leastKey, leastOffset } from "./extremes";
import { header } from "./header";
import { pointAllTo } from "./ids";
import { PACK } from "./left-pack";
import { giveBlock, takeBlock } from "./pools";
import { Extent, Scratch } from "./scratch";

export const NARROW_SLOTS: u32 = 60;
export const WIDE_SLOTS: u32 = 40;

const KEYS: usize = 64;
const NARROW_LAST: usize = KEYS + 4 * NARROW_SLOTS;
const NARROW_ID: usize = NARROW_LAST + 4 * NARROW_SLOTS;
const NARROW_SEQUENCE: usize = NARROW_ID + 4 * NARROW_SLOTS;
const WIDE_LAST: usize = KEYS + 8 * WIDE_SLOTS;
const WIDE_ID: usize = WIDE_LAST + 8 * WIDE_SLOTS;
const WIDE_SEQUENCE: usize = WIDE_ID + 4 * WIDE_SLOTS;

/** Up to so many hits in one leaf are taken one by one, more of them four at a time. */
const SPARSE_HITS: u32 = 4;
/** Where handles are written that nobody wants. */
export const SINK: usize = memory.data(16, 16);

const OFFSET_MIN: i32 = i32.MIN_VALUE + 2;
const OFFSET_MAX: i32 = i32.MAX_VALUE - 1;

@unmanaged
export class Leaf {
  count: u32 = 0;
  parent: usize = 0;
  place: u32 = 0;
  set: usize = 0;
  base: i64 = 0;
  locks: u64 = 0;
  tree: u8 = 0;
  wide: u8 = 0;
  shift: u8 = 0;
  low: i64 = 0;
  high: i64 = 0;

  @inline static at(address: usize): Leaf {
    return changetype<Leaf>(address);
  }

  static create(set: usize, tree: u32): Leaf {
    const leaf = Leaf.at(takeBlock());
    leaf.count = 0;
    leaf.parent = 0;
    leaf.set = set;
    leaf.tree = <u8>tree;
    leaf.wide = 0;
    leaf.locks = 0;
    leaf.setWindow(0, 0);
    header().leafCount += 1;
    return leaf;
  }

  static release(leaf: Leaf): void {
    header().leafCount -= 1;
    giveBlock(leaf.address);
  }

  @inline get address(): usize {
    return changetype<usize>(this);
  }
  @inline get idPlace(): usize {
    return this.address + (this.wide ? WIDE_ID : NARROW_ID);
  }
  @inline get sequencePlace(): usize {
    return this.address + (this.wide ? WIDE_SEQUENCE : NARROW_SEQUENCE);
  }
  @inline get slots(): u32 {
    return this.wide ? WIDE_SLOTS : NARROW_SLOTS;
  }

  @inline idAt(i: u32): u32 {
    return load<u32>(this.idPlace + ((<usize>i) << 2));
  }

  @inline sequenceAt(i: u32): u32 {
    return load<u32>(this.sequencePlace + ((<usize>i) << 2));
  }

  @inline setSequenceAt(i: u32, sequence: u32): void {
    store<u32>(this.sequencePlace + ((<usize>i) << 2), sequence);
  }

  @inline lockedAt(i: u32): u32 {
    return <u32>(this.locks >> i) & 1;
  }

  @inline startAt(i: u32): i64 {
    if (this.wide) return load<i64>(this.address + ((<usize>i) << 3), KEYS);
    return this.startOfOffset(load<i32>(this.address + ((<usize>i) << 2), KEYS));
  }

  @inline lastAt(i: u32): i64 {
    if (this.wide) return load<i64>(this.address + ((<usize>i) << 3), WIDE_LAST);
    return this.lastOfOffset(load<i32>(this.address + ((<usize>i) << 2), NARROW_LAST));
  }

  /** The slot of a handle that is known to be here. */
  slotOf(handle: u32): u32 {
    const wanted = i32x4.splat(handle);
    const count = this.count;
    let at = this.idPlace;
    let found: u64 = 0;
    let i: u32 = 0;
    do {
      const first = i16x8.narrow_i32x4_s(
        i32x4.eq(v128.load(at), wanted),
        i32x4.eq(v128.load(at, 16), wanted),
      );
      const second = i16x8.narrow_i32x4_s(
        i32x4.eq(v128.load(at, 32), wanted),
        i32x4.eq(v128.load(at, 48), wanted),
      );
      found |= (<u64>(<u32>i8x16.bitmask(i8x16.narrow_i16x8_s(first, second)))) << i;
      at += 64;
      i += 16;
    } while (i < count);
    assert(found !== 0, "a handle is not in the leaf that its entry names");
    // Behind the last slot old handles may remain, but the first match is the live one.
    return <u32>ctz(found);
  }

  /** Adds an interval if there is a slot and the encoding takes it as it is. */
  tryAppend(start: i64, last: i64, id: u32, sequence: u32, locked: u32): bool {
    const i = this.count;
    if (this.wide) {
      if (i === WIDE_SLOTS) return false;
      store<i64>(this.address + ((<usize>i) << 3), start, KEYS);
      store<i64>(this.address + ((<usize>i) << 3), last, WIDE_LAST);
    } else {
      if (i === NARROW_SLOTS) return false;
      const low = ((<u64>1) << this.shift) - 1;
      if (((<u64>start | <u64>(last + 1)) & low) !== 0) return false;
      const startOff = this.offsetOf(start);
      const lastOff = this.offsetOf(last);
      // The extremes are what bounds of queries outside the window clamp to.
      if (startOff < OFFSET_MIN || lastOff > OFFSET_MAX) return false;
      store<i32>(this.address + ((<usize>i) << 2), startOff, KEYS);
      store<i32>(this.address + ((<usize>i) << 2), lastOff, NARROW_LAST);
    }
    store<u32>(this.idPlace + ((<usize>i) << 2), id);
    store<u32>(this.sequencePlace + ((<usize>i) << 2), sequence);
    this.locks |= (<u64>locked) << i;
    this.count = i + 1;
    return true;
  }

  /** Adds an interval, changing the encoding if need be; false if only a split makes room. */
  add(start: i64, last: i64, id: u32, sequence: u32, locked: u32): bool {
    if (this.tryAppend(start, last, id, sequence, locked)) return true;
    const count = this.count + 1;
    if (count > (this.wide ? WIDE_SLOTS : NARROW_SLOTS)) return false;
    this.decode(0);
    Scratch.set(count - 1, start, last, id, sequence, locked);
    const extent = Extent.of(0, count);
    if (count > WIDE_SLOTS && !extent.isNarrow) return false;
    this.encode(0, count, extent);
    return true;
  }

  /** Takes the slot out; the last one moves into its place. */
  removeAt(i: u32): void {
    const j = this.count - 1;
    if (this.wide) {
      const to = this.address + ((<usize>i) << 3);
      const from = this.address + ((<usize>j) << 3);
      store<i64>(to, load<i64>(from, KEYS), KEYS);
      store<i64>(to, load<i64>(from, WIDE_LAST), WIDE_LAST);
    } else {
      const to = this.address + ((<usize>i) << 2);
      const from = this.address + ((<usize>j) << 2);
      store<i32>(to, load<i32>(from, KEYS), KEYS);
      store<i32>(to, load<i32>(from, NARROW_LAST), NARROW_LAST);
    }
    store<u32>(this.idPlace + ((<usize>i) << 2), this.idAt(j));
    this.setSequenceAt(i, this.sequenceAt(j));
    const moved = (this.locks >> j) & 1;
    this.locks = (this.locks & ~(((<u64>1) << i) | ((<u64>1) << j))) | (moved << i);
    // If the slot was itself the last, its bit has just been set again.
    this.locks &= ((<u64>1) << j) - 1;
    this.count = j;
  }

  /** Writes all entries to the scratch, from entry `from` on. */
  decode(from: u32): void {
    for (let i: u32 = 0; i < this.count; i += 1) {
      Scratch.set(
        from + i,
        this.startAt(i),
        this.lastAt(i),
        this.idAt(i),
        this.sequenceAt(i),
        this.lockedAt(i),
      );
    }
  }

  /** Fills the leaf with scratch entries, in the narrowest encoding. */
  encode(from: u32, count: u32, extent: Extent): void {
    const shift = extent.shift;
    const narrow = extent.isNarrow;
    assert(count <= (narrow ? NARROW_SLOTS : WIDE_SLOTS), "too many entries for a leaf");
    this.wide = narrow ? 0 : 1;
    // The middle, so that the leaf can grow both ways.
    const half = (<u64>(extent.high - extent.low) >> 1) & ~(((<u64>1) << shift) - 1);
    this.setWindow(extent.low + <i64>half, shift);
    this.count = count;
    this.locks = Scratch.locks(from) & (((<u64>1) << count) - 1);
    let ids = this.idPlace;
    let sequences = this.sequencePlace;
    let key = this.address;
    const base = i64x2.splat(this.base);
    // Four at a time; what is written behind the last is within the columns.
    for (let i = from; i < from + count; i += 4) {
      const a = Scratch.twoStarts(i);
      const b = Scratch.twoStarts(i + 2);
      const c = Scratch.twoLasts(i);
      const d = Scratch.twoLasts(i + 2);
      if (narrow) {
        v128.store(key, Leaf.offsets(a, b, base, shift), KEYS);
        v128.store(key, Leaf.offsets(c, d, base, shift), NARROW_LAST);
        key += 16;
      } else {
        v128.store(key, a, KEYS);
        v128.store(key, b, KEYS + 16);
        v128.store(key, c, WIDE_LAST);
        v128.store(key, d, WIDE_LAST + 16);
        key += 32;
      }
      v128.store(ids, Scratch.fourIds(i));
      v128.store(sequences, Scratch.fourSequences(i));
      ids += 16;
      sequences += 16;
    }
  }

  /** Four keys as offsets that are known to fit: only their low words are looked at. */
  @inline private static offsets(a: v128, b: v128, base: v128, shift: u32): v128 {
    return v128.shuffle<i32>(
      i64x2.shr_u(i64x2.sub(a, base), shift),
      i64x2.shr_u(i64x2.sub(b, base), shift),
      0,
      2,
      4,
      6,
    );
  }

  /** Whether slots of the other leaf mean the same here. */
  encodesLike(other: Leaf): bool {
    return this.base === other.base && this.shift === other.shift && this.wide === other.wide;
  }

  /**
   * Moves about the half with the greater starts to an empty leaf, both narrow. A pivot near the middle
   * does: it is found in a few counts, and no entry is decoded.
   */
  moveHalf(to: Leaf): void {
    to.setWindow(this.base, this.shift);
    const count = this.count;
    let pivot = 0;
    let kept: u32 = 0;
    // The median would do, so the search ends; it is about the fourth start that does.
    for (let i: u32 = 0; i < count; i += 1) {
      pivot = load<i32>(this.address + ((<usize>i) << 2), KEYS);
      const below = this.countUpTo(pivot, 0);
      kept = below;
      if (kept * 8 < count * 3) kept = min(count >> 1, this.countUpTo(pivot, 1));
      if (kept * 8 >= count * 3 && kept * 8 <= count * 5) {
        kept -= below;
        break;
      }
    }
    let staying: u32 = 0;
    for (let i: u32 = 0; i < count; i += 1) {
      const offset = load<i32>(this.address + ((<usize>i) << 2), KEYS);
      let stays = offset < pivot;
      if (offset === pivot && kept > 0) {
        kept -= 1;
        stays = true;
      }
      if (stays) {
        this.copySlot(i, this, staying);
        staying += 1;
      } else {
        this.copySlot(i, to, to.count);
        to.count += 1;
      }
    }
    this.count = staying;
    this.locks &= ((<u64>1) << staying) - 1;
  }

  /** Moves all entries to the end of a leaf that encodes them alike and has room, both narrow. */
  moveAll(to: Leaf): void {
    const kept = to.count;
    for (let i: u32 = 0; i < this.count; i += 1) this.copySlot(i, to, kept + i);
    to.count = kept + this.count;
  }

  /** Copies an entry as it is encoded, in a narrow leaf. */
  @inline private copySlot(i: u32, to: Leaf, j: u32): void {
    const from = this.address + ((<usize>i) << 2);
    const target = to.address + ((<usize>j) << 2);
    store<u32>(target, load<u32>(from, KEYS), KEYS);
    store<u32>(target, load<u32>(from, NARROW_LAST), NARROW_LAST);
    store<u32>(target, load<u32>(from, NARROW_ID), NARROW_ID);
    store<u32>(target, load<u32>(from, NARROW_SEQUENCE), NARROW_SEQUENCE);
    const bit = (<u64>1) << j;
    to.locks = (to.locks & ~bit) | (((this.locks >> i) & 1) << j);
  }

  /**
   * How many offsets of starts are below the pivot, or with `1` up to it. It may count up to three slots
   * behind the last as well, which is good enough for choosing a pivot.
   */
  private countUpTo(pivot: i32, inclusive: i32): u32 {
    const bound = i32x4.splat(pivot + inclusive);
    let four = i32x4.splat(0);
    for (let i: u32 = 0; i < this.count; i += 4) {
      const offsets = v128.load(this.address + ((<usize>i) << 2), KEYS);
      four = i32x4.sub(four, i32x4.lt_s(offsets, bound));
    }
    return <u32>(
      (i32x4.extract_lane(four, 0) +
        i32x4.extract_lane(four, 1) +
        i32x4.extract_lane(four, 2) +
        i32x4.extract_lane(four, 3))
    );
  }

  /** Makes the entries of the ids here point to this leaf. */
  repoint(): void {
    pointAllTo(this.idPlace, this.count, this.address);
  }

  /** Says what offsets mean, in a narrow leaf. */
  private setWindow(base: i64, shift: u32): void {
    const reach = (<i64>1) << (31 + shift);
    this.base = base;
    this.shift = <u8>shift;
    // No further than there are keys.
    this.low = base - <i64>min<u64>(reach, <u64>(base - i64.MIN_VALUE));
    this.high = base + <i64>min<u64>(reach - 1, <u64>(i64.MAX_VALUE - base));
  }

  /** The offset of a key, clamped to 32 bits; beyond the window it is an extreme or next to it. */
  @inline offsetOf(key: i64): i32 {
    return <i32>((max(min(key, this.high), this.low) - this.base) >> this.shift);
  }

  /** One bit for each slot whose interval overlaps `[start, last]`. */
  @inline hits(start: i64, last: i64): u64 {
    const all = ((<u64>1) << this.count) - 1;
    return all & ~(this.wide ? this.wideMisses(start, last) : this.narrowMisses(start, last));
  }

  // Misses are what is counted: processors have "greater than", and take two to three steps for "less
  // than or equal to".

  @inline narrowMisses(start: i64, last: i64): u64 {
    const low = i32x4.splat(this.offsetOf(start));
    const high = i32x4.splat(this.offsetOf(last));
    let at = this.address;
    let misses: u64 = 0;
    const count = this.count;
    let i: u32 = 0;
    do {
      // The last group runs four slots over, within the block.
      const first = i16x8.narrow_i32x4_s(
        v128.or(i32x4.gt_s(v128.load(at, KEYS), high), i32x4.gt_s(low, v128.load(at, NARROW_LAST))),
        v128.or(
          i32x4.gt_s(v128.load(at, KEYS + 16), high),
          i32x4.gt_s(low, v128.load(at, NARROW_LAST + 16)),
        ),
      );
      const second = i16x8.narrow_i32x4_s(
        v128.or(
          i32x4.gt_s(v128.load(at, KEYS + 32), high),
          i32x4.gt_s(low, v128.load(at, NARROW_LAST + 32)),
        ),
        v128.or(
          i32x4.gt_s(v128.load(at, KEYS + 48), high),
          i32x4.gt_s(low, v128.load(at, NARROW_LAST + 48)),
        ),
      );
      misses |= (<u64>(<u32>i8x16.bitmask(i8x16.narrow_i16x8_s(first, second)))) << i;
      at += 64;
      i += 16;
    } while (i < count);
    return misses;
  }

  @inline wideMisses(start: i64, last: i64): u64 {
    const low = i64x2.splat(start);
    const high = i64x2.splat(last);
    let at = this.address;
    let misses: u64 = 0;
    const count = this.count;
    let i: u32 = 0;
    do {
      const first = v128.or(
        i64x2.gt_s(v128.load(at, KEYS), high),
        i64x2.gt_s(low, v128.load(at, WIDE_LAST)),
      );
      const second = v128.or(
        i64x2.gt_s(v128.load(at, KEYS + 16), high),
        i64x2.gt_s(low, v128.load(at, WIDE_LAST + 16)),
      );
      misses |= (<u64>(<u32>i32x4.bitmask(v128.shuffle<i32>(first, second, 0, 2, 4, 6)))) << i;
      at += 32;
      i += 4;
    } while (i < count);
    return misses;
  }

  /** Writes the handles of the hits one after the other; up to 16 bytes more are scribbled on. */
  @inline list(hits: u64, found: u32, out: usize): void {
    const ids = this.idPlace;
    if (found <= SPARSE_HITS) {
      // Four, however many there are: how many cannot be foretold, and a wrong guess costs more.
      for (let k: usize = 0; k < 4 * SPARSE_HITS; k += 4) {
        store<u32>(out + k, load<u32>(ids + ((<usize>ctz(hits) & 63) << 2)));
        hits &= hits - 1;
      }
      return;
    }
    let at = ids;
    do {
      const four = <usize>hits & 15;
      v128.store(out, v128.swizzle(v128.load(at), v128.load(PACK + (four << 4))));
      out += (<usize>popcnt(<u32>four)) << 2;
      at += 16;
      hits >>= 4;
    } while (hits !== 0);
  }

  /** Sets the sequence of every hit. */
  @inline stamp(hits: u64, found: u32, sequence: u32): void {
    let at = this.sequencePlace;
    if (found <= SPARSE_HITS) {
      let place = SINK;
      for (let k: u32 = 0; k < SPARSE_HITS; k += 1) {
        place = select(at + ((<usize>ctz(hits)) << 2), place, hits !== 0);
        store<u32>(place, sequence);
        hits &= hits - 1;
      }
      return;
    }
    const stamped = i32x4.splat(sequence);
    const lanes = i32x4(1, 2, 4, 8);
    do {
      const mask = i32x4.eq(v128.and(i32x4.splat(<i32>hits), lanes), lanes);
      v128.store(at, v128.bitselect(stamped, v128.load(at), mask));
      at += 16;
      hits >>= 4;
    } while (hits !== 0);
  }

  leastStart(): i64 {
    if (this.wide) return leastKey(this.address + KEYS, this.count);
    return this.startOfOffset(leastOffset(this.address + KEYS, this.count));
  }

  greatestStart(): i64 {
    if (this.wide) return greatestKey(this.address + KEYS, this.count);
    return this.startOfOffset(greatestOffset(this.address + KEYS, this.count));
  }

  leastLast(): i64 {
    if (this.wide) return leastKey(this.address + WIDE_LAST, this.count);
    return this.lastOfOffset(leastOffset(this.address + NARROW_LAST, this.count));
  }

  greatestLast(): i64 {
    if (this.wide) return greatestKey(this.address + WIDE_LAST, this.count);
    return this.lastOfOffset(greatestOffset(this.address + NARROW_LAST, this.count));
  }

  @inline private startOfOffset(offset: i32): i64 {
    return this.base + ((<i64>offset) << this.shift);
  }

  @inline private lastOfOffset(offset: i32): i64 {
    return this.base + ((<i64>offset + 1) << this.shift) - 1;
  }
}
