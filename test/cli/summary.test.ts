// `intervalidate summary`, run as users run it.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const main = join(root, "dist", "cli", "main.js");
const ls = join(root, "test", "trace", "logs", "ls.strace");
const gcc = join(root, "examples", "gcc.strace");
const expectedOf = (name: string): unknown =>
  JSON.parse(readFileSync(join(root, "test", "trace", "logs", "expected", `${name}.json`), "utf8"));

const folder = mkdtempSync(join(tmpdir(), "summary-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function run(args: string[], input?: string | Uint8Array, env?: Record<string, string>) {
  const result = spawnSync(process.execPath, [main, ...args], {
    input: input ?? "",
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

test("one log: JSON, indented by one space", () => {
  const { status, stdout, stderr } = run(["summary", ls]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual(expectedOf("ls"));
  expect(stdout.split("\n")[1]).toBe(' "format": "mmu-trace-summary-1",');
  expect(stdout.endsWith("}\n")).toBe(true);
});

test("several logs: one object per line, in their order", () => {
  const { status, stdout } = run(["summary", gcc, ls, gcc]);
  expect(status).toBe(0);
  const summaries = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(summaries).toEqual([expectedOf("gcc-calc"), expectedOf("ls"), expectedOf("gcc-calc")]);
});

test("gzip is recognised by content, also in several members and with zero padding", () => {
  const log = readFileSync(ls);
  const [head, tail] = [log.subarray(0, 1000), log.subarray(1000)];
  const members = Buffer.concat([gzipSync(head), gzipSync(tail), Buffer.alloc(512)]);
  const { status, stdout } = run(["summary", file("members.strace", members)]);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual(expectedOf("ls"));
});

test("- reads the standard input, plain or gzip", () => {
  const log = readFileSync(ls);
  for (const input of [log, gzipSync(log)]) {
    const { status, stdout } = run(["summary", "-"], input);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(expectedOf("ls"));
  }
});

test("a pipe with a name is read as well", () => {
  const command = `"$0" "$1" summary <(cat "$2")`;
  const result = spawnSync("bash", ["-c", command, process.execPath, main, ls], {
    encoding: "utf8",
  });
  expect(result.stderr).toBe("");
  expect(JSON.parse(result.stdout)).toEqual(expectedOf("ls"));
});

test("the copy of the standard input leaves nothing behind, even if the process is killed", async () => {
  const temporary = mkdtempSync(join(folder, "tmp-"));
  const child = spawn(process.execPath, [main, "summary", "-"], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.write("1 brk(NULL) = 1\n");
  await new Promise((resolve) => setTimeout(resolve, 700));
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(readdirSync(temporary)).toEqual([]);
});

test.each(["", "no call in here\n", "\0\xff\n"])(
  "any bytes are a log, with a warning: %j",
  (content) => {
    const path = file("nothing.strace", content);
    const { status, stdout, stderr } = run(["summary", path]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ format: "mmu-trace-summary-1", mms: 0 });
    expect(stderr).toBe(`intervalidate: ${path}: warning: no system call found in this log\n`);
  },
);

test.each<[string, () => string, RegExp]>([
  ["a missing file", () => join(folder, "missing"), /there is no such file/],
  ["a directory", () => folder, /it is a directory/],
  [
    "cut gzip data",
    () => file("cut.gz", gzipSync("1 brk(NULL) = 1\n").subarray(0, -5)),
    /ends too early/,
  ],
  ["two bytes of gzip", () => file("two.gz", Uint8Array.of(0x1f, 0x8b)), /ends too early/],
  [
    "broken gzip data",
    () => file("bad.gz", Buffer.concat([gzipSync("x").subarray(0, 10), Buffer.from("????")])),
    /broken/,
  ],
  [
    "garbage after gzip data",
    () => file("garbage.gz", Buffer.concat([gzipSync("x"), Buffer.from("garbage")])),
    /broken/,
  ],
  [
    "garbage after padding",
    () => file("late.gz", Buffer.concat([gzipSync("x"), Buffer.alloc(400_000), Buffer.from("x")])),
    /broken/,
  ],
])("%s: exit code 2 and the name of the log", (_name, make, reason) => {
  const path = make();
  const { status, stdout, stderr } = run(["summary", ls, path, gcc]);
  expect(status).toBe(2);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).toMatch(reason);
  expect(stderr.startsWith(`intervalidate: ${path}: `)).toBe(true);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test.each([[["summary"]], [["sumary", ls]], [["summary", "--wrong", ls]], [["--wrong"]], [[]]])(
  "wrong usage is exit code 2: %j",
  (args) => {
    const { status, stdout, stderr } = run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).not.toBe("");
  },
);

test("--help and --version are data", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(run(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  expect(run(["--help"])).toMatchObject({ status: 0, stderr: "" });
  expect(run(["summary", "--help"]).stdout).toContain("strace logs, plain or gzip");
});

test("a reader that goes away is no error", () => {
  const command = `"$0" "$1" summary "$2" "$2" "$2" "$2" "$2" "$2" "$2" "$2" | head -c 10; echo "\${PIPESTATUS[0]}"`;
  const result = spawnSync("bash", ["-c", command, process.execPath, main, gcc], {
    encoding: "utf8",
  });
  expect(result.stderr).toBe("");
  expect(result.stdout.slice(10)).toMatch(/^0\n$/);
});

test("the standard input twice is refused: it can be read once", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "summary", "-", "-"], {
    input: "",
    encoding: "utf8",
  });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("name - once");
});
