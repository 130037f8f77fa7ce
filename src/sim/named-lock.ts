import { Mutex } from "../blocking/mutex.ts";
import { RwSemaphore } from "../blocking/rw-semaphore.ts";
import { SpinLock } from "../blocking/spin-lock.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { LockMode, TaskEvent } from "./events.ts";

export type LockKind = "mutex" | "rwsem" | "spinlock";

/** Whoever takes locks: who that is just now, and where it is told. */
export interface LockUser {
  readonly currentTask: string;
  tell(event: TaskEvent): void;
}

interface Holder {
  readonly task: string;
  readonly mode: LockMode;
}

/** A lock of any kind that remembers who holds it and tells what is done with it. */
export class NamedLock {
  readonly name: string;
  readonly #lock: Mutex | RwSemaphore | SpinLock;
  readonly #user: LockUser;
  readonly #holders: Holder[] = [];

  constructor(name: string, kind: LockKind | Mutex | SpinLock | RwSemaphore, user: LockUser) {
    this.name = name;
    this.#lock = typeof kind === "string" ? makeLock(name, kind) : kind;
    this.#user = user;
  }

  /** The tasks that hold it, a reader as often as it has it. */
  get holders(): readonly string[] {
    return this.#holders.map(({ task }) => task);
  }

  /** Takes it; a spinlock spins, the others may sleep. A mode matters to a reader / writer lock only. */
  *lock(wanted: "read" | "write" = "write"): Sleepable<undefined> {
    const lock = this.#lock;
    const mode = this.#modeOf(wanted);
    const sleeping = !(lock instanceof SpinLock);
    this.#user.tell({ kind: "lock-enter", lock: this.name, mode, sleeping });
    if (!(lock instanceof RwSemaphore)) yield* lock.lock();
    else if (wanted === "read") yield* lock.read();
    else yield* lock.write();
    this.#holders.push({ task: this.#user.currentTask, mode });
    this.#user.tell({ kind: "lock", lock: this.name, mode });
  }

  /** Takes it if that needs no waiting. */
  tryLock(wanted: "read" | "write" = "write"): boolean {
    const lock = this.#lock;
    const mode = this.#modeOf(wanted);
    let taken: boolean;
    if (!(lock instanceof RwSemaphore)) taken = lock.tryLock();
    else taken = wanted === "read" ? lock.tryRead() : lock.tryWrite();
    this.#user.tell({ kind: "trylock", lock: this.name, mode, taken });
    if (taken) this.#holders.push({ task: this.#user.currentTask, mode });
    return taken;
  }

  /** Releases what this task took last, or what anybody did. @throws if nobody holds it */
  unlock(): void {
    const { currentTask } = this.#user;
    let index = this.#holders.findLastIndex(({ task }) => task === currentTask);
    if (index < 0) index = this.#holders.length - 1;
    if (index < 0) throw new Error(`unlock of ${this.name}, which nobody holds`);
    const [{ mode }] = this.#holders.splice(index, 1);
    const lock = this.#lock;
    if (!(lock instanceof RwSemaphore)) lock.unlock();
    else if (mode === "read") lock.endRead();
    else lock.endWrite();
    this.#user.tell({ kind: "unlock", lock: this.name, mode });
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
