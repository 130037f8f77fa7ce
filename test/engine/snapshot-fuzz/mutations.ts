import type { Random } from "../../../src/sim/random.ts";
import { TOP, u64 } from "../support.ts";
import { bytesOf, compareRows, HEADER_BYTES, type Row, rowsOf, viewOf } from "./reader.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Makes something else of a snapshot, perhaps with the help of another one. */
type Mutation = (random: Random, bytes: Bytes, other: Bytes) => Bytes;

/** What a record may be changed in. */
type Edit = (random: Random, rows: Row[], other: readonly Row[]) => Row[];

/** A snapshot changed in one to three ways; the checksum is as it comes. */
export function mutate(random: Random, bytes: Bytes, other: Bytes): Bytes {
  if (random.chance(1, 2)) return editRows(random, bytes, other);
  let mutated = bytes.slice();
  for (let i = random.below(3); i >= 0; i -= 1) {
    mutated = pick(random, MUTATIONS)(random, mutated, other);
  }
  return mutated;
}

const MUTATIONS: readonly Mutation[] = [
  function flipBits(random, bytes) {
    for (let i = random.below(8); i >= 0 && bytes.length > 0; i -= 1) {
      bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    }
    return bytes;
  },
  function flipLastByte(random, bytes) {
    if (bytes.length > 0) bytes[bytes.length - 1] ^= 1 << random.below(8);
    return bytes;
  },
  function cut(random, bytes) {
    return bytes.slice(0, random.below(bytes.length + 1));
  },
  function extend(random, bytes) {
    const longer = new Uint8Array(bytes.length + 1 + random.below(64));
    fillWithNoise(random, longer, bytes.length, longer.length);
    longer.set(bytes);
    return longer;
  },
  function splice(random, bytes, other) {
    const head = bytes.subarray(0, random.below(bytes.length + 1));
    const tail = other.subarray(random.chance(1, 2) ? head.length : random.below(other.length + 1));
    const spliced = new Uint8Array(head.length + tail.length);
    spliced.set(head);
    spliced.set(tail, head.length);
    return spliced;
  },
  function noise(random) {
    const bytes = new Uint8Array(random.below(400));
    fillWithNoise(random, bytes, 0, bytes.length);
    return bytes;
  },
  function noiseBehindHeader(random, bytes) {
    fillWithNoise(random, bytes, HEADER_BYTES, bytes.length);
    return bytes;
  },
  function noisyRun(random, bytes) {
    const from = random.below(bytes.length + 1);
    fillWithNoise(random, bytes, from, Math.min(bytes.length, from + 1 + random.below(16)));
    return bytes;
  },
  function editHeader(random, bytes) {
    if (bytes.length < HEADER_BYTES) return bytes;
    const at = pick(random, [0, 4, 8, 12, 16, 20]);
    const was = viewOf(bytes).getUint32(at, true);
    const value = pick(random, [0, 1, was + 1, was - 1, 2 ** 24, 2 ** 32 - 1, random.next()]);
    viewOf(bytes).setUint32(at, value, true);
    return bytes;
  },
];

function fillWithNoise(random: Random, bytes: Bytes, from: number, to: number): void {
  for (let i = from; i < to; i += 1) bytes[i] = random.below(256);
}

function editRows(random: Random, bytes: Bytes, other: Bytes): Bytes {
  let rows = rowsOf(bytes);
  const others = rowsOf(other);
  for (let i = random.below(3); i >= 0; i -= 1) rows = pick(random, EDITS)(random, rows, others);
  if (random.chance(2, 3)) rows.sort(compareRows);
  const edited = bytesOf(rows);
  // As a careless writer would leave it.
  edited.set(bytes.subarray(20, HEADER_BYTES), 20);
  return edited;
}

const EDITS: readonly Edit[] = [
  function changeBound(random, rows) {
    if (rows.length === 0) return rows;
    const row = pick(random, rows);
    const near = pick(random, rows);
    const side = pick(random, ["start", "last"] as const);
    const step = BigInt(random.below(3) - 1);
    const places = [0n, 1n, TOP, 1n << 32n, 1n << 63n, row.start, row.last, near.start, near.last];
    row[side] = BigInt.asUintN(64, pick(random, [...places, u64(random, 64)]) + step);
    return rows;
  },
  function widen(random, rows) {
    if (rows.length === 0) return rows;
    const row = pick(random, rows);
    row.last += u64(random, random.below(64));
    if (row.last > TOP) row.last = TOP;
    return rows;
  },
  function changeHandle(random, rows, others) {
    if (rows.length === 0) return rows;
    const row = pick(random, rows);
    const other = pick(random, [...others, ...rows]).handle;
    const generation = 2 ** 24 * random.below(256);
    row.handle =
      pick(random, [
        0,
        generation,
        2 ** 32 - 1,
        2 ** 24 - 1,
        row.handle + 1,
        row.handle + generation,
        other,
        other + generation,
        random.next(),
      ]) >>> 0;
    return rows;
  },
  function changeSequence(random, rows) {
    if (rows.length > 0) pick(random, rows).sequence = random.next();
    return rows;
  },
  function changeLocks(random, rows) {
    for (const row of rows) if (random.chance(1, 4)) row.locked = !row.locked;
    return rows;
  },
  function swap(random, rows) {
    if (rows.length === 0) return rows;
    const [i, j] = [random.below(rows.length), random.below(rows.length)];
    [rows[i], rows[j]] = [rows[j] as Row, rows[i] as Row];
    return rows;
  },
  function drop(random, rows) {
    const share = random.below(9);
    return rows.filter(() => !random.chance(share, 8));
  },
  function double(random, rows) {
    if (rows.length === 0) return rows;
    const row = { ...pick(random, rows) };
    if (random.chance(1, 2)) row.handle = random.next();
    rows.splice(random.below(rows.length + 1), 0, row);
    return rows;
  },
  function splice(random, rows, others) {
    const head = rows.slice(0, random.below(rows.length + 1));
    return [...head, ...others.slice(random.below(others.length + 1)).map((row) => ({ ...row }))];
  },
];

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
