import type { Wait } from "../blocking/suspension.ts";
import type { CallbackKind } from "./events.ts";
import type { NotifierRange } from "./range.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface CallbackReportOptions {
  /** Called to roll a refused start back. */
  readonly rollback?: boolean;
  readonly nonBlockSection?: boolean;
}

/** One call of one callback, as the event stream tells it. Made only where somebody looks at events. */
export class CallbackReport {
  readonly #subscriptions: Subscriptions;
  readonly #notifier: string;
  readonly #callback: CallbackKind;
  readonly #window: number | null;
  readonly #rollback: boolean;
  readonly #nonBlockSection: boolean;

  constructor(
    subscriptions: Subscriptions,
    notifier: string,
    callback: CallbackKind,
    window: number | null,
    options: CallbackReportOptions = {},
  ) {
    this.#subscriptions = subscriptions;
    this.#notifier = notifier;
    this.#callback = callback;
    this.#window = window;
    this.#rollback = options.rollback ?? false;
    this.#nonBlockSection = options.nonBlockSection ?? false;
  }

  enter(range: NotifierRange | undefined, blockable: boolean, sequence: number | null): void {
    this.#subscriptions.tell({
      kind: "callback-enter",
      ...this.#about(),
      event: range?.event ?? null,
      start: range?.start ?? null,
      end: range?.end ?? null,
      owner: range?.owner ?? null,
      blockable,
      sequence,
      nonBlockSection: this.#nonBlockSection,
    });
  }

  leave(result: number | boolean | null): void {
    this.#subscriptions.tell({ kind: "callback-leave", ...this.#about(), result });
  }

  threw(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#subscriptions.tell({ kind: "callback-threw", ...this.#about(), message });
  }

  slept(wait: Wait): void {
    const { resource } = wait;
    this.#subscriptions.tell({ kind: "sleep-while-non-blocking", ...this.#about(), resource });
    if (this.#nonBlockSection) {
      this.#subscriptions.warn("sleep-in-non-block-section", this.#notifier);
    }
  }

  stuck(): void {
    this.#subscriptions.tell({ kind: "cannot-be-unwound", ...this.#about() });
  }

  #about() {
    return {
      mm: this.#subscriptions.mm.name,
      notifier: this.#notifier,
      callback: this.#callback,
      window: this.#window,
      rollback: this.#rollback,
    };
  }
}
