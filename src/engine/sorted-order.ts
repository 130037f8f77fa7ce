/** Fewer records are sorted by comparing them: the tables of digits cost more than that. */
const RADIX_MIN = 256;
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/**
 * The order in which records ascend by a key of several words. Record i begins at `stride * i`; the key's
 * words are given by their places in a record, the most significant first. Equal records stay in
 * order.
 */
export function sortedOrder(
  words: Uint32Array,
  stride: number,
  key: readonly number[],
  count: number,
): Uint32Array {
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) order[i] = i;
  if (count < RADIX_MIN) {
    return order.sort((a, b) => {
      for (const word of key) {
        const difference =
          (words[stride * a + word] as number) - (words[stride * b + word] as number);
        if (difference !== 0) return difference;
      }
      return a - b;
    });
  }
  let spare = new Uint32Array(count);
  // The word to sort by travels with each record's number, so that memory is read in order.
  let values = new Uint32Array(count);
  let spareValues = new Uint32Array(count);
  const places = new Uint32Array(DIGITS);
  for (const word of [...key].reverse()) {
    let differing = 0;
    for (let i = 0; i < count; i += 1) {
      const value = words[stride * (order[i] as number) + word] as number;
      values[i] = value;
      differing |= value ^ (values[0] as number);
    }
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
      // A digit that all have in common orders nothing.
      if (((differing >>> shift) & (DIGITS - 1)) === 0) continue;
      places.fill(0);
      for (let i = 0; i < count; i += 1) {
        const digit = ((values[i] as number) >>> shift) & (DIGITS - 1);
        places[digit] = (places[digit] as number) + 1;
      }
      let place = 0;
      for (let digit = 0; digit < DIGITS; digit += 1) {
        const next = place + (places[digit] as number);
        places[digit] = place;
        place = next;
      }
      for (let i = 0; i < count; i += 1) {
        const value = values[i] as number;
        const digit = (value >>> shift) & (DIGITS - 1);
        const target = places[digit] as number;
        places[digit] = target + 1;
        spare[target] = order[i] as number;
        spareValues[target] = value;
      }
      [order, spare] = [spare, order];
      [values, spareValues] = [spareValues, values];
    }
  }
  return order;
}
