import { subscriberName } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";

/** A start that failed leaves the count of active invalidations as it was. */
export const intervalPhase: Rule = {
  ids: ["V10"],
  watch(audit) {
    return {
      on: {
        "invalidate-refused"({ mm, window, refusedBy, leftActive }) {
          if (!leftActive) return;
          const notifier = subscriberName(refusedBy);
          const message = `${notifier} refused window ${window} after the interval phase had begun, and nobody closed that: ${mm} counts it as active for ever`;
          audit.report("V10", { mm, notifier, window, message });
        },
      },
    };
  },
};
