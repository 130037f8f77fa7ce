import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

// Each example runs as a reader would run it: copied into a project that has the package. What it
// prints is written at its end.

const root = join(import.meta.dirname, "../..");
const examples = readdirSync(join(root, "examples")).filter((file) => file.endsWith(".mjs"));

const project = mkdtempSync(join(tmpdir(), "intervalidate-examples-"));
mkdirSync(join(project, "node_modules"));
symlinkSync(root, join(project, "node_modules/intervalidate"));
for (const file of examples) copyFileSync(join(root, "examples", file), join(project, file));
afterAll(() => rmSync(project, { recursive: true }));

/** The lines of the comment that follows `// prints` at the end of an example. */
function promised(file: string): string {
  const source = readFileSync(join(project, file), "utf8");
  const [, lines] = /^\/\/ prints\n\/\/\n((?:\/\/ {3}.*\n)+)$(?![\s\S])/m.exec(source) ?? [];
  if (lines === undefined) throw new Error(`${file} does not end in a comment of what it prints`);
  return lines.replace(/^\/\/ {3}/gm, "");
}

describe("the examples", () => {
  it("are there", () => {
    expect(examples).toContain("simulator.mjs");
  });

  it.each(examples)("%s prints what it says", (file) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
      cwd: project,
      encoding: "utf8",
    });
    expect(stdout, stderr).toBe(promised(file));
    expect(status).toBe(0);
  });
});

describe("the simulator", () => {
  it("measures how often it could start over, apart from its result", () => {
    const { stdout, stderr } = spawnSync(process.execPath, ["simulator.mjs", "5"], {
      cwd: project,
      encoding: "utf8",
    });
    expect(stdout).toMatch(/^seed 5: .*\nagain: the same\nseed 6: /);
    const lines = stderr.trim().split("\n");
    expect(lines.length).toBe(4);
    for (const line of lines) expect(line).toMatch(/: [1-9][\d,]* times per second$/);
  });
});
