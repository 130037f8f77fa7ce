import type { LogSource } from "../../src/trace/index.ts";

/** A log from memory. */
export function logOf(name: string, bytes: Uint8Array | string): LogSource {
  const chunk = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return {
    name,
    async *open() {
      yield chunk;
    },
  };
}
