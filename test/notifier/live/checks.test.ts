import { describe, expect, it } from "vitest";
import { type AddressSpace, PROFILE_NAMES, type ProfileName } from "../../../src/index.ts";
import { expectIdle, nothing, obedient, quiet, RANGE, world } from "./support.ts";

const asynchronous = async (): Promise<undefined> => undefined;
const generator = function* () {};
const asyncGenerator = async function* () {};
const BOTH = { blocking: nothing, nonblocking: () => true };

/** What is no notifier, and a part of what is said about it. */
const BAD_LIST_OPS: [string, unknown, string][] = [
  ["nothing", undefined, "this is undefined"],
  ["null", null, "this is null"],
  ["a function", nothing, "this is function"],
  ["a number as an end", { invalidateRangeEnd: 5 }, "must be a function, but is number"],
  ["an async end", { invalidateRangeEnd: asynchronous }, "make it a generator function"],
  ["an async generator as an end", { invalidateRangeEnd: asyncGenerator }, "must not be async"],
  ["an async release", { release: asynchronous }, "release must not be async"],
  [
    "half a start",
    { invalidateRangeStart: { blocking: nothing } },
    "nonblocking must be a function",
  ],
  ["the other half", { invalidateRangeStart: { nonblocking: () => true } }, "blocking must be a"],
  [
    "an async blocking",
    { invalidateRangeStart: { ...BOTH, blocking: asynchronous } },
    "invalidateRangeStart.blocking must not be async",
  ],
  [
    "a generator as nonblocking",
    { invalidateRangeStart: { ...BOTH, nonblocking: generator } },
    "invalidateRangeStart.nonblocking must never sleep",
  ],
  ["a generator as free", { freeNotifier: generator }, "freeNotifier must never sleep"],
  ["a generator as a question", { testYoung: generator }, "testYoung must never sleep"],
];

const BAD_INTERVAL_OPS: [string, unknown, string][] = [
  ["nothing", undefined, "this is undefined"],
  ["no callback", {}, "either invalidate or invalidateStart"],
  ["two callbacks", { invalidate: BOTH, invalidateStart: BOTH }, "either invalidate or"],
  ["half a callback", { invalidate: { blocking: nothing } }, "invalidate.nonblocking must be"],
  ["an async one", { invalidate: { ...BOTH, blocking: asynchronous } }, "must not be async"],
  ["a generator", { invalidate: { ...BOTH, nonblocking: generator } }, "must never sleep"],
];

/** That an address space is as new. */
function expectUntouched(mm: AddressSpace): void {
  expect([mm.hasSubscriptions, mm.hasIntervalTree, mm.count]).toEqual([false, false, 1]);
}

describe("what is registered is looked at first", () => {
  it.each(BAD_LIST_OPS)(
    "register and get of %s: ARGUMENT, nothing has changed",
    (_what, ops, text) => {
      const { mm, events } = world();
      const refused = expect.objectContaining({
        code: "ARGUMENT",
        message: expect.stringContaining(text),
      });
      expect(() => mm.register(ops as never)).toThrow(refused);
      expect(() => mm.get(ops as never)).toThrow(refused);
      expect(() => mm.unchecked.register(ops as never).next()).toThrow(refused);
      expectUntouched(mm);
      expect(events).toEqual([]);
    },
  );

  it.each(BAD_INTERVAL_OPS)(
    "insertInterval of %s: ARGUMENT, nothing has changed",
    (_what, ops, text) => {
      const { mm, events } = world();
      const refused = expect.objectContaining({
        code: "ARGUMENT",
        message: expect.stringContaining(text),
      });
      expect(() => mm.insertInterval(0, 1, ops as never)).toThrow(refused);
      expectUntouched(mm);
      expect(events).toEqual([]);
    },
  );

  it("an unchecked notifier may have one function for both modes, and a generator in it", () => {
    const { mm } = world();
    for (const invalidateRangeStart of [() => 0, generator as never]) {
      const body = mm.unchecked.register({ invalidateRangeStart });
      while (!body.next().done);
    }
    expect(mm.listNotifiers).toHaveLength(2);
  });

  it("what makes the data of a notifier may be a promise: nobody waits for it", async () => {
    const { mm } = world();
    const notifier = mm.get({ allocNotifier: () => Promise.resolve(7) });
    expect(await notifier.data).toBe(7);
  });
});

describe("what a profile does not have", () => {
  it.each<[string, (mm: AddressSpace) => unknown, readonly ProfileName[]]>([
    [
      "interval notifiers",
      (mm) => mm.insertInterval(0, 1, obedient("I")),
      ["v5.5", "v6.12", "next", "strict"],
    ],
    ["two passes", (mm) => mm.insertInterval(0, 1, { invalidateStart: BOTH }), ["next"]],
    ["unregisterNoRelease", (mm) => mm.unregisterNoRelease(mm.register({})), ["v4.19"]],
  ])("%s: ARGUMENT", (_what, act, has) => {
    for (const profile of PROFILE_NAMES) {
      const { mm } = world({ profile });
      if (has.includes(profile)) act(mm);
      else expect(() => act(mm)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
      expectIdle(mm);
    }
  });
});

describe("what is used wrongly is told so, and counts stay right", () => {
  it("unregister twice, and of a notifier of somebody else: ARGUMENT", async () => {
    const [{ mm }, { mm: other }] = [world(), world()];
    const notifier = mm.register(quiet("A"));
    const refused = expect.objectContaining({ code: "ARGUMENT" });
    expect(() => other.unregister(notifier)).toThrow(refused);
    mm.unregister(notifier);
    expect(() => mm.unregister(notifier)).toThrow(refused);
    await expect(mm.unregisterAsync(notifier)).rejects.toThrow(refused);
    expect(mm.count).toBe(1);
  });

  it("unregister after the last put: ARGUMENT", () => {
    const { mm } = world();
    const notifier = mm.get({
      name: "A",
      invalidateRangeStart: {
        blocking: () => {
          mm.put(notifier);
        },
        nonblocking: () => true,
      },
      invalidateRangeEnd: nothing,
    });
    const window = mm.invalidateRangeStart(RANGE);
    window.end();
    expect(() => mm.unregister(notifier)).toThrow(expect.objectContaining({ code: "ARGUMENT" }));
    expect(mm.count).toBe(1);
  });

  it("C09: put without get, after unregister too: a warning, and no more", () => {
    const { mm, events } = world();
    const [put, unregistered] = [mm.get({ name: "A" }), mm.get({ name: "B" })];
    mm.put(put);
    mm.put(put);
    mm.unregister(unregistered);
    mm.put(unregistered);
    expect(events.filter(({ kind }) => kind === "warn")).toEqual([
      { kind: "warn", mm: "mm", warning: "put-without-get", notifier: "A" },
      { kind: "warn", mm: "mm", warning: "put-without-get", notifier: "B" },
    ]);
    expect(mm.count).toBe(1);
  });

  it("remove twice: false", async () => {
    const { mm } = world();
    const notifier = mm.insertInterval(0, 1, obedient("I"));
    expect([notifier.remove(), notifier.remove(), await notifier.removeAsync()]).toEqual([
      true,
      false,
      false,
    ]);
    expect(mm.count).toBe(1);
  });
});
