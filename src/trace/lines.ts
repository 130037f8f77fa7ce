// Bytes -> physical lines -> logical lines. strace writes its notices about processes that come and
// go wherever the output happens to stand, also in the middle of a line whose rest then follows on
// the next one. Such a notice is cut out and the two parts are joined.

import { ByteBuffer, hasText, isDigit } from "./bytes.ts";

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
  /** How much of the waiting line has been searched for the begin of a notice with a comm. */
  #scanned = 0;
  /** The first such begin whose comm is not closed up to there, or -1. */
  #openAt = -1;
  /** For each `>` up to there the first such begin whose comm it closes, or -1. */
  readonly #closed: number[] = [];

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(data: Uint8Array): void {
    // Node's buffers are a class of their own: all bytes read here must be of one, or the engine
    // compiles every access for both.
    const chunk = new Uint8Array(data.buffer, data.byteOffset, data.length);
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
    if (this.#noticeAt < 0) {
      if (noticeNameEnd(bytes, start, end) < 0) {
        this.#sink.line(bytes, start, end, this.count);
        return;
      }
      this.#waitingNumber = this.count;
    } else this.#waiting.length = this.#noticeAt;
    this.#waiting.append(bytes, start, end);
    this.#noticeAt = this.#findNotice();
    if (this.#noticeAt <= 0) this.#flush();
  }

  #flush(): void {
    this.#sink.line(this.#waiting.bytes, 0, this.#waiting.length, this.#waitingNumber);
    this.#waiting.clear();
    this.#noticeAt = -1;
    this.#scanned = 0;
    this.#openAt = -1;
    this.#closed.length = 0;
  }

  /**
   * Where a notice begins that ends the waiting line: `strace: Process N attached`, `... attached in M
   * bit mode` or `... detached`, with `<comm>` after N or without; -1 if there is none. Of several
   * begins the leftmost counts.
   */
  #findNotice(): number {
    const { bytes, length } = this.#waiting;
    const nameEnd = noticeNameEnd(bytes, 0, length);
    if (nameEnd < 0) return -1;
    if (bytes[nameEnd - 1] !== 62) {
      const at = noticeBegin(bytes, nameEnd);
      if (at > 0) this.#scan(at);
      // The text of the notice itself has no `<` or `>`.
      this.#scanned = at;
      return at;
    }
    this.#scan(nameEnd);
    // No `>` comes after this one.
    const at = this.#closed.pop() ?? -1;
    if (at >= 0) {
      // What is before it has been looked at and is kept; what is after it will be cut.
      this.#scanned = at;
      this.#openAt = -1;
    }
    return at;
  }

  /** Each byte that is kept is looked at once, however many notices are cut out behind it. */
  #scan(end: number): void {
    const { bytes } = this.#waiting;
    for (let at = this.#scanned; at < end; at++) {
      if (bytes[at] === 62) {
        this.#closed.push(this.#openAt);
        this.#openAt = -1;
      } else if (bytes[at] === 60 && this.#openAt < 0) this.#openAt = noticeBegin(bytes, at);
    }
    this.#scanned = Math.max(this.#scanned, end);
  }
}

/** The begin of `strace: Process N` that ends at `end`, or -1. */
function noticeBegin(bytes: Uint8Array, end: number): number {
  let digits = end;
  while (digits > 0 && isDigit(bytes[digits - 1])) digits--;
  const at = digits - NOTICE.length;
  return digits < end && at >= 0 && hasText(bytes, at, end, NOTICE) ? at : -1;
}

/** Where the process of a notice that ends at `end` ends, `N` or `N<comm>`; -1 if it is none. */
function noticeNameEnd(bytes: Uint8Array, start: number, end: number): number {
  const last = bytes[end - 1];
  if (end - start < NOTICE.length || (last !== 100 && last !== 101)) return -1;
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
