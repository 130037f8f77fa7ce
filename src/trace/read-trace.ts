import { follow } from "./model.ts";
import type { LogSource, TraceFacts, TraceObserver } from "./observer.ts";

/**
 * Follows the address spaces of a log from its beginning to its end and tells the observer what
 * happens to them. The source is opened two or three times: calls that are completed late in the
 * log have effects early in it. Any bytes are a log; what is no call is skipped.
 */
export async function readTrace(source: LogSource, observer: TraceObserver): Promise<TraceFacts> {
  return (await follow(source, observer)).facts();
}
