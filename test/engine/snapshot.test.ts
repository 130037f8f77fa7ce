import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 as crcOfNode } from "node:zlib";
import { describe, expect, it } from "vitest";
import { END } from "../../src/engine/addresses.ts";
import { crc32 } from "../../src/engine/crc32.ts";
import { RangeIndex } from "../../src/engine/range-index.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/engine/snapshot.ts";
import { IntervalidateError } from "../../src/errors.ts";
import { Random } from "../../src/sim/random.ts";
import { ruleOf } from "./snapshot-fuzz/fuzzer.ts";
import { bytesOf, type Row, type Rule, rowsOf, seal, viewOf } from "./snapshot-fuzz/reader.ts";
import { codeOf, engineOf, TARGETS, TOP } from "./support.ts";

const ROWS: readonly Row[] = [
  { start: 0n, last: 9n, handle: 5, sequence: 1, locked: true },
  { start: 2n ** 32n - 1n, last: 2n ** 32n, handle: 1, sequence: 0, locked: false },
  { start: 2n ** 32n - 1n, last: 2n ** 33n, handle: 2 ** 31 + 4, sequence: 7, locked: true },
  { start: 2n ** 63n, last: TOP, handle: 3, sequence: 2 ** 32 - 1, locked: false },
  { start: 2n ** 63n, last: TOP, handle: 2 ** 24 + 2, sequence: 0, locked: true },
];

/** The rows with some of them changed. */
function rowsWith(changes: Record<number, Partial<Row>>): Row[] {
  return ROWS.map((row, i) => ({ ...row, ...changes[i] }));
}

/** The bytes of sound rows, with a word of the header replaced. */
function headerWith(at: number, value: number): Uint8Array {
  const bytes = bytesOf(ROWS);
  viewOf(bytes).setUint32(at, value, true);
  if (at !== 20) seal(bytes);
  return bytes;
}

function refusalOf(bytes: Uint8Array): IntervalidateError {
  try {
    decodeSnapshot(bytes);
  } catch (error) {
    if (error instanceof IntervalidateError) return error;
    throw error;
  }
  throw new Error("The bytes were not refused.");
}

/** The bytes of a listing in the documentation. */
function documentedExample(): Uint8Array {
  const readme = readFileSync(join(import.meta.dirname, "../../src/engine/README.md"), "utf8");
  const lines = readme.matchAll(/^ *(\d+) {2}((?:[0-9a-f]{2} ?)+)(?: {2}.*)?$/gm);
  const bytes: number[] = [];
  for (const [, offset, hexadecimal] of lines) {
    expect(Number(offset)).toBe(bytes.length);
    for (const byte of (hexadecimal as string).trim().split(" ")) bytes.push(parseInt(byte, 16));
  }
  return Uint8Array.from(bytes);
}

describe("the documented example of a snapshot", () => {
  it.each(TARGETS)("is what the %s engine writes", (target) => {
    const index = new RangeIndex({ engine: engineOf(target) });
    expect(index.insert(0x1000, 0x3000)).toBe(1);
    index.remove(index.insert(0, 1));
    const second = index.insert(0x8000, END);
    expect(second).toBe(0x01000002);
    index.tryLock(second);
    index.invalidate(0x2fff, 0x3000, 7);
    expect([...index.snapshot()]).toEqual([...documentedExample()]);
  });

  it("is read as it says", () => {
    const index = RangeIndex.from(documentedExample());
    expect([...index.overlapping(0, END)]).toEqual([1, 0x01000002]);
    expect([index.startOf(1), index.endOf(1)]).toEqual([0x1000n, 0x3000n]);
    expect([index.sequenceOf(1), index.isLocked(1)]).toEqual([7, false]);
    expect([index.startOf(0x01000002), index.endOf(0x01000002)]).toEqual([0x8000n, END]);
    expect([index.sequenceOf(0x01000002), index.isLocked(0x01000002)]).toEqual([0, true]);
  });
});

describe("a snapshot", () => {
  it("is decoded and encoded as a plain reader does it, whatever the number of records", () => {
    for (let count = 0; count <= 40; count += 1) {
      const rows = Array.from({ length: count }, (_, i) => ({
        start: BigInt(i) << 58n,
        last: TOP - BigInt(i),
        handle: 2 ** 24 * i + 1000 - i,
        sequence: 2 ** 32 - 1 - i,
        locked: i % 3 === 0,
      }));
      const bytes = bytesOf(rows);
      const records = decodeSnapshot(bytes);
      expect(encodeSnapshot(records)).toEqual(bytes);
      expect(rowsOf(encodeSnapshot(records))).toEqual(rows);
      expect([...records.handles]).toEqual(rows.map(({ handle }) => handle));
    }
  });

  it("is read at any alignment, from shared memory and from a Buffer", () => {
    const bytes = bytesOf(ROWS);
    for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
      for (let offset = 0; offset <= 9; offset += 1) {
        const moved = new Uint8Array(new Memory(offset + bytes.length + 3), offset, bytes.length);
        moved.set(bytes);
        expect(encodeSnapshot(decodeSnapshot(moved))).toEqual(bytes);
      }
    }
    expect(encodeSnapshot(decodeSnapshot(Buffer.from(bytes)))).toEqual(bytes);
  });

  it("is copied: later changes of the bytes do not reach the records", () => {
    for (const bytes of [bytesOf(ROWS), Buffer.from(bytesOf(ROWS))]) {
      const records = decodeSnapshot(bytes);
      bytes.fill(0xff);
      expect(encodeSnapshot(records)).toEqual(bytesOf(ROWS));
    }
  });

  it("must be a Uint8Array", () => {
    const bytes = bytesOf(ROWS);
    for (const other of [
      undefined,
      null,
      7,
      "\x89RANGES\n",
      [...bytes],
      bytes.buffer,
      new DataView(bytes.buffer),
      new Uint8ClampedArray(bytes),
      new Uint16Array(20),
    ]) {
      expect(codeOf(() => decodeSnapshot(other as never))).toBe("ARGUMENT");
      expect(codeOf(() => RangeIndex.from(other as never))).toBe("ARGUMENT");
    }
    expect(() => RangeIndex.from(null as never)).toThrow("but is null");
  });
});

describe("a snapshot is refused", () => {
  const cut = (length: number): Uint8Array => bytesOf(ROWS).subarray(0, length);
  const withPadding = (bits: number): Uint8Array => {
    const bytes = bytesOf(ROWS);
    bytes[bytes.length - 1] |= bits;
    seal(bytes);
    return bytes;
  };
  const cases: readonly [string, Rule, Uint8Array, string][] = [
    ["without bytes", "header size", cut(0), "but has 0."],
    ["with part of a header", "header size", cut(23), "but has 23."],
    ["with another first byte", "magic", headerWith(0, 0), "byte 0 must be 0x89, as in every"],
    ["taken for text", "magic", headerWith(4, 0x0d534547), "byte 7 must be 0xa, as in every"],
    [
      "of a later version",
      "version",
      headerWith(8, 2),
      "its format version must be 1, but is 2: read it with the release of this package that wrote it",
    ],
    ["of version 0", "version", headerWith(8, 0), "but is 0:"],
    ["with more records than handles", "count", headerWith(12, 2 ** 24), "but is 16777216."],
    ["with a greater count", "length", headerWith(12, 6), "with 6 records must be 169, but"],
    ["with a smaller count", "length", headerWith(12, 4), "but its header says 145."],
    ["with another length", "length", headerWith(16, 146), "must be 145, but its header says 146."],
    ["that was cut", "size", cut(144), "has 145 bytes, but it has 144: it was cut off."],
    [
      "with something behind it",
      "size",
      Uint8Array.of(...bytesOf(ROWS), 0),
      "but it has 146: something else follows it.",
    ],
    ["with another checksum", "checksum", headerWith(20, 77), "but is 0x4d: it was damaged."],
    [
      "with an inverted range",
      "bounds",
      bytesOf(rowsWith({ 1: { last: 2n ** 32n - 2n } })),
      "record 1 is from 0xffffffff to 0xfffffffe.",
    ],
    [
      "with a range inverted in its high half",
      "bounds",
      bytesOf(rowsWith({ 3: { last: 2n ** 63n - 1n } })),
      "record 3 is from 0x8000000000000000 to 0x7fffffffffffffff.",
    ],
    [
      "with starts out of order",
      "order",
      bytesOf(rowsWith({ 0: { start: 9n }, 1: { start: 8n } })),
      "record 0 is (0x9, 0x9, 0x5) and record 1 is (0x8, 0x100000000, 0x1).",
    ],
    [
      "with last addresses out of order",
      "order",
      bytesOf(rowsWith({ 1: { last: 2n ** 33n }, 2: { last: 2n ** 32n } })),
      "record 2 is (0xffffffff, 0x100000000, 0x80000004).",
    ],
    [
      "with handles out of order",
      "order",
      bytesOf(rowsWith({ 4: { handle: 2 } })),
      "(0x8000000000000000, 0xffffffffffffffff, 0x3) and record 4 is",
    ],
    [
      "with a record twice",
      "order",
      bytesOf([ROWS[0] as Row, ROWS[0] as Row]),
      "record 0 is (0x0, 0x9, 0x5) and record 1 is (0x0, 0x9, 0x5).",
    ],
    [
      "with handle 0",
      "slot 0",
      bytesOf(rowsWith({ 1: { handle: 0 } })),
      "the handle of record 1 is 0x0.",
    ],
    [
      "with slot 0 of another generation",
      "slot 0",
      bytesOf(rowsWith({ 1: { handle: 2 ** 31 } })),
      "the handle of record 1 is 0x80000000.",
    ],
    [
      "with a handle twice",
      "shared slot",
      bytesOf(rowsWith({ 2: { handle: 5 } })),
      "records 0 and 2 have 0x5 and 0x5.",
    ],
    [
      "with two generations of a handle",
      "shared slot",
      bytesOf(rowsWith({ 2: { handle: 2 ** 31 + 1 } })),
      "records 1 and 2 have 0x1 and 0x80000001.",
    ],
    ["with an unused bit set", "padding", withPadding(32), "the last byte has 0x20."],
    ["with all unused bits set", "padding", withPadding(0xff), "the last byte has 0xe0."],
  ];

  it.each(cases)("%s (%s)", (_, rule, bytes, text) => {
    const error = refusalOf(bytes);
    expect(error.code).toBe("SNAPSHOT");
    expect(ruleOf(error)).toBe(rule);
    expect(error.message).toContain(text);
    expect(codeOf(() => RangeIndex.from(bytes))).toBe("SNAPSHOT");
  });

  it("with any one bit changed", () => {
    const bytes = bytesOf(ROWS);
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3] ^= 1 << (bit & 7);
      expect(refusalOf(changed).code).toBe("SNAPSHOT");
    }
  });

  it("before memory is taken for what its header promises", () => {
    const bytes = bytesOf([]);
    viewOf(bytes).setUint32(12, 2 ** 24 - 1, true);
    viewOf(bytes).setUint32(16, 24 + 24 * (2 ** 24 - 1) + 2 ** 21, true);
    seal(bytes);
    const before = process.memoryUsage().arrayBuffers;
    expect(ruleOf(refusalOf(bytes))).toBe("size");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });
});

describe("the checksum", () => {
  it("is the CRC-32 of gzip, at any alignment and in parts", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    const random = new Random(8);
    const bytes = Uint8Array.from({ length: 4096 }, () => random.below(256));
    for (let from = 0; from < 10; from += 1) {
      for (const length of [...Array(40).keys(), 1000, 4000]) {
        const part = bytes.subarray(from, from + length);
        expect(crc32(part)).toBe(crcOfNode(part));
        const cut = random.below(length + 1);
        expect(crc32(part.subarray(cut), crc32(part.subarray(0, cut)))).toBe(crcOfNode(part));
      }
    }
  });
});
