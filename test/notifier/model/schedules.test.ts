// Every schedule of a few tasks.

import { describe, expect, it } from "vitest";
import type { Engine } from "../../../src/engine/engine.ts";
import type { ProfileName } from "../../../src/notifier/profile.ts";
import { engineOf, TARGETS } from "../../engine/support.ts";
import { run } from "./lock-step.ts";
import type { Operation, Program } from "./program.ts";
import { HIGH, interval, LOW, list, mirror, start } from "./scripts.ts";

/** Tasks that run at a time, and how often one may be preempted. */
const TASKS = Number(process.env.NOTIFIER_MODEL_TASKS ?? 2);
const PREEMPTIONS = Number(process.env.NOTIFIER_MODEL_PREEMPTIONS ?? 1);

const WITH_INTERVALS: readonly ProfileName[] = ["v5.5", "v6.12", "next", "strict"];

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
    list([], { end: true }),
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

describe.each(TARGETS)("on the %s engine", (target) => {
  const engine = engineOf(target);
  const title = `every schedule of every ${TASKS} tasks with up to ${PREEMPTIONS} preemptions`;

  it.each(WITH_INTERVALS)(`%s: ${title}`, (profile) => {
    const choices = choicesOf(DEEDS, TASKS);
    let schedules = 0;
    for (const tasks of choices) {
      schedules += countSchedules({ profile, ...SUBSCRIBERS, tasks }, engine, PREEMPTIONS);
    }
    expect(schedules).toBeGreaterThan(choices.length);
  });
});
