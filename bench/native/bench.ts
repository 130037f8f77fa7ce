import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { IntervalidateError } from "intervalidate";
import { REFERENCES } from "../reference.ts";
import { judge } from "./bars.ts";
import { measureCalls } from "./calls.ts";
import { allCells, type Cell, isTelling, nameOf } from "./cells.ts";
import { type CellResult, Comparison, type Effort } from "./comparison.ts";
import { compileImplicitTree, compileIntervalTree, gccVersion } from "./compiler.ts";
import { hostLines, loadEngine } from "./environment.ts";
import { findImplicitTree } from "./implicit-tree-source.ts";
import { findKernelSource } from "./kernel-source.ts";
import { NativeSide } from "./native-side.ts";
import { pinToOneCpu } from "./pinning.ts";
import { callTable, cellTables, verdictLines } from "./report.ts";
import { type Operation, QUERIES, type Side, UPDATES } from "./side.ts";
import { type OurSides, startEngines, warmUp } from "./sides.ts";
import { encodeWorkload, type PreparedWorkload, prepareWorkload } from "./workload-file.ts";

export interface BenchOptions {
  readonly filter?: RegExp;
  readonly list?: boolean;
  readonly all?: boolean;
  readonly n: readonly number[];
  readonly passes: number;
  readonly json?: string;
  readonly engine?: string;
  readonly linuxSource?: string;
  readonly download?: boolean;
  readonly smoke?: boolean;
}

/** The native programs, compiled. */
interface NativePrograms {
  readonly intervalTree: string;
  /** The optional static peer. */
  readonly implicitTree: string | undefined;
}

const LINUX = "linux";
const IMPLICIT = "iitii";
const LINUX_OPERATIONS: ReadonlySet<Operation> = new Set([...QUERIES, ...UPDATES]);
const IMPLICIT_OPERATIONS: ReadonlySet<Operation> = new Set<Operation>(["enumerate"]);

const FULL = { passNanoseconds: 50e6, operationsMin: 1000, warmUpCalls: 400_000, calls: 2_000_000 };
const SMOKE = { passNanoseconds: 1e5, operationsMin: 100, warmUpCalls: 1000, calls: 10_000 };
const SMOKE_SIZE = 1000;

/**
 * Measures and prints.
 *
 * @throws {IntervalidateError} USAGE or INPUT for what is missing; Error for wrong results
 */
export async function runBench(options: BenchOptions): Promise<void> {
  const cells = selectCells(options);
  if (options.list) {
    for (const cell of cells) console.log(nameOf(cell));
    return;
  }
  const size = options.smoke ? SMOKE : FULL;
  const effort: Effort = { ...size, passes: options.smoke ? 1 : options.passes };
  const gcc = gccVersion();
  const kernel = findKernelSource(options);
  // Its compilation alone takes longer than the rest of a smoke run.
  const implicitTree = options.smoke ? undefined : findImplicitTree(options);
  const engine = loadEngine(options.engine);
  const pinning = pinToOneCpu();
  const host = {
    ...hostLines(),
    gcc,
    kernel: `${kernel.version}, ${kernel.folder}`,
    engine: `sha256 ${engine.sha256}, ${engine.path}`,
    clock: "CPU time: CLOCK_PROCESS_CPUTIME_ID in C, process.cpuUsage() in Node",
    pinned: "cpu" in pinning ? `to CPU ${pinning.cpu}` : `NOT PINNED: ${pinning.failure}`,
  };
  for (const [name, value] of Object.entries(host)) console.log(`${name.padEnd(8)}${value}`);
  if ("failure" in pinning) {
    console.error(
      "Warning: not pinned to one processor, so that the two sides may run on different ones.",
    );
  }
  if (implicitTree === undefined && !options.smoke) {
    console.log("The static peer iitii is left out: not downloaded (--download).");
  }
  const folder = mkdtempSync(join(tmpdir(), "intervalidate-bench-"));
  try {
    const sources = join(packageRoot(), "bench", "native");
    const programs: NativePrograms = {
      intervalTree: compileIntervalTree(sources, kernel, folder),
      implicitTree: implicitTree && compileImplicitTree(sources, implicitTree, folder),
    };
    const ourSides = startEngines(engine.module);
    await warmUp(ourSides, size.warmUpCalls);
    const results = await measureCells(cells, ourSides, programs, effort, folder);
    const calls = measureCalls(engine.module, size.calls, effort.passes);
    const verdicts = ["engine", "RangeIndex"].flatMap((side) => judge(results, side));
    console.log(`\n${cellTables(results)}\n\n${callTable(calls)}\n`);
    console.log(options.smoke ? "A smoke run: the times mean nothing." : verdictLines(verdicts));
    if (options.json !== undefined) {
      const report = { host, effort, cells: results, calls, verdicts };
      writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function selectCells({ filter, all, n, smoke }: BenchOptions): Cell[] {
  const cells = allCells(smoke ? [SMOKE_SIZE] : n).filter((cell) =>
    filter === undefined ? all || smoke || isTelling(cell) : filter.test(nameOf(cell)),
  );
  if (cells.length > 0) return cells;
  throw new IntervalidateError(
    "USAGE",
    `No cell matches: names are such as "churn W2 100000 pages"; --filter . --list prints all.`,
  );
}

async function measureCells(
  cells: readonly Cell[],
  ourSides: OurSides,
  programs: NativePrograms,
  effort: Effort,
  folder: string,
): Promise<CellResult[]> {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = `${cell.workload} ${cell.count} ${cell.unit}`;
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  const results: CellResult[] = [];
  for (const group of groups.values()) {
    const [{ workload: name, count, unit }] = group as [Cell];
    const workload = prepareWorkload(name, count, unit);
    const file = join(folder, "workload");
    writeFileSync(file, encodeWorkload(workload));
    const natives = startNatives(workload, programs, file);
    try {
      const sides: Side[] = [natives[0] as Side, ...ourSides(workload), ...natives.slice(1)];
      const comparison = new Comparison(workload, sides, effort);
      const reference = REFERENCES.find((row) => row.workload === name && row.count === count);
      if (reference !== undefined) {
        await comparison.verify("enumerate", reference);
        if (group.some(({ operation }) => operation === "churn")) {
          await comparison.verify("churn", reference);
        }
      }
      for (const cell of group) {
        if (process.stderr.isTTY) {
          process.stderr.write(`\r\x1b[K${results.length + 1} of ${cells.length}: ${nameOf(cell)}`);
        }
        results.push(await comparison.measure(cell));
      }
    } finally {
      for (const native of natives) await native.close();
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  return results;
}

function startNatives(
  { name }: PreparedWorkload,
  { intervalTree, implicitTree }: NativePrograms,
  file: string,
): NativeSide[] {
  const natives = [new NativeSide(LINUX, LINUX_OPERATIONS, intervalTree, file)];
  // Equal intervals take it quadratic time to build.
  if (implicitTree !== undefined && name !== "W4e") {
    natives.push(new NativeSide(IMPLICIT, IMPLICIT_OPERATIONS, implicitTree, file));
  }
  return natives;
}

function packageRoot(): string {
  return dirname(fileURLToPath(import.meta.resolve("intervalidate/package.json")));
}
