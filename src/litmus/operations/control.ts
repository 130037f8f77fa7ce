import type { Compiler } from "../compiler.ts";
import { nameOf } from "../declared.ts";
import { EVENT_NAMES } from "../names.ts";
import { Answer, plain, type Run, runOperations } from "../program.ts";
import { resultText, returnOf } from "../quantities.ts";
import type { Item } from "../source.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

/** Decisions, repetition, and how callbacks answer. */
export const CONTROL: OperationKinds = {
  approve: { argument: "none", only: "callback", compile: () => plain(() => new Answer(true)) },
  refuse: {
    argument: "optional",
    options: ["times", "attempts"],
    only: "callback",
    compile(given) {
      const { argument } = given;
      const mode =
        argument.scalar === null
          ? "nonblocking"
          : nameOf(argument, ["nonblocking", "blockable", "both"], "mode");
      const times = option(given, "times", (item) => item.count) ?? Number.POSITIVE_INFINITY;
      const attempts = option(given, "attempts", (item) => item.items.map((one) => one.count));
      const me = {};
      return plain(({ world, call }) => {
        const actual = call?.range?.blockable === false ? "nonblocking" : "blockable";
        if (mode !== "both" && mode !== actual) return null;
        const attempt = world.tally(me);
        if (attempt > times || attempts?.includes(attempt) === false) return null;
        return new Answer(false);
      });
    },
  },
  return: {
    argument: "required",
    only: "callback",
    compile({ argument }, { callbackOf }) {
      const value = returnOf(argument);
      if (callbackOf === "interval" && typeof value === "number") {
        argument.fail("the callback of an interval notifier returns true or false");
      }
      return plain(() => new Answer(value));
    },
  },
  set_seq: {
    argument: "none",
    only: "interval callback",
    compile(_given, compiler) {
      compiler.decidesSequence = true;
      return function* ({ call }) {
        yield { kind: "point", label: `${call?.notifier}:before set_seq` };
        call?.interval?.setSequence(call.sequence ?? 0);
        return null;
      };
    },
  },
  no_set_seq: {
    argument: "none",
    only: "interval callback",
    compile(_given, compiler) {
      compiler.decidesSequence = true;
      return plain(() => null);
    },
  },
  if: {
    argument: "required",
    options: ["then", "else"],
    compile(given, compiler) {
      const holds = compileCondition(given.argument, compiler);
      const yes = option(given, "then", (item) => compiler.compile(item)) ?? [];
      const no = option(given, "else", (item) => compiler.compile(item)) ?? [];
      return (run) => runOperations(holds(run) ? yes : no, run);
    },
  },
  repeat: {
    argument: "required",
    options: ["do"],
    compile(given, compiler) {
      const times = given.argument.count;
      const operations = option(given, "do", (item) => compiler.compile(item)) ?? [];
      return function* (run) {
        for (let i = 0; i < times; i += 1) {
          const value = yield* runOperations(operations, run);
          if (value instanceof Answer) return value;
        }
        return run.last;
      };
    },
  },
  /** A place to pause at. */
  point: {
    argument: "required",
    compile({ argument }) {
      const label = argument.text;
      return function* () {
        yield { kind: "point", label };
        return null;
      };
    },
  },
  throw: {
    argument: "required",
    compile({ argument }) {
      const message = argument.text;
      return plain(() => {
        throw new Error(message);
      });
    },
  },
};

type Condition = (run: Run) => boolean;

function compileCondition(item: Item, compiler: Compiler): Condition {
  if (!item.isMap) return modeIs(nameOf(item, ["blockable", "nonblocking"], "condition"));
  const conditions = item.entries.map(([key, value]): Condition => {
    switch (key) {
      case "mode":
        return modeIs(nameOf(value, ["blockable", "nonblocking"], "mode"));
      case "event": {
        const events = value.items.map((one) => nameOf(one, EVENT_NAMES, "event"));
        return ({ call }) => events.includes(call?.range?.event ?? "");
      }
      case "owner": {
        const owner = value.scalar === null ? undefined : value.text;
        return ({ call }) => call?.range?.owner === owner;
      }
      case "overlaps": {
        const { start, end } = compiler.bounds(value);
        return ({ call }) =>
          call?.range !== undefined && call.range.start < end && start < call.range.end;
      }
      case "calls": {
        const numbers = value.items.map((one) => one.count);
        return ({ call }) => numbers.includes(call?.number ?? 0);
      }
      case "last": {
        const expected = resultText(value.scalar);
        return ({ last }) => resultText(last) === expected;
      }
      default:
        return value.failKey(key, ["mode", "event", "owner", "overlaps", "calls", "last"]);
    }
  });
  return (run) => conditions.every((condition) => condition(run));
}

function modeIs(mode: string): Condition {
  return ({ call }) => (call?.range?.blockable === false) === (mode === "nonblocking");
}
