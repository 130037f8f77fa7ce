import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root: string = join(import.meta.dirname, "../..");
export const examples: string = join(root, "examples");

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command as a user would, without a terminal. */
export function intervalidate(args: readonly string[], input?: string | Uint8Array): CommandResult {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "dist/cli/main.js"), ...args],
    { encoding: "utf8", maxBuffer: 1 << 28, ...(input !== undefined && { input }) },
  );
  return { status, stdout, stderr };
}
