// `intervalidate litmus`, run as users run it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { intervalidate } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "intervalidate-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HEAD = "title: t\nkernel: k\nwhy: w\n";

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const good = fileOf(
  "good.yaml",
  `${HEAD}steps:\n  - do: { S: [0, 1] }\n    expect: { count: 1 }\n`,
);
const bad = fileOf("bad.yaml", `${HEAD}steps:\n  - do: { S: [0, 1] }\n    expect: { count: 2 }\n`);
const invalid = fileOf("invalid.yaml", `${HEAD}steps:\n  - do: nothing\n`);

function litmus(...args: string[]) {
  return intervalidate(["litmus", ...args]);
}

describe("exit codes", () => {
  it("0 if all is as the files say, 1 if something is not, 2 if a file is none", () => {
    expect(litmus(good).status).toBe(0);
    expect(litmus(good, bad).status).toBe(1);
    expect(litmus(good, bad, invalid).status).toBe(2);
  });

  it("2 for nothing to run", () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    for (const args of [[], [empty]]) {
      const { status, stdout, stderr } = litmus(...args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain("*.yaml file");
    }
  });
});

describe("--json", () => {
  it("is one object for each file, in the order of the arguments", () => {
    const missing = join(folder, "missing.yaml");
    const { status, stdout } = litmus("--json", bad, missing, good, invalid);
    expect(status).toBe(2);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        file: bad,
        ok: false,
        failures: [
          { profile: "v6.12", step: 1, line: 6, what: "count", expected: "2", actual: "1" },
        ],
      },
      {
        file: missing,
        ok: false,
        error: { code: "INPUT", line: null, message: expect.stringContaining("ENOENT") },
      },
      { file: good, ok: true, failures: [] },
      {
        file: invalid,
        ok: false,
        error: { code: "LITMUS", line: 5, message: expect.stringContaining("Line 5") },
      },
    ]);
  });

  it("finds the files below a directory", () => {
    const { stdout } = litmus("--json", folder);
    const files = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).file);
    expect(files).toEqual([bad, good, invalid]);
  });
});

describe("for people", () => {
  it("one file is told as a story", () => {
    expect(litmus(good).stdout).toBe(
      [
        "t (v6.12)",
        "k: w",
        "",
        "  1  do: { S: [0, 1] }",
        "     T1  mmu_notifier_invalidate_range_start(mm, [0x0, 0x1), UNMAP)",
        "     T1  returns 0",
        "     = T1: 0",
        "     ! V08: blockable window 1 over [0x0, 0x1) of mm was started at event 1, and nobody ended it",
        "",
        `ok       ${good}: t (v6.12)`,
        "",
      ].join("\n"),
    );
  });

  it("--quiet prints what failed", () => {
    expect(litmus("--quiet", good, bad).stdout).toBe(
      [
        `FAILED   ${bad}: t (v6.12)`,
        "         line 6, step 1, v6.12: count",
        "           expected 2",
        "           but it was 1",
        "",
      ].join("\n"),
    );
  });

  it("--flip says how many expectations fail when negated", () => {
    expect(litmus("--flip", good).stdout).toContain("negated, 1 of 1 expectations fail");
  });

  it("--profile replaces what the file says", () => {
    expect(litmus("--profile", "strict", good).stdout).toContain("t (strict)");
  });
});

it("--events prints every event with its file, profile, step and task", () => {
  const lines = litmus("--events", good).stdout.trim().split("\n");
  const events = lines.map((line) => JSON.parse(line));
  expect(events.map(({ kind }) => kind)).toEqual(["invalidate-enter", "invalidate-start"]);
  expect(events[0]).toMatchObject({
    file: good,
    profile: "v6.12",
    step: 1,
    task: "T1",
    end: "0x1",
  });
});
