import type { Address } from "../engine/addresses.ts";

/** How a lock is taken. A mutex and a spinlock are always exclusive. */
export type LockMode = "exclusive" | "read" | "write";

/**
 * What the tasks of a simulation do beside calling an address space. Locks, work items and resources
 * are known by their names.
 */
export type TaskEvent =
  /** The task is about to take a lock and may have to wait for it. */
  | {
      readonly kind: "lock-enter";
      readonly lock: string;
      readonly mode: LockMode;
      readonly sleeping: boolean;
    }
  | { readonly kind: "lock"; readonly lock: string; readonly mode: LockMode }
  | {
      readonly kind: "trylock";
      readonly lock: string;
      readonly mode: LockMode;
      readonly taken: boolean;
    }
  | { readonly kind: "unlock"; readonly lock: string; readonly mode: LockMode }
  /** An allocation; whether it may enter direct reclaim follows from the context and the task's scope. */
  | { readonly kind: "allocate"; readonly context: string; readonly reclaims: boolean }
  | { readonly kind: "work-queue"; readonly work: string; readonly delay: number }
  | { readonly kind: "work-run"; readonly work: string }
  | { readonly kind: "work-done"; readonly work: string }
  | { readonly kind: "work-wait"; readonly work: string }
  /** The task sleeps, and is woken when it may look again. */
  | { readonly kind: "block"; readonly resource: string }
  | { readonly kind: "wake"; readonly resource: string }
  /** The memory of an address space changes. */
  | {
      readonly kind: "pte-change";
      readonly mm: string;
      readonly start: Address;
      readonly end: Address;
    }
  /** A mirror installs an entry of its own, or drops it. */
  | {
      readonly kind: "install";
      readonly mm: string;
      readonly subscriber: string | number;
      readonly start: Address;
      readonly end: Address;
    }
  | {
      readonly kind: "tear-down";
      readonly mm: string;
      readonly subscriber: string | number;
      readonly start: Address;
      readonly end: Address;
    };
