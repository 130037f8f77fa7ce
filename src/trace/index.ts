export type {
  LineKinds,
  LogSource,
  MmOrigin,
  Piece,
  TracedMm,
  TraceEvent,
  TraceEventType,
  TraceFacts,
  TraceObserver,
} from "./observer.ts";
export { readTrace } from "./read-trace.ts";
export type { MmSummary, Sha256, SummaryOptions, TraceSummary } from "./summary.ts";
export { summarize } from "./summary.ts";
