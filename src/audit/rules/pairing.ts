import type { Audit } from "../audit.ts";
import type { EventOf } from "../events.ts";
import { PerSubscriber } from "../per-subscriber.ts";
import type { AuditNote } from "../report.ts";
import type { Rule } from "../rule.ts";
import { spanText } from "../spans.ts";
import { type AuditedWindow, type EndCall, modeText, type StartRecord } from "../windows.ts";

/**
 * Every approved start has one end, with the same range, mode and address space, and no end comes
 * without one. It holds for callers, and for each list notifier that has both callbacks: whoever was
 * rolled back has had its end.
 */
export const pairing: Rule = {
  ids: ["V07", "V08", "V11"],
  watch(audit) {
    const unlinkedBy = new PerSubscriber<"unregister" | "put" | "release">();
    const judged = new Set<StartRecord | AuditedWindow>();
    /** Starts whose notifiers went with their address space, while the end might still have come. */
    const tornDown = new Map<AuditedWindow, { start: StartRecord; note: AuditNote }[]>();
    /** The notifier that is being put for the last time. */
    let put: EventOf<"put"> | undefined;

    /** Reports what will never be ended: by notifier, and by itself only if there is none. */
    function judgeOpen(window: AuditedWindow): void {
      if (judged.has(window)) return;
      judged.add(window);
      const { mm, id, task, span, state, mode } = window;
      const about = `${mode} window ${id} over ${spanText(span)}`;
      const torn = tornDown.get(window)?.map(({ start }) => start) ?? [];
      const open = [...torn, ...audit.openStarts(window)];
      for (const start of open) {
        judged.add(start);
        const why = state === "open" ? "nobody ended it" : "it was refused and not rolled back";
        const message = `${start.notifier}.start approved ${about} at event ${start.step}, and ${why}`;
        audit.report("V08", { mm, notifier: start.notifier, window: id, task, message });
      }
      if (open.length > 0 || state !== "open") return;
      const message = `${about} of ${mm} was started at event ${window.step}, and nobody ended it`;
      audit.report("V08", { mm, notifier: null, window: id, task, message });
    }

    /** The notifier of a start has gone before its end came. */
    function close(start: StartRecord, window: AuditedWindow): void {
      const { notifier } = start;
      const { mm, id } = window;
      const by = unlinkedBy.get(mm, notifier) ?? "unregister";
      const note: AuditNote = {
        kind: `closed-by-${by}`,
        mm,
        notifier,
        task: audit.task.name,
        window: id,
        step: audit.step,
        message: `the open start of ${notifier} in window ${id} was closed by ${by}: its end is not called`,
      };
      if (by !== "release") audit.notes.push(note);
      else tornDown.set(window, [...(tornDown.get(window) ?? []), { start, note }]);
    }

    /** The end has come, or will not be needed. */
    function settle(window: AuditedWindow | undefined): void {
      if (window === undefined) return;
      for (const { note } of tornDown.get(window) ?? []) audit.notes.push(note);
      tornDown.delete(window);
    }

    function noteUnfinished({ mm, id, task }: AuditedWindow): void {
      const message = `window ${id} of ${mm} is open because task ${task} is still at work`;
      const about = { mm, notifier: null, task, window: id, step: audit.step };
      audit.notes.push({ kind: "unfinished", ...about, message });
    }

    return {
      on: {
        "invalidate-end-enter"() {
          const call = audit.task.endCalls.at(-1);
          if (call?.verdict === "mismatched") reportMismatch(audit, call);
          settle(call?.window);
        },
        "invalidate-refused": ({ mm, window }) => settle(audit.windows.find(mm, window)),
        "callback-enter"(event) {
          if (event.callback === "end") judgeEnd(audit, event);
        },
        "invalidate-end"() {
          const call = audit.task.endCalls.at(-1);
          if (call !== undefined && isTooMany(call) && !call.reported) {
            audit.report("V07", { ...aboutEnd(call), notifier: null, message: endText(call) });
          }
        },
        "invalidate-end-again"({ mm, window }) {
          const message = `window ${window} is ended a second time`;
          audit.report("V07", { mm, notifier: null, window, message });
        },
        "callback-leave"(event) {
          if (event.callback !== "start" || event.result !== 0) return;
          const { mm, notifier } = event;
          const window = audit.windows.find(mm, event.window);
          const start = window?.starts.get(notifier);
          if (window === undefined || start === undefined) return;
          if (unlinkedBy.get(mm, notifier) === undefined) return;
          if (audit.listNotifiers.has(mm, notifier, "end")) close(start, window);
        },
        register({ mm, notifier }) {
          if (notifier !== null) unlinkedBy.delete(mm, notifier);
          put = undefined;
        },
        put(event) {
          put = event.users === 0 ? event : undefined;
        },
        unlinked({ mm, notifier }) {
          const isPut = put?.mm === mm && put.notifier === notifier;
          const isReleased = audit.task.releasing.includes(mm);
          const how = isPut ? "put" : isReleased ? "release" : "unregister";
          unlinkedBy.set(mm, notifier, how);
          put = undefined;
          for (const window of audit.windows.in(mm)) {
            const start = audit.openStarts(window).find((one) => one.notifier === notifier);
            if (start === undefined || judged.has(start) || window.endedElsewhere) continue;
            // Nobody will end what was refused, so it was lost before its notifier went.
            if (isOver(window)) judgeOpen(window);
            else close(start, window);
          }
        },
        "release-enter"({ mm }) {
          // Other tasks may still end theirs; whoever tears down will not.
          for (const window of audit.windows.in(mm)) {
            const isOwn = window.state === "open" && window.task === audit.task.name;
            if (isOver(window) || (isOwn && !window.endedElsewhere)) judgeOpen(window);
          }
        },
      },
      finish() {
        for (const window of audit.windows.all()) {
          if (isOver(window)) judgeOpen(window);
          else if (window.state !== "open" || window.endedElsewhere) continue;
          else if (isAtWork(audit, window.task)) noteUnfinished(window);
          else judgeOpen(window);
        }
      },
    };
  },
};

function isAtWork(audit: Audit, task: string): boolean {
  if (audit.tasks.of(task).isAtWork) return true;
  for (const window of audit.windows.all()) {
    if (window.task === task && window.state === "starting") return true;
  }
  return false;
}

/** Whether a window never was open, and never will be. */
function isOver({ state }: AuditedWindow): boolean {
  return state === "refused" || state === "failed";
}

function isTooMany({ verdict }: EndCall): boolean {
  return verdict === "again" || verdict === "refused" || verdict === "unpaired";
}

function judgeEnd(audit: Audit, event: EventOf<"callback-enter">): void {
  const { mm, notifier, rollback } = event;
  // Without a start it has nothing to balance.
  if (!audit.listNotifiers.has(mm, notifier, "start")) return;
  const start = audit.frame?.ends;
  if (start?.outcome === "approved" && start.ends <= 1) return;
  if (rollback) {
    // The roll-back of a refuser is what is wrong with refusers that have an end.
    if (start === undefined || (start.outcome === "refused" && start.ends <= 1)) return;
    const message = `the roll-back of window ${event.window} ends ${notifier}, which has been ended already`;
    audit.report("V07", { mm, notifier, window: event.window, message });
    return;
  }
  const call = audit.task.endCalls.at(-1);
  if (call === undefined || call.verdict === "mismatched" || call.verdict === "unknown") return;
  call.reported = true;
  const message = `${notifier}.end is called, but ${startText(notifier, start)}: ${endText(call)}`;
  audit.report("V07", { ...aboutEnd(call), notifier, message });
}

function startText(notifier: string, start: StartRecord | undefined): string {
  if (start === undefined) return `${notifier}.start was not`;
  if (start.outcome === "approved") {
    return `${notifier}.start of event ${start.step} has been ended already`;
  }
  return `${notifier}.start did not approve at event ${start.step}`;
}

function reportMismatch(audit: Audit, call: EndCall): void {
  const window = call.window as AuditedWindow;
  const message = `${describe(call)} in ${call.mm} matches no open start; task ${window.task} has window ${window.id} open: ${window.mode}, over ${spanText(window.span)} in ${window.mm}`;
  audit.report("V11", { mm: call.mm, notifier: null, window: window.id, message });
}

function aboutEnd({ mm, window }: EndCall): { mm: string; window: number | null } {
  return { mm, window: window?.id ?? null };
}

function endText(call: EndCall): string {
  const id = call.window?.id;
  switch (call.verdict) {
    case "refused":
      return `${describe(call)} comes after the start of window ${id} was refused`;
    case "again":
      return `${describe(call)} comes after window ${id} was ended`;
    case "unpaired":
      return `${describe(call)} has no start`;
    default:
      return `${describe(call)} is that of window ${id}`;
  }
}

function describe({ blockable, span }: EndCall): string {
  return `the ${modeText(blockable)} end over ${spanText(span)}`;
}
