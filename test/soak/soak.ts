// Many histories one after the other, and what came of them.

import { type Conditions, type Outcome, play } from "./history.ts";
import { type History, historyOf, MIXES } from "./plan.ts";
import { shrink } from "./shrink.ts";

const SHRINK_BUDGET = 2_000_000;
const NOTES_MAX = 60;

export interface SoakOptions extends Conditions {
  readonly seed: number;
  /** Histories are played until this many operations are done. */
  readonly operations: number;
  /** Options of the command that choose the same engine. */
  readonly replayOptions?: string;
  /** Told of the operations done after each history. */
  readonly progress?: (operations: number) => void;
}

interface MixReport {
  readonly mix: string;
  histories: number;
  operations: number;
  peakIntervals: number;
  bytesPerInterval: number;
  refillGrowthBytes: number;
}

export interface SoakReport {
  readonly seed: number;
  operations: number;
  readonly mixes: readonly MixReport[];
  /** The first difference, with what replays it. */
  difference?: string;
}

/** Ends at the first difference between the engine and the model. */
export function soak(options: SoakOptions): SoakReport {
  const { seed } = options;
  const mixes = MIXES.map(({ name }) => ({
    mix: name,
    histories: 0,
    operations: 0,
    peakIntervals: 0,
    bytesPerInterval: 0,
    refillGrowthBytes: 0,
  }));
  const report: SoakReport = { seed, operations: 0, mixes };
  for (let number = 0; report.operations < options.operations; number += 1) {
    const history = historyOf(seed, number);
    const outcome = play(history, options);
    report.operations += outcome.operations;
    addTo(mixes[MIXES.indexOf(history.mix)] as MixReport, outcome);
    options.progress?.(report.operations);
    if (outcome.failure !== undefined) {
      report.difference = explain(history, options, outcome);
      return report;
    }
  }
  return report;
}

function addTo(report: MixReport, outcome: Outcome): void {
  report.histories += 1;
  report.operations += outcome.operations;
  report.refillGrowthBytes = Math.max(report.refillGrowthBytes, outcome.refillGrowth);
  const bytes = outcome.peakBytes / Math.max(1, outcome.peak);
  if (outcome.peak > report.peakIntervals) {
    report.peakIntervals = outcome.peak;
    report.bytesPerInterval = bytes;
  } else if (outcome.peak === report.peakIntervals) {
    report.bytesPerInterval = Math.max(report.bytesPerInterval, bytes);
  }
}

/** What differed, the commands that show it again, and the shortest way there. */
export function explain(
  history: History,
  options: Pick<SoakOptions, "module" | "makeSet" | "replayOptions">,
  { failure }: Outcome,
): string {
  if (failure === undefined) return "";
  const { seed, number, mix, size } = history;
  const command = `npm run soak -- --seed ${seed} --history ${number}${options.replayOptions ?? ""}`;
  const lines = [
    `History ${number} of seed ${seed} (${mix.name}, ${size.name}) differs at step ${failure.step} ` +
      `of ${size.steps}: ${failure.message}`,
    `  replay: ${command}`,
  ];
  const shrunk = shrink(history, options, failure, SHRINK_BUDGET);
  if (shrunk !== undefined) {
    lines.push(
      `  shrunk to ${shrunk.steps.length} steps: ${shrunk.failure.message}`,
      `  replay: ${command} --steps ${shrunk.steps.join(",")}`,
      ...shrunk.notes.slice(-NOTES_MAX).map((note) => `    ${note}`),
    );
  }
  return lines.join("\n");
}
