import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { SMOKE_CELLS, UPDATES } from "../../bench/cells.ts";
import { draw } from "../../bench/chart.ts";
import { CONTENDERS, OURS } from "../../bench/contenders.ts";
import { REFERENCES } from "../../bench/reference.ts";
import type { Report } from "../../bench/report.ts";
import { cellTables, heading, summary } from "../../bench/table.ts";

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = join(import.meta.dirname, "../../build/bench/main.js");
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", maxBuffer: 1 << 26 });
}

describe("the benchmark on its smallest sets", () => {
  let report: Report;

  beforeAll(() => {
    const { status, stdout, stderr } = bench("--smoke", "--json", "-");
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^63 cells with 9 contenders, about \d+ seconds\n$/);
    report = JSON.parse(stdout);
  }, 300_000);

  it("has all its cells", () => {
    expect(report.cells.map(({ name }) => name)).toEqual(
      SMOKE_CELLS.map((c) => `${c.operation}/${c.workload}/${c.count}/${c.unit}`),
    );
  });

  it.each(CONTENDERS)("finds $name right in all that it can do", ({ name, dynamic }) => {
    for (const cell of report.cells) {
      const expected = dynamic || !UPDATES.has(cell.operation) ? "measured" : "lacking";
      expect([cell.name, cell.verdicts[name]]).toEqual([
        cell.name,
        expect.objectContaining({ verdict: expected }),
      ]);
    }
  });

  it("gives the figures of each measurement", () => {
    for (const { verdicts } of report.cells) {
      for (const verdict of Object.values(verdicts)) {
        if (verdict.verdict !== "measured") continue;
        expect(verdict.configuration).not.toBe("");
        expect(verdict.nanoseconds).toBeGreaterThan(0);
        expect(verdict.mean).toBeGreaterThan(0);
        expect(verdict.marginPercent).toBeGreaterThanOrEqual(0);
        expect(verdict.samples).toBeGreaterThanOrEqual(2);
      }
    }
  });

  it("compares each cell with the fastest peer of each kind", () => {
    for (const { verdicts, ratios } of report.cells) {
      const ours = verdicts[OURS];
      for (const [kind, best] of Object.entries(ratios)) {
        const peers = CONTENDERS.filter(
          (peer) =>
            peer.name !== OURS &&
            peer.package !== undefined &&
            (kind === "flatbush" ? peer.name === kind : peer.dynamic === (kind === "dynamic")),
        );
        const times = peers.flatMap(({ name }) => {
          const verdict = verdicts[name];
          return verdict.verdict === "measured" ? [verdict.nanoseconds] : [];
        });
        if (times.length === 0) expect(best).toBeNull();
        else if (ours.verdict === "measured") {
          expect(best?.ratio).toBe(Math.min(...times) / ours.nanoseconds);
        }
      }
    }
  });

  it("says what was measured on what", () => {
    expect(Object.keys(report)).toEqual([
      "format",
      "machine",
      "engineSha256",
      "workloads",
      "effort",
      "contenders",
      "cells",
      "means",
      "bars",
    ]);
    expect(report.format).toBe(1);
    expect(report.machine).toEqual({
      cpu: expect.stringMatching(/./),
      cores: expect.any(Number),
      node: process.version,
      v8: process.versions.v8,
    });
    expect(report.engineSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(report.workloads).toEqual(
      Object.fromEntries(
        REFERENCES.filter(({ count }) => count === 1000).map(({ workload, count, hash }) => [
          `${workload}/${count}`,
          hash,
        ]),
      ),
    );
    expect(report.contenders.map(({ name }) => name)).toEqual(CONTENDERS.map(({ name }) => name));
    for (const { package: from, version } of report.contenders) {
      expect(version === null).toBe(from === null);
    }
    expect(report.bars).toHaveLength(5);
  });

  it("has tables with a row for each cell and a column for each contender", () => {
    const text = `${heading(report)}${cellTables(report.cells)}${summary(report)}`;
    expect(text).toContain(report.engineSha256);
    const rows = text.split("\n").filter((line) => /^W\d[es]? 1000 (pages|bytes) /.test(line));
    expect(rows).toHaveLength(report.cells.length);
    for (const row of rows) expect(row.split(/ {2,}/)).toHaveLength(CONTENDERS.length + 4);
    expect(text.match(/^(met|MISSED|not measured) /gm)).toHaveLength(report.bars.length);
  });

  it("can be drawn: a mark for each peer in each cell that was measured, and in the legend", () => {
    const measured = report.cells.flatMap(({ verdicts }) =>
      Object.entries(verdicts).filter(
        ([name, { verdict }]) => name !== OURS && verdict === "measured",
      ),
    );
    const svg = draw(report);
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg.match(/<circle /g)).toHaveLength(measured.length + CONTENDERS.length - 1);
  });
});

describe("the benchmark's command line", () => {
  it.each([
    [["--filter", "nothing/like/this"], "No cell has such a name"],
    [["--n", "1e3,17"], "Sizes are 1000, 10000, 100000, 1000000"],
    [["--fast"], "unknown option '--fast'"],
  ])("refuses %j", (args, message) => {
    const { status, stdout, stderr } = bench(...args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});
