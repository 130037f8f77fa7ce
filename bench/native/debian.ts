import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { IntervalidateError } from "intervalidate";

/** Where a Debian package is kept unpacked: outside the repository, because it is not ours. */
export function cacheFolder(
  packageName: string,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  const caches = environment.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(caches, "intervalidate", packageName);
}

/**
 * Fetches a Debian package into a folder with apt-get, runs a shell script there that takes what is
 * needed out of the file `$1`, and deletes the file.
 *
 * @throws {IntervalidateError} INPUT if that fails
 */
export function unpackDebianPackage(packageName: string, folder: string, script: string): void {
  mkdirSync(folder, { recursive: true });
  const files = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".deb"));
  for (const left of files()) rmSync(join(folder, left));
  console.error(`downloading Debian's package ${packageName} into ${folder}`);
  execute("apt-get", ["download", packageName], folder);
  const [file] = files();
  if (file === undefined) {
    throw new IntervalidateError("INPUT", `apt-get has left no package in ${folder}.`);
  }
  execute("bash", ["-o", "pipefail", "-c", script, "unpack", file], folder);
  rmSync(join(folder, file));
}

function execute(command: string, parameters: readonly string[], folder: string): void {
  const { status, stderr, error } = spawnSync(command, parameters, {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status === 0) return;
  const why = error?.message ?? `it ended with ${status}: ${stderr.trim()}`;
  throw new IntervalidateError(
    "INPUT",
    `${command} could not get a package: ${why}\nA download takes apt-get with the package lists of Debian 12 (run apt-get update first).`,
  );
}
