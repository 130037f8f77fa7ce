// Feeding the reader from memory.

import { createHash } from "node:crypto";
import { eventText } from "../../src/trace/event-text.ts";
import {
  type LogSource,
  readTrace,
  summarize,
  type TraceFacts,
  type TraceObserver,
  type TraceSummary,
} from "../../src/trace/index.ts";

const createSha256 = () => createHash("sha256");

/** A log in chunks of the given size (0: in one piece). */
function memorySource(log: Uint8Array | string, chunkBytes = 0): LogSource {
  const bytes = typeof log === "string" ? Buffer.from(log) : log;
  return {
    name: "memory",
    async *open() {
      const step = chunkBytes === 0 ? Math.max(bytes.length, 1) : chunkBytes;
      for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
    },
  };
}

export function summaryOf(log: Uint8Array | string, chunkBytes = 0): Promise<TraceSummary> {
  return summarize(memorySource(log, chunkBytes), { createSha256 });
}

/** The events of a log, as the summary hashes them. */
export async function eventsOf(log: Uint8Array | string): Promise<string[]> {
  const events: string[] = [];
  await read(log, { event: (event) => events.push(eventText(event)) });
  return events;
}

export function read(log: Uint8Array | string, observer: TraceObserver): Promise<TraceFacts> {
  return readTrace(memorySource(log), observer);
}
