import { crc32 } from "node:zlib";

// The format of snapshots once more, as plainly as it can be read and written: what the fuzzer and
// the tests hold against the codec.

export interface Row {
  start: bigint;
  last: bigint;
  handle: number;
  sequence: number;
  locked: boolean;
}

export const HEADER_BYTES = 24;
const CHECKSUM_AT = 20;
const MAGIC = [0x89, 0x52, 0x41, 0x4e, 0x47, 0x45, 0x53, 0x0a];

/** The rules of the format, and what a refusal says of each. */
export const RULES = {
  "header size": /it must have at least the 24 bytes of its header, but has \d+\.$/,
  magic: /byte \d must be 0x[0-9a-f]+, as in every snapshot, but is 0x[0-9a-f]+: /,
  version: /its format version must be 1, but is \d+: /,
  count: /its record count must be at most 2\^24 - 1, but is \d+\.$/,
  length: /its length with \d+ records must be \d+, but its header says \d+\.$/,
  size: /its header says that it has \d+ bytes, but it has \d+: /,
  checksum: /its checksum must be that of its contents, 0x[0-9a-f]+, but is 0x[0-9a-f]+: /,
  bounds: /the start of a record must not be above its last address, but record \d+ is from 0x/,
  order: /records must ascend by start, then last address, then handle, but record \d+ is \(0x/,
  "slot 0": /the slot of a handle, .* must not be 0, but the handle of record \d+ is 0x/,
  "shared slot": /no two handles may have the same slot, .* but records \d+ and \d+ have 0x/,
  padding: /the lock bits behind those of its \d+ records must be 0, but the last byte has 0x/,
} as const;

export type Rule = keyof typeof RULES;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function lengthOf(count: number): number {
  return HEADER_BYTES + 24 * count + Math.ceil(count / 8);
}

function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CHECKSUM_AT)));
}

/** The rules that bytes break: the first if it is one of the header's, else all of them. */
export function brokenRules(bytes: Uint8Array): Set<Rule> {
  if (bytes.length < HEADER_BYTES) return new Set(["header size"]);
  const view = viewOf(bytes);
  const count = view.getUint32(12, true);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) return new Set(["magic"]);
  if (view.getUint32(8, true) !== 1) return new Set(["version"]);
  if (count >= 2 ** 24) return new Set(["count"]);
  if (view.getUint32(16, true) !== lengthOf(count)) return new Set(["length"]);
  if (lengthOf(count) !== bytes.length) return new Set(["size"]);
  if (view.getUint32(CHECKSUM_AT, true) !== checksumOf(bytes)) return new Set(["checksum"]);
  const broken = new Set<Rule>();
  const rows = rowsOf(bytes);
  const slots = new Set<number>();
  for (const [i, row] of rows.entries()) {
    const slot = row.handle % 2 ** 24;
    if (row.start > row.last) broken.add("bounds");
    if (i > 0 && compareRows(rows[i - 1] as Row, row) >= 0) broken.add("order");
    if (slot === 0) broken.add("slot 0");
    if (slots.has(slot)) broken.add("shared slot");
    slots.add(slot);
  }
  for (let bit = count; bit % 8 !== 0; bit += 1) {
    if (((bytes[bytes.length - 1] as number) & (1 << (bit % 8))) !== 0) broken.add("padding");
  }
  return broken;
}

export function compareRows(a: Row, b: Row): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  if (a.last !== b.last) return a.last < b.last ? -1 : 1;
  return a.handle - b.handle;
}

/** The records of bytes whose count and length are right. */
export function rowsOf(bytes: Uint8Array): Row[] {
  const view = viewOf(bytes);
  const count = view.getUint32(12, true);
  const rows: Row[] = [];
  for (let i = 0; i < count; i += 1) {
    rows.push({
      start: view.getBigUint64(HEADER_BYTES + 8 * i, true),
      last: view.getBigUint64(HEADER_BYTES + 8 * count + 8 * i, true),
      handle: view.getUint32(HEADER_BYTES + 16 * count + 4 * i, true),
      sequence: view.getUint32(HEADER_BYTES + 20 * count + 4 * i, true),
      locked: ((view.getUint8(HEADER_BYTES + 24 * count + (i >> 3)) >> (i & 7)) & 1) === 1,
    });
  }
  return rows;
}

/** A snapshot of any rows, with the right count, length and checksum. */
export function bytesOf(rows: readonly Row[]): Uint8Array<ArrayBuffer> {
  const count = rows.length;
  const bytes = new Uint8Array(lengthOf(count));
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(8, 1, true);
  view.setUint32(12, count, true);
  view.setUint32(16, bytes.length, true);
  for (const [i, row] of rows.entries()) {
    view.setBigUint64(HEADER_BYTES + 8 * i, row.start, true);
    view.setBigUint64(HEADER_BYTES + 8 * count + 8 * i, row.last, true);
    view.setUint32(HEADER_BYTES + 16 * count + 4 * i, row.handle, true);
    view.setUint32(HEADER_BYTES + 20 * count + 4 * i, row.sequence, true);
    const at = HEADER_BYTES + 24 * count + (i >> 3);
    if (row.locked) view.setUint8(at, view.getUint8(at) | (1 << (i & 7)));
  }
  seal(bytes);
  return bytes;
}

/** Makes the checksum right. */
export function seal(bytes: Uint8Array): void {
  viewOf(bytes).setUint32(CHECKSUM_AT, checksumOf(bytes), true);
}
