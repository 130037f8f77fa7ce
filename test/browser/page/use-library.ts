// Uses every way in which data crosses into the engine and back, compares with a scan, and returns
// what it has seen: the test runs it in Node too and demands the same.

import { AddressSpace, END, type Engine, IntervalidateError, RangeIndex } from "intervalidate";
import { Random } from "intervalidate/sim";

const RANGE_COUNT = 5000;
const QUERY_COUNT = 300;
const PAGE = 4096n;

interface Ranges {
  readonly starts: BigUint64Array;
  readonly ends: BigUint64Array;
}

/** What was seen, in values that a worker can post. */
export interface Usage {
  readonly ranges: RangesSeen;
  readonly addressSpace: readonly string[];
  readonly refusal: string;
  readonly bytes: number;
}

interface RangesSeen {
  readonly hits: number;
  readonly top: readonly (bigint | undefined)[];
  readonly small: readonly (bigint | undefined)[];
  readonly gaps: readonly (readonly [bigint, bigint])[];
  readonly left: readonly number[];
}

export function useLibrary(engine: Engine): Usage {
  return {
    ranges: useRanges(engine),
    addressSpace: useAddressSpace(engine),
    refusal: refusalOf(() => new RangeIndex({ engine }).insert(2, 1)),
    bytes: engine.byteLength,
  };
}

/** Ranges all over the 64-bit space, in columns of bigints. */
function useRanges(engine: Engine): RangesSeen {
  const random = new Random(1);
  const index = new RangeIndex({ engine });
  const ranges = drawRanges(random, RANGE_COUNT);
  const queries = drawRanges(random, QUERY_COUNT);
  const handles = index.insertMany(ranges.starts, ranges.ends);
  const top = index.insert(END - PAGE, END);
  const small = index.insert(0x1000, 0x3000);
  const answer = index.queryMany(queries.starts, queries.ends);
  let hits = 0;
  for (let i = 0; i < QUERY_COUNT; i += 1) {
    const found = answer.handles.subarray(answer.offsets[i], answer.offsets[i + 1]);
    const scanned = scan(ranges, handles, queries.starts[i], queries.ends[i]);
    equal([...found].sort(ascending), scanned, `query ${i}`);
    const into = new Uint32Array(scanned.length);
    const sequence = 2 * i + 1;
    equal(
      index.invalidate(queries.starts[i], queries.ends[i], sequence, into),
      into.length,
      "hits",
    );
    equal([...into].sort(ascending), scanned, `invalidation ${i}`);
    for (const handle of scanned) equal(index.sequenceOf(handle), sequence, "the sequence");
    hits += scanned.length;
  }
  for (let i = 0; i < RANGE_COUNT; i += 2) equal(index.remove(handles[i]), true, "removal");
  const left = [...index.overlapping(0, END)];
  equal(left.length, RANGE_COUNT / 2 + 2, "what is left");
  return {
    hits,
    top: [index.startOf(top), index.endOf(top)],
    small: [index.startOf(small), index.endOf(small)],
    gaps: index.gaps(0, 0x4000),
    left,
  };
}

function drawRanges(random: Random, count: number): Ranges {
  const starts = new BigUint64Array(count);
  const ends = new BigUint64Array(count);
  for (let i = 0; i < count; i += 1) {
    const page = (BigInt(random.next()) << 19n) | BigInt(random.below(2 ** 19));
    starts[i] = PAGE * (1n + page);
    ends[i] = starts[i] + (PAGE << BigInt(random.below(44)));
    // Past the top of the space: cut there, and 0n is what END becomes in 64 bits.
    if (ends[i] < starts[i]) ends[i] = 0n;
  }
  return { starts, ends };
}

function scan(
  { starts, ends }: Ranges,
  handles: Uint32Array,
  start: bigint,
  end: bigint,
): number[] {
  const last = BigInt.asUintN(64, end - 1n);
  const hits: number[] = [];
  for (let i = 0; i < starts.length; i += 1) {
    if (starts[i] <= last && BigInt.asUintN(64, ends[i] - 1n) >= start) hits.push(handles[i]);
  }
  return hits.sort(ascending);
}

/** One mirror through a read that collides, and an owner that is refused. */
function useAddressSpace(engine: Engine): string[] {
  const seen: string[] = [];
  const mm = new AddressSpace({ engine, events: ({ kind }) => seen.push(kind) });
  const mirror = mm.mirrors.insert(0x7fff_f000n, 0x8000_1000n);
  const sequence = mm.mirrors.readBegin(mirror);
  const window = mm.invalidateRangeStart({ start: 0x8000_0000, end: 0x8000_1000n });
  equal([...window.hits], [mirror], "the hits");
  seen.push(refusalOf(() => mm.mirrors.readBegin(mirror)));
  window.end();
  mm.mirrors.lock(mirror);
  equal(mm.mirrors.readRetry(mirror, sequence), true, "the retry");
  const attempt = mm.tryInvalidateRangeStart({ start: 0, end: END });
  seen.push(attempt.ok ? "approved" : attempt.errno);
  mm.mirrors.unlock(mirror);
  mm[Symbol.dispose]();
  seen.push(refusalOf(() => mm.mirrors.size));
  return seen;
}

function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof IntervalidateError) return error.code;
    throw error;
  }
  throw new Error("nothing was refused");
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (String(actual) === String(expected)) return;
  throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`);
}

function ascending(a: number, b: number): number {
  return a - b;
}
