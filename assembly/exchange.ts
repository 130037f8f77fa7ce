// The buffer through which arrays pass. It grows with the answers that its host asks for; the host
// falls back to answers in parts where it cannot.

import { BLOCK, header } from "./header";
import { giveAdjacent, provide, takeAdjacent } from "./pools";

const BLOCKS_AT_START: u32 = 16;
/** Room for the tail of the last 16-byte store. */
const SLACK: u32 = 16;

export function startExchange(): void {
  moveExchange(BLOCKS_AT_START);
}

/** Tries to make room for so many words; returns the words that there is room for. */
export function growExchange(words: u32): u32 {
  const h = header();
  if (words > h.exchangeCapacity) {
    const bytes = 4 * <u64>words + 4 * SLACK;
    const blocks = <u32>min<u64>((bytes + BLOCK - 1) / BLOCK, 1 << 22);
    if (blocks < 1 << 22 && provide(0, blocks)) {
      giveAdjacent(h.exchange, h.exchangeBlocks);
      moveExchange(blocks);
    }
  }
  return h.exchangeCapacity;
}

function moveExchange(blocks: u32): void {
  const h = header();
  h.exchange = takeAdjacent(blocks);
  h.exchangeBlocks = blocks;
  h.exchangeCapacity = (blocks * BLOCK) / 4 - SLACK;
}
