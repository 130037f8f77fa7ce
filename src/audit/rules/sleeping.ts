import type { Audit } from "../audit.ts";
import type { EventOf } from "../events.ts";
import type { ViolationId } from "../report.ts";
import type { Rule } from "../rule.ts";
import { type CallbackFrame, callbackName } from "../tasks.ts";
import type { AuditedWindow } from "../windows.ts";

type Sleep = EventOf<"sleep-while-non-blocking">;

/** Non-blocking invalidations must not sleep: not in start, not in end, not in roll-back. */
export const sleeping: Rule = {
  ids: ["V01", "V03", "V32"],
  watch(audit) {
    // A contended lock is waited for again and again; that is one sleep.
    const reported = new WeakMap<CallbackFrame, Set<string>>();

    function isNews({ resource }: Sleep): boolean {
      const { frame } = audit;
      if (frame === undefined) return true;
      const resources = reported.get(frame) ?? new Set();
      reported.set(frame, resources);
      if (resources.has(resource)) return false;
      resources.add(resource);
      return true;
    }

    return {
      on: {
        "sleep-while-non-blocking"(event) {
          if (!isNews(event)) return;
          const { mm, notifier, window, resource } = event;
          const message = `${callbackName(event)} sleeps for ${resource} ${during(audit, event)}`;
          audit.report(violationOf(event), { mm, notifier, window, message });
        },
      },
    };
  },
};

function violationOf({ callback, rollback }: Sleep): ViolationId {
  if (callback !== "end" && callback !== "invalidate-range") return "V01";
  return rollback ? "V32" : "V03";
}

function during(audit: Audit, event: Sleep): string {
  const { mm, notifier, rollback } = event;
  const window = windowOf(audit, event);
  if (window === undefined) return "in a non-blocking end";
  const where = `in non-blocking window ${window.id} of ${mm}`;
  if (rollback) return `while the refused start of ${where.slice("in ".length)} is rolled back`;
  const start = window.starts.get(notifier);
  if (violationOf(event) !== "V03" || start?.outcome !== "approved") return where;
  return `${where}, which ${notifier}.start approved at event ${start.step} in task ${start.task}`;
}

function windowOf(audit: Audit, { mm, window }: Sleep): AuditedWindow | undefined {
  return window === null ? audit.task.endCalls.at(-1)?.window : audit.windows.find(mm, window);
}
