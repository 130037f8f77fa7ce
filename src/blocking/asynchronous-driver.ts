import { advance, Interrupter } from "./driving.ts";
import type { Sleepable, Wait } from "./suspension.ts";

/**
 * Runs a generator to its end as a promise: live use. Ready waits resume at once; at others it goes
 * on after they were woken and are, looked at again, ready. An abort ends killable waits only: it is
 * thrown into the generator at the wait, and at each further one if the generator goes on. One that
 * does so too often is unwound. The signal is looked at before the first step as well.
 *
 * @throws the signal's reason if it was aborted; what the generator throws
 */
export async function runAsync<T>(body: Sleepable<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  const interrupter = new Interrupter();
  let result = advance(body);
  while (!result.done) {
    const suspension = result.value;
    const isReady = suspension.kind === "point" || suspension.ready();
    if (isReady || (await isReadyInTime(suspension, signal))) {
      result = advance(body);
    } else {
      result = interrupter.interrupt(body, signal?.reason);
    }
  }
  return result.value;
}

/** Sleeps until the wait is ready; false if an abort came first. */
async function isReadyInTime(wait: Wait, signal: AbortSignal | undefined): Promise<boolean> {
  do {
    if (wait.killable && signal?.aborted) return false;
    if (!(await isWokenInTime(wait, signal))) return false;
    // Somebody may have been faster than the turn of who was woken.
  } while (!wait.ready());
  return true;
}

/** Resolves when the wait is woken; to false if an abort came first. */
function isWokenInTime(wait: Wait, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const onAbort = (): void => {
      wait.queue.delete(waiter);
      resolve(false);
    };
    const waiter = {
      wake: (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve(true);
      },
    };
    wait.queue.add(waiter);
    if (wait.killable) signal?.addEventListener("abort", onAbort, { once: true });
  });
}
