// The reader takes any bytes, in chunks of any size, in reasonable time.

import { describe, expect, test } from "vitest";
import { Random } from "../../src/sim/random.ts";
import { recordedLogs } from "./logs.ts";
import { withRandomBytes } from "./mutations.ts";
import { summarizeNaively } from "./oracle.ts";
import { summaryOf } from "./support.ts";

const logNamed = (name: string): Uint8Array =>
  recordedLogs.find((log) => log.name === name)!.bytes();

test("an empty log", async () => {
  expect(await summaryOf("")).toMatchObject({
    lines: 0,
    tasks: 0,
    mms: 0,
    events: {},
    bytes: "0",
    per_mm: [],
  });
});

test("a small log cut at every byte", async () => {
  const log = logNamed("variants/v61-attach-stderr");
  for (let end = 0; end <= log.length; end++) {
    const cut = log.subarray(0, end);
    expect(await summaryOf(cut)).toEqual(summarizeNaively(cut).summary);
  }
});

test.each([
  "variants/v10-stderr-mixed",
  "variants/v30-thread-exec",
  "variants/v22-Y-stderr",
  "gcc-calc",
])("chunks of any size give the same summary: %s", async (name) => {
  const log = logNamed(name);
  const { summary } = recordedLogs.find((one) => one.name === name)!;
  for (const chunkBytes of [1, 2, 7, 83, 4096])
    expect(await summaryOf(log, chunkBytes)).toEqual(summary);
});

test("CRLF logs", async () => {
  const log = Buffer.from(logNamed("ls")).toString().replaceAll("\n", "\r\n");
  expect(await summaryOf(log)).toEqual(summarizeNaively(Buffer.from(log)).summary);
});

test("a missing newline at the end changes nothing", async () => {
  const log = logNamed("ls");
  expect(await summaryOf(log.subarray(0, -1))).toEqual(await summaryOf(log));
});

test("random bytes in real logs, and random bytes alone", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const { bytes } = recordedLogs[random.below(recordedLogs.length)]!;
    await summaryOf(withRandomBytes(random, bytes().subarray(0, 200_000)));
    await summaryOf(Uint8Array.from({ length: 5000 }, () => random.below(256)));
  }
});

describe("broken UTF-8", () => {
  const encode = (text: string) => Buffer.from(text, "latin1");
  test.each([
    ["in a comm", "12<\xff\xc3> brk(NULL) = 1\n"],
    ["a sequence that is cut by a comm's end", "12<\xe2\x82> brk(NULL) = 1\n"],
    ["before a newline", "12 brk(NULL) = 1 \xe2\x82\n12 brk(NULL) = 1\n"],
    ["in a name", "12 br\xffk(NULL) = 1\n"],
    ["overlong slash and bracket", "12 brk(NULL\xc0\xa9) = 1 \xc0\xaf\n"],
    ["in a number", "12 munmap(0x10\x80, 4096) = 0\n"],
    ["in a notice", "12 brk(NULLstrace: Process 3<\xf0\x9f> attached\n) = 1\n"],
    ["NUL", "12 brk(NULL\0) = 1\n\0\n"],
    ["in an errno", "12 madvise(0, 1, 4) = -1 ENOMEM\xff\n"],
  ])("%s reads as if it had been decoded", async (_name, log) => {
    expect(await summaryOf(encode(log))).toEqual(summarizeNaively(encode(log)).summary);
  });
});

describe("long lines take time in proportion", () => {
  const MEGABYTES = 10;
  const size = MEGABYTES << 20;
  const times = (text: string) => text.repeat(Math.ceil(size / text.length));
  test.each<[string, () => string]>([
    ["one character", () => times("x")],
    ["an argument", () => `1 write(1, "${times("x")}") = 1`],
    ["spaces", () => `1 write(1${times(" ")}) = 1`],
    ["= and spaces", () => `1 write(1${times("= ")}`],
    ["result after result", () => `1 write(1${times(") = 1")}`],
    ["closings before spaces", () => `1 write(1${times(")  ")}`],
    ["times", () => `1 ${times("1.5 ")}brk(NULL) = 1`],
    ["an open comm", () => `1<${times("<")}`],
    ["open notices", () => `${times("strace: Process 1<")}> attached\nx`],
    [
      "notices behind a long line",
      () => `${times("x<")}${"strace: Process 1<a> attached\n".repeat(20_000)}`,
    ],
    ["notices all along", () => times("x strace: Process 1<a> attached\n")],
    ["commas", () => `1 munmap(${times(", ")}) = 0`],
    ["comments", () => `1 munmap(${times("/* */")}1, 1) = 0`],
    ["open comments", () => `1 munmap(${times("/*")}, 1) = 0`],
    ["flags", () => `1 mmap(0, 1, 0, ${times("MAP_X|")}) = 1`],
    ["hex digits", () => `1 munmap(0x${times("f")}, 1) = 0`],
    ["octal digits", () => `1 munmap(0${times("7")}, 1) = 0`],
    ["flag digits", () => `1 madvise(0, 1, 0x${times("f")}) = 0`],
    ["a pid in brackets of hex", () => `[${times("a")}] brk(NULL) = 1`],
    ["injected", () => `1 brk(NULL) = 1 ${times("(INJECTED")}`],
    ["halves", () => times("1 brk(NULL <unfinished ...>\n1 <... brk resumed>) = 1\n")],
  ])("%s", { timeout: 60_000 }, async (_name, make) => {
    const log = Buffer.from(make());
    const start = performance.now();
    await summaryOf(log, 1 << 16);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

test("many pieces take time in proportion", { timeout: 60_000 }, async () => {
  const lines: string[] = [];
  for (let i = 200_000; i > 0; i--) lines.push(`1 mmap(NULL, 4096, 0, 2, -1, 0) = ${8192 * i}\n`);
  lines.push(`1 munmap(0, ${8192 * 100_000}) = 0\n`);
  const start = performance.now();
  const summary = await summaryOf(lines.join(""));
  expect(summary).toMatchObject({ peak_vmas: 200_000, final_vmas: 100_001 });
  expect(performance.now() - start).toBeLessThan(20_000);
});
