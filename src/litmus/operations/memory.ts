import { ALLOCATION_CONTEXTS, type AllocationContext, allocate } from "../../sim/allocation.ts";
import { bruteForce } from "../brute-force.ts";
import type { Compiler } from "../compiler.ts";
import { nameOf } from "../declared.ts";
import { type Arguments, type Operation, plain, runOperations } from "../program.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

/** What happens to memory and to the mirrors' own page tables. */
export const MEMORY: OperationKinds = {
  pte: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const bounds = compiler.bounds(given.argument);
      const mm = compiler.mm(given);
      return plain(({ world }) => {
        world.journal.tell({ kind: "pte-change", mm, ...bounds });
        return 0;
      });
    },
  },
  install: {
    argument: "required",
    options: ["range"],
    compile: (given, compiler) => compileEntry(given, compiler, "install"),
  },
  teardown: {
    argument: "required",
    options: ["range"],
    compile: (given, compiler) => compileEntry(given, compiler, "tear-down"),
  },
  alloc: {
    argument: "required",
    compile({ argument }) {
      const context = nameOf(argument, ALLOCATION_CONTEXTS, "allocation context");
      return function* ({ world, task }) {
        yield* allocate(context as AllocationContext, {
          noReclaim: world.noReclaim(task),
          events: (event) => world.journal.tell(event),
        });
        return 0;
      };
    },
  },
  no_reclaim: {
    argument: "required",
    compile({ argument }, compiler) {
      const operations = compiler.compile(argument);
      return function* (run) {
        const scope = run.world.noReclaim(run.task);
        scope.save();
        try {
          return yield* runOperations(operations, run);
        } finally {
          scope.restore();
        }
      };
    },
  },
  brute_force: {
    argument: "required",
    compile({ argument }) {
      const fields = argument.fields(["intervals", "queries", "seed"]);
      const read = (name: string): number =>
        fields.get(name)?.count ?? argument.fail(`brute_force wants ${name}`);
      const plan = { intervals: read("intervals"), queries: read("queries"), seed: read("seed") };
      return plain(({ world }) => bruteForce(world, plan));
    },
  },
};

function compileEntry(
  given: Arguments,
  compiler: Compiler,
  kind: "install" | "tear-down",
): Operation {
  const name = nameOf(given.argument, compiler.declared.subscribers.keys(), "notifier");
  const bounds = compiler.bounds(given.options.get("range") ?? given.argument);
  option(given, "range", (item) => item.isList);
  return plain(({ world }) => {
    const { declaration, mirror } = world.subscriber(name);
    const subscriber = mirror ?? name;
    world.journal.tell({ kind, mm: declaration.mm, subscriber, ...bounds });
    return 0;
  });
}
