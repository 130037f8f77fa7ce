import type { WorkloadName } from "./workloads.ts";

/**
 * What is known of a workload and a size. Sums of ids are modulo 2^32. Independent programs in
 * several languages, and every correct peer, agree on all of it.
 */
export interface Reference {
  readonly workload: WorkloadName;
  readonly count: number;
  /** FNV-1a over intervals, nominal queries and churn, in hex. */
  readonly hash: string;
  /** Over the first 1000 queries, or all there are nominally. */
  readonly first: { readonly hits: number; readonly ids: number };
  /** Over the first `queries` queries; `nonEmpty` of them hit something. */
  readonly more: {
    readonly queries: number;
    readonly hits: number;
    readonly ids: number;
    readonly nonEmpty: number;
  };
  /** Over the first `operations` of the churn. */
  readonly churn: { readonly operations: number; readonly hits: number; readonly ids: number };
}

/** Hash; hits and ids of the first 1000; queries, hits, ids, non-empty; churn operations, hits, ids. */
type Row = readonly [
  WorkloadName,
  number,
  string,
  readonly [number, number],
  readonly [number, number, number, number],
  readonly [number, number, number],
];

const ROWS: readonly Row[] = [
  ["W1", 1000, "f99ff2cf", [989, 485690], [20000, 19844, 9858169, 11600], [10000, 4812, 6871911]],
  [
    "W2",
    1000,
    "7aa1f11d",
    [61676, 30499425],
    [20000, 1241362, 614325612, 19999],
    [10000, 321036, 461835609],
  ],
  [
    "W3",
    1000,
    "73c8c4fd",
    [1821, 850609],
    [20000, 37083, 17442815, 16644],
    [10000, 9494, 14719870],
  ],
  [
    "W4e",
    1000,
    "a60d8e94",
    [80000, 39960000],
    [20000, 1591000, 794704500, 1591],
    [10000, 433853, 607237767],
  ],
  ["W4s", 1000, "bcc85ce0", [32246, 668208], [2000, 64850, 1347308, 2000], [2000, 37532, 11239677]],
  [
    "W5",
    1000,
    "4f88e560",
    [2876, 1446292],
    [20000, 57541, 28808157, 18263],
    [10000, 13683, 19739308],
  ],
  [
    "W1",
    10000,
    "85a7249d",
    [981, 4820181],
    [20000, 20003, 98883978, 11743],
    [10000, 5013, 28494747],
  ],
  [
    "W2",
    10000,
    "83a8af28",
    [64790, 324280919],
    [20000, 1275639, 2085285017, 20000],
    [10000, 318730, 1806052063],
  ],
  [
    "W3",
    10000,
    "f00f9b77",
    [10794, 53397180],
    [20000, 216955, 1076288095, 19769],
    [10000, 55654, 319367078],
  ],
  [
    "W4e",
    10000,
    "9e1e32b5",
    [720000, 3599640000],
    [10000, 7970000, 1191309336, 797],
    [10000, 3873743, 380641258],
  ],
  [
    "W4s",
    10000,
    "c28b28fb",
    [32442, 689755],
    [2000, 64545, 1373823, 2000],
    [2000, 32280, 14449055],
  ],
  [
    "W5",
    10000,
    "58c61928",
    [6125, 30538147],
    [20000, 125370, 634774124, 19703],
    [10000, 31589, 178724396],
  ],
  [
    "W1",
    100000,
    "8c6a4ec3",
    [996, 49518734],
    [20000, 19851, 994708003, 11687],
    [10000, 4935, 252933530],
  ],
  [
    "W2",
    100000,
    "8bf73796",
    [63046, 3162959688],
    [20000, 1282020, 3995254581, 20000],
    [10000, 327860, 3712135884],
  ],
  [
    "W3",
    100000,
    "319a55b2",
    [100813, 739682324],
    [20000, 2020716, 2124827919, 19986],
    [10000, 500346, 3832957987],
  ],
  [
    "W4e",
    100000,
    "2744d37a",
    [8700000, 1203953104],
    [1000, 8700000, 1203953104, 87],
    [1000, 3699759, 521079327],
  ],
  ["W4s", 100000, "8f970dbb", [32274, 680197], [2000, 65133, 1366235, 2000], [2000, 30855, 643412]],
  [
    "W5",
    100000,
    "8aae8557",
    [7019, 365980687],
    [20000, 136553, 2553706334, 19873],
    [10000, 34647, 1793636469],
  ],
  [
    "W1",
    1000000,
    "e13b4a8c",
    [1008, 510914917],
    [20000, 19918, 1390340771, 11687],
    [10000, 5134, 2542634936],
  ],
  [
    "W2",
    1000000,
    "e63fa115",
    [64668, 2251097304],
    [20000, 1280459, 3989613980, 20000],
    [10000, 322706, 2479865502],
  ],
  [
    "W3",
    1000000,
    "6e222146",
    [986739, 3827971934],
    [10000, 9984801, 887276665, 9998],
    [10000, 4976334, 2115978555],
  ],
  [
    "W4e",
    1000000,
    "e82bd03f",
    [18000000, 2034514880],
    [200, 18000000, 2034514880, 18],
    [200, 8000005, 1460748967],
  ],
  [
    "W4s",
    1000000,
    "f3477f5e",
    [31738, 652070],
    [2000, 64529, 1350063, 2000],
    [2000, 32012, 687036],
  ],
  [
    "W5",
    1000000,
    "489f81b0",
    [6811, 3545291005],
    [20000, 138032, 599483135, 19915],
    [10000, 34465, 4228923128],
  ],
];

export const REFERENCES: readonly Reference[] = ROWS.map(
  ([workload, count, hash, first, more, churn]) => ({
    workload,
    count,
    hash,
    first: { hits: first[0], ids: first[1] },
    more: { queries: more[0], hits: more[1], ids: more[2], nonEmpty: more[3] },
    churn: { operations: churn[0], hits: churn[1], ids: churn[2] },
  }),
);

export function referenceOf(workload: WorkloadName, count: number): Reference {
  const found = REFERENCES.find((row) => row.workload === workload && row.count === count);
  if (found === undefined)
    throw new Error(`Nothing is known of ${workload} with ${count} intervals.`);
  return found;
}
