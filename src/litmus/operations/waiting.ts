import { nameOf } from "../declared.ts";
import { plain } from "../program.ts";
import { durationOf } from "../quantities.ts";
import type { OperationKinds } from "./operation-kind.ts";

/** Time, completions and counters. */
export const WAITING: OperationKinds = {
  sleep: {
    argument: "required",
    compile({ argument }) {
      const microseconds = durationOf(argument);
      return function* ({ world }) {
        yield* world.sleep(microseconds);
        return 0;
      };
    },
  },
  complete: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.completions, "completion");
      return plain(({ world }) => {
        world.completion(name).complete();
        return 0;
      });
    },
  },
  complete_all: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.completions, "completion");
      return plain(({ world }) => {
        world.completion(name).completeAll();
        return 0;
      });
    },
  },
  reinit: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.completions, "completion");
      return plain(({ world }) => {
        world.completion(name).reinit();
        return 0;
      });
    },
  },
  wait_for: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.completions, "completion");
      return function* ({ world }) {
        yield* world.completion(name).wait();
        return 0;
      };
    },
  },
  raise: {
    argument: "required",
    compile({ argument }) {
      const name = argument.text;
      return plain(({ world }) => {
        world.counter(name).add(1);
        return world.counter(name).value;
      });
    },
  },
  lower: {
    argument: "required",
    compile({ argument }) {
      const name = argument.text;
      return plain(({ world }) => {
        world.counter(name).add(-1);
        return world.counter(name).value;
      });
    },
  },
  sample: {
    argument: "required",
    compile({ argument }) {
      const name = argument.text;
      return plain(({ world }) => world.counter(name).value);
    },
  },
  wait_zero: {
    argument: "required",
    compile({ argument }) {
      const name = argument.text;
      return function* ({ world }) {
        yield* world.counter(name).waitForZero();
        return 0;
      };
    },
  },
};
