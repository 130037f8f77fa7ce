import type { Sleepable } from "../../blocking/suspension.ts";
import type { NotifierRange } from "../../notifier/range.ts";
import type { Compiler } from "../compiler.ts";
import { nameOf } from "../declared.ts";
import { EVENT_NAMES } from "../names.ts";
import type { Arguments, Operation, Run, Value } from "../program.ts";
import type { Invalidation } from "../world.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

const START_OPTIONS = ["event", "owner", "as", "mm"] as const;

export const INVALIDATIONS: OperationKinds = {
  S: {
    argument: "required",
    options: START_OPTIONS,
    compile: (given, compiler) => compileStart(given, compiler, true),
  },
  Sn: {
    argument: "required",
    options: START_OPTIONS,
    compile: (given, compiler) => compileStart(given, compiler, false),
  },
  E: {
    argument: "optional",
    options: ["range", "mode", "mm"],
    compile(given, compiler) {
      const { options, argument } = given;
      const rangeItem = options.get("range");
      if (rangeItem !== undefined) {
        const bounds = compiler.bounds(rangeItem);
        const mode = option(given, "mode", (item) =>
          nameOf(item, ["blockable", "nonblocking"], "mode"),
        );
        const mm = compiler.mm(given);
        return function* ({ world }) {
          yield* world.mm(mm).unchecked.end(bounds, mode !== "nonblocking");
          return 0;
        };
      }
      const name = argument.scalar === null ? undefined : argument.text;
      return (run) => end(run, name);
    },
  },
  /** Both, one after the other. */
  SE: {
    argument: "required",
    options: START_OPTIONS,
    compile: (given, compiler) => compileBoth(compileStart(given, compiler, true)),
  },
  SnE: {
    argument: "required",
    options: START_OPTIONS,
    compile: (given, compiler) => compileBoth(compileStart(given, compiler, false)),
  },
};

function compileStart(given: Arguments, compiler: Compiler, blockable: boolean): Operation {
  const bounds = compiler.bounds(given.argument);
  const event = option(given, "event", (item) => nameOf(item, EVENT_NAMES, "event"));
  const owner = option(given, "owner", (item) => item.text);
  const as = option(given, "as", (item) => item.text);
  const mmName = compiler.mm(given);
  const range = { ...bounds, ...(event && { event }), ...(owner && { owner }) } as NotifierRange;
  return function* ({ world, task }): Sleepable<Value> {
    const mm = world.mm(mmName);
    const name = as ?? `window ${world.invalidations.length + 1}`;
    const about = { name, mm, bounds, event: range.event, blockable, task };
    if (blockable) {
      const window = yield* mm.invalidateRangeStartSleepable(range);
      world.invalidations.push({ ...about, window });
      return 0;
    }
    const result = yield* mm.tryInvalidateRangeStartSleepable(range);
    world.invalidations.push({ ...about, window: result.ok ? result.window : undefined });
    if (result.ok) return 0;
    return /^-?\d/.test(result.errno) ? Number(result.errno) : `-${result.errno}`;
  };
}

function compileBoth(start: Operation): Operation {
  return function* (run) {
    const result = yield* start(run);
    if (result !== 0) return result;
    const invalidation = run.world.invalidations.findLast(({ task }) => task === run.task);
    return yield* endOf(invalidation as Invalidation);
  };
}

function end({ world, task }: Run, name: string | undefined): Sleepable<Value> {
  const invalidation =
    name === undefined
      ? world.invalidations.findLast((one) => one.task === task && one.window?.ended === false)
      : world.invalidations.findLast((one) => one.name === name);
  if (invalidation !== undefined) return endOf(invalidation);
  throw new Error(
    name === undefined
      ? `${task} has no open window: name one that another task opened with "as"`
      : `no start was given the name ${name} so far`,
  );
}

/** A caller that ends what was refused breaks the contract, and is not kept from it. */
function* endOf({ window, mm, bounds, blockable }: Invalidation): Sleepable<Value> {
  yield* window?.endSleepable() ?? mm.unchecked.end(bounds, blockable);
  return 0;
}
