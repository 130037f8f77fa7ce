import type { Operation, Setting } from "./cells.ts";
import type { Effort } from "./sampling.ts";
import type { Bar, Mean } from "./standings.ts";
import type { Verdict } from "./verdict.ts";

/** What `--json` writes; README.md describes it. */
export interface Report {
  readonly format: 1;
  readonly machine: Machine;
  /** SHA-256 of the engine that was measured, in hex. */
  readonly engineSha256: string;
  /** The hash of each generated workload, all as in the reference. */
  readonly workloads: Readonly<Record<string, string>>;
  readonly effort: Effort;
  readonly contenders: readonly ReportedContender[];
  readonly cells: readonly CellReport[];
  readonly means: readonly Mean[];
  readonly bars: readonly Bar[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly v8: string;
}

export interface ReportedContender {
  readonly name: string;
  /** npm package and version; null for code of this suite. */
  readonly package: string | null;
  readonly version: string | null;
  readonly dynamic: boolean;
}

export interface CellReport extends Setting {
  readonly name: string;
  readonly operation: Operation;
  /** By name of contender, all of them. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
  readonly ratios: Ratios;
}

/** The best correct peer of a kind and how many times as long it takes; null if none was measured. */
export interface Ratios {
  readonly dynamic: Best | null;
  readonly static: Best | null;
  readonly flatbush: Best | null;
}

export interface Best {
  readonly contender: string;
  readonly ratio: number;
}
