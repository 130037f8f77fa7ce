// An inner node, one block: up to 30 children in ascending order of their least start, and of each
// what queries want to know without going there.
//
//     0  count  parent  place  level  (16 bytes spare)   level 1: the children are leaves
//    32  leastStart i64[30]
//   272  greatestLast i64[30]
//   512  leastLast i64[30]
//   752  child u32[30]
//   872  size u32[30]                                intervals below the child
//   992  spare
//  1024
//
// All three bounds of a child are exact. All starts below child i are at most leastStart[i + 1];
// equal starts may lie on both sides. `parent` and `place` have the same places in leaves; `place` is
// where among its parent's children the node was found last, and may be out of date.
//
// Slots from `count` on hold anything; masks are cut to the first `count` bits.

import { header } from "./header";
import { Leaf } from "./leaf";
import { giveBlock, takeBlock } from "./pools";

export const CHILDREN_MAX: u32 = 30;

const LEAST_START: usize = 32;
const GREATEST_LAST: usize = LEAST_START + 8 * CHILDREN_MAX;
const LEAST_LAST: usize = GREATEST_LAST + 8 * CHILDREN_MAX;
const CHILD: usize = LEAST_LAST + 8 * CHILDREN_MAX;
const SIZE: usize = CHILD + 4 * CHILDREN_MAX;
const PARENT: usize = 4;
const PLACE: usize = 8;

export function setParent(node: usize, parent: usize): void {
  store<usize>(node, parent, PARENT);
}

function placeOf(node: usize): u32 {
  return load<u32>(node, PLACE);
}

function setPlace(node: usize, place: u32): void {
  store<u32>(node, place, PLACE);
}

@unmanaged
export class Inner {
  count: u32 = 0;
  parent: usize = 0;
  place: u32 = 0;
  level: u32 = 0;

  @inline static at(address: usize): Inner {
    return changetype<Inner>(address);
  }

  static create(level: u32): Inner {
    const inner = Inner.at(takeBlock());
    inner.count = 0;
    inner.parent = 0;
    inner.level = level;
    header().innerCount += 1;
    return inner;
  }

  static release(inner: Inner): void {
    header().innerCount -= 1;
    giveBlock(inner.address);
  }

  @inline get address(): usize {
    return changetype<usize>(this);
  }

  @inline leastStart(i: u32): i64 {
    return load<i64>(this.address + ((<usize>i) << 3), LEAST_START);
  }
  @inline greatestLast(i: u32): i64 {
    return load<i64>(this.address + ((<usize>i) << 3), GREATEST_LAST);
  }
  @inline leastLast(i: u32): i64 {
    return load<i64>(this.address + ((<usize>i) << 3), LEAST_LAST);
  }
  @inline child(i: u32): usize {
    return load<usize>(this.address + ((<usize>i) << 2), CHILD);
  }
  @inline size(i: u32): u32 {
    return load<u32>(this.address + ((<usize>i) << 2), SIZE);
  }

  @inline private setBounds(i: u32, leastStart: i64, greatestLast: i64, leastLast: i64): void {
    const at = this.address + ((<usize>i) << 3);
    store<i64>(at, leastStart, LEAST_START);
    store<i64>(at, greatestLast, GREATEST_LAST);
    store<i64>(at, leastLast, LEAST_LAST);
  }

  @inline setSize(i: u32, size: u32): void {
    store<u32>(this.address + ((<usize>i) << 2), size, SIZE);
  }

  /** Notes that an interval was put below child `i`. */
  @inline widen(i: u32, start: i64, last: i64): void {
    this.setBounds(
      i,
      min(this.leastStart(i), start),
      max(this.greatestLast(i), last),
      min(this.leastLast(i), last),
    );
    this.setSize(i, this.size(i) + 1);
  }

  /** Notes that the first interval was put below the new child `i`. */
  begin(i: u32, start: i64, last: i64): void {
    this.setBounds(i, start, last, last);
    this.setSize(i, 1);
  }

  /** Looks at child `i` and notes its bounds and size; true if a bound has changed. */
  measure(i: u32): bool {
    const child = this.child(i);
    const leastStartBefore = this.leastStart(i);
    const greatestBefore = this.greatestLast(i);
    const leastLastBefore = this.leastLast(i);
    if (this.level === 1) {
      const leaf = Leaf.at(child);
      this.setBounds(i, leaf.leastStart(), leaf.greatestLast(), leaf.leastLast());
      this.setSize(i, leaf.count);
    } else {
      const inner = Inner.at(child);
      this.setBounds(i, inner.leastStart(0), inner.greatest, inner.leastOfLasts);
      this.setSize(i, inner.sum);
    }
    return (
      this.leastStart(i) !== leastStartBefore ||
      this.greatestLast(i) !== greatestBefore ||
      this.leastLast(i) !== leastLastBefore
    );
  }

  /** Makes room at `i` and puts the child there, measured; there are fewer than 30. */
  insert(i: u32, child: usize): void {
    assert(this.count < CHILDREN_MAX, "an inner node was not split in time");
    // Two at a time. The last two may be one too many: slot `i` is written below.
    for (let j = <i32>this.count; j > <i32>i; j -= 2) Inner.copyTwo(this, j - 2, this, j - 1);
    this.count += 1;
    store<usize>(this.address + ((<usize>i) << 2), child, CHILD);
    setParent(child, this.address);
    setPlace(child, i);
    this.measure(i);
  }

  removeAt(i: u32): void {
    this.count -= 1;
    for (let j = <i32>i; j < <i32>this.count; j += 2) Inner.copyTwo(this, j + 1, this, j);
  }

  @inline private static copyTwo(source: Inner, from: i32, target: Inner, to: i32): void {
    const a = source.address + ((<usize>from) << 3);
    const b = target.address + ((<usize>to) << 3);
    v128.store(b, v128.load(a, LEAST_START), LEAST_START);
    v128.store(b, v128.load(a, GREATEST_LAST), GREATEST_LAST);
    v128.store(b, v128.load(a, LEAST_LAST), LEAST_LAST);
    const c = source.address + ((<usize>from) << 2);
    const d = target.address + ((<usize>to) << 2);
    store<u64>(d, load<u64>(c, CHILD), CHILD);
    store<u64>(d, load<u64>(c, SIZE), SIZE);
  }

  /** Moves the children from `from` on to the end of another node, which stays below 30. */
  moveTail(from: u32, to: Inner): void {
    const moved = this.count - from;
    const at = to.count;
    for (let i: u32 = 0; i < moved; i += 2) Inner.copyTwo(this, from + i, to, at + i);
    for (let i = at; i < at + moved; i += 1) setParent(to.child(i), to.address);
    to.count = at + moved;
    this.count = from;
  }

  get greatest(): i64 {
    let greatest = i64.MIN_VALUE;
    for (let i: u32 = 0; i < this.count; i += 1) greatest = max(greatest, this.greatestLast(i));
    return greatest;
  }

  get sum(): u32 {
    let sum: u32 = 0;
    for (let i: u32 = 0; i < this.count; i += 1) sum += this.size(i);
    return sum;
  }

  get leastOfLasts(): i64 {
    let least = i64.MAX_VALUE;
    for (let i: u32 = 0; i < this.count; i += 1) least = min(least, this.leastLast(i));
    return least;
  }

  /** How many children begin at or before the key. */
  rank(start: i64): u32 {
    const key = i64x2.splat(start);
    const count = this.count;
    let at = this.address;
    let after: u32 = 0;
    let i: u32 = 0;
    do {
      after |=
        Inner.eightBits(
          i64x2.gt_s(v128.load(at, LEAST_START), key),
          i64x2.gt_s(v128.load(at, LEAST_START + 16), key),
          i64x2.gt_s(v128.load(at, LEAST_START + 32), key),
          i64x2.gt_s(v128.load(at, LEAST_START + 48), key),
        ) << i;
      at += 64;
      i += 8;
    } while (i < count);
    return <u32>popcnt(~after & (((<u32>1) << count) - 1));
  }

  /** One bit for each child below which an interval may overlap `[start, last]`. */
  @inline hits(start: i64, last: i64): u32 {
    const low = i64x2.splat(start);
    const high = i64x2.splat(last);
    const count = this.count;
    let at = this.address;
    let misses: u32 = 0;
    let i: u32 = 0;
    do {
      misses |= Inner.misses(at, low, high) << i;
      at += 64;
      i += 8;
    } while (i < count);
    return ~misses & (((<u32>1) << count) - 1);
  }

  /** Whether all intervals below child `i`, which is hit, overlap `[start, last]` for certain. */
  @inline isWhole(i: u32, start: i64, last: i64): bool {
    return i + 1 < this.count && this.leastStart(i + 1) <= last && this.leastLast(i) >= start;
  }

  /** The place of a child, which remembers where it was last. */
  @inline indexOf(child: usize): u32 {
    const place = placeOf(child);
    return place < this.count && this.child(place) === child ? place : this.search(child);
  }

  private search(child: usize): u32 {
    const wanted = i32x4.splat(<i32>child);
    let at = this.address;
    for (let i: u32 = 0; i < CHILDREN_MAX; i += 4) {
      const bits = i32x4.bitmask(i32x4.eq(v128.load(at, CHILD), wanted));
      if (bits !== 0) {
        // Behind the last child old ones may remain, but the first match is the live one.
        const place = i + <u32>ctz(bits);
        setPlace(child, place);
        return place;
      }
      at += 16;
    }
    assert(false, "a node is not among its parent's children");
    return 0;
  }

  /** One bit for each of eight children below which nothing can overlap. */
  @inline private static misses(at: usize, low: v128, high: v128): u32 {
    return Inner.eightBits(
      v128.or(
        i64x2.gt_s(v128.load(at, LEAST_START), high),
        i64x2.gt_s(low, v128.load(at, GREATEST_LAST)),
      ),
      v128.or(
        i64x2.gt_s(v128.load(at, LEAST_START + 16), high),
        i64x2.gt_s(low, v128.load(at, GREATEST_LAST + 16)),
      ),
      v128.or(
        i64x2.gt_s(v128.load(at, LEAST_START + 32), high),
        i64x2.gt_s(low, v128.load(at, GREATEST_LAST + 32)),
      ),
      v128.or(
        i64x2.gt_s(v128.load(at, LEAST_START + 48), high),
        i64x2.gt_s(low, v128.load(at, GREATEST_LAST + 48)),
      ),
    );
  }

  /** Eight 64-bit masks as eight bits. */
  @inline private static eightBits(a: v128, b: v128, c: v128, d: v128): u32 {
    return <u32>(
      i16x8.bitmask(
        i16x8.narrow_i32x4_s(
          v128.shuffle<i32>(a, b, 0, 2, 4, 6),
          v128.shuffle<i32>(c, d, 0, 2, 4, 6),
        ),
      )
    );
  }
}
