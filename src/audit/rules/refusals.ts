import { EAGAIN, errnoName } from "../../notifier/errno.ts";
import type { Audit } from "../audit.ts";
import type { EventOf } from "../events.ts";
import type { Rule } from "../rule.ts";
import { callbackName } from "../tasks.ts";
import { modeText } from "../windows.ts";

/** Who may refuse, how, and what refusers must not have. */
export const refusals: Rule = {
  ids: ["V04", "V05", "V06", "V17"],
  watch(audit) {
    return {
      on: {
        "callback-leave"(event) {
          if (audit.frame === undefined) return;
          const { callback, result } = event;
          if (callback === "start" && typeof result === "number" && result !== 0) {
            judgeStart(audit, event, result, audit.frame.blockable);
          }
          const isInterval = callback === "invalidate" || callback === "invalidate-start";
          if (isInterval && result === false && audit.frame.blockable) {
            const message = `${callbackName(event)} refused although it may sleep`;
            audit.report("V17", { ...about(event), message });
          }
        },
      },
    };
  },
};

function judgeStart(
  audit: Audit,
  event: EventOf<"callback-leave">,
  result: number,
  blockable: boolean,
): void {
  const { mm, notifier } = event;
  const answer = `${notifier}.start returned ${result < 0 ? `-${errnoName(result)}` : result} in ${modeText(blockable)} mode`;
  if (blockable) {
    audit.report("V04", { ...about(event), message: `${answer}, in which it may sleep` });
  }
  if (result !== EAGAIN) {
    audit.report("V05", { ...about(event), message: `${answer}; only -EAGAIN refuses` });
  }
  if (audit.listNotifiers.has(mm, notifier, "end")) {
    const message = `${answer} and ${notifier} has an end, which is not told whether its start ran`;
    audit.report("V06", { ...about(event), message });
  }
}

function about({ mm, notifier, window }: EventOf<"callback-leave">): {
  readonly mm: string;
  readonly notifier: string;
  readonly window: number | null;
} {
  return { mm, notifier, window };
}
