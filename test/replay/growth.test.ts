// Work is counted, not timed: how often a group of mirrors is compared with a range.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ReplayReport, replay } from "../../src/replay/index.ts";
import { MirrorGroup } from "../../src/replay/mirror-group.ts";
import { logOf } from "./logs.ts";

const PAGE = 4096;
const BASE = 0x7000_0000_0000;

const { overlaps } = MirrorGroup.prototype;
let comparisons = 0;
beforeEach(() => {
  comparisons = 0;
  MirrorGroup.prototype.overlaps = function (start, end) {
    comparisons += 1;
    return overlaps.call(this, start, end);
  };
});
afterEach(() => {
  MirrorGroup.prototype.overlaps = overlaps;
});

/** Pieces of three pages far apart; then the middle of each goes, and a new piece takes its place. */
function holes(pieces: number): string {
  const lines: string[] = [];
  const at = (i: number) => BASE + i * 64 * PAGE;
  const map = (address: number, pages: number) =>
    `1 mmap(NULL, ${pages * PAGE}, PROT_READ, MAP_PRIVATE, 3, 0) = 0x${address.toString(16)}`;
  for (let i = 0; i < pieces; i += 1) lines.push(map(at(i), 3));
  for (let i = 0; i < pieces; i += 1) {
    lines.push(`1 munmap(0x${(at(i) + PAGE).toString(16)}, ${PAGE}) = 0`);
  }
  for (let i = 0; i < pieces; i += 1) lines.push(map(at(i) + PAGE, 1));
  return lines.map((line) => `${line}\n`).join("");
}

/** Many pieces of one page, each changed now and then. */
function changes(pieces: number): string {
  const lines: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    for (let i = 0; i < pieces; i += 1) {
      const address = (BASE + i * 2 * PAGE).toString(16);
      lines.push(
        round === 0
          ? `1 mmap(NULL, ${PAGE}, PROT_READ, MAP_PRIVATE, 3, 0) = 0x${address}`
          : `1 madvise(0x${address}, ${PAGE}, MADV_DONTNEED) = 0`,
      );
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

async function compared(log: string, mirrors: number): Promise<[number, ReplayReport]> {
  comparisons = 0;
  const report = await replay(logOf("growth", log), { mirrors, oom: 0 });
  expect(report.violations).toEqual([]);
  return [comparisons, report];
}

describe("what a replay costs", () => {
  it("grows with the pieces, not with their square, where mirrors cover holes", async () => {
    const [few, small] = await compared(holes(150), 1500);
    const [many, large] = await compared(holes(1200), 12_000);
    expect(large.hits.total).toBeGreaterThan(6 * small.hits.total);
    expect(few).toBeGreaterThan(small.invalidations.total);
    expect(many).toBeLessThan(12 * few);
  });

  it("hardly grows, but for the hits themselves, with more mirrors of the same pieces", async () => {
    const [few, small] = await compared(changes(100), 2_000);
    const [many, large] = await compared(changes(100), 32_000);
    expect(large.hits.total).toBeGreaterThan(12 * small.hits.total);
    expect(many).toBeLessThan(3 * few);
  });
});
