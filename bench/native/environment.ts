import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { IntervalidateError } from "intervalidate";

/** The engine under measurement. */
export interface EngineBuild {
  readonly module: WebAssembly.Module;
  readonly path: string;
  /** Of the module's bytes, in hex. */
  readonly sha256: string;
}

/** Loads the package's engine, or another build of it. @throws {IntervalidateError} INPUT */
export function loadEngine(path?: string): EngineBuild {
  const file = path ?? fileURLToPath(import.meta.resolve("intervalidate/engine.wasm"));
  try {
    const bytes = readFileSync(file);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { module: new WebAssembly.Module(bytes), path: file, sha256 };
  } catch (error) {
    throw new IntervalidateError("INPUT", `${file} is no engine: ${(error as Error).message}`);
  }
}

/** The processor's name and Node's version. */
export function hostLines(): { cpu: string; node: string } {
  return { cpu: cpus()[0]?.model ?? "unknown", node: process.version };
}
