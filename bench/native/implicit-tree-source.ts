import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, unpackDebianPackage } from "./debian.ts";

/** Where the optional static peer's headers and its one library are. */
export interface ImplicitTreeSource {
  readonly include: string;
  readonly archive: string;
}

const PACKAGE = "libiitii-dev";
const PACKAGES: readonly string[] = [PACKAGE, "libips4o-dev", "libmmap-allocator-dev"];
const UNPACK = 'dpkg-deb --fsys-tarfile "$1" | tar -x --strip-components=2 ./usr/include';
const UNPACK_LIBRARY =
  'dpkg-deb --fsys-tarfile "$1" | tar -x --strip-components=4 --wildcards "./usr/lib/*/*.a"';

/** The source in the cache, which is filled first if a download is allowed; else undefined. */
export function findImplicitTree(options: {
  readonly download?: boolean | undefined;
  readonly cache?: string | undefined;
}): ImplicitTreeSource | undefined {
  const { download = false, cache = cacheFolder(PACKAGE) } = options;
  const source = { include: join(cache, "include"), archive: join(cache, "libmmap_allocator.a") };
  const complete = (): boolean =>
    existsSync(join(source.include, "iitii.h")) && existsSync(source.archive);
  if (!complete() && download) {
    for (const name of PACKAGES) unpackDebianPackage(name, cache, UNPACK);
    unpackDebianPackage("libmmap-allocator-dev", cache, UNPACK_LIBRARY);
  }
  return complete() ? source : undefined;
}
