import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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

/** The cells of the table whose first column has this title. */
function rows(title: string): string[][] {
  const lines = readme.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${title} `)) + 2;
  const end = lines.findIndex((line, i) => i > first && !line.startsWith("|"));
  return lines.slice(first, end).map((line) =>
    line
      .slice(2, -2)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** The anchors of a text's headings. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
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

  it.each(blocks("js"))("has library examples that print what they say: %#", (example) => {
    const project = mkdtempSync(join(tmpdir(), "intervalidate-readme-"));
    mkdirSync(join(project, "node_modules"));
    symlinkSync(root, join(project, "node_modules/intervalidate"));
    writeFileSync(join(project, "example.mjs"), example);
    const printed = execFileSync(process.execPath, ["example.mjs"], {
      cwd: project,
      encoding: "utf8",
    });
    rmSync(project, { recursive: true });
    expect(blocks("text")).toContain(printed);
  });

  it("explains every error code, and no others", () => {
    const source = readFileSync(join(root, "src/errors.ts"), "utf8");
    const [, union] = /export type ErrorCode =(.*?);/s.exec(source) as RegExpExecArray;
    const codes = [...union.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code);
    expect(
      rows("code")
        .map(([code]) => code.replaceAll("`", ""))
        .sort(),
    ).toEqual(codes.sort());
  });

  it("gives names of ours for the kernel's that there are", () => {
    const declared = ["notifier", "blocking"]
      .flatMap((folder) =>
        readdirSync(join(root, "dist", folder))
          .filter((file) => file.endsWith(".d.ts"))
          .map((file) => readFileSync(join(root, "dist", folder, file), "utf8")),
      )
      .join("\n");
    const table = rows("kernel");
    expect(table.length).toBeGreaterThan(25);
    for (const [kernel, ours] of table) {
      const names = [...ours.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => [
        ...code.matchAll(/[A-Za-z_]{2,}/g),
      ]);
      for (const [name] of names.filter(([word]) => word !== "true" && word !== "false")) {
        expect(declared, `${name}, for ${kernel}`).toMatch(new RegExp(`\\b${name}\\b`));
      }
    }
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
      // A planted fault, and drivers with the faults that they had, are found.
      const isFaulty = line.includes("--plant") || line.includes("--driver");
      expect([line, status]).toEqual([line, isFaulty ? 1 : 0]);
    }
  });

  it("gives the test command that CI runs", () => {
    expect(readFileSync(join(root, ".ci/run"), "utf8")).toContain("\nnpm install && npm test\n");
  });

  it.each(["README.md", "src/notifier/README.md", "bench/README.md"])(
    "links only to files and headings that exist: %s",
    (file) => {
      const text = readFileSync(join(root, file), "utf8");
      for (const [, path, anchor] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]+))?\)/g)) {
        const target = path === "" ? join(root, file) : join(root, dirname(file), path);
        const linked = readFileSync(target, "utf8");
        if (anchor !== undefined) expect(headings(linked), path).toContain(anchor);
      }
    },
  );
});
