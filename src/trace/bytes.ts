// Reading ASCII from bytes. A log may hold anything; what is matched in it is ASCII, and no byte
// of a longer UTF-8 sequence, well-formed or broken, looks like ASCII. So the bytes are never
// decoded before they are matched.

const decoder = new TextDecoder("latin1");

/** A byte per character; only for short or rare texts, and only where ASCII matters. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

/** Whether `text` (ASCII) stands at `at` and ends not after `end`. */
export function hasText(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Where `text` (ASCII) is found first in `[start, end)`, or -1. */
export function findText(bytes: Uint8Array, start: number, end: number, text: string): number {
  const first = text.charCodeAt(0);
  for (let at = start; at + text.length <= end; at++) {
    if (bytes[at] === first && hasText(bytes, at, end, text)) return at;
  }
  return -1;
}

/** The end of the digits that begin at `at`. */
export function digitsEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && bytes[i]! >= 48 && bytes[i]! <= 57) i++;
  return i;
}

/** The end of the spaces that begin at `at`. */
export function spacesEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && bytes[i] === 32) i++;
  return i;
}

/** `end` less the spaces before it. */
export function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = end;
  while (i > start && bytes[i - 1] === 32) i--;
  return i;
}

/** Bytes that are collected; the memory is used again. */
export class ByteBuffer {
  bytes: Uint8Array;
  length = 0;
  readonly #bytesKeptMax: number;

  /** @param bytesKeptMax `clear` gives memory above this back */
  constructor(bytesKeptMax: number) {
    this.bytes = new Uint8Array(64);
    this.#bytesKeptMax = bytesKeptMax;
  }

  append(from: Uint8Array, start: number, end: number): void {
    const length = this.length + (end - start);
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    if (end - start > 256) this.bytes.set(from.subarray(start, end), this.length);
    else {
      const { bytes } = this;
      for (let i = start, to = this.length; i < end; i++, to++) bytes[to] = from[i]!;
    }
    this.length = length;
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > this.#bytesKeptMax) this.bytes = new Uint8Array(64);
  }
}
