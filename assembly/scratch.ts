// One leaf's worth of entries in the open, where splits, merges and changes of encoding work:
//
//   0      480    960     1200   1440
//   | start | last  | id    | seq   | locked |
//     i64[60] i64[60] u32[60] u32[60] u8[60]

const SCRATCH: usize = memory.data(1504, 16);
const LAST: usize = 480;
const ID: usize = 960;
const SEQUENCE: usize = 1200;
const LOCKED: usize = 1440;

/** Accessors of the scratch entries. */
// biome-ignore lint/complexity/noStaticOnlyClass: only class members may be marked for inlining
export class Scratch {
  @inline static start(i: u32): i64 {
    return load<i64>(SCRATCH + ((<usize>i) << 3));
  }
  @inline static last(i: u32): i64 {
    return load<i64>(SCRATCH + ((<usize>i) << 3), LAST);
  }
  @inline static id(i: u32): u32 {
    return load<u32>(SCRATCH + ((<usize>i) << 2), ID);
  }
  @inline static sequence(i: u32): u32 {
    return load<u32>(SCRATCH + ((<usize>i) << 2), SEQUENCE);
  }
  @inline static locked(i: u32): u32 {
    return load<u8>(SCRATCH + <usize>i, LOCKED);
  }

  @inline static twoStarts(i: u32): v128 {
    return v128.load(SCRATCH + ((<usize>i) << 3));
  }
  @inline static twoLasts(i: u32): v128 {
    return v128.load(SCRATCH + ((<usize>i) << 3), LAST);
  }
  @inline static fourIds(i: u32): v128 {
    return v128.load(SCRATCH + ((<usize>i) << 2), ID);
  }
  @inline static fourSequences(i: u32): v128 {
    return v128.load(SCRATCH + ((<usize>i) << 2), SEQUENCE);
  }

  /** One bit for each entry from `from` on whose lock is held. */
  static locks(from: u32): u64 {
    const at = SCRATCH + <usize>from;
    const none = i8x16.splat(0);
    let locks: u64 = 0;
    for (let i: u32 = 0; i < 64; i += 16) {
      const held = i8x16.ne(v128.load(at + i, LOCKED), none);
      locks |= (<u64>(<u32>i8x16.bitmask(held))) << i;
    }
    return locks;
  }

  @inline static set(i: u32, start: i64, last: i64, id: u32, sequence: u32, locked: u32): void {
    store<i64>(SCRATCH + ((<usize>i) << 3), start);
    store<i64>(SCRATCH + ((<usize>i) << 3), last, LAST);
    store<u32>(SCRATCH + ((<usize>i) << 2), id, ID);
    store<u32>(SCRATCH + ((<usize>i) << 2), sequence, SEQUENCE);
    store<u8>(SCRATCH + <usize>i, locked, LOCKED);
  }

  static swap(i: u32, j: u32): void {
    const start = Scratch.start(i);
    const last = Scratch.last(i);
    const id = Scratch.id(i);
    const sequence = Scratch.sequence(i);
    const locked = Scratch.locked(i);
    const k = j;
    Scratch.set(
      i,
      Scratch.start(k),
      Scratch.last(k),
      Scratch.id(k),
      Scratch.sequence(k),
      Scratch.locked(k),
    );
    Scratch.set(j, start, last, id, sequence, locked);
  }

  /** Reorders the first `count` entries so that the `cut` with the least starts come first. */
  static select(count: u32, cut: u32): void {
    let low: i32 = 0;
    let high: i32 = <i32>count - 1;
    const target = <i32>cut;
    while (low < high) {
      const pivot = Scratch.start((low + high) >> 1);
      let i = low;
      let j = high;
      while (i <= j) {
        while (Scratch.start(i) < pivot) i += 1;
        while (Scratch.start(j) > pivot) j -= 1;
        if (i <= j) {
          Scratch.swap(i, j);
          i += 1;
          j -= 1;
        }
      }
      if (target <= j) high = j;
      else if (target >= i) low = i;
      else break;
    }
  }
}

/** What decides how a run of scratch entries can be encoded. */
@unmanaged
export class Extent {
  low: i64 = 0;
  high: i64 = 0;
  /** Trailing zeros that all starts and all ends have, at most `SHIFT_MAX`. */
  shift: u32 = 0;

  /** Measures the entries from `from` on; the result is overwritten by the next call. */
  static of(from: u32, count: u32): Extent {
    const extent = changetype<Extent>(EXTENT);
    let low = i64.MAX_VALUE;
    let high = i64.MIN_VALUE;
    let bits: u64 = (<u64>1) << SHIFT_MAX;
    for (let i = from; i < from + count; i += 1) {
      const start = Scratch.start(i);
      const last = Scratch.last(i);
      low = min(low, start);
      high = max(high, last);
      bits |= <u64>start | <u64>(last + 1);
    }
    extent.low = low;
    extent.high = high;
    extent.shift = <u32>ctz(bits);
    return extent;
  }

  /** Whether 32-bit offsets reach over all of it. */
  get isNarrow(): bool {
    const span = <u64>(this.high - this.low);
    return span >> this.shift <= UNITS_MAX;
  }
}

const EXTENT: usize = memory.data(32, 8);
/** With more than this, half a window would be more than an i64 can tell: 2^(31 + shift). */
const SHIFT_MAX: u32 = 31;
/** From the middle to both sides, without the extremes that `tryAppend` refuses. */
const UNITS_MAX: u64 = 0xfffffffc;
