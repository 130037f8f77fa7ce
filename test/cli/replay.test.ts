import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import type { ReplayReport } from "../../src/replay/index.ts";
import { examples, intervalidate } from "./command.ts";

const gcc = join(examples, "gcc.strace");
const folder = mkdtempSync(join(tmpdir(), "intervalidate-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function report(stdout: string): ReplayReport {
  return JSON.parse(stdout) as ReplayReport;
}

describe("intervalidate replay", () => {
  it("prints a report on stdout and nothing on stderr", () => {
    const { status, stdout, stderr } = intervalidate(["replay", gcc]);
    expect([status, stderr]).toEqual([0, ""]);
    for (const word of [
      "mirrors",
      "invalidations",
      "UNMAP blockable",
      "OOM reaper",
      "profile",
      "v6.12",
      "seed",
      "memory",
    ]) {
      expect(stdout).toContain(word);
    }
    expect(stdout).toContain("no mirror kept a stale entry");
  });

  it("--json: equal seeds give equal bytes without `measured`, another seed another run", () => {
    const bytes = (seed: string) => {
      const { measured: _, ...rest } = report(
        intervalidate(["replay", gcc, "--json", "--seed", seed]).stdout,
      );
      return JSON.stringify(rest);
    };
    expect(bytes("7")).toBe(bytes("7"));
    expect(bytes("7")).not.toBe(bytes("8"));
  });

  it("--json keeps every time and size under `measured`", () => {
    const { measured } = report(intervalidate(["replay", gcc, "--json"]).stdout);
    expect(Object.keys(measured).sort()).toEqual([
      "engineBytes",
      "engineMs",
      "engineNsPerInvalidation",
      "maxRssBytes",
      "tableBytes",
      "wallMs",
    ]);
  });

  it("--profile chooses whose rules are followed", () => {
    const { options } = report(
      intervalidate(["replay", gcc, "--json", "--profile", "next"]).stdout,
    );
    expect(options.profile).toBe("next");
  });

  it("--quiet prints nothing when all is well", () => {
    expect(intervalidate(["replay", gcc, "--quiet"])).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("reads standard input, plain and gzip", () => {
    const plain = readFileSync(gcc);
    const { measured: _, ...fromFile } = report(intervalidate(["replay", gcc, "--json"]).stdout);
    for (const input of [plain, gzipSync(plain)]) {
      const { measured: __, ...fromStdin } = report(
        intervalidate(["replay", "-", "--json"], input).stdout,
      );
      expect(fromStdin).toEqual(fromFile);
    }
  });

  it("exit 1 and the event's line on a violation, quiet or not", () => {
    const log = join(examples, "../test/trace/logs/node-gc.strace.gz");
    for (const flags of [[], ["--quiet"]]) {
      const { status, stderr } = intervalidate(["replay", log, "--plant", "missed-hit", ...flags]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/line \d+ of .*node-gc.strace.gz: missed-hit: mirror \d+ of \[0x/);
    }
  });
});

describe("odd ends", () => {
  it("a directory on standard input is refused", () => {
    const result = spawnSync(
      "sh",
      ["-c", 'exec "$0" dist/cli/main.js replay - < /', process.execPath],
      {
        cwd: join(examples, ".."),
        encoding: "utf8",
      },
    );
    expect([result.status, result.stdout]).toEqual([2, ""]);
    expect(result.stderr).toContain("directory");
  });

  it.skipIf(!existsSync("/dev/full"))("a full disk is said to be one", () => {
    const result = spawnSync(
      "sh",
      ["-c", 'exec "$0" dist/cli/main.js replay "$1" > /dev/full', process.execPath, gcc],
      {
        cwd: join(examples, ".."),
        encoding: "utf8",
      },
    );
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/^intervalidate: cannot write the output: .*\n$/);
  });

  it("a planted fault that finds no occasion is no success", () => {
    const { status, stderr } = intervalidate(["replay", "-", "--plant", "missed-hit"], "");
    expect(status).toBe(1);
    expect(stderr).toContain("no occasion came for the planted missed-hit");
    expect(stderr).toContain("no system call found");
  });
});

describe("bad input", () => {
  const cut = gzipSync(readFileSync(gcc)).subarray(0, 5000);
  it.each([
    ["a file that is not there", [join(folder, "absent.strace")], /absent\.strace/],
    ["a directory", [folder], /directory/],
    ["cut gzip", [file("cut.gz", cut)], /cut\.gz/],
    ["no log", [], /missing required argument/],
    ["two logs", [gcc, gcc], /too many arguments/],
    ["an unknown option", [gcc, "--colour"], /unknown option/],
    ["negative mirrors", [gcc, "--mirrors", "-1"], /mirrors/],
    ["fractional mirrors", [gcc, "--mirrors", "1.5"], /integer from 0 to 16777215/],
    ["mirrors that are no number", [gcc, "--mirrors", "many"], /integer/],
    ["more mirrors than handles", [gcc, "--mirrors", "16777216"], /16777215/],
    ["strikes out of range", [gcc, "--oom", "1000001"], /integer from 0 to 1000000/],
    ["seed out of range", [gcc, "--seed", "4294967296"], /integer from 0 to 4294967295/],
    ["an unknown profile", [gcc, "--profile", "v2.6"], /v4\.19, v5\.5, v6\.12, next, strict/],
    ["an unknown fault", [gcc, "--plant", "gremlin"], /missed-hit/],
  ])("%s: exit 2, one message, nothing on stdout", (_name, args, message) => {
    const { status, stdout, stderr } = intervalidate(["replay", ...args]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
    expect(stderr).not.toContain("    at ");
  });
});
