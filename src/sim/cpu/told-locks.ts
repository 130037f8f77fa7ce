import type { Mutex } from "../../blocking/mutex.ts";
import type { RwSemaphore } from "../../blocking/rw-semaphore.ts";
import { SpinLock } from "../../blocking/spin-lock.ts";
import type { Sleepable } from "../../blocking/suspension.ts";
import type { LockMode, TaskEvent } from "../events.ts";

/** Receives what is done with locks. */
export type Tell = (event: TaskEvent) => void;

/** Takes a lock and tells of it. */
export function* lock(one: Mutex | SpinLock, tell: Tell): Sleepable<undefined> {
  tellEnter(one.name, "exclusive", !(one instanceof SpinLock), tell);
  yield* one.lock();
  tell({ kind: "lock", lock: one.name, mode: "exclusive" });
}

export function tryLock(one: Mutex | SpinLock, tell: Tell): boolean {
  const taken = one.tryLock();
  tell({ kind: "trylock", lock: one.name, mode: "exclusive", taken });
  return taken;
}

export function unlock(one: Mutex | SpinLock, tell: Tell): undefined {
  one.unlock();
  tell({ kind: "unlock", lock: one.name, mode: "exclusive" });
}

export function* downRead(one: RwSemaphore, tell: Tell): Sleepable<undefined> {
  tellEnter(one.name, "read", true, tell);
  yield* one.read();
  tell({ kind: "lock", lock: one.name, mode: "read" });
}

export function downReadTrylock(one: RwSemaphore, tell: Tell): boolean {
  const taken = one.tryRead();
  tell({ kind: "trylock", lock: one.name, mode: "read", taken });
  return taken;
}

export function upRead(one: RwSemaphore, tell: Tell): undefined {
  one.endRead();
  tell({ kind: "unlock", lock: one.name, mode: "read" });
}

export function* downWrite(one: RwSemaphore, tell: Tell): Sleepable<undefined> {
  tellEnter(one.name, "write", true, tell);
  yield* one.write();
  tell({ kind: "lock", lock: one.name, mode: "write" });
}

export function upWrite(one: RwSemaphore, tell: Tell): undefined {
  one.endWrite();
  tell({ kind: "unlock", lock: one.name, mode: "write" });
}

function tellEnter(name: string, mode: LockMode, sleeping: boolean, tell: Tell): void {
  tell({ kind: "lock-enter", lock: name, mode, sleeping });
}
