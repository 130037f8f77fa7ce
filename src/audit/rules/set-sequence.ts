import type { Audit } from "../audit.ts";
import { PerSubscriber } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";
import type { CallbackFrame } from "../tasks.ts";

/** The side of an interval notifier that its readers look at. */
interface Readable {
  isRead: boolean;
  /** Its sequence, once it has been set. */
  sequence: number | undefined;
  /** Approved without it, when nobody had read yet. */
  readonly unset: { readonly frame: CallbackFrame; readonly task: string }[];
}

/** A callback that approves has set the sequence, or readers miss the collision. */
export const setSequence: Rule = {
  ids: ["V15"],
  watch(audit) {
    const readables = new PerSubscriber<Readable>();
    const of = (mm: string, subscriber: string | number): Readable =>
      readables.of(mm, subscriber, () => ({ isRead: false, sequence: undefined, unset: [] }));

    function report(frame: CallbackFrame, task: string): void {
      const { mm, notifier, window, event, sequence } = frame;
      const message = `${notifier} approved ${event} at event ${frame.step} without setting its sequence to ${sequence}, and it has readers`;
      audit.report("V15", { mm, notifier, window, task, message });
    }

    return {
      on: {
        "interval-insert": ({ mm, notifier }) => readables.delete(mm, notifier),
        "set-sequence"({ mm, notifier, sequence }) {
          of(mm, notifier).sequence = sequence;
        },
        "callback-leave"({ mm, notifier, callback, result }) {
          const { frame } = audit;
          if (callback !== "invalidate" && callback !== "invalidate-start") return;
          if (result !== true || frame === undefined || mayKeepSequence(frame)) return;
          const readable = of(mm, notifier);
          if (readable.sequence === frame.sequence) return;
          if (readable.isRead) report(frame, audit.task.name);
          else readable.unset.push({ frame, task: audit.task.name });
        },
        "read-begin"({ mm, subscriber }) {
          const readable = of(mm, subscriber);
          readable.isRead = true;
          // Too late to harm once the invalidation has ended.
          for (const { frame, task } of readable.unset) {
            if (isStillOpen(audit, frame)) report(frame, task);
          }
          readable.unset.length = 0;
        },
      },
    };
  },
};

/** The driver's own migrations leave its entries valid; and teardown leaves nobody to read. */
export function mayKeepSequence({ event, owner }: CallbackFrame): boolean {
  const isOwned = event === "MIGRATE" || event === "EXCLUSIVE";
  return event === "RELEASE" || (isOwned && owner !== null);
}

function isStillOpen(audit: Audit, { mm, window }: CallbackFrame): boolean {
  const state = audit.windows.find(mm, window)?.state;
  return state === "starting" || state === "open";
}
