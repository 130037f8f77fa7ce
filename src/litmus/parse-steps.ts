import { Compiler } from "./compiler.ts";
import type { Declared } from "./declared.ts";
import { readExpectations } from "./expectations.ts";
import type { Operation } from "./program.ts";
import { durationOf } from "./quantities.ts";
import type { Step } from "./scenario.ts";
import type { Item } from "./source.ts";

const KEYS = ["do", "task", "run", "pause", "steps", "time", "signal", "advance", "expect", "note"];

/** Who does what a step says only by `do`. */
const DEFAULT_TASK = "T1";

/** One step: `{ T2: OPERATION, pause: LABEL, expect: ... }`. */
export function readStep(
  item: Item,
  number: number,
  declared: Declared,
  programs: readonly string[],
): Step {
  const fields = new Map(item.entries);
  let task: string | undefined;
  let given: Item | undefined;
  for (const [key, value] of fields) {
    if (KEYS.includes(key)) continue;
    if (!/^T\d+$/.test(key) && !programs.includes(key)) {
      value.failKey(key, [...KEYS, "and the names of tasks, T1, T2 ..."]);
    }
    if (task !== undefined) value.fail("a step is about one task; another one takes another step");
    task = key;
    given = value;
  }
  const run = fields.get("run");
  const doItem = fields.get("do");
  if ([run, doItem, task].filter((one) => one !== undefined).length > 1) {
    item.fail("a step has one of do, run, and the name of a task");
  }
  if (fields.has("task") && doItem === undefined) item.fail("task says who does what do says");
  if (doItem !== undefined) {
    given = doItem;
    task = fields.get("task")?.text ?? DEFAULT_TASK;
  }
  const operations: Operation[] | undefined = given && new Compiler(declared).compile(given);
  const tasks = task !== undefined ? [task] : run?.scalar === "all" ? "all" : namesOf(run);
  const pause = fields.get("pause");
  const steps = fields.get("steps");
  const isMoving = tasks === "all" || tasks.length > 0;
  if ((pause ?? steps) !== undefined && !isMoving) {
    item.fail("pause and steps say how far a task runs, and no task runs here");
  }
  const timeItem = fields.get("time");
  if (timeItem !== undefined && timeItem.scalar !== "passes")
    timeItem.fail("time: passes is all that can be said");
  const advance = fields.get("advance");
  const expect = fields.get("expect");
  return {
    number,
    line: item.line,
    text: describe(fields),
    tasks,
    operations,
    signals: namesOf(fields.get("signal")),
    advance: advance === undefined ? undefined : durationOf(advance),
    until: {
      label: pause?.text,
      steps: steps?.count,
      timePasses: timeItem !== undefined,
    },
    clauses: expect === undefined ? [] : readExpectations(expect, declared),
  };
}

function namesOf(item: Item | undefined): string[] {
  return item === undefined ? [] : item.items.map((one) => one.text);
}

/** The step as the file has it, without what is expected of it. */
function describe(fields: ReadonlyMap<string, Item>): string {
  return [...fields]
    .filter(([key]) => key !== "expect")
    .map(([key, value]) => `${key}: ${value.source}`)
    .join(", ");
}
