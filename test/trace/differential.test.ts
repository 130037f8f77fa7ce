// The reader and the naive program of oracle.ts, which share no code, on logs that neither has seen.
// TRACE_CASES=100000 makes a longer run; TRACE_SEED=N begins elsewhere, and TRACE_CASES=1 with the
// seed of a failure repeats it.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "../../src/sim/random.ts";
import { recordedLogs } from "./logs.ts";
import {
  callsInPieces,
  mutatedLog,
  noticesInPieces,
  prefixesInPieces,
  syntheticLog,
  withRandomBytes,
} from "./mutations.ts";
import { summarizeNaively } from "./oracle.ts";
import { summaryOf } from "./support.ts";

const cases = Number(process.env.TRACE_CASES ?? 2000);
const firstSeed = Number(process.env.TRACE_SEED ?? 1);

const CHUNK_BYTES = [0, 0, 1, 7, 64, 1000];

async function compare(seed: number, log: string | Uint8Array): Promise<void> {
  const bytes = typeof log === "string" ? Buffer.from(log) : log;
  const chunkBytes = CHUNK_BYTES[seed % CHUNK_BYTES.length]!;
  const naive = summarizeNaively(bytes).summary;
  let summary: unknown;
  try {
    summary = await summaryOf(bytes, chunkBytes);
    expect(summary).toEqual(naive);
  } catch (error) {
    const path = join(mkdtempSync(join(tmpdir(), "trace-")), "failing.strace");
    writeFileSync(path, bytes);
    throw new Error(`TRACE_SEED=${seed} (chunks of ${chunkBytes || "any"} bytes): ${path}`, {
      cause: error,
    });
  }
}

async function run(make: (random: Random) => string | Uint8Array, count: number): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    await compare(seed, make(new Random(seed)));
  }
}

const timeout = 10_000 + cases * 100;
const texts = recordedLogs
  .filter((log) => log.name !== "chromium-a")
  .map((log) => Buffer.from(log.bytes()).toString("utf8"));
const someLog = (random: Random): string => texts[random.below(texts.length)]!;

test("damaged stretches of real logs", { timeout }, async () => {
  await run((random) => mutatedLog(random, someLog(random), 120), cases);
});

test("synthetic logs", { timeout }, async () => {
  await run((random) => syntheticLog(random, 60), 2 * cases);
});

test("damaged synthetic logs", { timeout }, async () => {
  await run((random) => mutatedLog(random, syntheticLog(random, 40), 40), cases);
});

test("notices in pieces", { timeout }, () => run(noticesInPieces, 2 * cases));

test("prefixes in pieces", { timeout }, () => run(prefixesInPieces, 2 * cases));

test("calls in pieces", { timeout }, () => run(callsInPieces, 2 * cases));

test("real logs with random bytes", { timeout }, async () => {
  const count = Math.ceil(cases / 5);
  await run((random) => {
    const log = someLog(random);
    const start = random.below(log.length);
    return withRandomBytes(random, Buffer.from(log.slice(start, start + 20_000)));
  }, count);
});
