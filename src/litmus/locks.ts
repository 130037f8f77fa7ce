import { Mutex } from "../blocking/mutex.ts";
import { RwSemaphore } from "../blocking/rw-semaphore.ts";
import { SpinLock } from "../blocking/spin-lock.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { LockMode, TaskEvent } from "../sim/events.ts";
import type { LockKind } from "./declared.ts";

interface Holder {
  readonly task: string;
  readonly mode: LockMode;
}

/** A lock of any kind that remembers who holds it and tells what is done with it. */
export class NamedLock {
  readonly name: string;
  readonly #lock: Mutex | RwSemaphore | SpinLock;
  readonly #tell: (event: TaskEvent) => void;
  readonly #holders: Holder[] = [];

  constructor(name: string, kind: LockKind | RwSemaphore, tell: (event: TaskEvent) => void) {
    this.name = name;
    this.#lock = typeof kind === "string" ? makeLock(name, kind) : kind;
    this.#tell = tell;
  }

  get holders(): readonly string[] {
    return this.#holders.map(({ task }) => task);
  }

  *lock(task: string, wanted: "read" | "write"): Sleepable<undefined> {
    const lock = this.#lock;
    const mode = this.#modeOf(wanted);
    const sleeping = !(lock instanceof SpinLock);
    this.#tell({ kind: "lock-enter", lock: this.name, mode, sleeping });
    if (!(lock instanceof RwSemaphore)) yield* lock.lock();
    else if (wanted === "read") yield* lock.read();
    else yield* lock.write();
    this.#holders.push({ task, mode });
    this.#tell({ kind: "lock", lock: this.name, mode });
  }

  tryLock(task: string, wanted: "read" | "write"): boolean {
    const lock = this.#lock;
    const mode = this.#modeOf(wanted);
    let taken: boolean;
    if (!(lock instanceof RwSemaphore)) taken = lock.tryLock();
    else taken = wanted === "read" ? lock.tryRead() : lock.tryWrite();
    this.#tell({ kind: "trylock", lock: this.name, mode, taken });
    if (taken) this.#holders.push({ task, mode });
    return taken;
  }

  /** Releases what this task took last, or what anybody did. @throws if nobody holds it */
  unlock(task: string): void {
    let index = this.#holders.findLastIndex((holder) => holder.task === task);
    if (index < 0) index = this.#holders.length - 1;
    if (index < 0) throw new Error(`unlock of ${this.name}, which nobody holds`);
    const [{ mode }] = this.#holders.splice(index, 1);
    const lock = this.#lock;
    if (!(lock instanceof RwSemaphore)) lock.unlock();
    else if (mode === "read") lock.endRead();
    else lock.endWrite();
    this.#tell({ kind: "unlock", lock: this.name, mode });
  }

  #modeOf(wanted: "read" | "write"): LockMode {
    return this.#lock instanceof RwSemaphore ? wanted : "exclusive";
  }
}

function makeLock(name: string, kind: LockKind): Mutex | RwSemaphore | SpinLock {
  switch (kind) {
    case "mutex":
      return new Mutex(name);
    case "rwsem":
      return new RwSemaphore(name);
    case "spinlock":
      return new SpinLock(name);
  }
}
