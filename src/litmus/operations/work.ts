import { nameOf } from "../declared.ts";
import { plain } from "../program.ts";
import { durationOf } from "../quantities.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

/** Work that somebody else does. */
export const WORK: OperationKinds = {
  queue: {
    argument: "required",
    options: ["delay"],
    compile(given, { declared }) {
      const name = nameOf(given.argument, declared.works, "work");
      const delay = option(given, "delay", durationOf) ?? 0;
      return plain(({ world }) => {
        const work = world.work(name);
        return work.workqueue.queueDelayed(work, delay);
      });
    },
  },
  flush: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.works, "work");
      return function* ({ world }) {
        const work = world.work(name);
        return yield* work.workqueue.flush(work);
      };
    },
  },
  /** The whole workqueue of a work. */
  flush_all: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.works, "work");
      return function* ({ world }) {
        yield* world.work(name).workqueue.flushAll();
        return 0;
      };
    },
  },
  cancel: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.works, "work");
      return plain(({ world }) => {
        const work = world.work(name);
        return work.workqueue.cancel(work);
      });
    },
  },
  cancel_sync: {
    argument: "required",
    compile({ argument }, { declared }) {
      const name = nameOf(argument, declared.works, "work");
      return function* ({ world }) {
        const work = world.work(name);
        return yield* work.workqueue.cancelSync(work);
      };
    },
  },
};
