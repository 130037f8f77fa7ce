import type { Audit } from "../audit.ts";
import type { Rule } from "../rule.ts";
import { isCovered, overlap, type Span, spanOf, spanText } from "../spans.ts";
import type { AuditedWindow } from "../windows.ts";

/** Page tables change between an approved start and its end, and within what was started. */
export const pageTables: Rule = {
  ids: ["V12"],
  watch(audit) {
    return {
      on: {
        "pte-change"({ mm, start, end }) {
          const span = spanOf(start, end);
          const open: Span[] = [];
          for (const window of audit.windows.in(mm)) {
            if (window.state === "open") open.push(window.span);
          }
          if (isCovered(span, open)) return;
          const { window, why } = explain(audit, mm, span);
          const message = `page tables of ${mm} change in ${spanText(span)}, ${why}`;
          audit.report("V12", { mm, notifier: null, window: window?.id ?? null, message });
        },
      },
    };
  },
};

/** Which invalidation the change was most likely meant to belong to. */
function explain(
  audit: Audit,
  mm: string,
  span: Span,
): { readonly window?: AuditedWindow; readonly why: string } {
  const { lastRefused, lastEnded, name } = audit.task;
  const isNear = (window: AuditedWindow | undefined): window is AuditedWindow =>
    window !== undefined && window.mm === mm && overlap(window.span, span);
  for (const window of audit.windows.in(mm)) {
    if (!isNear(window) || window.task !== name) continue;
    const { id, state } = window;
    if (state === "starting")
      return { window, why: `before the start of window ${id} has returned` };
    if (state === "open") {
      return { window, why: `but window ${id} is only open over ${spanText(window.span)}` };
    }
  }
  if (isNear(lastRefused) && !(isNear(lastEnded) && lastEnded.step > lastRefused.step)) {
    return {
      window: lastRefused,
      why: `although the start of window ${lastRefused.id} was refused`,
    };
  }
  if (isNear(lastEnded))
    return { window: lastEnded, why: `after window ${lastEnded.id} was ended` };
  return { why: "and no invalidation is open there" };
}
