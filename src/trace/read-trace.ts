import type { LogSource, TraceFacts, TraceObserver } from "./observer.ts";

export function readTrace(_source: LogSource, _observer: TraceObserver): Promise<TraceFacts> {
  return Promise.reject(new Error("not built yet"));
}
