import type { NotifierEvent } from "../notifier/events.ts";
import type { ProfileName } from "../notifier/profile.ts";
import type { TaskEvent } from "../sim/events.ts";
import type { ViolationReport } from "./report.ts";

/** A stand-in: it knows the few violations that a single event shows. */
export class Auditor {
  readonly reports: ViolationReport[] = [];

  constructor(_options: { readonly profile: ProfileName }) {}

  observe(event: NotifierEvent | TaskEvent, task: string): void {
    if (event.kind === "sleep-while-non-blocking") {
      const id = event.rollback ? "V32" : event.callback === "end" ? "V03" : "V01";
      this.#report(id, event.mm, event.notifier, task, `it sleeps for ${event.resource}`);
    }
    if (event.kind === "warn" && event.warning === "refuser-has-end") {
      this.#report("V06", event.mm, event.notifier, task, "it refused and has an end");
    }
  }

  finish(): void {}

  #report(id: string, mm: string, notifier: string | null, task: string, message: string): void {
    this.reports.push({ id, mm, notifier, task, message, quality: false });
  }
}
