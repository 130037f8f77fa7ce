import { exitMmap, oomReapTask, oomReapTaskMm, queueOomReaper } from "../../sim/oom-reaper.ts";
import { processMrelease } from "../../sim/process-mrelease.ts";
import { plain } from "../program.ts";
import type { OperationKinds } from "./operation-kind.ts";

/** What becomes of the memory of a process that has to die. */
export const REAPING: OperationKinds = {
  /** The process is dying; nobody reaps it for that. */
  kill: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return plain(({ world }) => {
        world.victim(mm).dying = true;
        return 0;
      });
    },
  },
  /** The OOM killer chooses it: killed, queued, given time where the profile does so, and reaped. */
  oom_kill: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return function* ({ world }) {
        const outcome = yield* queueOomReaper(world.victim(mm), world.driver);
        return outcome?.result ?? "queued before";
      };
    },
  },
  reap: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return function* ({ world }) {
        return (yield* oomReapTask(world.victim(mm), world.driver)).result;
      };
    },
  },
  reap_attempt: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return ({ world }) => oomReapTaskMm(world.victim(mm));
    },
  },
  mrelease: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return ({ world }) => processMrelease(world.victim(mm));
    },
  },
  exit: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return function* ({ world }) {
        yield* exitMmap(world.victim(mm));
        return 0;
      };
    },
  },
  set_oom_skip: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return plain(({ world }) => {
        world.victim(mm).oomSkip = true;
        return 0;
      });
    },
  },
};
