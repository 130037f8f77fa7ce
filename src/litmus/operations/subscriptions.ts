import type { Sleepable } from "../../blocking/suspension.ts";
import { runNowOrLater } from "../../blocking/synchronous-driver.ts";
import { plain, type Value } from "../program.ts";
import type { Bounds } from "../quantities.ts";
import type { Subscriber } from "../subscriber.ts";
import type { World } from "../world.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

/** Who comes and goes. */
export const SUBSCRIPTIONS: OperationKinds = {
  register: {
    argument: "required",
    options: ["mmap_locked"],
    compile(given, compiler) {
      const name = compiler.subscriber(given.argument, ["list"]);
      const mmapLocked = option(given, "mmap_locked", (item) => item.boolean) ?? false;
      return ({ world }) => register(world, world.subscriber(name), mmapLocked);
    },
  },
  unregister: {
    argument: "required",
    compile({ argument }, compiler) {
      const name = compiler.subscriber(argument, ["list"]);
      return function* ({ world }) {
        const { list, mm } = registered(world, name);
        yield* mm.unregisterSleepable(list);
        return 0;
      };
    },
  },
  unregister_no_release: {
    argument: "required",
    compile({ argument }, compiler) {
      const name = compiler.subscriber(argument, ["list"]);
      return plain(({ world }) => {
        const { list, mm } = registered(world, name);
        mm.unregisterNoRelease(list);
        return 0;
      });
    },
  },
  get: {
    argument: "required",
    options: ["mmap_locked"],
    compile(given, compiler) {
      const name = compiler.subscriber(given.argument, ["list"]);
      const mmapLocked = option(given, "mmap_locked", (item) => item.boolean) ?? false;
      return function* ({ world }) {
        const subscriber = world.subscriber(name);
        const mm = world.mm(subscriber.declaration.mm);
        subscriber.list = yield* mm.unchecked.get(subscriber.listOps, { mmapLocked });
        return 0;
      };
    },
  },
  put: {
    argument: "required",
    compile({ argument }, compiler) {
      const name = compiler.subscriber(argument, ["list"]);
      return plain(({ world }) => {
        const { list, mm } = registered(world, name);
        mm.put(list);
        return 0;
      });
    },
  },
  /** Sets the get / put counter by force. */
  set_users: {
    argument: "required",
    options: ["to"],
    compile(given, compiler) {
      const name = compiler.subscriber(given.argument, ["list"]);
      const users =
        option(given, "to", (item) => item.count) ?? given.argument.fail("to is missing");
      return plain(({ world }) => {
        registered(world, name).list.users = users;
        return 0;
      });
    },
  },
  synchronize: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return function* ({ world }) {
        yield* world.mm(mm).synchronizeSleepable();
        return 0;
      };
    },
  },
  /** The last user goes: the mm is torn down. */
  release: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return function* ({ world }) {
        yield* world.mm(mm).releaseSleepable();
        return 0;
      };
    },
  },
  /** Sets the users of the mm by force, without a teardown. */
  set_mm_users: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const users = given.argument.count;
      const mm = compiler.mm(given);
      return plain(({ world }) => {
        world.mm(mm).users = users;
        return 0;
      });
    },
  },
  insert: {
    argument: "required",
    options: ["mmap_locked"],
    compile(given, compiler) {
      const name = compiler.subscriber(given.argument, ["interval", "passive"]);
      const mmapLocked = option(given, "mmap_locked", (item) => item.boolean) ?? false;
      return ({ world }) => insert(world, world.subscriber(name), mmapLocked);
    },
  },
  remove: {
    argument: "required",
    compile({ argument }, compiler) {
      const name = compiler.subscriber(argument, ["interval", "passive"]);
      return function* ({ world }) {
        const { declaration, interval, mirror } = world.subscriber(name);
        if (interval !== undefined) yield* interval.removeSleepable();
        else if (mirror === undefined) throw new Error(`${name} was never inserted`);
        else yield* world.mm(declaration.mm).mirrors.removeSleepable(mirror);
        return 0;
      };
    },
  },
};

/** Registers or inserts what a file wants to be there from the start. */
export function subscribeAtOnce(world: World, subscriber: Subscriber): void {
  const { kind } = subscriber.declaration;
  const body =
    kind === "list" ? register(world, subscriber, false) : insert(world, subscriber, false);
  runNowOrLater(body);
}

function* register(world: World, subscriber: Subscriber, mmapLocked: boolean): Sleepable<Value> {
  const mm = world.mm(subscriber.declaration.mm);
  subscriber.list = yield* mm.unchecked.register(subscriber.listOps, { mmapLocked });
  return 0;
}

function* insert(world: World, subscriber: Subscriber, mmapLocked: boolean): Sleepable<Value> {
  const { declaration, intervalOps } = subscriber;
  const mm = world.mm(declaration.mm);
  const { start, end } = declaration.bounds as Bounds;
  if (declaration.kind === "passive") {
    world.journal.inserting = subscriber.name;
    subscriber.mirror = mm.mirrors.insert(start, end);
  } else {
    const length = end - start;
    subscriber.interval = yield* mm.unchecked.insertInterval(start, length, intervalOps, {
      mmapLocked,
    });
  }
  return 0;
}

function registered(world: World, name: string) {
  const { list, declaration } = world.subscriber(name);
  if (list === undefined) throw new Error(`${name} was never registered`);
  return { list, mm: world.mm(declaration.mm) };
}
