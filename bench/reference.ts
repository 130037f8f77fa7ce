import type { WorkloadName } from "./workloads.ts";

/** Hits in all, and the sum of their ids modulo 2^32. */
interface Totals {
  readonly hits: number;
  readonly ids: number;
}

/** What every right answer to a workload adds up to. */
export interface Reference {
  readonly name: WorkloadName;
  readonly count: number;
  /** Hash of the generator's output, `hashOf`. */
  readonly hash: string;
  /** Over the first 1000 queries, or all if there are fewer. */
  readonly first: Totals;
  /** Over the first `queries` queries; `nonEmpty` of them have a hit. */
  readonly many: Totals & { readonly queries: number; readonly nonEmpty: number };
  /** Over the queries among the first `operations` of the churn. */
  readonly churn: Totals & { readonly operations: number };
}

/** Agreed by several independent programs, native and JavaScript. */
export const REFERENCES: readonly Reference[] = [
  {
    name: "W1",
    count: 1000,
    hash: "f99ff2cf",
    first: { hits: 989, ids: 485690 },
    many: { queries: 20000, hits: 19844, ids: 9858169, nonEmpty: 11600 },
    churn: { operations: 10000, hits: 4812, ids: 6871911 },
  },
  {
    name: "W2",
    count: 1000,
    hash: "7aa1f11d",
    first: { hits: 61676, ids: 30499425 },
    many: { queries: 20000, hits: 1241362, ids: 614325612, nonEmpty: 19999 },
    churn: { operations: 10000, hits: 321036, ids: 461835609 },
  },
  {
    name: "W3",
    count: 1000,
    hash: "73c8c4fd",
    first: { hits: 1821, ids: 850609 },
    many: { queries: 20000, hits: 37083, ids: 17442815, nonEmpty: 16644 },
    churn: { operations: 10000, hits: 9494, ids: 14719870 },
  },
  {
    name: "W4e",
    count: 1000,
    hash: "a60d8e94",
    first: { hits: 80000, ids: 39960000 },
    many: { queries: 20000, hits: 1591000, ids: 794704500, nonEmpty: 1591 },
    churn: { operations: 10000, hits: 433853, ids: 607237767 },
  },
  {
    name: "W4s",
    count: 1000,
    hash: "bcc85ce0",
    first: { hits: 32246, ids: 668208 },
    many: { queries: 2000, hits: 64850, ids: 1347308, nonEmpty: 2000 },
    churn: { operations: 2000, hits: 37532, ids: 11239677 },
  },
  {
    name: "W5",
    count: 1000,
    hash: "4f88e560",
    first: { hits: 2876, ids: 1446292 },
    many: { queries: 20000, hits: 57541, ids: 28808157, nonEmpty: 18263 },
    churn: { operations: 10000, hits: 13683, ids: 19739308 },
  },
  {
    name: "W1",
    count: 10000,
    hash: "85a7249d",
    first: { hits: 981, ids: 4820181 },
    many: { queries: 20000, hits: 20003, ids: 98883978, nonEmpty: 11743 },
    churn: { operations: 10000, hits: 5013, ids: 28494747 },
  },
  {
    name: "W2",
    count: 10000,
    hash: "83a8af28",
    first: { hits: 64790, ids: 324280919 },
    many: { queries: 20000, hits: 1275639, ids: 2085285017, nonEmpty: 20000 },
    churn: { operations: 10000, hits: 318730, ids: 1806052063 },
  },
  {
    name: "W3",
    count: 10000,
    hash: "f00f9b77",
    first: { hits: 10794, ids: 53397180 },
    many: { queries: 20000, hits: 216955, ids: 1076288095, nonEmpty: 19769 },
    churn: { operations: 10000, hits: 55654, ids: 319367078 },
  },
  {
    name: "W4e",
    count: 10000,
    hash: "9e1e32b5",
    first: { hits: 720000, ids: 3599640000 },
    many: { queries: 10000, hits: 7970000, ids: 1191309336, nonEmpty: 797 },
    churn: { operations: 10000, hits: 3873743, ids: 380641258 },
  },
  {
    name: "W4s",
    count: 10000,
    hash: "c28b28fb",
    first: { hits: 32442, ids: 689755 },
    many: { queries: 2000, hits: 64545, ids: 1373823, nonEmpty: 2000 },
    churn: { operations: 2000, hits: 32280, ids: 14449055 },
  },
  {
    name: "W5",
    count: 10000,
    hash: "58c61928",
    first: { hits: 6125, ids: 30538147 },
    many: { queries: 20000, hits: 125370, ids: 634774124, nonEmpty: 19703 },
    churn: { operations: 10000, hits: 31589, ids: 178724396 },
  },
  {
    name: "W1",
    count: 100000,
    hash: "8c6a4ec3",
    first: { hits: 996, ids: 49518734 },
    many: { queries: 20000, hits: 19851, ids: 994708003, nonEmpty: 11687 },
    churn: { operations: 10000, hits: 4935, ids: 252933530 },
  },
  {
    name: "W2",
    count: 100000,
    hash: "8bf73796",
    first: { hits: 63046, ids: 3162959688 },
    many: { queries: 20000, hits: 1282020, ids: 3995254581, nonEmpty: 20000 },
    churn: { operations: 10000, hits: 327860, ids: 3712135884 },
  },
  {
    name: "W3",
    count: 100000,
    hash: "319a55b2",
    first: { hits: 100813, ids: 739682324 },
    many: { queries: 20000, hits: 2020716, ids: 2124827919, nonEmpty: 19986 },
    churn: { operations: 10000, hits: 500346, ids: 3832957987 },
  },
  {
    name: "W4e",
    count: 100000,
    hash: "2744d37a",
    first: { hits: 8700000, ids: 1203953104 },
    many: { queries: 1000, hits: 8700000, ids: 1203953104, nonEmpty: 87 },
    churn: { operations: 1000, hits: 3699759, ids: 521079327 },
  },
  {
    name: "W4s",
    count: 100000,
    hash: "8f970dbb",
    first: { hits: 32274, ids: 680197 },
    many: { queries: 2000, hits: 65133, ids: 1366235, nonEmpty: 2000 },
    churn: { operations: 2000, hits: 30855, ids: 643412 },
  },
  {
    name: "W5",
    count: 100000,
    hash: "8aae8557",
    first: { hits: 7019, ids: 365980687 },
    many: { queries: 20000, hits: 136553, ids: 2553706334, nonEmpty: 19873 },
    churn: { operations: 10000, hits: 34647, ids: 1793636469 },
  },
  {
    name: "W1",
    count: 1000000,
    hash: "e13b4a8c",
    first: { hits: 1008, ids: 510914917 },
    many: { queries: 20000, hits: 19918, ids: 1390340771, nonEmpty: 11687 },
    churn: { operations: 10000, hits: 5134, ids: 2542634936 },
  },
  {
    name: "W2",
    count: 1000000,
    hash: "e63fa115",
    first: { hits: 64668, ids: 2251097304 },
    many: { queries: 20000, hits: 1280459, ids: 3989613980, nonEmpty: 20000 },
    churn: { operations: 10000, hits: 322706, ids: 2479865502 },
  },
  {
    name: "W3",
    count: 1000000,
    hash: "6e222146",
    first: { hits: 986739, ids: 3827971934 },
    many: { queries: 10000, hits: 9984801, ids: 887276665, nonEmpty: 9998 },
    churn: { operations: 10000, hits: 4976334, ids: 2115978555 },
  },
  {
    name: "W4e",
    count: 1000000,
    hash: "e82bd03f",
    first: { hits: 18000000, ids: 2034514880 },
    many: { queries: 200, hits: 18000000, ids: 2034514880, nonEmpty: 18 },
    churn: { operations: 200, hits: 8000005, ids: 1460748967 },
  },
  {
    name: "W4s",
    count: 1000000,
    hash: "f3477f5e",
    first: { hits: 31738, ids: 652070 },
    many: { queries: 2000, hits: 64529, ids: 1350063, nonEmpty: 2000 },
    churn: { operations: 2000, hits: 32012, ids: 687036 },
  },
  {
    name: "W5",
    count: 1000000,
    hash: "489f81b0",
    first: { hits: 6811, ids: 3545291005 },
    many: { queries: 20000, hits: 138032, ids: 599483135, nonEmpty: 19915 },
    churn: { operations: 10000, hits: 34465, ids: 4228923128 },
  },
];
