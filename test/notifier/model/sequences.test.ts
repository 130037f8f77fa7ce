// Every sequence of a few operations.

import { describe, expect, it } from "vitest";
import type { Engine } from "../../../src/engine/engine.ts";
import type { ProfileName } from "../../../src/notifier/profile.ts";
import { engineOf, TARGETS, type Target } from "../../engine/support.ts";
import { run } from "./lock-step.ts";
import type { IntervalScript, ListScript, MirrorScript, Operation, Program } from "./program.ts";
import { HIGH, interval, LOW, list, mirror, start } from "./scripts.ts";

/** Operations in a sequence, on the engine as it is shipped; one less on the other. */
const LENGTH = Number(process.env.NOTIFIER_MODEL_LENGTH ?? 5);
const LENGTHS: Readonly<Record<Target, number>> = { debug: LENGTH - 1, release: LENGTH };
/** Windows that are open at a time. */
const WINDOWS = 2;

const WITH_INTERVALS: readonly ProfileName[] = ["v5.5", "v6.12", "next", "strict"];

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
];

const ENDS: readonly Operation[] = [
  { op: "end", window: 0 },
  { op: "end", window: 1 },
];

const SCENES: readonly Scene[] = [
  {
    name: "two interval notifiers with callbacks, one of which refuses, hit both or not at all",
    lists: [],
    intervals: [interval(LOW), interval(HIGH, { answers: ["refuse-if-non-blocking", "set"] })],
    mirrors: [],
    alphabet: [start(3, 4, false), start(5, 6, true), ...ENDS, ...CALLBACKS],
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
    alphabet: [start(3, 4, false), start(5, 6, true), ...ENDS, ...PASSIVE],
  },
  {
    name: "one of each kind, and the lock of the passive one",
    lists: [list(["approve"], { end: true })],
    intervals: [interval(LOW, { there: true, answers: ["set", "refuse-if-non-blocking"] })],
    mirrors: [mirror(HIGH, { there: true })],
    alphabet: [
      start(3, 4, false),
      start(3, 4, true),
      ...ENDS,
      { op: "remove-mirror", mirror: 0 },
      { op: "read-mirror", mirror: 0 },
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
    const { possible, open } = run(program, engine, "sequential", alphabet);
    if (left === 0) {
      count += 1;
      return;
    }
    for (const operation of possible) {
      if (operation.op === "start" && open === WINDOWS) continue;
      if (operation.op === "end" && operation.window >= open) continue;
      extend([...sequence, operation], left - 1);
    }
  };
  extend([], length);
  return count;
}

describe.each(TARGETS)("on the %s engine", (target) => {
  const engine = engineOf(target);
  const length = LENGTHS[target];

  describe.each(SCENES)("$name", (scene) => {
    it.each(WITH_INTERVALS)(`%s: every sequence of ${length} operations`, (profile) => {
      expect(countSequences(scene, profile, engine, length)).toBeGreaterThan(3 ** length);
    });
  });
});
