// Builds what is out of date and nothing else: the engine (AssemblyScript -> WASM), the module that
// embeds it, the shell (TypeScript -> dist) and the benchmarks (TypeScript -> build/bench). A stage is
// current when the hash of its inputs' contents equals the one its last run left in build/;
// timestamps play no part, so a `git pull` or a checkout can never leave a stale build behind.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const at = (...parts) => join(root, ...parts);

const embedded = at("src", "engine", "binary.ts");
const release = at("build", "release", "engine.wasm");

const stages = [
  {
    name: "engine",
    inputs: ["assembly", "asconfig.json"],
    outputs: [release, at("build", "debug", "engine.wasm"), embedded],
    run() {
      for (const target of ["debug", "release"]) {
        runTool("assemblyscript", "bin/asc.js", ["--target", target]);
      }
      writeFileSync(embedded, embeddedModule(readFileSync(release)));
    },
  },
  {
    name: "shell",
    inputs: ["src", "tsconfig.json", "build/engine.hash"],
    outputs: [
      at("dist", "cli", "main.js"),
      at("dist", "index.js"),
      at("dist", "engine", "engine.wasm"),
    ],
    run() {
      rmSync(at("dist"), { recursive: true, force: true });
      runTool("typescript", "bin/tsc", ["-p", "."]);
      cpSync(release, at("dist", "engine", "engine.wasm"));
      chmodSync(at("dist", "cli", "main.js"), 0o755);
    },
  },
  {
    // It imports the library by name, from dist: what is measured is what is shipped.
    name: "bench",
    inputs: ["bench", "tsconfig.json", "build/shell.hash"],
    outputs: [at("build", "bench", "main.js"), at("build", "bench", "native", "main.js")],
    run() {
      rmSync(at("build", "bench"), { recursive: true, force: true });
      runTool("typescript", "bin/tsc", ["-p", "bench"]);
    },
  },
];

mkdirSync(at("build"), { recursive: true });
for (const stage of stages) {
  const mark = at("build", `${stage.name}.hash`);
  const current = hashOf(stage.inputs);
  const left = existsSync(mark) ? readFileSync(mark, "utf8") : "";
  if (left === current && stage.outputs.every((output) => existsSync(output))) continue;
  rmSync(mark, { force: true });
  console.error(`build: ${stage.name}`);
  stage.run();
  // Hashed before the run: an edit made meanwhile shows as out of date next time.
  writeFileSync(mark, current);
}

/** SHA-256 over names and contents of all files below the given paths, and of what compiles them. */
function hashOf(paths) {
  const hash = createHash("sha256");
  const compilers = ["assemblyscript", "typescript"].map((tool) =>
    join("node_modules", tool, "package.json"),
  );
  for (const path of [...paths, "scripts/build.mjs", ...compilers]) {
    for (const file of filesBelow(path)) {
      if (at(file) === embedded) continue;
      hash
        .update(`${file}\0`)
        .update(readFileSync(at(file)))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

function filesBelow(path) {
  if (!statSync(at(path)).isDirectory()) return [path];
  return readdirSync(at(path), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Runs a dev dependency's own script with this Node, so that no shell and no shim is involved. */
function runTool(name, script, args) {
  execFileSync(process.execPath, [at("node_modules", name, script), ...args], {
    cwd: root,
    stdio: "inherit",
  });
}

/** The release engine as base64 text in a module: one import works in Node, bundlers and pages. */
function embeddedModule(bytes) {
  const text = bytes.toString("base64").replace(/(.{100})/g, "$1\\\n");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return [
    "// Made by scripts/build.mjs from build/release/engine.wasm. Not kept in git.",
    "/** SHA-256 of the embedded engine, in hex: names the build in benchmark reports. */",
    `export const ENGINE_SHA256: string = "${sha256}";`,
    "/** The release engine, base64. */",
    `export const ENGINE_BASE64: string = \`${text}\`;`,
    "",
  ].join("\n");
}
