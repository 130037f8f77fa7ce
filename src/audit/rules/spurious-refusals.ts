import { PerSubscriber } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";
import { overlap, type Span, spanOf, spanText, without } from "../spans.ts";
import { callbackName } from "../tasks.ts";

/** What a notifier mirrors now. */
interface Mirrored {
  spans: readonly Span[];
  /** Tasks that are about to install more. */
  readonly readers: Set<string>;
}

/**
 * A refusal is for ranges that cannot be torn down without sleeping. It is judged only of those who say
 * what they install: of others nobody knows what they mirror.
 */
export const spuriousRefusals: Rule = {
  ids: ["V31"],
  watch(audit) {
    const mirrored = new PerSubscriber<Mirrored>();
    const readers = new PerSubscriber<Set<string>>();
    const readersOf = (mm: string, subscriber: string | number): Set<string> =>
      readers.of(mm, subscriber, () => new Set());

    return {
      on: {
        install({ mm, subscriber, start, end }) {
          const of = mirrored.of(mm, subscriber, () => ({
            spans: [],
            readers: readersOf(mm, subscriber),
          }));
          const span = spanOf(start, end);
          of.spans = [...without(of.spans, span), span];
        },
        "tear-down"({ mm, subscriber, start, end }) {
          const of = mirrored.get(mm, subscriber);
          if (of !== undefined) of.spans = without(of.spans, spanOf(start, end));
        },
        "read-begin": ({ mm, subscriber }) => readersOf(mm, subscriber).add(audit.task.name),
        "read-retry": ({ mm, subscriber }) => readersOf(mm, subscriber).delete(audit.task.name),
        "callback-leave"(event) {
          const { mm, notifier, callback, window, result } = event;
          const refuses =
            callback === "start"
              ? typeof result === "number" && result !== 0
              : (callback === "invalidate" || callback === "invalidate-start") && result === false;
          const { frame } = audit;
          if (!refuses || frame === undefined || frame.blockable || frame.span === null) return;
          const { span } = frame;
          const of = mirrored.get(mm, notifier);
          if (of === undefined || of.readers.size > 0) return;
          if (of.spans.some((one) => overlap(one, span))) return;
          const message = `${callbackName(event)} refused ${spanText(span)}, in which ${notifier} mirrors nothing`;
          audit.report("V31", { mm, notifier, window, message });
        },
      },
    };
  },
};
