import { PROFILE_NAMES, type ProfileName } from "../notifier/profile.ts";
import type { LockKind } from "../sim/named-lock.ts";
import type { VmaKind } from "../sim/vma.ts";
import type { Clause } from "./clause.ts";
import { Compiler } from "./compiler.ts";
import { type Declared, nameOf } from "./declared.ts";
import { readExpectations } from "./expectations.ts";
import { VMA_KINDS } from "./names.ts";
import { kindsOf, readDrivers } from "./parse-drivers.ts";
import { readNotifiers, shapesOf } from "./parse-notifiers.ts";
import { readStep } from "./parse-steps.ts";
import type { Operation } from "./program.ts";
import { type Bounds, boundsOf } from "./quantities.ts";
import type { MmDeclaration, Scenario, VmaDeclaration, WorkDeclaration } from "./scenario.ts";
import { type Item, readYaml } from "./source.ts";

const KEYS = [
  "title",
  "kernel",
  "why",
  "profile",
  "profiles",
  "mms",
  "notifiers",
  "drivers",
  "locks",
  "completions",
  "workqueues",
  "works",
  "tasks",
  "steps",
  "finally",
  "always",
  "sometimes",
];

const DEFAULT_PROFILE: ProfileName = "v6.12";

const LOCK_KINDS: readonly LockKind[] = ["mutex", "rwsem", "spinlock"];

/** The workqueue of works that name none, as the kernel's `system_wq`. */
const DEFAULT_WORKQUEUE = "events";

/**
 * Reads a litmus file: `test/litmus/README.md` describes the format.
 *
 * @throws {IntervalidateError} LITMUS with the line that is at fault
 */
export function parseScenario(text: string): Scenario {
  const root = readYaml(text);
  if (!root.isMap) root.fail("a litmus file is a map that begins with title:");
  const fields = root.fields(KEYS);
  const required = (name: string): string =>
    fields.get(name)?.text ?? root.fail(`${name} is missing`);
  const title = required("title");
  const kernel = required("kernel");
  const why = required("why");
  const mms = readMms(fields.get("mms"));
  const locks = readLocks(fields.get("locks"));
  const mmNames = mms.map(({ name }) => name);
  const workqueues = readWorkqueues(fields.get("workqueues"));
  const notifierItems = fields.get("notifiers")?.entries ?? [];
  const driverItems = fields.get("drivers")?.entries ?? [];
  const vmas = mms.flatMap((mm) => mm.vmas);
  const shapes = shapesOf(notifierItems, rangesOf(vmas));
  const declared: Declared = {
    mms: mmNames,
    locks,
    subscribers: new Map(shapes.map(({ name, kind }) => [name, kind])),
    actors: kindsOf(driverItems),
    ranges: rangesOf([...shapes, ...vmas]),
    completions: namesOf(fields.get("completions")),
    works: (fields.get("works")?.entries ?? []).map(([name]) => name),
    workqueues: [...workqueues.keys()],
  };
  const tasks = readPrograms(fields.get("tasks"), declared);
  const steps = (fields.get("steps")?.items ?? []).map((item, index) =>
    readStep(item, index + 1, declared, [...tasks.keys()]),
  );
  const read = (name: string): Clause[] => {
    const item = fields.get(name);
    return item === undefined ? [] : readExpectations(item, declared);
  };
  const always = read("always");
  const sometimes = read("sometimes");
  if (steps.length === 0 && tasks.size === 0) root.fail("steps or tasks are missing");
  if (steps.length === 0 && always.length + sometimes.length === 0) {
    root.fail("a file without steps asks a question: always or sometimes is missing");
  }
  if (steps.length > 0 && always.length + sometimes.length > 0) {
    root.fail("a file with steps is one schedule: always and sometimes ask about all of them");
  }
  return {
    title,
    kernel,
    why,
    profiles: readProfiles(fields.get("profile"), fields.get("profiles")),
    declared,
    mms,
    subscribers: readNotifiers(notifierItems, shapes, declared),
    actors: readDrivers(driverItems, declared),
    locks,
    workqueues,
    works: readWorks(fields.get("works"), declared),
    tasks,
    steps,
    finally: read("finally"),
    always,
    sometimes,
  };
}

function readProfiles(one: Item | undefined, several: Item | undefined): readonly ProfileName[] {
  if (one !== undefined && several !== undefined) several.fail("there is a profile: already");
  const item = one ?? several;
  if (item === undefined) return [DEFAULT_PROFILE];
  if (several?.isList && several.items.length === 0) several.fail("a profile is wanted here");
  return item.items.map((name) => nameOf(name, PROFILE_NAMES, "profile") as ProfileName);
}

function readMms(item: Item | undefined): readonly MmDeclaration[] {
  if (item === undefined) return [{ name: "mm", vmas: [] }];
  const mms: MmDeclaration[] = item.isMap
    ? item.entries.map(([name, value]) => ({ name, vmas: readVmas(value) }))
    : item.items.map((name) => ({ name: name.text, vmas: [] }));
  if (mms.length === 0) item.fail("an mm is wanted here");
  return mms;
}

function readVmas(item: Item): readonly VmaDeclaration[] {
  const vmas = item.fields(["vmas"]).get("vmas");
  return (vmas?.entries ?? []).map(([name, value]) => {
    const fields = value.fields(["range", "kind", "mlocked"]);
    const range = fields.get("range") ?? value.fail(`${name} has no range`);
    const kind = fields.get("kind");
    return {
      name,
      bounds: boundsOf(range, new Map()),
      kind: kind === undefined ? "anonymous" : (nameOf(kind, VMA_KINDS, "kind of VMA") as VmaKind),
      mlocked: fields.get("mlocked")?.boolean ?? false,
    };
  });
}

function readLocks(item: Item | undefined): ReadonlyMap<string, LockKind> {
  return new Map(
    (item?.entries ?? []).map(([name, value]) => [
      name,
      nameOf(value, LOCK_KINDS, "kind of lock") as LockKind,
    ]),
  );
}

function rangesOf(
  named: readonly { readonly name: string; readonly bounds: Bounds | undefined }[],
): ReadonlyMap<string, Bounds> {
  const ranges = new Map<string, Bounds>();
  for (const { name, bounds } of named) {
    if (bounds !== undefined) ranges.set(name, bounds);
  }
  return ranges;
}

function namesOf(item: Item | undefined): string[] {
  return item === undefined ? [] : item.items.map((one) => one.text);
}

function readWorkqueues(item: Item | undefined): ReadonlyMap<string, number> {
  const workqueues = new Map([[DEFAULT_WORKQUEUE, Number.POSITIVE_INFINITY]]);
  for (const [name, value] of item?.entries ?? []) workqueues.set(name, value.count);
  return workqueues;
}

/** `W: OPERATIONS`, or `W: { do: OPERATIONS, on: WORKQUEUE }`. */
function readWorks(
  item: Item | undefined,
  declared: Declared,
): ReadonlyMap<string, WorkDeclaration> {
  return new Map(
    (item?.entries ?? []).map(([name, value]) => {
      const isLong = value.isMap && value.entries.some(([key]) => key === "do");
      const fields = isLong ? value.fields(["do", "on"]) : new Map([["do", value]]);
      const on = fields.get("on");
      return [
        name,
        {
          operations: new Compiler(declared).compile(fields.get("do") ?? value),
          workqueue: on ? nameOf(on, declared.workqueues, "workqueue") : DEFAULT_WORKQUEUE,
        },
      ];
    }),
  );
}

function readPrograms(
  item: Item | undefined,
  declared: Declared,
): ReadonlyMap<string, readonly Operation[]> {
  return new Map(
    (item?.entries ?? []).map(([name, value]) => [name, new Compiler(declared).compile(value)]),
  );
}
