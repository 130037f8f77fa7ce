import { expect, test } from "vitest";
import { recordedLogs } from "./logs.ts";
import { summarizeNaively } from "./oracle.ts";

// The biggest log takes the naive program minutes; the reader itself is checked on it elsewhere.
test.each(recordedLogs.filter((log) => log.name !== "chromium-a"))(
  "the naive program agrees with the recorded summary: $name",
  ({ bytes, summary, events }) => {
    const naive = summarizeNaively(bytes());
    expect(naive.summary).toEqual(summary);
    if (events !== undefined) expect(naive.events).toBe(events);
  },
);
