// Log files on disk, packed or not, and the standard input, as sources that can be read again.

import { fstatSync } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { IntervalidateError } from "../errors.ts";
import type { LogSource } from "../trace/index.ts";

const CHUNK_BYTES = 1 << 18;

export interface LogFile extends LogSource {
  close(): Promise<void>;
}

/**
 * Opens a log; `-` is the standard input. What cannot be read twice (a pipe) is copied to a
 * temporary file first.
 *
 * @throws {IntervalidateError} `INPUT` if it cannot be read; reading it throws the same for broken
 *   gzip data
 */
export async function openLog(path: string): Promise<LogFile> {
  let handle: FileHandle | undefined;
  try {
    if (path === "-") {
      // Node reads a directory there as if it were empty.
      if (fstatSync(process.stdin.fd).isDirectory()) throw new Error("it is a directory");
      handle = await spooled(process.stdin);
    } else {
      handle = await open(path, "r");
      const status = await handle.stat();
      if (status.isDirectory()) throw new Error("it is a directory");
      if (!status.isFile()) {
        // The stream closes the handle when it ends or fails.
        handle = await spooled(handle.createReadStream());
      }
    }
    // A log that still grows is read up to where it ends now: the same bytes each time.
    const { size } = await handle.stat();
    const magic = new Uint8Array(2);
    await handle.read(magic, 0, 2, 0);
    const packed = magic[0] === 0x1f && magic[1] === 0x8b;
    return new HandleLog(path, handle, size, packed);
  } catch (error) {
    await handle?.close();
    throw unreadable(path, error);
  }
}

class HandleLog implements LogFile {
  readonly name: string;
  readonly #handle: FileHandle;
  readonly #sizeBytes: number;
  readonly #packed: boolean;

  constructor(name: string, handle: FileHandle, sizeBytes: number, packed: boolean) {
    this.name = name;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
    this.#packed = packed;
  }

  async *open(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#sizeBytes === 0) return;
    try {
      if (this.#packed) yield* this.#unpacked();
      else yield* this.#stored(true);
    } catch (error) {
      throw unreadable(this.name, error);
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** @param reuse whether the caller is done with a chunk when it asks for the next one */
  async *#stored(reuse: boolean): AsyncGenerator<Uint8Array, void, undefined> {
    let buffer = new Uint8Array(CHUNK_BYTES);
    for (let at = 0; at < this.#sizeBytes; ) {
      const wanted = Math.min(buffer.length, this.#sizeBytes - at);
      const { bytesRead } = await this.#handle.read(buffer, 0, wanted, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
      if (!reuse) buffer = new Uint8Array(CHUNK_BYTES);
    }
  }

  async *#unpacked(): AsyncGenerator<Uint8Array, void, undefined> {
    const stored = Readable.from(this.#stored(false), { highWaterMark: 1 });
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    stored.on("error", (error) => gunzip.destroy(error));
    stored.pipe(gunzip);
    try {
      yield* gunzip;
    } finally {
      stored.destroy();
    }
    await this.#checkPadding(gunzip.bytesWritten);
  }

  /** Node stops silently at zero bytes after a member, which are fine; anything after them is not. */
  async #checkPadding(from: number): Promise<void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let at = from; at < this.#sizeBytes; ) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0)) {
        throw Object.assign(new Error("garbage after its gzip data"), { code: "Z_DATA_ERROR" });
      }
      at += bytesRead;
    }
  }
}

/** A copy in a file that has no name any more: it goes when the process does, however it ends. */
async function spooled(stream: AsyncIterable<Uint8Array>): Promise<FileHandle> {
  const path = join(tmpdir(), `intervalidate-${process.pid}-${process.hrtime.bigint()}`);
  const copy = await open(path, "wx+", 0o600);
  try {
    await unlink(path);
    for await (const chunk of stream) await copy.writeFile(chunk);
  } catch (error) {
    await copy.close();
    throw error;
  }
  return copy;
}

function unreadable(name: string, error: unknown): IntervalidateError {
  if (error instanceof IntervalidateError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: "there is no such file",
    EACCES: "permission denied",
    EISDIR: "it is a directory",
    Z_BUF_ERROR: "its gzip data ends too early",
    Z_DATA_ERROR: `its gzip data is broken (${message})`,
  };
  const reason = reasons[code ?? ""] ?? message;
  return new IntervalidateError("INPUT", `${name}: cannot read this log: ${reason}.`, {
    cause: error,
  });
}
