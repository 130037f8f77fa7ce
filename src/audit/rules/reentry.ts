import type { Rule } from "../rule.ts";
import { callbackName } from "../tasks.ts";

/** Callbacks must not call what waits for callbacks, or for the end of invalidations. */
export const reentry: Rule = {
  ids: ["V22"],
  watch(audit) {
    function judge(call: string): void {
      const frame = audit.task.frames.at(-1);
      if (frame === undefined) return;
      const { mm, notifier, window } = frame;
      const message = `${callbackName(frame)} calls ${call}, which waits for callbacks to end`;
      audit.report("V22", { mm, notifier, window, message });
    }

    return {
      on: {
        "register-enter": ({ notifier, mm }) =>
          judge(notifier === null ? `the first insert of ${mm}` : `register of ${notifier}`),
        "unregister-enter": ({ notifier }) => judge(`unregister of ${notifier}`),
        "synchronize-enter": ({ mm }) => judge(`synchronize of ${mm}`),
        "interval-remove": ({ notifier }) => judge(`remove of ${notifier}`),
        "mirror-remove": ({ mirror }) => judge(`remove of mirror ${mirror}`),
      },
    };
  },
};
