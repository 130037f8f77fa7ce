import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { IntervalidateError } from "intervalidate";

/** A kernel tree, or the few files of one that the interval tree is made of. */
export interface KernelSource {
  readonly folder: string;
  /** Such as 6.1.190. */
  readonly version: string;
}

const PACKAGE = "linux-source-6.1";
const FILES: readonly string[] = [
  "Makefile",
  "lib/rbtree.c",
  "include/linux/interval_tree_generic.h",
  "include/linux/rbtree.h",
  "include/linux/rbtree_augmented.h",
  "include/linux/rbtree_types.h",
];

/** Where the download is kept: outside the repository, because it is not ours. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const caches = environment.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(caches, "intervalidate", PACKAGE);
}

/**
 * The kernel tree to compile: the one that is named, else the one in the cache, which is filled
 * first if a download is allowed.
 *
 * @throws {IntervalidateError} INPUT if there is none; the message says how to get one
 */
export function findKernelSource(options: {
  readonly linuxSource?: string | undefined;
  readonly download?: boolean | undefined;
  readonly cache?: string | undefined;
}): KernelSource {
  const { linuxSource, download = false, cache = cacheFolder() } = options;
  if (linuxSource !== undefined) {
    const folder = resolve(linuxSource);
    const missing = missingFile(folder);
    if (missing === undefined) return { folder, version: versionOf(folder) };
    throw new IntervalidateError(
      "INPUT",
      `${folder} is no unpacked kernel tree: it has no ${missing}. Name the folder that holds lib/ and include/.`,
    );
  }
  if (missingFile(cache) !== undefined) {
    if (!download) throw new IntervalidateError("INPUT", howToGetIt(cache));
    downloadInto(cache);
  }
  return { folder: cache, version: versionOf(cache) };
}

function howToGetIt(cache: string): string {
  return [
    `The comparison compiles the Linux kernel's own interval tree, but there is none in ${cache}.`,
    "Either let it be downloaded from Debian (139 MB, of which six files are kept):",
    "  npm run bench:native -- --download",
    "or name an unpacked kernel tree:",
    "  npm run bench:native -- --linux-source DIR",
    "gcc is needed as well, and no part of this package.",
  ].join("\n");
}

function missingFile(folder: string): string | undefined {
  return FILES.find((file) => !existsSync(join(folder, file)));
}

function versionOf(folder: string): string {
  const makefile = readFileSync(join(folder, "Makefile"), "utf8");
  return ["VERSION", "PATCHLEVEL", "SUBLEVEL"]
    .map((name) => new RegExp(`^${name} = (\\d+)$`, "m").exec(makefile)?.[1] ?? "?")
    .join(".");
}

/** Fetches Debian's package with apt-get and unpacks the files needed from the archive inside it. */
function downloadInto(cache: string): void {
  mkdirSync(cache, { recursive: true });
  const packages = (): string[] => readdirSync(cache).filter((name) => name.endsWith(".deb"));
  for (const left of packages()) rmSync(join(cache, left));
  execute("apt-get", ["download", PACKAGE], cache);
  const [file] = packages();
  if (file === undefined) {
    throw new IntervalidateError("INPUT", `apt-get has left no package in ${cache}.`);
  }
  // One archive inside the other, neither of them unpacked to the disk.
  const script =
    'dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | ' +
    'tar -xJ --strip-components=1 "$' +
    '{@:3}"';
  const members = FILES.map((name) => `${PACKAGE}/${name}`);
  execute("bash", ["-c", script, "unpack", file, PACKAGE, ...members], cache);
  rmSync(join(cache, file));
  const missing = missingFile(cache);
  if (missing !== undefined) {
    throw new IntervalidateError("INPUT", `Debian's package ${file} holds no ${missing}.`);
  }
}

function execute(command: string, parameters: readonly string[], folder: string): void {
  console.error(`${command} ${parameters[0]} ... in ${folder}`);
  const { status, error } = spawnSync(command, parameters, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status === 0) return;
  const why = error === undefined ? `it ended with ${status}` : error.message;
  throw new IntervalidateError(
    "INPUT",
    `${command} could not get the kernel's source: ${why}. It takes Debian's or Ubuntu's apt-get, with "deb" lists of bookworm for ${PACKAGE}; elsewhere unpack a kernel tree from kernel.org and name it with --linux-source DIR.`,
  );
}
