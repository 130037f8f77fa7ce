import { PROFILE_NAMES, type ProfileName } from "../notifier/profile.ts";
import { propertyText } from "./actors/actor.ts";
import type { Clause, Verdict, View } from "./clause.ts";
import { type Declared, isOfActor, nameOf } from "./declared.ts";
import type { CallRecord } from "./journal.ts";
import { LIST_CALLBACKS, TWO_PASS_CALLBACKS } from "./names.ts";
import {
  addressOf,
  boundsOf,
  durationOf,
  durationText,
  rangeText,
  resultText,
} from "./quantities.ts";
import type { Item } from "./source.ts";
import {
  DRIVER_NOTIFIER_PROPERTIES,
  INTERVAL_PROPERTIES,
  LIST_PROPERTIES,
  LOCK_PROPERTIES,
  MM_PROPERTIES,
  type Property,
} from "./state.ts";
import type { World } from "./world.ts";

/** What a clause is made of, beside what all have. */
interface Core {
  readonly what: string;
  readonly expected: string;
  judge(view: View): Verdict;
}

type Maker = (item: Item, what: string, declared: Declared) => Core[];

const EXPECTATIONS: Readonly<Record<string, Maker>> = {
  result: (item, what) => [equal(what, valueText(item), ({ task }) => task?.result ?? "none")],
  results: (item, what) =>
    item.entries.map(([name, value]) =>
      equal(`${what}.${name}`, valueText(value), ({ tasks }) => tasks.get(name)?.result ?? "none"),
    ),
  error: (item, what) => [
    contains(what, item.text, ({ task }) => {
      const error = task?.error;
      return error instanceof Error ? error.message : "no error";
    }),
  ],
  refused_by: (item, what, declared) => [
    equal(what, notifierOf(item, declared), ({ world }) => {
      const by = world.journal.refusedBy;
      if (typeof by !== "number") return by ?? "nobody";
      const mirror = [...world.subscribers.values()].find(({ mirror }) => mirror === by);
      return mirror?.name ?? "nobody";
    }),
  ],
  hits: (item, what) => [
    equal(what, String(item.count), ({ world }) =>
      String(world.invalidations.at(-1)?.window?.hitCount ?? "none: no window is there"),
    ),
  ],
  calls: (item, what, declared) => [
    equal(what, callsText(item, declared), (view) => namesText(callsOf(view))),
  ],
  calls_include: (item, what, declared) => [
    {
      what,
      expected: callsText(item, declared),
      judge(view) {
        const names = callsOf(view).map(({ name }) => callText(name));
        let at = 0;
        for (const wanted of item.items.map((one) => callText(one.text))) {
          at = names.indexOf(wanted, at) + 1;
          if (at === 0) return { ok: false, actual: namesText(callsOf(view)) };
        }
        return { ok: true, actual: namesText(callsOf(view)) };
      },
    },
  ],
  no_calls: (item, what, declared) =>
    item.items.map((one) => {
      const wanted = callbackOf(one.text, one, declared);
      return {
        what: `${what} ${one.text}`,
        expected: "not called",
        judge(view) {
          const ok = !callsOf(view).some(({ name }) => name === wanted);
          return { ok, actual: ok ? "not called" : "called" };
        },
      };
    }),
  args: (item, what, declared) =>
    item.entries.flatMap(([name, value]) => {
      const wanted = callbackOf(name, value, declared);
      return value.entries.map(([key, expected]) =>
        argument(`${what} ${name}.${key}`, wanted, key, expected, declared),
      );
    }),
  trace: (item, what) => [
    equal(
      what,
      traceText(
        item.items.map((one) => (one.isList ? one.fail("a text is wanted here") : one.text)),
      ),
      ({ world, since }) => traceText(world.journal.trace.slice(since.trace)),
    ),
  ],
  no_trace: (item, what) =>
    item.items.map((one) => ({
      what: `${what} ${one.text}`,
      expected: "not there",
      judge({ world, since }) {
        const there = world.journal.trace.slice(since.trace).map(callText);
        const ok = !there.includes(callText(one.text));
        return { ok, actual: ok ? "not there" : "there" };
      },
    })),
  warnings: (item, what) => [
    typeof item.scalar === "bigint"
      ? equal(what, String(item.count), ({ world, since }) =>
          String(world.journal.warnings.length - since.warnings),
        )
      : similar(what, item, ({ world, since }) => world.journal.warnings.slice(since.warnings)),
  ],
  reports: (item, what) => [
    similar(what, item, ({ world, since }) => reportsOf(world, since.reports, false)),
  ],
  reports_say: (item, what) =>
    item.items.map((one) =>
      contains(`${what} ${one.text}`, one.text, ({ world, since }) =>
        world.auditor.reports
          .slice(since.reports)
          .map(({ message }) => message)
          .join(" | "),
      ),
    ),
  notes: (item, what) => [
    similar(what, item, ({ world, since }) =>
      world.auditor.notes.slice(since.notes).map(({ kind, notifier }) => `${kind} ${notifier}`),
    ),
  ],
  attempts: (item, what) => [
    equal(what, String(item.count), ({ world, since }) =>
      String(world.journal.attempts.slice(since.attempts).at(-1) ?? 0),
    ),
  ],
  quality: (item, what) => [
    similar(what, item, ({ world, since }) => reportsOf(world, since.reports, true)),
  ],
  blocked: (item, what) => [
    standing(what, item, (view) =>
      tasksWith(view, (task) => task.blockedOn && `${task.name} on ${task.blockedOn}`),
    ),
  ],
  runnable: (item, what) => [
    standing(what, item, (view) =>
      tasksWith(view, (task) => (task.isRunnable ? task.name : undefined)),
    ),
  ],
  paused: (item, what) => [
    standing(what, item, (view) =>
      tasksWith(view, (task) => task.pausedAt && `${task.name} on ${task.pausedAt}`),
    ),
  ],
  returned: (item, what) =>
    item.items.map((one) => ({
      what: `${what} ${one.text}`,
      expected: "returned",
      judge({ tasks }) {
        const task = tasks.get(one.text);
        const ok = task?.hasReturned === true;
        return { ok, actual: ok ? "returned" : (task?.result ?? "(not started)") };
      },
    })),
  counters: (item, what) =>
    item.entries.map(([name, value]) =>
      equal(`${what}.${name}`, integerText(value), ({ world }) =>
        String(world.counter(name).value),
      ),
    ),
  time: (item, what) => [
    equal(what, durationText(durationOf(item)), ({ world }) => durationText(world.driver.now)),
  ],
  sleeps: (item, what) => [
    item.isList
      ? equal(
          what,
          namesText(item.items.map((one) => ({ name: durationText(durationOf(one)) }))),
          ({ world, since }) =>
            namesText(
              world.journal.sleeps.slice(since.sleeps).map((us) => ({ name: durationText(us) })),
            ),
        )
      : equal(what, String(item.count), ({ world, since }) =>
          String(world.journal.sleeps.length - since.sleeps),
        ),
  ],
  log: (item, what) =>
    item.items.length === 0
      ? [
          equal(
            what,
            "nothing",
            ({ world, since }) => world.journal.log.slice(since.log).join(" | ") || "nothing",
          ),
        ]
      : item.items.map((one) =>
          contains(`${what} ${one.text}`, one.text, ({ world, since }) =>
            world.journal.log.slice(since.log).join(" | "),
          ),
        ),
  non_block: (item, what) =>
    item.isMap
      ? item.entries.map(([name, value]) =>
          equal(`${what}.${name}`, String(value.count), ({ world }) =>
            String(world.journal.nonBlockDepthOf(name)),
          ),
        )
      : [
          equal(what, String(item.count), ({ world, task }) =>
            String(world.journal.nonBlockDepthOf(task?.name ?? "")),
          ),
        ],
};

interface Surroundings {
  readonly negated: boolean;
  readonly profiles: readonly ProfileName[] | undefined;
  readonly at: "end" | "thaw";
}

/** The clauses of one `expect`. */
export function readExpectations(
  item: Item,
  declared: Declared,
  around: Surroundings = { negated: false, profiles: undefined, at: "end" },
): Clause[] {
  return item.entries.flatMap(([key, value]) => {
    if (key === "not") return readExpectations(value, declared, { ...around, negated: true });
    if (key === "at_thaw") return readExpectations(value, declared, { ...around, at: "thaw" });
    const profiles = profilesOf(key);
    if (profiles !== undefined) return readExpectations(value, declared, { ...around, profiles });
    return coresOf(key, value, declared).map((core) => ({
      ...around,
      ...core,
      what: around.at === "thaw" ? `at_thaw ${core.what}` : core.what,
      line: value.line,
    }));
  });
}

/** `v6.12`, or several: `v4.19, v5.5`. */
function profilesOf(key: string): ProfileName[] | undefined {
  const names = key.split(/\s*,\s*/);
  return names.every((name) => (PROFILE_NAMES as readonly string[]).includes(name))
    ? (names as ProfileName[])
    : undefined;
}

function coresOf(key: string, value: Item, declared: Declared): Core[] {
  if (Object.hasOwn(EXPECTATIONS, key)) return EXPECTATIONS[key](value, key, declared);
  if (Object.hasOwn(MM_PROPERTIES, key)) {
    return [ofState(key, declared.mms[0], MM_PROPERTIES[key], value)];
  }
  const dot = key.lastIndexOf(".");
  const owner = key.slice(0, dot);
  const name = key.slice(dot + 1);
  const kind = declared.actors.get(owner);
  if (kind !== undefined) {
    if (kind.properties.includes(name)) return [ofState(key, owner, actorProperty(name), value)];
    return value.failKey(
      key,
      kind.properties.map((one) => `${owner}.${one}`),
    );
  }
  const properties = dot > 0 ? propertiesOf(owner, declared) : undefined;
  if (properties === undefined) {
    return value.failKey(key, [
      ...Object.keys(EXPECTATIONS),
      ...Object.keys(MM_PROPERTIES),
      "NAME.PROPERTY of what has a name",
      "not",
      "at_thaw",
      ...PROFILE_NAMES,
    ]);
  }
  if (Object.hasOwn(properties, name)) return [ofState(key, owner, properties[name], value)];
  return value.failKey(
    key,
    Object.keys(properties).map((one) => `${owner}.${one}`),
  );
}

function propertiesOf(
  owner: string,
  declared: Declared,
): Readonly<Record<string, Property>> | undefined {
  const { mms, subscribers, locks } = declared;
  if (mms.includes(owner)) return MM_PROPERTIES;
  if (locks.has(owner)) return LOCK_PROPERTIES;
  if (isOfActor(owner, declared)) {
    return / of /.test(owner) ? LOCK_PROPERTIES : DRIVER_NOTIFIER_PROPERTIES;
  }
  const kind = subscribers.get(owner);
  if (kind === undefined) return undefined;
  return kind === "list" ? LIST_PROPERTIES : INTERVAL_PROPERTIES;
}

function ofState(what: string, owner: string, property: Property, item: Item): Core {
  let expected = valueText(item);
  if (what.endsWith(".last")) expected = String(addressOf(item));
  return equal(what, expected, ({ world }) => property(world, owner));
}

function equal(what: string, expected: string, read: (view: View) => string): Core {
  return {
    what,
    expected,
    judge(view) {
      const actual = read(view);
      return { ok: actual === expected, actual };
    },
  };
}

function contains(what: string, expected: string, read: (view: View) => string): Core {
  return {
    what,
    expected,
    judge(view) {
      const actual = read(view);
      return { ok: actual.includes(expected), actual: actual === "" ? "nothing" : actual };
    },
  };
}

/** Exactly these, in any order; who writes no name after a kind does not ask for it. */
function similar(what: string, item: Item, read: (view: View) => readonly string[]): Core {
  const expected = item.items.map((one) => one.text);
  return {
    what,
    expected: expected.join(", ") || "none",
    judge(view) {
      const left = [...read(view)];
      const actual = left.join(", ") || "none";
      // Those that ask for more are served first.
      for (const one of [...expected].sort((a, b) => b.length - a.length)) {
        const index = left.findIndex((text) => text === one || text.startsWith(`${one} `));
        if (index < 0) return { ok: false, actual };
        left.splice(index, 1);
      }
      return { ok: left.length === 0, actual };
    },
  };
}

/** Exactly these tasks: `T1`, `[T1, T2]` or `{ T1: what it stands at }`. */
function standing(what: string, item: Item, read: (view: View) => string[]): Core {
  const expected = item.isMap
    ? item.entries.map(([name, at]) => `${name} on ${at.text}`)
    : item.items.map((one) => one.text);
  return {
    what,
    expected: expected.join(", ") || "nobody",
    judge(view) {
      const actual = read(view);
      const ok =
        actual.length === expected.length &&
        expected.every((one) => actual.some((text) => text === one || text.startsWith(`${one} `)));
      return { ok, actual: actual.join(", ") || "nobody" };
    },
  };
}

function tasksWith(
  { tasks }: View,
  text: (task: View["task"] & object) => string | undefined,
): string[] {
  return [...tasks.values()].map(text).filter((one) => one !== undefined);
}

function callsOf({ world, since }: View): readonly CallRecord[] {
  return world.journal.calls.slice(since.calls);
}

function namesText(calls: readonly { readonly name: string }[]): string {
  return calls.map(({ name }) => name).join(", ") || "none";
}

/** A value, or a list of values and ranges. */
function valueText(item: Item): string {
  if (!item.isList) return resultText(item.scalar);
  return (
    item.items
      .map((one) =>
        one.isList ? rangeText(boundsOf(one, new Map())) : callText(resultText(one.scalar)),
      )
      .join(", ") || "none"
  );
}

function actorProperty(name: string): Property {
  return (world, owner) => propertyText(world.actor(owner).state[name]);
}

function notifierOf(item: Item, declared: Declared): string {
  if (isOfActor(item.text, declared)) return item.text;
  return nameOf(item, declared.subscribers.keys(), "notifier");
}

function traceText(entries: readonly string[]): string {
  return entries.map(callText).join(", ") || "none";
}

function callsText(item: Item, declared: Declared): string {
  return item.items.map((one) => callbackOf(one.text, one, declared)).join(", ") || "none";
}

/** The name of a callback. One that nobody has is a slip: that it is not called would say nothing. */
function callbackOf(given: string, item: Item, declared: Declared): string {
  const { subscribers, actors } = declared;
  const name = callText(given);
  // What drivers make later in their own names cannot be known before.
  if (name.includes(" ") && isOfActor(name.replace(/\.\w+$/, ""), declared)) return name;
  const known = [...subscribers].flatMap(([owner, kind]) => {
    if (kind === "list") return [...LIST_CALLBACKS.keys()].map((one) => `${owner}.${one}`);
    if (kind === "passive") return [];
    return [owner, ...TWO_PASS_CALLBACKS.map((one) => `${owner}.${one}`)];
  });
  for (const [owner, { calls }] of actors) known.push(...calls.map((one) => owner + one));
  if (known.includes(name)) return name;
  return item.fail(
    known.length === 0
      ? `"${given}" is no callback: no notifier has one`
      : `"${given}" is no callback; there are ${known.join(", ")}`,
  );
}

/** `I.invalidate` is the long form of `I`. */
function callText(name: string): string {
  return name.replace(/\.invalidate$/, "");
}

function integerText(item: Item): string {
  return typeof item.scalar === "bigint"
    ? String(item.scalar)
    : item.fail("an integer is wanted here");
}

function reportsOf({ auditor, journal }: World, since: number, quality: boolean): string[] {
  return auditor.reports
    .slice(since)
    .filter((report) => report.quality === quality)
    .map(({ id, mm, notifier }) => {
      if (notifier === null) return id;
      const handle = /^mirror (\d+)$/.exec(notifier)?.[1];
      return `${id} ${handle === undefined ? notifier : journal.nameOf(mm ?? "", Number(handle))}`;
    });
}

const ARGUMENTS: Readonly<Record<string, (call: CallRecord) => string>> = {
  range: ({ enter }) => (enter === undefined ? "none" : rangeText(enter)),
  event: ({ enter }) => enter?.event ?? "none",
  owner: ({ enter }) => resultText(enter?.owner),
  cur: ({ enter }) => resultText(enter?.sequence),
  mode: ({ enter }) => (enter?.blockable ? "blockable" : "nonblocking"),
  non_block: ({ nonBlockDepth }) => String(nonBlockDepth),
  rollback: ({ enter }) => String(enter?.rollback ?? false),
  mm: ({ enter }) => enter?.mm ?? "none",
  task: ({ task }) => task,
  result: ({ result }) => result,
};

/** What all calls of a callback in this step were given: one value for all, or a list of one for each. */
function argument(what: string, name: string, key: string, item: Item, declared: Declared): Core {
  if (!Object.hasOwn(ARGUMENTS, key)) return item.failKey(key, Object.keys(ARGUMENTS));
  const read = ARGUMENTS[key];
  const isRange = (one: Item): boolean => one.isList || declared.ranges.has(String(one.scalar));
  const forEach = item.isList && (key !== "range" || item.items.every(isRange));
  const expected = (forEach ? item.items : [item]).map((one) =>
    key === "range" ? rangeText(boundsOf(one, declared.ranges)) : resultText(one.scalar),
  );
  return {
    what,
    expected: expected.join(", "),
    judge(view) {
      const values = callsOf(view)
        .filter((call) => call.name === name)
        .map(read);
      const actual = values.join(", ") || "not called";
      if (forEach) return { ok: actual === expected.join(", "), actual };
      return { ok: values.length > 0 && values.every((value) => value === expected[0]), actual };
    },
  };
}
