import type { CallbackKind } from "../notifier/events.ts";
import type { AuditEvent } from "./events.ts";
import { PerSubscriber } from "./per-subscriber.ts";

interface ListNotifierState {
  readonly callbacks: readonly CallbackKind[];
  linked: boolean;
}

/** The list notifiers of all address spaces, from their registration on. */
export class ListNotifiers {
  readonly #states = new PerSubscriber<ListNotifierState>();

  /** Whether there is or was a list notifier of this name. */
  knows(mm: string, notifier: string): boolean {
    return this.#states.get(mm, notifier) !== undefined;
  }

  /** Whether a notifier was registered with a callback. */
  has(mm: string, notifier: string, callback: CallbackKind): boolean {
    return this.#states.get(mm, notifier)?.callbacks.includes(callback) ?? false;
  }

  /** Whether invalidations call it. */
  isLinked(mm: string, notifier: string): boolean {
    return this.#states.get(mm, notifier)?.linked ?? false;
  }

  before(event: AuditEvent): void {
    if (event.kind !== "register" || event.notifier === null) return;
    this.#states.set(event.mm, event.notifier, { callbacks: event.callbacks, linked: true });
  }

  after(event: AuditEvent): void {
    if (event.kind !== "unlinked") return;
    const state = this.#states.get(event.mm, event.notifier);
    if (state !== undefined) state.linked = false;
  }
}
