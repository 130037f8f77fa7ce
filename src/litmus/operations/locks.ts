import type { Sleepable } from "../../blocking/suspension.ts";
import type { Compiler } from "../compiler.ts";
import { nameOf } from "../declared.ts";
import { Answer, type Arguments, type Operation, plain, runOperations } from "../program.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

/** Taking and releasing locks; the lock bit of a passive mirror is one as well. */
export const LOCKS: OperationKinds = {
  lock: {
    argument: "required",
    options: ["for"],
    compile(given, compiler) {
      const mirror = mirrorOf(given, compiler);
      if (mirror !== undefined) {
        return function* ({ world }) {
          const { declaration, mirror: handle } = world.subscriber(mirror);
          yield* world.mm(declaration.mm).mirrors.lockSleepable(handle ?? 0);
          return 0;
        };
      }
      const { name, mode } = lockOf(given, compiler);
      return function* ({ world }) {
        yield* world.lock(name).lock(mode);
        return 0;
      };
    },
  },
  trylock: {
    argument: "required",
    options: ["for", "else"],
    compile(given, compiler) {
      const mirror = mirrorOf(given, compiler);
      const otherwise = given.options.get("else");
      const operations = otherwise === undefined ? undefined : compiler.compile(otherwise);
      const { name, mode } = mirror
        ? { name: "", mode: "write" as const }
        : lockOf(given, compiler);
      return function* (run) {
        const { world, call } = run;
        let taken: boolean;
        if (mirror === undefined) {
          taken = world.lock(name).tryLock(mode);
        } else {
          const { declaration, mirror: handle } = world.subscriber(mirror);
          taken = world.mm(declaration.mm).mirrors.tryLock(handle ?? 0);
        }
        if (taken) return true;
        if (operations !== undefined) return yield* runOperations(operations, run);
        return call === undefined ? false : new Answer(false);
      };
    },
  },
  lock_by_mode: {
    argument: "required",
    options: ["for"],
    only: "callback",
    compile(given, compiler) {
      const { name, mode } = lockOf(given, compiler);
      return function* ({ world, call }): Sleepable<number | Answer> {
        const lock = world.lock(name);
        if (call?.range?.blockable !== false) yield* lock.lock(mode);
        else if (!lock.tryLock(mode)) return new Answer(false);
        return 0;
      };
    },
  },
  unlock: {
    argument: "required",
    compile(given, compiler): Operation {
      const mirror = mirrorOf(given, compiler);
      if (mirror !== undefined) {
        return plain(({ world }) => {
          const { declaration, mirror: handle } = world.subscriber(mirror);
          world.mm(declaration.mm).mirrors.unlock(handle ?? 0);
          return 0;
        });
      }
      const name = compiler.lock(given.argument);
      return plain(({ world }) => {
        world.lock(name).unlock();
        return 0;
      });
    },
  },
};

function lockOf(given: Arguments, compiler: Compiler): { name: string; mode: "read" | "write" } {
  const mode = option(given, "for", (item) => nameOf(item, ["read", "write"], "mode"));
  return { name: compiler.lock(given.argument), mode: mode === "read" ? "read" : "write" };
}

function mirrorOf({ argument }: Arguments, { declared }: Compiler): string | undefined {
  return declared.subscribers.get(argument.text) === "passive" ? argument.text : undefined;
}
