import type { Rule } from "../rule.ts";
import { callbackName, isInvalidating } from "../tasks.ts";

/** A callback has waited for a work item. */
interface WorkWait {
  readonly mm: string;
  readonly notifier: string;
  readonly window: number | null;
  readonly task: string;
  readonly callback: string;
  /** Locks that the task held meanwhile, its callers' included. */
  readonly locks: readonly string[];
  /** Between start and end, where nobody may depend on reclaim. */
  readonly invalidating: boolean;
}

/** What is known of a work item, from all its runs. */
interface WorkUse {
  readonly waits: WorkWait[];
  /** What its runs wait for: locks by name, and reclaim. */
  readonly needs: Set<string>;
}

/** No lock has this name. */
const RECLAIM = "\0reclaim";

/**
 * A callback may wait for work only if the work gets on without it: without the locks held by the
 * waiter, without reclaim, and if it is not the work that the callback runs on. Runs and waits may be
 * seen in any order.
 */
export const work: Rule = {
  ids: ["V20", "V21"],
  watch(audit) {
    const uses = new Map<string, WorkUse>();
    const reported = new Set<string>();

    function useOf(name: string): WorkUse {
      let use = uses.get(name);
      if (use === undefined) {
        use = { waits: [], needs: new Set() };
        uses.set(name, use);
      }
      return use;
    }

    function judge(name: string, wait: WorkWait, need: string): void {
      const { mm, notifier, window, task, callback, locks, invalidating } = wait;
      if (need === RECLAIM ? !invalidating : !locks.includes(need)) return;
      const key = [mm, callback, name, need].join("\0");
      if (reported.has(key)) return;
      reported.add(key);
      const why =
        need === RECLAIM ? "allocates with reclaim" : `waits for ${need}, which task ${task} holds`;
      const message = `${callback} waits for work ${name}, which ${why}`;
      audit.report("V20", { mm, notifier, window, task, message });
    }

    /** A work item that the task runs needs something. */
    function need(what: string): void {
      for (const name of audit.task.works) {
        const { needs, waits } = useOf(name);
        if (needs.has(what)) continue;
        needs.add(what);
        for (const wait of waits) judge(name, wait, what);
      }
    }

    return {
      on: {
        "work-wait"({ work: name }) {
          const { frames, works, held, name: task } = audit.task;
          const frame = frames.at(-1);
          if (frame === undefined) return;
          const { mm, notifier, window } = frame;
          const callback = callbackName(frame);
          if (works.includes(name)) {
            const message = `${callback} waits for work ${name}, on which it runs`;
            audit.report("V21", { mm, notifier, window, message });
            return;
          }
          const locks = held.map(({ lock }) => lock);
          const invalidating = isInvalidating(frame);
          const wait = { mm, notifier, window, task, callback, locks, invalidating };
          const use = useOf(name);
          use.waits.push(wait);
          for (const what of use.needs) judge(name, wait, what);
        },
        "lock-enter": ({ lock }) => need(lock),
        lock: ({ lock }) => need(lock),
        allocate({ reclaims }) {
          if (reclaims) need(RECLAIM);
        },
      },
    };
  },
};
