// Breaks one rule of the notifier core at a time and looks whether anybody notices: first the litmus
// files, then the property tests. `npm run mutate`, or `npm run mutate -- WORD` for the rules with this
// word. Takes a second or so per mutant that a litmus file kills, half a minute for others.
//
// The sources are mutated in a copy below build/, so a run that is cut off leaves no trace.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mutants } from "./mutants.mjs";

const root = join(import.meta.dirname, "..");
const copy = join(root, "build", "mutants");
const word = process.argv[2] ?? "";
const chosen = mutants.filter(({ rule, file }) => `${rule} ${file}`.includes(word));

rmSync(copy, { recursive: true, force: true });
mkdirSync(join(copy, "build"), { recursive: true });
for (const path of [
  "src",
  "test",
  "package.json",
  "tsconfig.json",
  "build/release",
  "build/debug",
]) {
  cpSync(join(root, path), join(copy, path), { recursive: true });
}
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");

// A rule that is broken often leaves something unused, which the types would refuse.
const compile = ["node_modules/typescript/bin/tsc", "-p", ".", "--noCheck"];
/** What notices a mutant, fastest first. */
const judges = [
  { name: "litmus", command: ["dist/cli/main.js", "litmus", "test/litmus", "--quiet"] },
  {
    name: "properties",
    command: [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--config",
      "test/vitest.config.ts",
      "test/notifier",
      "--bail=1",
      "--testTimeout=60000",
    ],
  },
];

const unmutated = verdictOf();
if (unmutated !== undefined) {
  console.error(`mutate: the sources as they are fail already, by ${unmutated}`);
  process.exit(2);
}

const survivors = [];
for (const { rule, file, from, to } of chosen) {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  if (source.split(from).length !== 2) {
    console.error(`mutate: ${file} does not have this text exactly once: ${from}`);
    process.exit(2);
  }
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  const judge = verdictOf();
  writeFileSync(path, source);
  console.log(`${(judge ?? "SURVIVED").padEnd(10)}  ${rule}`);
  if (judge === undefined) survivors.push(rule);
}
console.log(`${chosen.length} mutants, ${survivors.length} survivors`);
rmSync(copy, { recursive: true, force: true });
process.exitCode = survivors.length === 0 ? 0 : 1;

/** The first judge that notices something, or nobody. */
function verdictOf() {
  execFileSync(process.execPath, compile, { cwd: copy, stdio: "inherit" });
  for (const { name, command } of judges) {
    try {
      execFileSync(process.execPath, command, { cwd: copy, stdio: "ignore", timeout: 300_000 });
    } catch {
      return name;
    }
  }
  return undefined;
}
