import type { Sleepable } from "../blocking/suspension.ts";
import type { IntervalNotifier } from "../notifier/interval-notifier.ts";
import type { CallbackRange } from "../notifier/range.ts";
import type { Item } from "./source.ts";
import type { World } from "./world.ts";

/** What an operation gives back; a negative number is an error. */
export type Value = number | boolean | string | null;

/** The answer of a callback: it ends the callback's program. */
export class Answer {
  readonly value: number | boolean;

  constructor(value: number | boolean) {
    this.value = value;
  }
}

/** The call of a callback that a program is run for. */
export interface CallbackCall {
  readonly notifier: string;
  /** As calls are named: `A.start`, or `I` alone. */
  readonly name: string;
  /** Counts the calls of this callback, from 1. */
  readonly number: number;
  readonly range: CallbackRange | undefined;
  readonly interval: IntervalNotifier | undefined;
  readonly sequence: number | null;
}

/** Who runs a program, and where. */
export interface Run {
  readonly world: World;
  readonly task: string;
  readonly call: CallbackCall | undefined;
  /** What the operation before this one gave back. */
  last: Value;
}

/** One step of a program. Compiled once, run in many worlds: it keeps nothing. */
export type Operation = (run: Run) => Sleepable<Value | Answer>;

/** Operations in a row, and what the parser has seen in them. */
export interface Program {
  readonly operations: readonly Operation[];
  /** They say themselves what becomes of the notifier's sequence. */
  readonly decidesSequence: boolean;
}

/** Runs operations up to the first answer. */
export function* runOperations(
  operations: readonly Operation[],
  run: Run,
): Sleepable<Value | Answer> {
  for (const operation of operations) {
    const value = yield* operation(run);
    if (value instanceof Answer) return value;
    run.last = value;
  }
  return run.last;
}

/** An operation that never sleeps. */
export function plain(action: (run: Run) => Value | Answer | undefined): Operation {
  // biome-ignore lint/correctness/useYield: it has the shape of those that sleep
  return function* (run) {
    return action(run) ?? null;
  };
}

/** What an operation is given in the file: its argument, and the keys beside its name. */
export interface Arguments {
  /** A null scalar if there is none. */
  readonly argument: Item;
  readonly options: ReadonlyMap<string, Item>;
}
