// Small cases, all of them: every sequence of a few operations, and every schedule of two tasks.

import { describe, expect, it } from "vitest";
import type { Engine } from "../../../src/engine/engine.ts";
import type { ProfileName } from "../../../src/notifier/profile.ts";
import { engineOf, TARGETS } from "../../engine/support.ts";
import { run } from "./lock-step.ts";
import type {
  IntervalScript,
  ListScript,
  MirrorScript,
  Operation,
  Program,
  StartAnswer,
} from "./program.ts";

/** Operations in a sequence. */
const LENGTH = Number(process.env.NOTIFIER_MODEL_LENGTH ?? 4);
/** Tasks whose schedules are enumerated, and how often one may be preempted. */
const TASKS = Number(process.env.NOTIFIER_MODEL_TASKS ?? 2);
const PREEMPTIONS = Number(process.env.NOTIFIER_MODEL_PREEMPTIONS ?? 1);

const WITH_INTERVALS: readonly ProfileName[] = ["v5.5", "v6.12", "next", "strict"];

/** Half-open, in places: two that overlap in [3, 4). */
const LOW = { from: 2, to: 4 };
const HIGH = { from: 3, to: 5 };

function list(starts: readonly StartAnswer[], rest: Partial<ListScript> = {}): ListScript {
  return {
    mm: 0,
    there: true,
    starts,
    end: false,
    range: false,
    release: false,
    secondaryTlb: false,
    young: null,
    pauses: 0,
    puts: null,
    typed: false,
    ...rest,
  };
}

function interval(
  places: { readonly from: number; readonly to: number },
  rest: Partial<IntervalScript> = {},
): IntervalScript {
  return {
    mm: 0,
    there: false,
    ...places,
    answers: ["set"],
    twoPass: false,
    locks: false,
    pauses: 0,
    typed: false,
    ...rest,
  };
}

function mirror(
  places: { readonly from: number; readonly to: number },
  rest: Partial<MirrorScript> = {},
): MirrorScript {
  return { mm: 0, there: false, ...places, ...rest };
}

function start(from: number, to: number, blockable: boolean): Operation {
  return { op: "start", mm: 0, from, to, blockable, event: "CLEAR" };
}

/** Who subscribes, and what can be done. */
interface Scene {
  readonly name: string;
  readonly lists: readonly ListScript[];
  readonly intervals: readonly IntervalScript[];
  readonly mirrors: readonly MirrorScript[];
  readonly alphabet: readonly Operation[];
}

const CALLBACKS: readonly Operation[] = [
  { op: "insert", interval: 0 },
  { op: "insert", interval: 1 },
  { op: "remove", interval: 0 },
  { op: "remove", interval: 1 },
  { op: "read", interval: 0 },
];

const PASSIVE: readonly Operation[] = [
  { op: "insert-mirror", mirror: 0 },
  { op: "insert-mirror", mirror: 1 },
  { op: "remove-mirror", mirror: 0 },
  { op: "remove-mirror", mirror: 1 },
  { op: "read-mirror", mirror: 0 },
  { op: "lock", mirror: 1 },
  { op: "unlock", mirror: 1 },
];

const ENDS: readonly Operation[] = [
  { op: "end", window: 0 },
  { op: "end", window: 1 },
];

const SCENES: readonly Scene[] = [
  {
    name: "two interval notifiers with callbacks, one of which refuses, hit both or not at all",
    lists: [],
    intervals: [interval(LOW), interval(HIGH, { answers: ["refuse-if-non-blocking"] })],
    mirrors: [],
    alphabet: [start(3, 4, false), start(3, 4, true), start(5, 6, true), ...ENDS, ...CALLBACKS],
  },
  {
    name: "two interval notifiers with callbacks, each hit alone, and a list notifier that refuses",
    lists: [list(["refuse-if-non-blocking", "approve"])],
    intervals: [interval(LOW), interval(HIGH)],
    mirrors: [],
    alphabet: [start(2, 3, false), start(4, 5, true), ...ENDS, ...CALLBACKS],
  },
  {
    name: "two passive ones, hit both or not at all",
    lists: [],
    intervals: [],
    mirrors: [mirror(LOW), mirror(HIGH)],
    alphabet: [start(3, 4, false), start(3, 4, true), start(5, 6, true), ...ENDS, ...PASSIVE],
  },
  {
    name: "one of each kind",
    lists: [list(["approve"], { end: true })],
    intervals: [interval(LOW, { answers: ["set", "refuse-if-non-blocking"] })],
    mirrors: [mirror(LOW)],
    alphabet: [
      start(3, 4, false),
      start(3, 4, true),
      ...ENDS,
      { op: "insert", interval: 0 },
      { op: "remove", interval: 0 },
      { op: "read", interval: 0 },
      { op: "insert-mirror", mirror: 0 },
      { op: "remove-mirror", mirror: 0 },
      { op: "lock", mirror: 0 },
      { op: "unlock", mirror: 0 },
    ],
  },
];

/** Runs every sequence of possible operations of a length, and counts them. */
function countSequences(
  scene: Scene,
  profile: ProfileName,
  engine: Engine,
  length: number,
): number {
  const { alphabet, lists, intervals, mirrors } = scene;
  let count = 0;
  const extend = (sequence: readonly Operation[], left: number): void => {
    const tasks = sequence.map((operation) => [operation]);
    const program: Program = { profile, mms: 1, lists, intervals, mirrors, tasks, schedule: [] };
    const { possible } = run(program, engine, "sequential", alphabet);
    if (left === 0) {
      count += 1;
      return;
    }
    for (const operation of possible) extend([...sequence, operation], left - 1);
  };
  extend([], length);
  return count;
}

/** Runs a program under every schedule with so many preemptions at most, and counts them. */
function countSchedules(
  program: Omit<Program, "schedule">,
  engine: Engine,
  preemptions: number,
  schedule: readonly number[] = [],
): number {
  const { choices } = run({ ...program, schedule }, engine, "interleaved");
  let count = 1;
  const taken = choices.map(({ able, taken }) => able.indexOf(taken));
  for (let at = schedule.length; at < choices.length; at += 1) {
    const { able } = choices[at];
    const isPreemption = at > 0 && able.includes(choices[at - 1].taken);
    if (isPreemption && preemptions === 0) continue;
    for (let other = 0; other < able.length; other += 1) {
      if (other === taken[at]) continue;
      const left = isPreemption ? preemptions - 1 : preemptions;
      count += countSchedules(program, engine, left, [...taken.slice(0, at), other]);
    }
  }
  return count;
}

const SUBSCRIBERS = {
  mms: 1,
  lists: [
    list(["approve", "refuse-if-non-blocking"], { release: true }),
    list([], { end: true, release: true, puts: "end" }),
    list(["approve"], { there: false }),
  ],
  intervals: [
    interval(LOW, { there: true, pauses: 1 }),
    interval(HIGH, { there: true, locks: true, answers: ["set", "refuse-if-non-blocking"] }),
    interval(HIGH),
  ],
  mirrors: [mirror(LOW, { there: true }), mirror(HIGH)],
} as const;

const DEEDS: readonly (readonly Operation[])[] = [
  [start(3, 4, true), { op: "end", window: 0 }],
  [start(3, 4, false), { op: "end", window: 0 }],
  [start(2, 3, false)],
  [{ op: "read", interval: 1 }],
  [{ op: "remove", interval: 0 }],
  [{ op: "insert", interval: 2 }],
  [
    { op: "lock", mirror: 0 },
    { op: "unlock", mirror: 0 },
    { op: "remove-mirror", mirror: 0 },
  ],
  [
    { op: "insert-mirror", mirror: 1 },
    { op: "read-mirror", mirror: 1 },
  ],
  [{ op: "register", list: 2 }],
  [{ op: "unregister", list: 1 }],
  [
    { op: "get", list: 2 },
    { op: "put", list: 2 },
  ],
  [{ op: "release", mm: 0 }],
];

/** Every choice of so many of these, the same one more than once as well. */
function choicesOf<T>(some: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return some.flatMap((first, i) =>
    choicesOf(some.slice(i), count - 1).map((rest) => [first, ...rest]),
  );
}

describe.each(TARGETS)("all small cases on the %s engine", (target) => {
  const engine = engineOf(target);

  describe.each(WITH_INTERVALS)("%s", (profile) => {
    it.each(SCENES)(`every sequence of ${LENGTH} operations: $name`, (scene) => {
      expect(countSequences(scene, profile, engine, LENGTH)).toBeGreaterThan(4 ** LENGTH);
    });

    it(`every schedule of every ${TASKS} tasks with up to ${PREEMPTIONS} preemptions`, () => {
      let schedules = 0;
      for (const tasks of choicesOf(DEEDS, TASKS)) {
        schedules += countSchedules({ profile, ...SUBSCRIBERS, tasks }, engine, PREEMPTIONS);
      }
      expect(schedules).toBeGreaterThan(choicesOf(DEEDS, TASKS).length);
    });
  });
});
