// The bytes of a snapshot, little-endian throughout. For n records:
//
//   offset     size    field
//        0        8    magic     89 52 41 4e 47 45 53 0a, "\x89RANGES\n"
//        8        4    version   1
//       12        4    count     n, at most 2^24 - 1
//       16        4    length    of the whole snapshot: 24 + 24 n + ceil(n / 8)
//       20        4    checksum  CRC-32 of all bytes but these four
//       24      8 n    start[n]     u64
//            +  8 n    last[n]      u64, the last address: start <= last
//            +  4 n    handle[n]    u32: generation in the top 8 bits, slot in the low 24
//            +  4 n    sequence[n]  u32
//            +  n / 8  lock[n]      one bit each, the lowest of a byte first; unused ones are 0
//
// Records ascend by start, then last, then handle; no slot is 0, and no two records share one. So
// there is one way to write down any contents, and equal contents have equal bytes.
//
// Columns are read in place through typed arrays, which are little-endian wherever WebAssembly
// runs; all of them are aligned, because the header is 24 bytes long.

import { IntervalidateError } from "../errors.ts";
import { crc32 } from "./crc32.ts";

/**
 * The intervals of a set, one column for each thing known of them, in the order of (start, last,
 * handle). Bounds are closed. The lock bit of record i is bit `i & 7` of `locks[i >> 3]`.
 */
export interface Records {
  readonly starts: BigUint64Array<ArrayBuffer>;
  readonly lasts: BigUint64Array<ArrayBuffer>;
  readonly handles: Uint32Array<ArrayBuffer>;
  readonly sequences: Uint32Array<ArrayBuffer>;
  readonly locks: Uint8Array<ArrayBuffer>;
}

const MAGIC: Uint8Array = Uint8Array.of(0x89, 0x52, 0x41, 0x4e, 0x47, 0x45, 0x53, 0x0a);
const VERSION = 1;
const VERSION_AT = 8;
const COUNT_AT = 12;
const LENGTH_AT = 16;
const CHECKSUM_AT = 20;
const HEADER_BYTES = 24;
const COUNT_MAX = 2 ** 24 - 1;
const SLOT_MASK = 0xffffff;

/** Records of so many intervals, to be filled. */
export function allocateRecords(count: number): Records {
  return recordsIn(new ArrayBuffer(lengthOf(count)), count);
}

/** The snapshot of records, which must be in canonical order. */
export function encodeSnapshot(records: Records): Uint8Array<ArrayBuffer> {
  const count = records.handles.length;
  const length = lengthOf(count);
  const bytes = new Uint8Array(length);
  const columns = recordsIn(bytes.buffer, count);
  columns.starts.set(records.starts);
  columns.lasts.set(records.lasts);
  columns.handles.set(records.handles);
  columns.sequences.set(records.sequences);
  columns.locks.set(records.locks);
  bytes.set(MAGIC);
  const header = headerOf(bytes);
  header.setUint32(VERSION_AT, VERSION, true);
  header.setUint32(COUNT_AT, count, true);
  header.setUint32(LENGTH_AT, length, true);
  header.setUint32(CHECKSUM_AT, checksumOf(bytes), true);
  return bytes;
}

/**
 * The records of a snapshot, copied out of it. Memory is taken only once the header is in order, and
 * then as much as the bytes themselves take and 2 MiB at most.
 *
 * @throws {IntervalidateError} ARGUMENT for anything but a Uint8Array, SNAPSHOT for one that breaks a
 *   rule of the format; the message tells which, where, and by which value
 */
export function decodeSnapshot(bytes: Uint8Array): Records {
  if (!(bytes instanceof Uint8Array)) {
    throw new IntervalidateError(
      "ARGUMENT",
      `A snapshot must be a Uint8Array, but is ${bytes === null ? "null" : typeof bytes}.`,
    );
  }
  const count = checkedCount(bytes);
  // Shared memory may change at any time: what is checked from here on is the copy.
  const copy = new Uint8Array(bytes);
  checkSum(copy);
  const records = recordsIn(copy.buffer, count);
  checkOrder(records);
  checkSlots(records.handles);
  checkPadding(records);
  return records;
}

function lengthOf(count: number): number {
  return HEADER_BYTES + 24 * count + Math.ceil(count / 8);
}

function recordsIn(buffer: ArrayBuffer, count: number): Records {
  const at = HEADER_BYTES;
  return {
    starts: new BigUint64Array(buffer, at, count),
    lasts: new BigUint64Array(buffer, at + 8 * count, count),
    handles: new Uint32Array(buffer, at + 16 * count, count),
    sequences: new Uint32Array(buffer, at + 20 * count, count),
    locks: new Uint8Array(buffer, at + 24 * count, Math.ceil(count / 8)),
  };
}

function headerOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
}

function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CHECKSUM_AT)));
}

/** The count of records that the header and the length of the snapshot agree on. */
function checkedCount(bytes: Uint8Array): number {
  if (bytes.length < HEADER_BYTES) {
    throw refusal(
      `it must have at least the ${HEADER_BYTES} bytes of its header, but has ${bytes.length}`,
    );
  }
  for (let i = 0; i < MAGIC.length; i += 1) {
    if (bytes[i] === MAGIC[i]) continue;
    throw refusal(
      `byte ${i} must be ${hexadecimal(MAGIC[i])}, as in every snapshot, but is ` +
        `${hexadecimal(bytes[i])}: this is something else, or was taken for text`,
    );
  }
  const header = headerOf(bytes);
  const version = header.getUint32(VERSION_AT, true);
  if (version !== VERSION) {
    throw refusal(
      `its format version must be ${VERSION}, but is ${version}: read it with the release of this ` +
        "package that wrote it",
    );
  }
  const count = header.getUint32(COUNT_AT, true);
  if (count > COUNT_MAX) {
    throw refusal(`its record count must be at most 2^24 - 1, but is ${count}`);
  }
  const length = header.getUint32(LENGTH_AT, true);
  if (length !== lengthOf(count)) {
    throw refusal(
      `its length with ${count} records must be ${lengthOf(count)}, but its header says ${length}`,
    );
  }
  if (length !== bytes.length) {
    const what = bytes.length < length ? "it was cut off" : "something else follows it";
    throw refusal(
      `its header says that it has ${length} bytes, but it has ${bytes.length}: ${what}`,
    );
  }
  return count;
}

function checkSum(bytes: Uint8Array): void {
  const stored = headerOf(bytes).getUint32(CHECKSUM_AT, true);
  const computed = checksumOf(bytes);
  if (stored === computed) return;
  throw refusal(
    `its checksum must be that of its contents, ${hexadecimal(computed)}, but is ${hexadecimal(stored)}: ` +
      "it was damaged",
  );
}

function checkOrder(records: Records): void {
  const { starts, lasts, handles } = records;
  // Compared by halves, high before low: a bigint for each address would take most of the time.
  const start = new Uint32Array(starts.buffer, starts.byteOffset, 2 * starts.length);
  const last = new Uint32Array(lasts.buffer, lasts.byteOffset, 2 * lasts.length);
  for (let i = 0; i < handles.length; i += 1) {
    const low = 2 * i;
    const high = low + 1;
    if ((last[high] - start[high] || last[low] - start[low]) < 0) {
      throw refusal(
        `the start of a record must not be above its last address, but record ${i} is from ` +
          `${hexadecimal(starts[i])} to ${hexadecimal(lasts[i])}`,
      );
    }
    if (i === 0) continue;
    const ascent =
      start[high] - start[high - 2] ||
      start[low] - start[low - 2] ||
      last[high] - last[high - 2] ||
      last[low] - last[low - 2] ||
      handles[i] - handles[i - 1];
    if (ascent <= 0) {
      throw refusal(
        "records must ascend by start, then last address, then handle, but record " +
          `${i - 1} is ${describe(records, i - 1)} and record ${i} is ${describe(records, i)}`,
      );
    }
  }
}

function checkSlots(handles: Uint32Array): void {
  let greatest = 0;
  for (let i = 0; i < handles.length; i += 1) {
    const slot = handles[i] & SLOT_MASK;
    if (slot === 0) {
      throw refusal(
        "the slot of a handle, its low 24 bits, must not be 0, but the handle of record " +
          `${i} is ${hexadecimal(handles[i])}`,
      );
    }
    if (slot > greatest) greatest = slot;
  }
  const seen = new Uint8Array((greatest >>> 3) + 1);
  for (let i = 0; i < handles.length; i += 1) {
    const slot = handles[i] & SLOT_MASK;
    const bit = 1 << (slot & 7);
    if ((seen[slot >>> 3] & bit) !== 0) {
      const other = handles.findIndex((handle) => (handle & SLOT_MASK) === slot);
      throw refusal(
        "no two handles may have the same slot, their low 24 bits, but records " +
          `${other} and ${i} have ${hexadecimal(handles[other])} and ${hexadecimal(handles[i])}`,
      );
    }
    seen[slot >>> 3] |= bit;
  }
}

function checkPadding({ handles, locks }: Records): void {
  const used = handles.length & 7;
  const unused = used === 0 ? 0 : (locks[locks.length - 1] >>> used) << used;
  if (unused === 0) return;
  throw refusal(
    `the lock bits behind those of its ${handles.length} records must be 0, but the last byte has ` +
      hexadecimal(unused),
  );
}

function describe({ starts, lasts, handles }: Records, i: number): string {
  return `(${[starts[i], lasts[i], handles[i]].map(hexadecimal).join(", ")})`;
}

function hexadecimal(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function refusal(text: string): IntervalidateError {
  return new IntervalidateError("SNAPSHOT", `Not a snapshot that can be restored: ${text}.`);
}
