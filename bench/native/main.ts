import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "intervalidate";
import { REFERENCES } from "../reference.ts";
import type { WorkloadName } from "../workloads.ts";
import { type CellResult, Comparison } from "./comparison.ts";
import { compileIntervalTree, gccVersion } from "./compiler.ts";
import { EngineSide } from "./engine-side.ts";
import { findKernelSource } from "./kernel-source.ts";
import { NativeSide } from "./native-side.ts";
import { pinToOneCpu } from "./pinning.ts";
import { RangeIndexSide } from "./range-index-side.ts";
import { encodeWorkload, prepareWorkload } from "./workload-file.ts";

const root = dirname(fileURLToPath(import.meta.resolve("intervalidate/package.json")));
const OPS = new Set([
  "enumerate",
  "count",
  "any",
  "batch",
  "invalidate",
  "insert",
  "remove",
  "churn",
] as const);
const arg = (name: string, fallback: string): string => {
  const i = process.argv.indexOf(name);
  return i < 0 ? fallback : (process.argv[i + 1] as string);
};
const enginePath = arg("--engine", join(root, "dist/engine/engine.wasm"));
const bytes = readFileSync(enginePath);
const module = new WebAssembly.Module(bytes);
console.log(
  cpus()[0]?.model,
  gccVersion(),
  process.version,
  createHash("sha256").update(bytes).digest("hex").slice(0, 16),
  JSON.stringify(pinToOneCpu()),
);
const folder = mkdtempSync(join(tmpdir(), "bench-native-"));
try {
  const kernel = findKernelSource({ download: process.argv.includes("--download") });
  const program = compileIntervalTree(join(root, "bench/native"), kernel, folder);
  console.log("linux", kernel.version);
  const e1 = createEngine({ module });
  const e2 = createEngine({ module });
  // warm
  {
    const w = prepareWorkload("W1", 1000, 1);
    for (const s of [new EngineSide(e1, w), new RangeIndexSide(e2, w)]) {
      for (let r = 0; r < 400; r++) {
        s.run("insert", 1000);
        if (r < 399) s.run("remove", 1000);
      }
      for (const op of ["enumerate", "count", "any", "invalidate"] as const)
        for (let r = 0; r < 3; r++) s.run(op, 200000);
      for (let r = 0; r < 3; r++) {
        s.run("insert", 1000);
        s.run("churn", 200000);
      }
      if (s instanceof RangeIndexSide) {
        s.run("insert", 1000);
        s.run("batch", 200000);
      }
    }
  }
  const names = arg("--workloads", "W1,W2,W3,W5").split(",") as WorkloadName[];
  const sizes = arg("--n", "1000,10000,100000,1000000").split(",").map(Number);
  const ops = arg("--ops", "enumerate,invalidate,churn").split(",");
  const unit = Number(arg("--unit", "1"));
  for (const name of names)
    for (const count of sizes) {
      const w = prepareWorkload(name, count, unit);
      const file = join(folder, "workload");
      writeFileSync(file, encodeWorkload(w));
      const native = new NativeSide("C", OPS, program, file);
      const c = new Comparison(
        w,
        [native, new EngineSide(e1, w), new RangeIndexSide(e2, w)],
        Number(arg("--passes", "9")),
      );
      const print = (r: CellResult): void =>
        console.log(
          r.operation.padEnd(11),
          r.workload.padEnd(4),
          String(r.count).padStart(8),
          String(r.amount).padStart(7),
          r.sides
            .map(
              (s) =>
                `${s.side} ${s.nanoseconds.toFixed(1).padStart(9)} ns x${s.ratio.toFixed(2).padEnd(7)}`,
            )
            .join("  "),
        );
      await c.fill();
      const reference = REFERENCES.find((r) => r.name === name && r.count === count);
      if (reference) await c.verify("enumerate", reference);
      for (const op of ["enumerate", "count", "any", "batch", "invalidate"] as const)
        if (ops.includes(op)) print(await c.measureQueries(op, false));
      if (ops.includes("held")) {
        await c.lock();
        print(await c.measureQueries("invalidate", true));
      }
      for (const op of ["insert", "remove"] as const)
        if (ops.includes(op)) print(await c.measureUpdates(op));
      if (ops.includes("churn")) {
        await c.fill();
        if (reference) await c.verify("churn", reference);
        print(await c.measureChurn());
      }
      native.close();
    }
} finally {
  rmSync(folder, { recursive: true });
}
