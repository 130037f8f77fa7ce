import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findImplicitTree } from "../../bench/native/implicit-tree-source.ts";
import { findKernelSource } from "../../bench/native/kernel-source.ts";
import { parseOutcome } from "../../bench/native/native-side.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "intervalidate-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(script: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(root, "build/bench", script), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
}

/** What the C side can be compiled from here, if anything: a tree that the caller names, or the cache. */
function availableKernel(): string | undefined {
  if (spawnSync("gcc", ["--version"]).status !== 0) return undefined;
  try {
    return findKernelSource({ linuxSource: process.env.INTERVALIDATE_LINUX_SOURCE }).folder;
  } catch {
    return undefined;
  }
}

describe("answers of a native peer", () => {
  it("are three integers", () => {
    expect(parseOutcome("1200 34 4294967295")).toEqual({
      nanoseconds: 1200,
      hits: 34,
      ids: 4294967295,
    });
  });

  it.each(["", "1 2", "1 2 x", "1 2 3 4", "-1 2 3"])("are nothing like %j", (line) => {
    expect(() => parseOutcome(line)).toThrow(/three integers/);
  });
});

describe("the kernel's source", () => {
  const cache = join(folder, "cache");

  it("is not downloaded unless asked for; how to get it is said", () => {
    expect(() => findKernelSource({ cache })).toThrow(
      /--download\n.*\n.*--linux-source DIR\n.*gcc/,
    );
  });

  it("must be complete where it is said to be", () => {
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "lib"), { recursive: true });
    writeFileSync(join(tree, "Makefile"), "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 99\n");
    writeFileSync(join(tree, "lib/rbtree.c"), "");
    expect(() => findKernelSource({ linuxSource: tree })).toThrow(
      /has no include\/linux\/interval_tree_generic\.h/,
    );
    mkdirSync(join(tree, "include/linux"), { recursive: true });
    for (const name of ["interval_tree_generic", "rbtree", "rbtree_augmented", "rbtree_types"]) {
      writeFileSync(join(tree, `include/linux/${name}.h`), "");
    }
    expect(findKernelSource({ linuxSource: tree })).toEqual({ folder: tree, version: "6.1.99" });
  });

  it("of the static peer may be missing", () => {
    expect(findImplicitTree({ cache })).toBeUndefined();
  });
});

describe("npm run bench:native", () => {
  it("measures every cell where a kernel tree and gcc are at hand, and says what is missing elsewhere", () => {
    const kernel = availableKernel();
    const json = join(folder, "native.json");
    const args = ["--smoke", "--json", json, "--filter", "W[35] 1000 (pages|bytes held)"];
    if (kernel === undefined) {
      const { status, stderr } = run("native/main.js", args, { XDG_CACHE_HOME: folder });
      expect([status, stderr]).toEqual([2, expect.stringMatching(/gcc/)]);
      return;
    }
    const { status, stdout, stderr } = run("native/main.js", [...args, "--linux-source", kernel]);
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout).toMatch(/enumerate, keys in pages/);
    const { cells, calls } = JSON.parse(readFileSync(json, "utf8"));
    expect(cells.length).toBe(2 * (9 + 2 + 2));
    for (const { sides, hits, operation } of cells) {
      expect(sides[0].side).toBe("linux");
      expect(sides.map(({ side }: { side: string }) => side)).toContain("RangeIndex");
      expect(hits > 0).toBe(operation !== "insert" && operation !== "remove");
    }
    expect(calls.every(({ nanoseconds }: { nanoseconds: number }) => nanoseconds > 0)).toBe(true);
  });

  it("refuses what it cannot do with exit status 2", () => {
    for (const [args, message] of [
      [["--n", "100"], /multiples of 200/],
      [["--passes", "0"], /1 to 99/],
      [["--filter", "("], /--filter/],
      [["--filter", "no such cell"], /No cell matches/],
      [["--linux-source", folder], /no unpacked kernel tree|no gcc/],
      [["--no-such-option"], /unknown option/],
    ] as const) {
      const { status, stderr } = run("native/main.js", args);
      expect([args, status, stderr]).toEqual([args, 2, expect.stringMatching(message)]);
    }
  });
});

describe("npm run bench:pauses", () => {
  it("times every operation of the workloads", () => {
    const json = join(folder, "pauses.json");
    const { status, stderr } = run("pauses.js", ["--smoke", "--json", json]);
    expect([status, stderr]).toEqual([0, ""]);
    const { pauses, growths, count } = JSON.parse(readFileSync(json, "utf8"));
    expect(pauses.length).toBe(4 * 5);
    for (const { operation, operations, median, p99, p999, max, longest } of pauses) {
      if (operation === "insert while growing") expect(operations).toBe(count);
      const ascending = [0, median, p99, p999, max, longest];
      expect(ascending.toSorted((a, b) => a - b)).toEqual(ascending);
    }
    for (const { steps, bytes, totalBytes } of growths) {
      expect(steps).toBeGreaterThan(0);
      expect(bytes).toBeLessThanOrEqual(totalBytes);
    }
  });
});

describe("npm run bench:callbacks", () => {
  it("measures who is called through which door, watched and not, and finds all called", () => {
    const json = join(folder, "callbacks.json");
    const { status, stdout, stderr } = run("callbacks.js", ["--smoke", "--json", json]);
    expect([status, stderr]).toEqual([0, ""]);
    const { cells } = JSON.parse(readFileSync(json, "utf8"));
    const named = (of: string) => new Set(cells.map((cell: Record<string, unknown>) => cell[of]));
    expect([...named("door")]).toEqual(["synchronous", "non-blocking", "generator", "promise"]);
    expect([...named("observed")]).toEqual([false, true]);
    expect(named("subject").size).toBe(5);
    for (const { subject, door, fastest, nanoseconds, slowest } of cells) {
      if (subject.endsWith("generators")) expect(["generator", "promise"]).toContain(door);
      expect(0 <= fastest && fastest <= nanoseconds && nanoseconds <= slowest).toBe(true);
    }
    expect(stdout.match(/^│ passive mirrors /gm)).toHaveLength(8);
  });
});
