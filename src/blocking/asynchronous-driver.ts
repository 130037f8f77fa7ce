import type { Sleepable, Wait } from "./suspension.ts";

/** So often is a body told again that it was interrupted, if it swallows that and waits on. */
const INTERRUPTIONS_MAX = 16;

/**
 * Runs a generator to its end as a promise: live use. Ready waits resume at once; at others it goes
 * on after they were woken and are, looked at again, ready. An abort ends killable waits only: it is
 * thrown into the generator at the wait. The signal is looked at before the first step as well.
 *
 * @throws the signal's reason if it was aborted; what the generator throws
 */
export async function runAsync<T>(body: Sleepable<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  let result = body.next();
  let interruptions = 0;
  while (!result.done) {
    const suspension = result.value;
    if (suspension.kind === "wait" && !suspension.ready()) {
      await turnOf(suspension, signal);
      if (!suspension.ready() && isInterrupted(suspension, signal)) {
        interruptions += 1;
        if (interruptions > INTERRUPTIONS_MAX) throw signal?.reason;
        result = body.throw(signal?.reason);
        continue;
      }
      // Somebody may have been faster than this turn.
      if (!suspension.ready()) continue;
    }
    result = body.next();
  }
  return result.value;
}

function isInterrupted(wait: Wait, signal: AbortSignal | undefined): boolean {
  return wait.killable && signal?.aborted === true;
}

/** Resolves when the wait is woken, or interrupted if it may be. */
function turnOf(wait: Wait, signal: AbortSignal | undefined): Promise<void> {
  if (isInterrupted(wait, signal)) return Promise.resolve();
  return new Promise((resolve) => {
    const onAbort = (): void => {
      wait.queue.delete(waiter);
      resolve();
    };
    const waiter = {
      wake: (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
    };
    wait.queue.add(waiter);
    if (wait.killable) signal?.addEventListener("abort", onAbort, { once: true });
  });
}
