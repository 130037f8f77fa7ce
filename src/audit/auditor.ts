import type { NotifierEvent } from "../notifier/events.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { TaskEvent } from "../sim/events.ts";
import { Audit } from "./audit.ts";
import type { AuditEvent } from "./events.ts";
import type { AuditNote, ViolationReport } from "./report.ts";
import type { Watch } from "./rule.ts";
import { RULES } from "./rules.ts";

type Handler = (event: AuditEvent) => void;

/**
 * Reads the event streams of address spaces and tasks, and reports violations of the notifier contract.
 * It has to see a stream from its beginning. Notifiers and address spaces are known by their names, so
 * names must be unique among those that live at a time; tasks too, and what runs concurrently needs a
 * task of its own, because callbacks are told from their callers by the calls of one task.
 */
export class Auditor {
  readonly #audit: Audit;
  readonly #watches: readonly Watch[];
  readonly #handlers = new Map<string, Handler[]>();
  #finished = false;

  /** @throws {IntervalidateError} ARGUMENT if there is no such profile */
  constructor(options: { readonly profile: ProfileName }) {
    this.#audit = new Audit(options.profile);
    this.#watches = RULES.map((rule) => rule.watch(this.#audit));
    for (const { on } of this.#watches) {
      for (const [kind, handler] of Object.entries(on)) {
        const handlers = this.#handlers.get(kind);
        // Each handler stands under the kind of the events that it takes.
        if (handlers === undefined) this.#handlers.set(kind, [handler as Handler]);
        else handlers.push(handler as Handler);
      }
    }
  }

  /** Everything found so far, in the order in which it was found. */
  get reports(): readonly ViolationReport[] {
    return this.#audit.reports;
  }

  /** What looks like a violation and is none. */
  get notes(): readonly AuditNote[] {
    return this.#audit.notes;
  }

  /** Takes the next event, which a task has caused. */
  observe(event: NotifierEvent | TaskEvent, task: string): void {
    this.#audit.before(event, task);
    for (const handler of this.#handlers.get(event.kind) ?? []) handler(event);
    this.#audit.after(event);
  }

  /** No more events come, and nobody is at work: what is still open stays open. Idempotent. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#audit.step += 1;
    for (const watch of this.#watches) watch.finish?.();
  }
}
