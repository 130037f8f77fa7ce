import type { LogSource, MmOrigin, TraceEventType } from "./observer.ts";

/** A running SHA-256. `node:crypto`'s hash objects fit. */
export interface Sha256 {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export interface SummaryOptions {
  createSha256: () => Sha256;
}

/** The counts that exist for the whole log and for each address space. */
interface EventTotals {
  events: { [type in TraceEventType]?: number };
  nonblockable: number;
  /** Sum of the events' lengths, decimal. */
  bytes: string;
  overlaps: number;
  /** Sum of the lengths of all intersections of events with pieces, decimal. */
  overlap_bytes: string;
  peak_vmas: number;
  final_vmas: number;
  events_sha256: string;
}

export interface MmSummary extends EventTotals {
  id: string;
  parent: string | null;
  origin: MmOrigin;
  released: boolean;
  calls: Record<string, number>;
  failed: Record<string, number>;
}

/** The summary of one log; README.md in this folder defines every field. */
export interface TraceSummary extends EventTotals {
  format: "mmu-trace-summary-1";
  lines: number;
  kinds: Record<"call" | "unfinished" | "resumed" | "signal" | "exit" | "other", number>;
  calls: Record<string, number>;
  failed: Record<string, number>;
  injected: number;
  unfinished_lost: number;
  orphan_resumed: number;
  tasks: number;
  mms: number;
  stale_pieces: number;
  mrelease_unresolved: number;
  final_sha256: string;
  per_mm: MmSummary[];
}

export function summarize(_source: LogSource, _options: SummaryOptions): Promise<TraceSummary> {
  return Promise.reject(new Error("not built yet"));
}
