import { type Operation, UPDATES } from "./cells.ts";
import type { Configuration, Structure } from "./contender.ts";
import { checkQuery, type Query, queriesPerRound, roundOf } from "./queries.ts";
import {
  consume,
  type Effort,
  figuresOf,
  sampleCalls,
  samplePasses,
  secondsOf,
} from "./sampling.ts";
import type { SettingData } from "./setting-data.ts";
import { Blocks, checkChurn, checkFirst, churnRoundOf } from "./updates.ts";
import { Budget, TooSlow, type Verdict } from "./verdict.ts";

/** Building is tried with a sixteenth and a quarter of the intervals, if these are so many. */
const TRIED_MIN = 1000;

interface Built {
  readonly configuration: Configuration;
  readonly structure: Structure;
  readonly seconds: number;
}

/** A configuration whose answers were right, ready to be measured. */
interface Candidate {
  readonly configuration: string;
  /** Per operation, from a trial. */
  readonly seconds: number;
  /** Samples, in seconds per operation. */
  sample(): number[];
}

/** Measures one contender in one setting. */
export class Measurement {
  readonly #configurations: readonly Configuration[];
  readonly #data: SettingData;
  readonly #effort: Effort;
  /** What queries share: they change no interval. */
  #shared: Built[] | undefined;
  /** How long building takes, or that it would take too long. */
  readonly #buildingTimes = new Map<Configuration, number | TooSlow>();

  constructor(configurations: readonly Configuration[], data: SettingData, effort: Effort) {
    this.#configurations = configurations;
    this.#data = data;
    this.#effort = effort;
  }

  /** Checks the contender in one operation and, if it is right and fast enough, measures it. */
  measure(operation: Operation): Verdict {
    try {
      const candidates = this.#candidates(operation);
      const best = candidates.reduce((a, b) => (b.seconds < a.seconds ? b : a));
      globalThis.gc?.();
      return {
        verdict: "measured",
        configuration: best.configuration,
        ...figuresOf(best.sample()),
      };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { verdict: error instanceof TooSlow ? "too slow" : "wrong", detail };
    }
  }

  /** At least one. @throws {TooSlow} if there is none in time; any error of a configuration */
  #candidates(operation: Operation): Candidate[] {
    if (operation === "build") {
      return this.#inTime(this.#configurations, (configuration) => this.#building(configuration));
    }
    if (UPDATES.has(operation)) {
      this.#disposeShared();
      // Updates leave their mark on a structure: each operation gets one of its own.
      return this.#inTime(this.#configurations, (configuration) => {
        if (operation === "churn") {
          return this.#churning(this.#build(configuration, this.#data.churnedColumns));
        }
        return this.#updating(this.#build(configuration), operation);
      });
    }
    this.#shared ??= this.#inTime(this.#configurations, (configuration) =>
      this.#build(configuration),
    );
    return this.#inTime(this.#shared, (built) => this.#querying(built, operation as Query));
  }

  /** The results for those that do not throw `TooSlow`; if all do, that. */
  #inTime<From, To>(items: readonly From[], prepare: (item: From) => To): To[] {
    const prepared: To[] = [];
    let tooSlow: TooSlow | undefined;
    for (const item of items) {
      try {
        prepared.push(prepare(item));
      } catch (error) {
        if (!(error instanceof TooSlow)) throw error;
        tooSlow = error;
      }
    }
    if (prepared.length === 0 && tooSlow !== undefined) throw tooSlow;
    return prepared;
  }

  #disposeShared(): void {
    for (const { structure } of this.#shared ?? []) structure.dispose();
    this.#shared = undefined;
  }

  #budget(spent: number): Budget {
    return new Budget(this.#effort.budgetSeconds, spent);
  }

  /** @throws {TooSlow} if it would take too long, which is known before it is tried */
  #build(configuration: Configuration, columns = this.#data.columns): Built {
    const known = this.#buildingTimes.get(configuration) ?? this.#expectBuilding(configuration);
    if (known instanceof TooSlow) throw known;
    globalThis.gc?.();
    const begin = performance.now();
    const structure = configuration.build(columns);
    const seconds = (performance.now() - begin) / 1000;
    this.#buildingTimes.set(configuration, seconds);
    return { configuration, structure, seconds };
  }

  /** Builds parts, to see how long the whole would take. */
  #expectBuilding(configuration: Configuration): number | TooSlow {
    const budget = this.#budget(0);
    const count = this.#data.columns.ids.length;
    let before: number | undefined;
    let whole = 0;
    try {
      for (const part of [16, 4]) {
        if (count / part < TRIED_MIN) continue;
        const prefix = this.#data.prefix(count / part);
        const seconds = secondsOf(() => configuration.build(prefix).dispose());
        const exponent = before === undefined ? 1 : Math.log(seconds / before) / Math.log(4);
        before = seconds;
        whole = seconds * part ** Math.min(2, Math.max(1, exponent));
        budget.demand(whole, `building ${count}`);
      }
      return whole;
    } catch (error) {
      if (!(error instanceof TooSlow)) throw error;
      this.#buildingTimes.set(configuration, error);
      return error;
    }
  }

  #querying({ configuration, structure, seconds }: Built, query: Query): Candidate {
    const budget = this.#budget(seconds);
    checkQuery(query, structure, this.#data, budget);
    const round = roundOf(query, structure, this.#data);
    return this.#calling(configuration, round, queriesPerRound(query, this.#data), budget);
  }

  #churning({ configuration, structure, seconds }: Built): Candidate {
    const budget = this.#budget(seconds);
    checkChurn(structure, this.#data, budget);
    const round = churnRoundOf(structure, this.#data);
    return this.#calling(configuration, round, this.#data.churnPerRound, budget);
  }

  /** By Benchmark: a round of so many operations. */
  #calling(
    { name }: Configuration,
    round: () => void,
    operations: number,
    budget: Budget,
  ): Candidate {
    const seconds = trial(this.#effort.sampleSeconds, () => secondsOf(round));
    const { samplesMin, sampleSeconds } = this.#effort;
    // Before each sample Benchmark calls the round once untimed.
    budget.demand(samplesMin * (seconds + Math.max(seconds, sampleSeconds)), "measuring");
    return {
      configuration: name,
      seconds: seconds / operations,
      sample: () => sampleCalls(round, this.#effort).map((perRound) => perRound / operations),
    };
  }

  #updating({ configuration, structure, seconds }: Built, operation: Operation): Candidate {
    const budget = this.#budget(seconds);
    const blocks = new Blocks(structure, this.#data);
    blocks.check(budget);
    const pass = (): number => {
      const { insert, remove } = blocks.pass();
      return operation === "insert" ? insert : remove;
    };
    let both = Number.POSITIVE_INFINITY;
    const perPass = trial(this.#effort.sampleSeconds, () => {
      let timed = 0;
      const whole = secondsOf(() => {
        timed = pass();
      });
      both = Math.min(both, whole);
      return timed;
    });
    const passes = Math.max(1, this.#effort.sampleSeconds / perPass);
    budget.demand(this.#effort.samplesMin * passes * both, "measuring");
    return {
      configuration: configuration.name,
      seconds: perPass / blocks.size,
      sample: () => samplePasses(pass, blocks.size, this.#effort),
    };
  }

  #building(configuration: Configuration): Candidate {
    const { structure, seconds } = this.#build(configuration);
    const budget = this.#budget(seconds);
    const { hits, ids } = this.#data.reference.first;
    checkFirst(structure, this.#data, budget, hits, ids);
    structure.dispose();
    const { columns, queries } = this.#data;
    const pass = (): number =>
      secondsOf(() => {
        const built = configuration.build(columns);
        consume(built.any(queries.starts[0], queries.ends[0]) ? 1 : 0);
        built.dispose();
      });
    const { samplesMin, sampleSeconds } = this.#effort;
    budget.demand(samplesMin * Math.max(seconds, sampleSeconds), "measuring");
    return {
      configuration: configuration.name,
      seconds,
      sample: () => samplePasses(pass, columns.ids.length, this.#effort),
    };
  }
}

/**
 * The least that `pass` returns, over as many passes as fill the time: configurations are compared by
 * it, and a disturbance must not decide.
 */
function trial(secondsMin: number, pass: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  let sum = 0;
  do {
    const seconds = pass();
    least = Math.min(least, seconds);
    sum += seconds;
  } while (sum < secondsMin);
  return least;
}
