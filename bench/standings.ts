import { type Cell, OPERATIONS, type Operation } from "./cells.ts";
import { CONTENDERS, type Contender, OURS } from "./contenders.ts";
import type { Best, CellReport, Ratios } from "./report.ts";
import type { Verdict } from "./verdict.ts";

/** From here on a set counts as large; and for churn. */
const LARGE = 1e4;
const LARGE_CHURN = 1e5;

/** How many times as long a peer takes, as a geometric mean over the large cells of an operation. */
export interface Mean {
  readonly contender: string;
  readonly operation: Operation;
  readonly ratio: number;
  readonly cells: number;
}

/** Something this package promises, and whether it was kept. */
export interface Bar {
  readonly name: string;
  readonly required: number;
  /** The least ratio, or the geometric mean; null if no cell could be compared. */
  readonly ratio: number | null;
  readonly met: boolean | null;
  /** The cell with the least ratio, and that. */
  readonly worst: {
    readonly cell: string;
    readonly contender: string;
    readonly ratio: number;
  } | null;
  /** Cells that were compared. */
  readonly cells: number;
  /** Cells in which no such peer was right in time. */
  readonly withoutPeer: number;
}

const PEERS = CONTENDERS.filter(({ name, package: from }) => name !== OURS && from !== undefined);
const KINDS: Readonly<Record<keyof Ratios, (peer: Contender) => boolean>> = {
  dynamic: (peer) => peer.dynamic,
  static: (peer) => !peer.dynamic,
  flatbush: (peer) => peer.name === "flatbush",
};

export function ratiosOf(verdicts: Readonly<Record<string, Verdict>>): Ratios {
  return {
    dynamic: bestOf(verdicts, KINDS.dynamic),
    static: bestOf(verdicts, KINDS.static),
    flatbush: bestOf(verdicts, KINDS.flatbush),
  };
}

/** If our own answer is wrong or late, its peers are infinitely better. */
function bestOf(
  verdicts: Readonly<Record<string, Verdict>>,
  isKind: (peer: Contender) => boolean,
): Best | null {
  let best: Best | null = null;
  for (const { name } of PEERS.filter(isKind)) {
    const ratio = ratioTo(verdicts, name);
    if (ratio !== null && (best === null || ratio < best.ratio)) best = { contender: name, ratio };
  }
  return best;
}

/** How many times as long as ours a contender takes; null if it was not measured. */
export function ratioTo(
  verdicts: Readonly<Record<string, Verdict>>,
  contender: string,
): number | null {
  const ours = verdicts[OURS];
  const theirs = verdicts[contender];
  if (theirs.verdict !== "measured") return null;
  return ours.verdict === "measured" ? theirs.nanoseconds / ours.nanoseconds : 0;
}

/** Per peer and operation, over the large cells in which both were measured. */
export function meansOf(cells: readonly CellReport[]): Mean[] {
  return CONTENDERS.filter(({ name }) => name !== OURS).flatMap(({ name }) =>
    OPERATIONS.flatMap((operation) => {
      const ratios = cells
        .filter((cell) => cell.operation === operation && cell.count >= LARGE)
        .map((cell) => ratioTo(cell.verdicts, name))
        .filter((ratio) => ratio !== null);
      if (ratios.length === 0) return [];
      return [{ contender: name, operation, ratio: geometricMean(ratios), cells: ratios.length }];
    }),
  );
}

export function barsOf(cells: readonly CellReport[]): Bar[] {
  const isLarge = ({ count }: Cell): boolean => count >= LARGE;
  const isLargeChurn = ({ operation, count }: Cell): boolean =>
    operation === "churn" && count >= LARGE_CHURN;
  const always = (): boolean => true;
  return [
    bar("best dynamic peer: ahead in every cell", cells, "dynamic", always, 1),
    bar(
      "best dynamic peer: 10x in every churn cell from 100,000",
      cells,
      "dynamic",
      isLargeChurn,
      10,
    ),
    bar(
      "best dynamic peer: 5x as a geometric mean from 10,000",
      cells,
      "dynamic",
      isLarge,
      5,
      true,
    ),
    bar("flatbush: ahead in every cell", cells, "flatbush", always, 1),
    bar("flatbush: 2x in every cell from 10,000", cells, "flatbush", isLarge, 2),
  ];
}

function bar(
  name: string,
  cells: readonly CellReport[],
  kind: keyof Ratios,
  isMeant: (cell: Cell) => boolean,
  required: number,
  asMean = false,
): Bar {
  const meant = cells.filter(isMeant);
  const compared = meant.flatMap((cell) => {
    const best = cell.ratios[kind];
    return best === null ? [] : [{ cell: cell.name, ...best }];
  });
  // Where a kind lacks the operation there is nobody to be compared with.
  const possible = meant.filter(({ verdicts }) =>
    PEERS.some((peer) => KINDS[kind](peer) && verdicts[peer.name].verdict !== "lacking"),
  );
  const withoutPeer = possible.length - compared.length;
  if (compared.length === 0) {
    return { name, required, ratio: null, met: null, worst: null, cells: 0, withoutPeer };
  }
  const worst = compared.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  const ratio = asMean ? geometricMean(compared.map((best) => best.ratio)) : worst.ratio;
  return {
    name,
    required,
    ratio,
    met: asMean || required > 1 ? ratio >= required : ratio > required,
    worst,
    cells: compared.length,
    withoutPeer,
  };
}

function geometricMean(ratios: readonly number[]): number {
  const logs = ratios.map((ratio) => Math.log(ratio));
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}
