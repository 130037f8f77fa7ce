const POLYNOMIAL_REFLECTED = 0xedb88320;

/** For bytes taken eight at once: table k has the remainder of each byte that k bytes follow. */
const TABLES: Uint32Array = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL_REFLECTED : 0);
    }
    tables[byte] = remainder;
  }
  for (let i = 256; i < tables.length; i += 1) {
    const remainder = tables[i - 256];
    tables[i] = (remainder >>> 8) ^ tables[remainder & 0xff];
  }
  return tables;
}

/**
 * CRC-32 as in gzip and PNG, polynomial 0x04c11db7. `before` is the CRC of the bytes in front of
 * these. Takes the host for little-endian, as every host of WebAssembly is.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const { buffer, byteOffset, length } = bytes;
  const head = Math.min(length, -byteOffset & 3);
  const pairs = (length - head) >>> 3;
  let crc = crcOfBytes(bytes, 0, head, ~before);
  if (pairs > 0) crc = crcOfWords(new Uint32Array(buffer, byteOffset + head, 2 * pairs), crc);
  return ~crcOfBytes(bytes, head + 8 * pairs, length, crc) >>> 0;
}

function crcOfBytes(bytes: Uint8Array, from: number, to: number, before: number): number {
  let crc = before;
  for (let i = from; i < to; i += 1) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[i]) & 0xff];
  return crc;
}

function crcOfWords(words: Uint32Array, before: number): number {
  const tables = TABLES;
  let crc = before;
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ words[i];
    const high = words[i + 1];
    crc =
      tables[0x700 | (low & 0xff)] ^
      tables[0x600 | ((low >>> 8) & 0xff)] ^
      tables[0x500 | ((low >>> 16) & 0xff)] ^
      tables[0x400 | (low >>> 24)] ^
      tables[0x300 | (high & 0xff)] ^
      tables[0x200 | ((high >>> 8) & 0xff)] ^
      tables[0x100 | ((high >>> 16) & 0xff)] ^
      tables[high >>> 24];
  }
  return crc;
}
