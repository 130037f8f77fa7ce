import type { EventOf } from "../events.ts";
import { PerSubscriber, subscriberName } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";
import { callbackName, isInvalidating } from "../tasks.ts";

/** Some task waited, or might have had to, for invalidations to end while it held a lock. */
interface WaitUnderLock {
  readonly call: string;
  readonly subscriber: string;
  readonly task: string;
  readonly step: number;
}

/** What is known of one lock in one address space. */
interface LockUse {
  /** The first callback seen that waits for it. */
  taker: string | undefined;
  readonly waits: WaitUnderLock[];
}

/**
 * `read_begin` and `remove` wait for invalidations to end, so nobody may call them with a lock that a
 * callback of the address space waits for. Which of the two is seen first does not matter.
 */
export const waitsUnderLocks: Rule = {
  ids: ["V24"],
  watch(audit) {
    const uses = new PerSubscriber<LockUse>();
    const useOf = (mm: string, lock: string): LockUse =>
      uses.of(mm, lock, () => ({ taker: undefined, waits: [] }));

    function report(mm: string, lock: string, wait: WaitUnderLock, taker: string): void {
      const { call, subscriber, task, step } = wait;
      const message = `task ${task} calls ${call} of ${subscriber} at event ${step} while it holds ${lock}, for which ${taker} waits`;
      audit.report("V24", { mm, notifier: subscriber, task, message });
    }

    function take(lock: string): void {
      for (const frame of audit.task.frames) {
        if (!isInvalidating(frame)) continue;
        const use = useOf(frame.mm, lock);
        if (use.taker !== undefined) continue;
        use.taker = callbackName(frame);
        for (const wait of use.waits) report(frame.mm, lock, wait, use.taker);
      }
    }

    function wait(call: string, mm: string, subscriber: string | number): void {
      const { task } = audit;
      // Inside a callback it is wrong whatever is held.
      if (task.frames.length > 0) return;
      for (const { lock, mirrorsOf } of task.held) {
        const use = useOf(mm, lock);
        // Every invalidation that hits a passive mirror takes its lock.
        if (mirrorsOf === mm) use.taker = "every invalidation that hits it";
        const name = subscriberName(subscriber);
        if (use.waits.some((one) => one.call === call && one.subscriber === name)) continue;
        const wait = { call, subscriber: name, task: task.name, step: audit.step };
        use.waits.push(wait);
        if (use.taker !== undefined) report(mm, lock, wait, use.taker);
      }
    }

    const read = ({ mm, subscriber }: EventOf<"read-enter"> | EventOf<"read-begin">): void =>
      wait("read_begin", mm, subscriber);

    return {
      on: {
        "lock-enter": ({ lock }) => take(lock),
        lock: ({ lock }) => take(lock),
        trylock({ lock }) {
          // In non-blocking mode: where it may sleep, the same callback waits.
          if (audit.task.frames.at(-1)?.blockable === false) take(lock);
        },
        "read-enter": read,
        "read-begin": read,
        "interval-remove": ({ mm, notifier }) => wait("remove", mm, notifier),
        "mirror-remove": ({ mm, mirror }) => wait("remove", mm, mirror),
      },
    };
  },
};
