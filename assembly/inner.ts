// An inner node, 512 bytes: up to 16 children in ascending order of their least start.
//
//     0  count  parent  level  (spare)        level 1: the children are leaves
//    16  spare
//    32  leastStart i64[16]
//   160  greatestLast i64[16]
//   288  child u32[16]
//   352  spare, 160 bytes: room for a count for each child
//   512
//
// Both bounds of a child are exact. All starts below child i are at most leastStart[i + 1]; equal
// starts may lie on both sides. `parent` has the same place in leaves.

import { header } from "./header";
import { giveInner, takeInner } from "./pools";

export const INNER_SIZE: usize = 512;
export const CHILDREN_MAX: u32 = 16;

const LEAST_START: usize = 32;
const GREATEST_LAST: usize = 160;
const CHILD: usize = 288;
const PARENT: usize = 4;

export function setParent(node: usize, parent: usize): void {
  store<usize>(node, parent, PARENT);
}

@unmanaged
export class Inner {
  count: u32 = 0;
  parent: usize = 0;
  level: u32 = 0;

  @inline static at(address: usize): Inner {
    return changetype<Inner>(address);
  }

  static create(level: u32): Inner {
    const inner = Inner.at(takeInner());
    inner.count = 0;
    inner.parent = 0;
    inner.level = level;
    header().innerCount += 1;
    return inner;
  }

  static release(inner: Inner): void {
    header().innerCount -= 1;
    giveInner(inner.address);
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
  @inline child(i: u32): usize {
    return load<usize>(this.address + ((<usize>i) << 2), CHILD);
  }
  @inline setLeastStart(i: u32, start: i64): void {
    store<i64>(this.address + ((<usize>i) << 3), start, LEAST_START);
  }
  @inline setGreatestLast(i: u32, last: i64): void {
    store<i64>(this.address + ((<usize>i) << 3), last, GREATEST_LAST);
  }

  put(i: u32, child: usize, least: i64, greatest: i64): void {
    this.setLeastStart(i, least);
    this.setGreatestLast(i, greatest);
    store<usize>(this.address + ((<usize>i) << 2), child, CHILD);
    setParent(child, this.address);
  }

  /** Makes room at `i` and puts the child there; there are fewer than 16. */
  insert(i: u32, child: usize, least: i64, greatest: i64): void {
    const count = this.count;
    assert(count < CHILDREN_MAX, "an inner node was not split in time");
    for (let j = count; j > i; j -= 1) this.copyWithin(j, j - 1);
    this.count = count + 1;
    this.put(i, child, least, greatest);
  }

  removeAt(i: u32): void {
    const count = this.count - 1;
    for (let j = i; j < count; j += 1) this.copyWithin(j, j + 1);
    this.count = count;
  }

  private copyWithin(to: u32, from: u32): void {
    this.setLeastStart(to, this.leastStart(from));
    this.setGreatestLast(to, this.greatestLast(from));
    store<usize>(this.address + ((<usize>to) << 2), this.child(from), CHILD);
  }

  /** Moves the children from `from` on to the end of another node. */
  moveTail(from: u32, to: Inner): void {
    const count = this.count;
    for (let i = from; i < count; i += 1) {
      to.put(to.count, this.child(i), this.leastStart(i), this.greatestLast(i));
      to.count += 1;
    }
    this.count = from;
  }

  /** The least start and the greatest last below the whole node. */
  get least(): i64 {
    return this.leastStart(0);
  }

  get greatest(): i64 {
    let greatest = i64.MIN_VALUE;
    for (let i: u32 = 0; i < this.count; i += 1) greatest = max(greatest, this.greatestLast(i));
    return greatest;
  }

  /** How many children begin at or before the key. */
  rank(start: i64): u32 {
    const key = i64x2.splat(start);
    const at = this.address;
    let after = afterMask(at, key);
    if (this.count > 8) after |= afterMask(at + 64, key) << 8;
    return <u32>popcnt(~after & this.allBits);
  }

  /** One bit for each child below which an interval may overlap `[start, last]`. */
  hits(start: i64, last: i64): u32 {
    const low = i64x2.splat(start);
    const high = i64x2.splat(last);
    const at = this.address;
    let misses = missMask(at, low, high);
    if (this.count > 8) misses |= missMask(at + 64, low, high) << 8;
    return ~misses & this.allBits;
  }

  @inline private get allBits(): u32 {
    return ((<u32>1) << this.count) - 1;
  }

  indexOf(child: usize): u32 {
    let i: u32 = 0;
    while (this.child(i) !== child) i += 1;
    assert(i < this.count, "a node is not among its parent's children");
    return i;
  }
}

function afterMask(at: usize, key: v128): u32 {
  return eightBits(
    i64x2.gt_s(v128.load(at, LEAST_START), key),
    i64x2.gt_s(v128.load(at, LEAST_START + 16), key),
    i64x2.gt_s(v128.load(at, LEAST_START + 32), key),
    i64x2.gt_s(v128.load(at, LEAST_START + 48), key),
  );
}

function missMask(at: usize, low: v128, high: v128): u32 {
  return eightBits(
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
function eightBits(a: v128, b: v128, c: v128, d: v128): u32 {
  return <u32>(
    i16x8.bitmask(
      i16x8.narrow_i32x4_s(
        v128.shuffle<i32>(a, b, 0, 2, 4, 6),
        v128.shuffle<i32>(c, d, 0, 2, 4, 6),
      ),
    )
  );
}
