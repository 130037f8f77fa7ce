// How an interval and its state cross to the host, 32 bytes a record:
//
//     0  start u64  last u64
//    16  handle  sequence  lock bit  (spare)
//    32

import { addressOf, header } from "./header";
import { leafOf } from "./ids";
import { Leaf } from "./leaf";
import { IntervalSet } from "./sets";

const ROW_SIZE: usize = 32;

/** Writes a live handle's record; false if it is none. */
export function writeRow(set: IntervalSet, handle: u32, at: usize): bool {
  const found = leafOf(set, handle);
  if (found === 0) return false;
  const leaf = Leaf.at(found);
  const slot = leaf.slotOf(handle);
  store<u64>(at, addressOf(leaf.startAt(slot)));
  store<u64>(at, addressOf(leaf.lastAt(slot)), 8);
  store<u32>(at, handle, 16);
  store<u32>(at, leaf.sequenceAt(slot), 20);
  store<u32>(at, leaf.lockedAt(slot), 24);
  return true;
}

/** Writes the records of live handles in the exchange buffer behind them, from word 4 n on. */
export function writeRows(set: IntervalSet, count: u32): void {
  const at = header().exchange;
  const out = at + (((<usize>count + 3) & ~3) << 2);
  for (let i: u32 = 0; i < count; i += 1) {
    writeRow(set, load<u32>(at + ((<usize>i) << 2)), out + <usize>i * ROW_SIZE);
  }
}
