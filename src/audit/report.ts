/** The rules of the contract, by the numbers that reports, scenarios and documentation use. */
export type ViolationId =
  | "V01"
  | "V02"
  | "V03"
  | "V04"
  | "V05"
  | "V06"
  | "V07"
  | "V08"
  | "V09"
  | "V10"
  | "V11"
  | "V12"
  | "V13"
  | "V14"
  | "V15"
  | "V16"
  | "V17"
  | "V18"
  | "V19"
  | "V20"
  | "V21"
  | "V22"
  | "V23"
  | "V24"
  | "V25"
  | "V26"
  | "V27"
  | "V28"
  | "V29"
  | "V30"
  | "V31"
  | "V32"
  | "V33"
  | "V34";

/** One breach of the contract, found in an event stream. */
export interface ViolationReport {
  readonly id: ViolationId;
  /** The rule that was broken, as a title. */
  readonly title: string;
  /** Who broke it: a notifier's name, `mirror N`, or null if it was the caller of start, end or a change. */
  readonly notifier: string | null;
  readonly mm: string | null;
  /** The task that did it. Of something that nobody did, the task that should have. */
  readonly task: string;
  /** The invalidation concerned, if it is about one. */
  readonly window: number | null;
  /** The event at which it was found, counted from 1; one more than there are events at the finish. */
  readonly step: number;
  /** What happened, in one sentence. */
  readonly message: string;
  /** What the kernel of the audited profile makes of it. */
  readonly kernel: string;
  /** What to change. */
  readonly fix: string;
  /** Legal, but bad: a finding about quality, and no violation. */
  readonly quality: boolean;
}

/**
 * Something that looks like a violation and is none.
 *
 * - `closed-by-*`: a start whose end is not called, because its notifier was taken out in between
 * - `unfinished`: a window that is open at the finish, because its task has not got on
 */
export interface AuditNote {
  readonly kind: "closed-by-unregister" | "closed-by-put" | "closed-by-release" | "unfinished";
  readonly notifier: string | null;
  readonly mm: string;
  /** The task that took the notifier out, or that has not got on. */
  readonly task: string;
  readonly window: number;
  /** The event at which it happened, counted from 1. */
  readonly step: number;
  readonly message: string;
}
