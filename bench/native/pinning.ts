import { spawnSync } from "node:child_process";

/** Where this process and those that it starts run. */
export type Pinning =
  | { readonly cpu: number }
  /** Why it could not be pinned. */
  | { readonly failure: string };

/**
 * Binds this process, with all its threads, to one processor: the last one that it is allowed.
 * Processes started later inherit that.
 */
export function pinToOneCpu(): Pinning {
  const allowed = taskset(["-c", "-p", String(process.pid)]);
  if (typeof allowed !== "string") return allowed;
  // "pid 42's current affinity list: 0-3,8"
  const last = /(\d+)\s*$/.exec(allowed)?.[1];
  if (last === undefined) return { failure: `taskset printed ${JSON.stringify(allowed)}` };
  const pinned = taskset(["-a", "-c", "-p", last, String(process.pid)]);
  return typeof pinned === "string" ? { cpu: Number(last) } : pinned;
}

function taskset(parameters: readonly string[]): string | { failure: string } {
  const { status, stdout, stderr, error } = spawnSync("taskset", parameters, { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  return { failure: error?.message ?? (stderr.trim() || `taskset ended with ${status}`) };
}
