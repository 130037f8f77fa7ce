import { expect, test } from "vitest";
import { recordedLogs } from "./logs.ts";
import { eventsOf, summaryOf } from "./support.ts";

test("all recorded logs are here", () => {
  expect(recordedLogs).toHaveLength(52);
});

test.each(recordedLogs)("$name", async ({ bytes, summary, events }) => {
  expect(await summaryOf(bytes())).toEqual(summary);
  if (events !== undefined) expect((await eventsOf(bytes())).join("")).toBe(events);
});
