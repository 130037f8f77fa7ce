// The engine's whole state lies in linear memory: the header below, static tables, then blocks.
//
//   0        static data      __heap_base, rounded up to 1 KiB                     memory.size()
//   | unused | header, tables | block | block | block | ...        | never used yet ... |
//                              1 KiB each, at multiples of 1 KiB     ^ topBlock
//
// There are no mutable globals, so that instances over one shared memory could share the state.

/** The one header block. Counters are of 1 KiB blocks unless their name says otherwise. */
@unmanaged
export class Header {
  /** The most 64 KiB pages that memory may grow to. */
  pageCountMax: u32 = 0;
  /** Index of the first block that was never used; all after it are free too. */
  topBlock: u32 = 0;
  /** Free blocks, chained through their first word. */
  freeBlock: usize = 0;
  freeBlockCount: u32 = 0;
  /** Free set records, chained through their first word. */
  freeSet: usize = 0;
  leafCount: u32 = 0;
  innerCount: u32 = 0;
  setCount: u32 = 0;
  /** No tree of any set was ever higher. */
  heightMax: u32 = 0;
  /** Transfers that must not fail for want of memory, over all sets. */
  reserved: u32 = 0;
  /** Records of the id chunks, 64 bytes each, in one growing array. */
  directory: usize = 0;
  directoryCapacity: u32 = 0;
  chunkCount: u32 = 0;
  /** No chunk below this one is free. */
  chunkSearchFrom: u32 = 0;
  /** The buffer through which arrays pass between the engine and its host. */
  exchange: usize = 0;
  /** In 32-bit words. A few more are mapped behind it, for the tail of a 16-byte store. */
  exchangeCapacity: u32 = 0;
  /** First block of the exchange buffer's present place, and its length. */
  exchangeBlocks: u32 = 0;
  /** The operation under way: hits to leave out, words it may write, where, and the sequence. */
  skip: u32 = 0;
  capacity: u32 = 0;
  out: usize = 0;
  sequence: u32 = 0;
  /** Keeps loads alive whose only purpose is to bring memory closer. */
  touched: u32 = 0;
  /** Best candidate of a search for a neighbour. */
  best: u32 = 0;
  bestStart: i64 = 0;
  bestLast: i64 = 0;
  /** Of the insertMany under way: free ids when it began, and ids taken since. */
  batchFree: u32 = 0;
  batchTaken: u32 = 0;
  /** What there was when it began: the set's last chunk, and the engine's directory. */
  batchLastChunk: u32 = 0;
  batchChunkCount: u32 = 0;
  batchDirectoryCapacity: u32 = 0;
}

const HEADER: usize = memory.data(256, 64);

export const BLOCK: u32 = 1024;
/** 2^24 - 1 ids in chunks of 256. */
export const CHUNK_COUNT_MAX: u32 = 65536;

export function header(): Header {
  return changetype<Header>(HEADER);
}

/** u64 order is the signed order of keys with the top bit flipped: SIMD compares are signed. */
export function keyOf(address: u64): i64 {
  return <i64>(address ^ 0x8000000000000000);
}

export function addressOf(key: i64): u64 {
  return <u64>key ^ 0x8000000000000000;
}

/** For exact integers of at most 53 bits. */
export function keyOfNumber(address: f64): i64 {
  return keyOf(<u64>(<i64>address));
}
