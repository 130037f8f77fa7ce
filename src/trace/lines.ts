// Bytes -> physical lines -> logical lines. strace writes its notices about processes that come and
// go wherever the output happens to stand, also in the middle of a line whose rest then follows on
// the next one. Such a notice is cut out and the two parts are joined.

import { ByteBuffer, digitsEnd, hasText, isDigit } from "./bytes.ts";

const NOTICE = "strace: Process ";
const BUFFER_KEPT_MAX_BYTES = 1 << 16;

export interface LineSink {
  /** One logical line, `bytes[start, end)`, that begins on the given physical line (from 1). */
  line(bytes: Uint8Array, start: number, end: number, number: number): void;
}

export class LogicalLines {
  /** Physical lines so far. */
  count = 0;
  readonly #sink: LineSink;
  /** The begin of a physical line whose end is in a later chunk. */
  readonly #partial = new ByteBuffer(BUFFER_KEPT_MAX_BYTES);
  /** A line that ends with a notice, waiting for the next one; the notice begins at `#noticeAt`. */
  readonly #waiting = new ByteBuffer(BUFFER_KEPT_MAX_BYTES);
  #noticeAt = -1;
  #waitingNumber = 0;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(10, start);
      if (end < 0) break;
      if (this.#partial.length > 0) {
        this.#partial.append(chunk, start, end);
        this.#physical(this.#partial.bytes, 0, this.#partial.length);
        this.#partial.clear();
      } else this.#physical(chunk, start, end);
      start = end + 1;
    }
    if (start < chunk.length) this.#partial.append(chunk, start, chunk.length);
  }

  /** The end of the log: what is left is a line of its own. */
  end(): void {
    if (this.#partial.length > 0) {
      this.#physical(this.#partial.bytes, 0, this.#partial.length);
      this.#partial.clear();
    }
    if (this.#noticeAt >= 0) this.#flush();
  }

  #physical(bytes: Uint8Array, start: number, end: number): void {
    this.count += 1;
    if (this.#noticeAt >= 0) this.#join(bytes, start, end);
    else {
      const noticeAt = noticeStart(bytes, start, end, start);
      if (noticeAt > start) {
        this.#waiting.append(bytes, start, end);
        this.#waitingNumber = this.count;
        this.#noticeAt = noticeAt - start;
      } else this.#sink.line(bytes, start, end, this.count);
    }
  }

  #join(bytes: Uint8Array, start: number, end: number): void {
    const waiting = this.#waiting;
    const cut = this.#noticeAt;
    waiting.length = cut;
    // The text before the cut holds no begin of a notice, except one that goes on in the new text.
    let searchFrom = cut;
    while (searchFrom > 0 && isDigit(waiting.bytes[searchFrom - 1])) searchFrom--;
    searchFrom = Math.max(0, searchFrom - NOTICE.length);
    waiting.append(bytes, start, end);
    this.#noticeAt = noticeStart(waiting.bytes, 0, waiting.length, searchFrom);
    if (this.#noticeAt <= 0) this.#flush();
  }

  #flush(): void {
    this.#noticeAt = -1;
    this.#sink.line(this.#waiting.bytes, 0, this.#waiting.length, this.#waitingNumber);
    this.#waiting.clear();
  }
}

/**
 * Where a notice begins that ends the line: `strace: Process N attached`, `... attached in M bit
 * mode` or `... detached`, with `<comm>` after N or without; -1 if there is none. Notices that
 * begin before `searchFrom` are not looked for.
 */
function noticeStart(bytes: Uint8Array, start: number, end: number, searchFrom: number): number {
  const last = bytes[end - 1];
  if (end - start < NOTICE.length || (last !== 100 && last !== 101)) return -1;
  const nameEnd = noticeNameEnd(bytes, start, end);
  if (nameEnd < 0) return -1;
  if (bytes[nameEnd - 1] !== 62) {
    let digits = nameEnd;
    while (digits > start && isDigit(bytes[digits - 1])) digits--;
    const at = digits - NOTICE.length;
    return digits < nameEnd && at >= start && hasText(bytes, at, end, NOTICE) ? at : -1;
  }
  // `N<comm>`: a comm is anything but `>`, so the leftmost begin after the `>` before counts.
  let from = nameEnd - 1;
  while (from > searchFrom && bytes[from - 1] !== 62) from--;
  for (let at = from; at + NOTICE.length < nameEnd; at++) {
    if (bytes[at] !== 115 || !hasText(bytes, at, nameEnd, NOTICE)) continue;
    const digits = at + NOTICE.length;
    const comm = digitsEnd(bytes, digits, nameEnd);
    if (comm > digits && bytes[comm] === 60) return at;
  }
  return -1;
}

/** The end of `N` or `N<comm>` in a notice that ends at `end`, or -1. */
function noticeNameEnd(bytes: Uint8Array, start: number, end: number): number {
  const endsWith = (text: string, at: number): boolean =>
    at - text.length >= start && hasText(bytes, at - text.length, at, text);
  if (endsWith(" attached", end) || endsWith(" detached", end)) return end - " attached".length;
  if (!endsWith(" bit mode", end)) return -1;
  const modeEnd = end - " bit mode".length;
  let mode = modeEnd;
  while (mode > start && isDigit(bytes[mode - 1])) mode--;
  if (mode === modeEnd || !endsWith(" attached in ", mode)) return -1;
  return mode - " attached in ".length;
}
