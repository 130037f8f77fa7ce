// The recorded logs and what is expected of them.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const folder = join(import.meta.dirname, "logs");
const examples = join(import.meta.dirname, "..", "..", "examples");
const expected = join(folder, "expected");

export interface RecordedLog {
  name: string;
  path: string;
  bytes(): Uint8Array;
  summary: unknown;
  /** The event list, where one is kept. */
  events: string | undefined;
}

/** The two logs that are kept as examples, under the names of their expectations. */
const elsewhere: Record<string, string> = {
  "chromium-a": join(examples, "chromium.strace.gz"),
  "gcc-calc": join(examples, "gcc.strace"),
};

export const recordedLogs: RecordedLog[] = readdirSync(expected, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".json"))
  .sort()
  .map((file) => {
    const name = file.replace(/\.json$/, "");
    const plain = join(folder, `${name}.strace`);
    const path = elsewhere[name] ?? (existsSync(plain) ? plain : `${plain}.gz`);
    const events = join(expected, `${name}.events.txt`);
    return {
      name,
      path,
      bytes: () => {
        const bytes = readFileSync(path);
        return path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
      },
      summary: JSON.parse(readFileSync(join(expected, file), "utf8")),
      events: existsSync(events) ? readFileSync(events, "utf8") : undefined,
    };
  });
