import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { IntervalidateError } from "intervalidate";
import { cacheFolder, unpackDebianPackage } from "./debian.ts";

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
  const { linuxSource, download = false, cache = cacheFolder(PACKAGE) } = options;
  const folder = linuxSource === undefined ? cache : resolve(linuxSource);
  if (linuxSource === undefined && download && missingFile(folder) !== undefined) {
    // One archive inside the other, neither of them unpacked to the disk as a whole.
    const members = FILES.map((file) => `${PACKAGE}/${file}`).join(" ");
    const script = `dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/${PACKAGE}.tar.xz | tar -xJ --strip-components=1 ${members}`;
    unpackDebianPackage(PACKAGE, folder, script);
  }
  const missing = missingFile(folder);
  if (missing === undefined) return { folder, version: versionOf(folder) };
  if (linuxSource === undefined && !download) {
    throw new IntervalidateError("INPUT", howToGetIt(cache));
  }
  throw new IntervalidateError(
    "INPUT",
    `${folder} is no unpacked kernel tree: it has no ${missing}. Name the folder that holds lib/ and include/.`,
  );
}

function howToGetIt(cache: string): string {
  return [
    `The comparison compiles the Linux kernel's own interval tree, but there is none in ${cache}.`,
    "Either let Debian's package be downloaded (139 MB, of which six files are kept):",
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
