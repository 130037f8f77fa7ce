import { PerSubscriber } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";

interface Gets {
  readonly mm: string;
  readonly notifier: string;
  readonly task: string;
  /** Gets minus puts. */
  balance: number;
}

/** Each get has its put, and each put its get. */
export const references: Rule = {
  ids: ["V30"],
  watch(audit) {
    const tornDown = new Set<string>();
    const gets = new PerSubscriber<Gets>();
    const all = new Set<Gets>();

    return {
      on: {
        warn({ mm, warning, notifier }) {
          if (warning !== "put-without-get") return;
          audit.report("V30", { mm, notifier, message: `${notifier} is put more often than got` });
        },
        get({ mm, notifier }) {
          const task = audit.task.name;
          const got = gets.of(mm, notifier, () => ({ mm, notifier, task, balance: 0 }));
          got.balance += 1;
          all.add(got);
        },
        put({ mm, notifier }) {
          const got = gets.get(mm, notifier);
          if (got === undefined) return;
          got.balance -= 1;
          if (got.balance === 0) all.delete(got);
        },
        unregister({ mm, notifier }) {
          const got = gets.get(mm, notifier);
          if (got !== undefined) all.delete(got);
          gets.delete(mm, notifier);
        },
        release: ({ mm }) => tornDown.add(mm),
      },
      finish() {
        for (const { mm, notifier, task, balance } of all) {
          if (!tornDown.has(mm)) continue;
          const message = `${notifier} was got and never put ${times(balance)}, and outlives ${mm}`;
          audit.report("V30", { mm, notifier, task, message });
        }
      },
    };
  },
};

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
