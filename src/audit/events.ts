import type { NotifierEvent } from "../notifier/events.ts";
import type { TaskEvent } from "../sim/events.ts";

/** What an auditor is shown. */
export type AuditEvent = NotifierEvent | TaskEvent;

export type EventOf<Kind extends AuditEvent["kind"]> = Extract<AuditEvent, { readonly kind: Kind }>;

/** What is to be done at events of some kinds. */
export type Handlers = {
  readonly [Kind in AuditEvent["kind"]]?: (event: EventOf<Kind>) => void;
};
