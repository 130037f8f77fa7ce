/** One breach of the contract, found in a stream of events. */
export interface ViolationReport {
  /** `V01` to `V34`. */
  readonly id: string;
  readonly notifier: string | null;
  readonly mm: string | null;
  readonly task: string;
  readonly message: string;
  /** Legal, but bad: a finding about quality rather than a violation. */
  readonly quality: boolean;
}
