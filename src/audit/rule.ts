import type { Audit } from "./audit.ts";
import type { Handlers } from "./events.ts";
import type { ViolationId } from "./report.ts";

/** The state machine of one rule over one event stream. */
export interface Watch {
  readonly on: Handlers;
  /** The stream is over, everything is quiet: what is still open is judged. */
  finish?(): void;
}

/** One rule of the contract, or a few that look at the same things. */
export interface Rule {
  readonly ids: readonly ViolationId[];
  watch(audit: Audit): Watch;
}
