import Benchmark from "benchmark";

/** How long a contender is measured in a cell. */
export interface Effort {
  /** Seconds of samples to collect. */
  readonly seconds: number;
  /** Seconds that a sample takes at least, so that the clock's resolution does not matter. */
  readonly sampleSeconds: number;
  readonly samplesMin: number;
  /** Seconds that a contender may take in a cell: building, checking and measuring. */
  readonly budgetSeconds: number;
}

/** Nanoseconds per operation over the samples. */
export interface Figures {
  /** The median, which the tables show: other work on the machine hardly moves it. */
  readonly nanoseconds: number;
  readonly mean: number;
  /** Half the 95 % confidence interval of the mean, in percent of it. */
  readonly marginPercent: number;
  readonly samples: number;
}

/** Two-sided critical values at 95 % of Student's t, from one degree of freedom. */
const STUDENT_T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
const NORMAL = 1.96;

/** @param seconds samples in seconds per operation, at least one */
export function figuresOf(seconds: readonly number[]): Figures {
  const sorted = seconds.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  const mean = sum(seconds) / seconds.length;
  const degrees = seconds.length - 1;
  const deviation = Math.sqrt(sum(seconds.map((x) => (x - mean) ** 2)) / degrees);
  const margin = (deviation / Math.sqrt(seconds.length)) * (STUDENT_T[degrees - 1] ?? NORMAL);
  return {
    nanoseconds: median * 1e9,
    mean: mean * 1e9,
    marginPercent: degrees === 0 ? 100 : (100 * margin) / mean,
    samples: seconds.length,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, x) => total + x, 0);
}

/**
 * Seconds per call of a function that can be called again and again, by Benchmark: it calls the
 * function once untimed before each sample, and as often per sample as the effort asks for.
 */
export function sampleCalls(call: () => void, effort: Effort): number[] {
  const benchmark = new Benchmark("call", call, {
    minTime: effort.sampleSeconds,
    maxTime: effort.seconds,
    minSamples: effort.samplesMin,
  });
  benchmark.run({ async: false });
  if (benchmark.error !== undefined) throw benchmark.error;
  return benchmark.stats.sample;
}

/**
 * Seconds per operation where work that is timed alternates with work that is not, which Benchmark
 * cannot do: `pass` returns the seconds of the timed part. Passes are added up to samples.
 */
export function samplePasses(pass: () => number, operations: number, effort: Effort): number[] {
  const samples: number[] = [];
  const begin = performance.now();
  do {
    let seconds = 0;
    let passes = 0;
    do {
      seconds += pass();
      passes += 1;
    } while (seconds < effort.sampleSeconds);
    samples.push(seconds / (passes * operations));
  } while (samples.length < effort.samplesMin || performance.now() - begin < effort.seconds * 1000);
  return samples;
}

let sink = 0;

/** Takes what measured work has computed, so that the compiler can leave none of it out. */
export function consume(result: number): void {
  sink += result;
}

/** What was consumed until now. */
export function consumed(): number {
  return sink;
}

/** Seconds that a piece of work takes. */
export function secondsOf(work: () => void): number {
  const begin = performance.now();
  work();
  return (performance.now() - begin) / 1000;
}
