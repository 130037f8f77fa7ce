// Programs for address spaces, as plain data: who subscribes, what each of its callbacks answers, what
// the tasks do, and in which order they run. The model and the library perform the same data.

import type { ProfileName } from "../../../src/notifier/profile.ts";
import type { InvalidationEvent } from "../../../src/notifier/range.ts";

const PAGE = 0x1000n;
const SPACE = 1n << 64n;

/** Where ranges of programs begin and end. */
export const PLACES: readonly bigint[] = [
  0n,
  1n,
  PAGE,
  2n * PAGE,
  3n * PAGE,
  4n * PAGE,
  5n * PAGE,
  SPACE - PAGE,
  SPACE - 1n,
  SPACE,
];
/** As the end of an interval notifier: one byte too far. */
export const TOO_FAR: number = PLACES.length;

/** What a list notifier's start answers: always, or in non-blocking mode only. */
export type StartAnswer = "approve" | "refuse-if-non-blocking" | "refuse" | "busy";

export interface ListScript {
  readonly mm: number;
  /** Registered before the tasks run. */
  readonly there: boolean;
  /** Answers of its start, call by call, from the beginning again; none: no such callback. */
  readonly starts: readonly StartAnswer[];
  readonly end: boolean;
  /** Has `invalidate_range`. */
  readonly range: boolean;
  readonly release: boolean;
  /** Has the secondary-TLB callback. */
  readonly secondaryTlb: boolean;
  /** What the callbacks about young pages answer; none: no such callbacks. */
  readonly young: boolean | null;
  /** Places to be preempted inside each callback that may have some. */
  readonly pauses: number;
  /** Gives one get back in this callback. */
  readonly puts: "end" | "release" | null;
  /** Registered through the typed door, if its answers allow that. */
  readonly typed: boolean;
}

/** What an interval notifier's callback does and answers. */
export type IntervalAnswer =
  | "set"
  | "skip"
  | "refuse-if-non-blocking"
  | "refuse"
  | "set-and-refuse"
  /** Two passes: approves, and has a finish. */
  | "finish"
  /** Two passes: refuses, and has a finish all the same. */
  | "refuse-with-finish";

export interface IntervalScript {
  readonly mm: number;
  readonly there: boolean;
  /** Places: `[from, to)`; an empty one has length 0. */
  readonly from: number;
  readonly to: number;
  readonly answers: readonly IntervalAnswer[];
  readonly twoPass: boolean;
  /** Takes its user lock in the callback; if it is held and the mode is non-blocking, it refuses. */
  readonly locks: boolean;
  readonly pauses: number;
  readonly typed: boolean;
}

/** A passive interval notifier. */
export interface MirrorScript {
  readonly mm: number;
  readonly there: boolean;
  readonly from: number;
  readonly to: number;
}

export type Operation =
  | {
      readonly op: "start";
      readonly mm: number;
      readonly from: number;
      readonly to: number;
      readonly blockable: boolean;
      readonly event: InvalidationEvent;
    }
  /** Ends one of the open windows: so many places from the oldest, round and round. */
  | { readonly op: "end"; readonly window: number }
  /** Ends one that has ended, which is a fault. */
  | { readonly op: "end-again"; readonly window: number }
  | {
      readonly op: "register" | "unregister" | "unregister-no-release" | "get" | "put";
      readonly list: number;
    }
  | { readonly op: "insert" | "remove" | "read"; readonly interval: number }
  | {
      readonly op: "insert-mirror" | "remove-mirror" | "read-mirror" | "lock" | "unlock";
      readonly mirror: number;
    }
  | { readonly op: "insert-mirrors"; readonly mirrors: readonly number[] }
  | { readonly op: "synchronize" | "release"; readonly mm: number }
  | {
      readonly op: "clear-flush-young" | "clear-young" | "test-young";
      readonly mm: number;
    };

export interface Program {
  readonly profile: ProfileName;
  /** Address spaces, in one SRCU domain. */
  readonly mms: number;
  readonly lists: readonly ListScript[];
  readonly intervals: readonly IntervalScript[];
  readonly mirrors: readonly MirrorScript[];
  readonly tasks: readonly (readonly Operation[])[];
  /** Which of the tasks that can run does so next; when it is used up, a task runs on while it can. */
  readonly schedule: readonly number[];
}

export function nameOfMm(mm: number): string {
  return `mm${mm}`;
}

export function nameOfList(list: number): string {
  return `L${list}`;
}

export function nameOfInterval(interval: number): string {
  return `I${interval}`;
}

export function nameOfMirror(mirror: number): string {
  return `P${mirror}`;
}

export interface Bounds {
  readonly start: bigint;
  readonly end: bigint;
}

/** Half-open; degenerate if the places are. An end at place 0 is the bigint 0. */
export function boundsOf({ from, to }: { readonly from: number; readonly to: number }): Bounds {
  return { start: PLACES[from], end: PLACES[to] };
}

/** The arguments of an insertion: its length may be 0, or one byte too many. */
export function lengthOf({ from, to }: IntervalScript): { start: bigint; length: bigint } {
  const start = PLACES[from];
  const end = to === TOO_FAR && start > 0n ? SPACE + 1n : PLACES[Math.min(to, PLACES.length - 1)];
  return { start, length: end > start ? end - start : 0n };
}

export function errnoOf(answer: StartAnswer, blockable: boolean): number {
  switch (answer) {
    case "approve":
      return 0;
    case "refuse-if-non-blocking":
      return blockable ? 0 : -11;
    case "refuse":
      return -11;
    case "busy":
      return -16;
  }
}

export interface IntervalReaction {
  readonly sets: boolean;
  readonly approves: boolean;
  readonly finishes: boolean;
}

export function reactionOf(answer: IntervalAnswer, blockable: boolean): IntervalReaction {
  switch (answer) {
    case "set":
      return { sets: true, approves: true, finishes: false };
    case "skip":
      return { sets: false, approves: true, finishes: false };
    case "refuse-if-non-blocking":
      return { sets: blockable, approves: blockable, finishes: false };
    case "refuse":
      return { sets: false, approves: false, finishes: false };
    case "set-and-refuse":
      return { sets: true, approves: false, finishes: false };
    case "finish":
      return { sets: true, approves: true, finishes: true };
    case "refuse-with-finish":
      return { sets: false, approves: false, finishes: true };
  }
}

/** Whether the types of the library would let it through: a blockable start cannot refuse. */
export function isTypedList({ typed, starts }: ListScript): boolean {
  return typed && starts.every((one) => one === "approve" || one === "refuse-if-non-blocking");
}

export function isTypedInterval({ typed, answers }: IntervalScript): boolean {
  const legal: readonly IntervalAnswer[] = ["set", "skip", "refuse-if-non-blocking", "finish"];
  return typed && answers.every((one) => legal.includes(one));
}

/** A non-blocking callback of the typed doors is a plain function, so it cannot be preempted. */
export function pausesOf(
  { pauses }: { readonly pauses: number },
  isTyped: boolean,
  blockable: boolean,
): number {
  return isTyped && !blockable ? 0 : pauses;
}

/** A program as a literal that can be given to `replay`. */
export function literalOf(program: Program): string {
  const { tasks, schedule, profile, mms, ...scripts } = program;
  const field = (name: string, value: unknown): string => `${name}: ${literal(value)},`;
  const rows = (name: string, values: readonly unknown[]): string[] =>
    values.length === 0
      ? [`${name}: [],`]
      : [`${name}: [`, ...values.map((value) => `  ${literal(value)},`), "],"];
  const lines = [
    field("profile", profile),
    field("mms", mms),
    ...rows("lists", scripts.lists),
    ...rows("intervals", scripts.intervals),
    ...rows("mirrors", scripts.mirrors),
    "tasks: [",
    ...tasks.map((operations) =>
      ["  [", ...operations.map((one) => `    ${literal(one)},`), "  ],"].join("\n"),
    ),
    "],",
    field("schedule", schedule),
  ];
  return [
    "{",
    ...lines
      .join("\n")
      .split("\n")
      .map((line) => `  ${line}`),
    "}",
  ].join("\n");
}

function literal(value: unknown): string {
  return JSON.stringify(value)
    .replace(/"(\w+)":/g, "$1: ")
    .replace(/,(?=\S)/g, ", ");
}
