import type { Configurations } from "./contender.ts";

export interface Contender {
  /** As in the tables. */
  readonly name: string;
  /** The npm package; undefined for code of this suite. */
  readonly package: string | undefined;
  /** Whether single intervals can be inserted and removed. */
  readonly dynamic: boolean;
  /** Loaded in the process that measures this contender, and in no other. */
  load(): Promise<Configurations>;
}

/** What everybody is compared with. */
export const OURS = "intervalidate";

export const CONTENDERS: readonly Contender[] = [
  {
    name: OURS,
    package: "intervalidate",
    dynamic: true,
    load: async () => (await import("./range-index.ts")).configurations,
  },
  {
    name: "flatten-js",
    package: "@flatten-js/interval-tree",
    dynamic: true,
    load: async () => (await import("./peers/flatten-js.ts")).configurations,
  },
  {
    name: "node-interval-tree",
    package: "node-interval-tree",
    dynamic: true,
    load: async () => (await import("./peers/node-interval-tree.ts")).configurations,
  },
  {
    name: "i2bplustree",
    package: "i2bplustree",
    dynamic: true,
    load: async () => (await import("./peers/i2bplustree.ts")).configurations,
  },
  {
    name: "rbush",
    package: "rbush",
    dynamic: true,
    load: async () => (await import("./peers/rbush.ts")).configurations,
  },
  {
    name: "interval-tree-1d",
    package: "interval-tree-1d",
    // It has a `remove`, which in some orders (of 1000 intervals: in all tried) throws or finds nothing.
    dynamic: false,
    load: async () => (await import("./peers/interval-tree-1d.ts")).configurations,
  },
  {
    name: "flatbush",
    package: "flatbush",
    dynamic: false,
    load: async () => (await import("./peers/flatbush.ts")).configurations,
  },
  {
    name: "mnemonist",
    package: "mnemonist",
    dynamic: false,
    load: async () => (await import("./peers/mnemonist.ts")).configurations,
  },
  {
    name: "list scan",
    package: undefined,
    dynamic: true,
    load: async () => (await import("./peers/list-scan.ts")).configurations,
  },
];
