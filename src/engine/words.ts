/** Arrays this short are copied faster by a loop than by a native call. */
const SHORT_COPY = 32;

/** Copies words; the source may be larger and is the engine's, the target is the caller's. */
export function copyWords(
  from: Uint32Array,
  start: number,
  into: Uint32Array,
  at: number,
  count: number,
): void {
  if (count <= SHORT_COPY) {
    for (let i = 0; i < count; i += 1) into[at + i] = from[start + i] as number;
  } else {
    into.set(from.subarray(start, start + count), at);
  }
}

/** The array, or a copy at least twice as large if it has no room for more. */
export function withRoom(
  array: Uint32Array<ArrayBuffer>,
  used: number,
  more: number,
): Uint32Array<ArrayBuffer> {
  if (used + more <= array.length) return array;
  const larger = new Uint32Array(Math.max(used + more, 2 * array.length));
  larger.set(array.subarray(0, used));
  return larger;
}

/** A u64 column as words, the low one first. */
export function wordsOf(column: BigUint64Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, 2 * column.length);
}
