// The least and the greatest of a column: of 64-bit keys, and of 32-bit offsets four at a time.

export function leastKey(at: usize, count: u32): i64 {
  let least = i64.MAX_VALUE;
  for (let i: u32 = 0; i < count; i += 1) least = min(least, load<i64>(at + ((<usize>i) << 3)));
  return least;
}

export function greatestKey(at: usize, count: u32): i64 {
  let greatest = i64.MIN_VALUE;
  for (let i: u32 = 0; i < count; i += 1) {
    greatest = max(greatest, load<i64>(at + ((<usize>i) << 3)));
  }
  return greatest;
}

export function leastOffset(at: usize, count: u32): i32 {
  let four = i32x4.splat(i32.MAX_VALUE);
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) four = i32x4.min_s(four, v128.load(at + ((<usize>i) << 2)));
  let least = min(
    min(i32x4.extract_lane(four, 0), i32x4.extract_lane(four, 1)),
    min(i32x4.extract_lane(four, 2), i32x4.extract_lane(four, 3)),
  );
  for (; i < count; i += 1) least = min(least, load<i32>(at + ((<usize>i) << 2)));
  return least;
}

export function greatestOffset(at: usize, count: u32): i32 {
  let four = i32x4.splat(i32.MIN_VALUE);
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) four = i32x4.max_s(four, v128.load(at + ((<usize>i) << 2)));
  let greatest = max(
    max(i32x4.extract_lane(four, 0), i32x4.extract_lane(four, 1)),
    max(i32x4.extract_lane(four, 2), i32x4.extract_lane(four, 3)),
  );
  for (; i < count; i += 1) greatest = max(greatest, load<i32>(at + ((<usize>i) << 2)));
  return greatest;
}
