// Plays one history. Each step draws from a generator of its own, seeded by the step's number: steps
// can be left out, and those that stay do as before, on what is then there.

import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { Random } from "../../src/sim/random.ts";
import { type History, spreadAt, wantedAt } from "./plan.ts";
import * as questions from "./questions.ts";
import type { Step } from "./step.ts";
import * as updates from "./updates.ts";
import { type SetMaker, type Side, World } from "./world.ts";

/** Rounds of draining and refilling; the first may still grow. */
const REFILLS = 4;
const PEAK_EVERY = 64;
const STEP_STRIDE = 0x85ebca6b;
const REFILL_SEED = 0x5bd1e995;

/** Out of this table an operation is drawn by weight. */
const TABLE: readonly [weight: number, run: (step: Step) => void][] = [
  [360, updates.insertOrRemove],
  [12, updates.insertMany],
  [80, updates.move],
  [8, updates.removeOverlapping],
  [100, questions.collect],
  [60, questions.count],
  [60, questions.some],
  [4, questions.queryMany],
  [80, updates.invalidate],
  [4, updates.invalidateMany],
  [10, updates.invalidateUnlocked],
  [60, updates.lockOrUnlock],
  [10, questions.collectLocked],
  [40, questions.nearest],
  [20, questions.gaps],
  [20, questions.ordered],
  [56, questions.inspect],
  [10, updates.setSequence],
  [10, updates.transfer],
];
const WEIGHTS = TABLE.reduce((sum, [weight]) => sum + weight, 0);

export interface Conditions {
  /** The engine; by default the one that is shipped. */
  readonly module?: WebAssembly.Module;
  /** Makes the sets; tests plant faults here. */
  readonly makeSet?: SetMaker;
}

export interface Selection {
  /** Ascending numbers of the steps to take; all if absent, and then also what follows them. */
  readonly steps?: readonly number[];
  /** Takes what was done, in words. */
  readonly notes?: string[];
}

export interface Outcome {
  operations: number;
  /** The most intervals at a time, and the bytes in use for them then. */
  peak: number;
  peakBytes: number;
  /** By how much memory grew over the refills that followed the first. */
  refillGrowth: number;
  failure?: Failure;
}

export interface Failure {
  /** The number of steps if it was not one of them: while draining and refilling, or at the end. */
  readonly step: number;
  readonly message: string;
}

export function play(
  history: History,
  conditions: Conditions,
  { steps, notes }: Selection = {},
): Outcome {
  const { module, makeSet = (engine: Engine) => new IntervalSet(engine) } = conditions;
  const engine = createEngine(module === undefined ? {} : { module });
  const world = new World(engine, history.size.setCount, makeSet, notes);
  const outcome: Outcome = { operations: 0, peak: 0, peakBytes: 0, refillGrowth: 0 };
  const count = steps?.length ?? history.size.steps;
  let step = 0;
  try {
    for (let i = 0; i < count; i += 1) {
      step = steps === undefined ? i : (steps[i] as number);
      take(history, world, step);
      outcome.operations += 1;
      examine(history, world, step);
      if (i % PEAK_EVERY === 0) notePeak(world, outcome);
    }
    step = history.size.steps;
    world.verify();
    world.compareAll();
    if (steps === undefined) drainAndRefill(history, world, outcome);
  } catch (error) {
    outcome.failure = { step, message: error instanceof Error ? error.message : String(error) };
  }
  return outcome;
}

function seedOf({ seed, number }: History): number {
  return new Random(seed).fork(number + 1).next();
}

function take(history: History, world: World, step: number): void {
  const random = new Random(seedOf(history) ^ Math.imul(step + 1, STEP_STRIDE));
  const side = world.sides[random.below(world.sides.length)] as Side;
  const wanted = wantedAt(history, step);
  const context = { world, side, random, spread: spreadAt(history, step), sequence: step, wanted };
  if (random.chance(1, 8 * history.size.wanted)) {
    updates.clear(context);
    return;
  }
  if (side.model.size === 0 && random.chance(1, 4)) {
    updates.insertMany(context);
    return;
  }
  let choice = random.below(WEIGHTS);
  for (const [weight, run] of TABLE) {
    choice -= weight;
    if (choice >= 0) continue;
    run(context);
    return;
  }
}

function examine({ size }: History, world: World, step: number): void {
  if (step % size.verifyEvery === 0) world.verify();
  if (step % size.compareEvery === 0) world.compareAll();
}

function notePeak(world: World, outcome: Outcome): void {
  const { size } = world;
  if (size <= outcome.peak) return;
  outcome.peak = size;
  outcome.peakBytes = world.intervalBytes;
}

/** Memory that is free again is used again: nothing may grow from one refill to the next. */
function drainAndRefill(history: History, world: World, outcome: Outcome): void {
  const { size, mix } = history;
  const random = new Random(seedOf(history) ^ REFILL_SEED);
  const spread = spreadAt(history, size.steps);
  let filledLength = 0;
  let drainedBytes = 0;
  // What follows the first round must fit what there is then.
  for (let round = 0; round < REFILLS; round += 1) {
    for (const side of world.sides) {
      const context = { world, side, random, spread, sequence: round, wanted: size.refilled };
      outcome.operations += side.model.size + size.refilled;
      while (side.model.size > 0) updates.remove(context);
      world.compareCounts(side);
    }
    if (round <= 1) drainedBytes = world.engine.usedBytes;
    else world.check(world.engine.usedBytes <= drainedBytes, () => grown(world, drainedBytes));
    for (const side of world.sides) {
      const context = { world, side, random, spread, sequence: round, wanted: size.refilled };
      for (let i = 0; i < size.refilled; i += 1) updates.insert(context);
    }
    notePeak(world, outcome);
    world.verify();
    if (round === 0) filledLength = world.engine.byteLength;
    outcome.refillGrowth = Math.max(outcome.refillGrowth, world.engine.byteLength - filledLength);
  }
  world.equal(outcome.refillGrowth, 0, `bytes that refills over ${mix.name} made memory grow by`);
  world.compareAll();
}

function grown(world: World, before: number): string {
  return `${world.engine.usedBytes} bytes in use after draining, ${before} a round earlier`;
}
