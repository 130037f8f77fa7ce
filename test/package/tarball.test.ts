import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The package as a user gets it: packed, unpacked into an empty project, and used from there.

const root = join(import.meta.dirname, "../..");
const project = mkdtempSync(join(tmpdir(), "intervalidate-project-"));
const installed = join(project, "node_modules/intervalidate");

beforeAll(() => {
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", join(project, filename), "--strip-components=1", "-C", installed]);
});
afterAll(() => rmSync(project, { recursive: true }));

function run(name: string, source: string): string {
  writeFileSync(join(project, name), source);
  return execFileSync(process.execPath, [name], { cwd: project, encoding: "utf8" }).trim();
}

const USE = `
const index = new RangeIndex();
const handle = index.insert(0x1000, 0x2000);
const mm = new AddressSpace();
mm.mirrors.insert(0, END);
const window = mm.invalidateRangeStart({ start: 0, end: 4096 });
console.log(index.some(0x1800, 0x1900), index.endOf(handle), window.hits.length);
window.end();
`;

describe("the packed package", () => {
  it("works by import", () => {
    const source = `import { AddressSpace, END, RangeIndex } from "intervalidate";\n${USE}`;
    expect(run("use.mjs", source)).toBe("true 8192n 1");
  });

  it("works by require()", () => {
    const source = `const { AddressSpace, END, RangeIndex } = require("intervalidate");\n${USE}`;
    expect(run("use.cjs", source)).toContain("true 8192n 1");
  });

  it("offers HMM, the simulator, the log reader and the raw engine", () => {
    const source = `
      import { CpuMm, Dmirror } from "intervalidate/hmm";
      import { replay } from "intervalidate/replay";
      import { summarize } from "intervalidate/trace";
      import { createEngine, RangeIndex } from "intervalidate";
      import { createHash } from "node:crypto";
      import { readFileSync } from "node:fs";
      import { fileURLToPath } from "node:url";
      const log = { name: "log", async *open() { yield new TextEncoder().encode("1 brk(NULL) = 0x1000\\n"); } };
      const summary = await summarize(log, { createSha256: () => createHash("sha256") });
      const report = await replay(log);
      const module = new WebAssembly.Module(readFileSync(fileURLToPath(import.meta.resolve("intervalidate/engine.wasm"))));
      const index = new RangeIndex({ engine: createEngine({ module }) });
      console.log(summary.calls.brk, report.ok, WebAssembly.Module.imports(module).length, index.size);
      console.log(typeof CpuMm, typeof Dmirror);
    `;
    expect(run("sub.mjs", source)).toBe("1 true 0 0\nfunction function");
  });

  it("has types that a strict project without lib checks off accepts", () => {
    writeFileSync(
      join(project, "use.mts"),
      `
      import { AddressSpace, END, IntervalidateError, RangeIndex, type Address } from "intervalidate";
      import { replay, type ReplayReport } from "intervalidate/replay";
      import type { LogSource, TraceSummary } from "intervalidate/trace";
      const at: Address = END;
      const index: RangeIndex<string> = new RangeIndex<string>({ capacity: 4 });
      const handle: number = index.insert(0, at, "everything");
      const value: string | undefined = index.valueOf(handle);
      const mm = new AddressSpace({ name: "mm" });
      const result = mm.tryInvalidateRangeStart({ start: 0, end: 1 });
      if (result.ok) result.window.end();
      else console.log(result.errno satisfies string);
      declare const source: LogSource;
      const report: Promise<ReplayReport> = replay(source, { seed: 1 });
      // @ts-expect-error a start needs an end
      mm.invalidateRangeStart({ start: 0 });
      export type { TraceSummary };
      export { IntervalidateError, report, value };
      `,
    );
    symlinkSync(join(root, "node_modules/@types"), join(project, "node_modules/@types"));
    execFileSync(
      process.execPath,
      [
        join(root, "node_modules/typescript/bin/tsc"),
        "--noEmit",
        "--strict",
        "--module",
        "nodenext",
        "--target",
        "es2022",
        "--lib",
        "es2022,esnext.disposable,dom",
        "--types",
        "",
        "use.mts",
      ],
      { cwd: project, stdio: "pipe" },
    );
  });

  it("holds only what is needed to run", () => {
    const files = (readdirSync(installed, { recursive: true }) as string[]).filter((file) =>
      statSync(join(installed, file)).isFile(),
    );
    const unexpected = files.filter(
      (file) =>
        !/^(dist\/.*\.(js|d\.ts)|dist\/engine\/engine\.wasm|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(
          file,
        ),
    );
    expect(unexpected).toEqual([]);
  });

  it("has an engine of at most 24 KiB", () => {
    expect(statSync(join(installed, "dist/engine/engine.wasm")).size).toBeLessThanOrEqual(
      24 * 1024,
    );
  });
});
