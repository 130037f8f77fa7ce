import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { IntervalidateError } from "intervalidate";
import type { ImplicitTreeSource } from "./implicit-tree-source.ts";
import type { KernelSource } from "./kernel-source.ts";

const FLAGS: readonly string[] = ["-O3", "-march=native"];

/** First line of `gcc --version`. @throws {IntervalidateError} INPUT if there is no gcc */
export function gccVersion(): string {
  const { status, stdout } = spawnSync("gcc", ["--version"], { encoding: "utf8" });
  if (status === 0) return stdout.split("\n")[0] as string;
  throw new IntervalidateError(
    "INPUT",
    "The native peers are compiled on the spot, but there is no gcc on the path: install it (on Debian: apt-get install gcc libc6-dev).",
  );
}

/**
 * Compiles the kernel's interval tree around our records; returns the program's path.
 *
 * @param sources the folder with our part of the native code
 * @throws {IntervalidateError} INPUT with the compiler's words if it fails; so do the others
 */
export function compileIntervalTree(
  sources: string,
  kernel: KernelSource,
  outputFolder: string,
): string {
  const program = join(outputFolder, "interval-tree");
  compile("gcc", [
    ...FLAGS,
    // The kernel's dialect, and what its own build cannot do without.
    "-std=gnu11",
    "-fno-strict-aliasing",
    // Ours come first: they stand in for the kernel's headers that user space cannot include.
    `-I${join(sources, "shims")}`,
    `-I${join(kernel.folder, "include")}`,
    `-I${kernel.folder}`,
    "-o",
    program,
    join(sources, "interval-tree.c"),
  ]);
  return program;
}

/** Compiles the optional static peer; returns the program's path. */
export function compileImplicitTree(
  sources: string,
  { include, archive }: ImplicitTreeSource,
  outputFolder: string,
): string {
  const program = join(outputFolder, "implicit-tree");
  compile("g++", [
    ...FLAGS,
    "-std=c++17",
    "-DNDEBUG",
    "-fopenmp",
    `-I${include}`,
    "-o",
    program,
    join(sources, "implicit-tree.cpp"),
    archive,
    "-latomic",
  ]);
  return program;
}

function compile(compiler: string, parameters: readonly string[]): void {
  const { status, stderr, error } = spawnSync(compiler, parameters, { encoding: "utf8" });
  if (status === 0) return;
  throw new IntervalidateError(
    "INPUT",
    `${compiler} ${parameters.join(" ")}\nfailed: ${error?.message ?? stderr}`,
  );
}
