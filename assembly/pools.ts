// Blocks of 1 KiB: leaves, inner nodes, id chunks, set records, the exchange buffer. Every operation
// first makes sure that all it may need can be had, and only then changes anything: see `provide`.
// Taking a block can therefore not fail.

import { BLOCK, Header, header } from "./header";

export function startPools(pageCountMax: u32): void {
  const h = header();
  h.pageCountMax = min<u32>(pageCountMax, 65535);
  resetPools();
}

export function resetPools(): void {
  const h = header();
  h.topBlock = (<u32>__heap_base + BLOCK - 1) / BLOCK;
  h.freeBlock = 0;
  h.freeBlockCount = 0;
  h.leafCount = 0;
  h.innerCount = 0;
  h.heightMax = 0;
  h.reserved = 0;
}

/**
 * Makes sure that the given numbers of single and of adjacent blocks can be taken and that the
 * reserved transfers keep what they may need. False: memory cannot grow, and nothing has changed.
 */
export function provide(blocks: u32, adjacent: u32): bool {
  const h = header();
  if (h.reserved > 0) blocks += reservedBlocks(h, blocks);
  let fresh = adjacent;
  if (blocks > h.freeBlockCount) fresh += blocks - h.freeBlockCount;
  const end = h.topBlock + fresh;
  const limit = (<u32>memory.size()) << 6;
  return end <= limit || grow(h, (end - limit + 63) >> 6);
}

/** As `provide` for one insertion into any tree: a leaf, an inner node for each level, and a root. */
export function provideInsertion(blocks: u32, adjacent: u32): bool {
  return provide(header().heightMax + 2 + blocks, adjacent);
}

/** Whether blocks that were never used are enough for one insertion: most often, and told at once. */
export function isInsertionProvided(): bool {
  const h = header();
  return h.reserved === 0 && h.topBlock + h.heightMax + 2 <= (<u32>memory.size()) << 6;
}

/** As `provideInsertion`, but may use what is reserved: for the transfers themselves. */
export function provideTransfer(): bool {
  const h = header();
  const reserved = h.reserved;
  h.reserved = 0;
  const provided = provideInsertion(0, 0);
  h.reserved = reserved;
  return provided;
}

/**
 * The most blocks that the reserved transfers can take, after `pending` more were taken. A node fresh
 * from a split takes several entries before it splits again, so many transfers need far less than
 * a leaf each.
 */
function reservedBlocks(h: Header, pending: u32): u32 {
  const shared = 2 * (h.leafCount + pending) + (h.reserved >> 2) + 8 * h.setCount + 2;
  const leaves = min(h.reserved, shared);
  const levels = h.heightMax + 3;
  return leaves + min(h.reserved * levels, 2 * (h.innerCount + pending) + leaves + levels);
}

function grow(h: Header, pageCount: u32): bool {
  const now = <u32>memory.size();
  if (now + pageCount > h.pageCountMax) return false;
  // Growing is slow and detaches every view of the host, so it is done in large steps.
  const generous = min(max(pageCount, max<u32>(16, now >> 1)), h.pageCountMax - now);
  if (memory.grow(generous) !== -1) return true;
  return generous > pageCount && memory.grow(pageCount) !== -1;
}

export function takeBlock(): usize {
  const h = header();
  const block = h.freeBlock;
  if (block !== 0) {
    h.freeBlock = load<usize>(block);
    h.freeBlockCount -= 1;
    return block;
  }
  return takeAdjacent(1);
}

export function takeAdjacent(count: u32): usize {
  const h = header();
  const first = h.topBlock;
  assert(first + count <= (<u32>memory.size()) << 6, "blocks were not provided");
  h.topBlock = first + count;
  return <usize>first * BLOCK;
}

export function giveBlock(block: usize): void {
  const h = header();
  store<usize>(block, h.freeBlock);
  h.freeBlock = block;
  h.freeBlockCount += 1;
}

export function giveAdjacent(first: usize, count: u32): void {
  // Backwards, so that they are taken again in ascending order.
  for (let i = count; i > 0; i -= 1) giveBlock(first + (i - 1) * BLOCK);
}
