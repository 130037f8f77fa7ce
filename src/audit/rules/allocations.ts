import type { Rule } from "../rule.ts";
import { callbackName, isInvalidating } from "../tasks.ts";

/** Nothing between start and end may need memory that reclaim has to find. */
export const allocations: Rule = {
  ids: ["V19"],
  watch(audit) {
    return {
      on: {
        allocate({ context, reclaims }) {
          const frame = audit.task.frames.findLast(isInvalidating);
          if (!reclaims || frame === undefined) return;
          const { mm, notifier, window } = frame;
          const message = `${callbackName(frame)} allocates with ${context}, which may reclaim`;
          audit.report("V19", { mm, notifier, window, message });
        },
      },
    };
  },
};
