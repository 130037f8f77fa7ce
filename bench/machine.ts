import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cell } from "./cells.ts";
import { type Contender, OURS } from "./contenders.ts";
import { referenceOf } from "./reference.ts";
import type { Machine, ReportedContender } from "./report.ts";
import { hashOf, intervalsOf } from "./workloads.ts";

const ROOT = join(import.meta.dirname, "../..");

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    node: process.version,
    v8: process.versions.v8,
  };
}

/** SHA-256 of the engine in the package, in hex. */
export function engineSha256(): string {
  const path = fileURLToPath(import.meta.resolve("intervalidate/engine.wasm"));
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Who is measured, in which version. */
export function reported({ name, package: from, dynamic }: Contender): ReportedContender {
  if (from === undefined) return { name, package: null, version: null, dynamic };
  const folder = name === OURS ? ROOT : join(ROOT, "node_modules", from);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { name, package: from, version, dynamic };
}

/** The hashes of the workloads that the cells are made of. @throws {Error} if one is not the reference's */
export function workloadHashes(cells: readonly Cell[]): Record<string, string> {
  const hashes: Record<string, string> = {};
  for (const { workload, count } of cells) {
    const name = `${workload}/${count}`;
    if (name in hashes) continue;
    const hash = hashOf(intervalsOf(workload, count));
    const expected = referenceOf(workload, count).hash;
    if (hash !== expected) throw new Error(`${name} has the hash ${hash}, should be ${expected}.`);
    hashes[name] = hash;
  }
  return hashes;
}
