import type { AuditNote, ViolationId } from "../../audit/index.ts";
import type { DriverModel } from "../../drivers/index.ts";
import type { ProfileName } from "../../notifier/profile.ts";
import type { DriverAccount } from "./ledger.ts";

/** What a replay against driver models found, as plain JSON: a function of the log and the options. */
export interface DriverReplayReport {
  readonly format: "intervalidate-driver-replay-1";
  /** No violation, no stale entry, no kernel trap, nobody hung. */
  readonly ok: boolean;
  readonly options: {
    readonly drivers: readonly string[];
    readonly oom: number;
    readonly seed: number;
    readonly profile: ProfileName;
  };
  readonly log: {
    readonly lines: number;
    /** Completed system calls. */
    readonly calls: number;
    readonly tasks: number;
    readonly addressSpaces: number;
    readonly events: number;
    readonly peakPieces: number;
  };
  readonly invalidations: {
    /** By the log. */
    readonly blockable: number;
    /** Left out, because their process hung. */
    readonly skipped: number;
    /** Left out, because their range lies beyond 2^64. */
    readonly unrepresentable: number;
  };
  readonly oomReaper: ReaperAccount;
  readonly processMrelease: { readonly calls: number; readonly refusals: number };
  readonly drivers: readonly DriverReport[];
  /** Violations of nobody's in particular: of whoever changes memory, or by a model that is not known. */
  readonly others: Readonly<Partial<Record<ViolationId, number>>>;
  /** The first of each model and kind, and what hung. */
  readonly findings: readonly DriverFinding[];
  readonly violationCount: number;
  readonly notes: Readonly<Partial<Record<AuditNote["kind"], number>>>;
  readonly steps: number;
  readonly virtualTimeUs: number;
}

/** How the strikes of the OOM reaper went. Bytes are those of the last attempt of each strike. */
export interface ReaperAccount {
  strikes: number;
  attempts: number;
  approvals: number;
  refusals: number;
  reaped: number;
  /** Of these, not at the first attempt. */
  reapedAfterRetry: number;
  gaveUp: number;
  /** The process exited first. */
  exitedFirst: number;
  /** It slept in a callback, and nobody has woken it. */
  hung: number;
  bytesReaped: number;
  bytesRefused: number;
}

export interface DriverReport extends DriverAccount {
  readonly name: string;
  readonly era: DriverModel["era"];
  readonly kind: DriverModel["kind"];
  /** Findings of the auditor by rule. V31, spurious refusals, is none about a violation. */
  readonly violations: Readonly<Partial<Record<ViolationId, number>>>;
}

export interface DriverFinding {
  /** Null if it is nobody's in particular. */
  readonly driver: string | null;
  readonly kind: ViolationId | "stale-entry" | "kernel-bug" | "hung-task";
  readonly title: string;
  /** The line of the log that was being replayed, counted from 1. */
  readonly line: number;
  readonly message: string;
  readonly count: number;
}
