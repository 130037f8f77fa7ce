import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { intervalidate } from "../cli/command.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The code blocks of the README in one language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, code]) => code,
  );
}

/** A report without the rows whose values differ from run to run. */
function reproducible(report: string): string[] {
  return report
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/^(engine|memory) /.test(line));
}

describe("the README", () => {
  it("shows what the first command prints", () => {
    const scripts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
    const [, args] = /node dist\/cli\/main\.js (.*)$/.exec(scripts.demo) as RegExpExecArray;
    const { status, stdout } = intervalidate(args.split(" "));
    expect(status).toBe(0);
    const shown = blocks("text").find((block) => block.startsWith("log")) as string;
    expect(reproducible(shown)).toEqual(reproducible(stdout));
  });

  it("has a library example that prints what it says", () => {
    const project = mkdtempSync(join(tmpdir(), "intervalidate-readme-"));
    mkdirSync(join(project, "node_modules"));
    symlinkSync(root, join(project, "node_modules/intervalidate"));
    const [example] = blocks("js");
    writeFileSync(join(project, "example.mjs"), example);
    const printed = execFileSync(process.execPath, ["example.mjs"], {
      cwd: project,
      encoding: "utf8",
    });
    rmSync(project, { recursive: true });
    expect(blocks("text")).toContain(printed);
  });

  it("shows how a page streams the engine as the page that is tested does it", () => {
    const page = readFileSync(join(root, "test/browser/page/main.ts"), "utf8")
      .split("\n")
      .map((line) => line.trim());
    const [example] = blocks("ts") as [string];
    const lines = example.split("\n").map((line) => line.replace(/ \/\/.*/, ""));
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) expect(page).toContain(line);
  });

  it("names commands that work", () => {
    const lines = blocks("sh").flatMap((block) => block.trim().split("\n"));
    expect(lines.slice(0, 2)).toEqual(["npm install && npm run demo", "npm install && npm test"]);
    for (const line of lines.slice(2)) {
      const [, args] = /^node dist\/cli\/main\.js (.*)$/.exec(line) as RegExpExecArray;
      const { status } = intervalidate(args.split(" "));
      expect([line, status]).toEqual([line, line.includes("--plant") ? 1 : 0]);
    }
  });

  it("gives the test command that CI runs", () => {
    expect(readFileSync(join(root, ".ci/run"), "utf8")).toContain("\nnpm install && npm test\n");
  });

  it("links only to files that exist", () => {
    for (const [, path] of readme.matchAll(/\]\(([^)#:]+)\)/g)) {
      expect(() => readFileSync(join(root, path))).not.toThrow();
    }
  });
});
