// One logical line -> its process number, its kind, and where its parts stand.

import type { Address } from "../engine/addresses.ts";
import { digitsEnd, hasText, isDigit, spacesEnd, trimmedEnd } from "./bytes.ts";
import { type CallName, callNames } from "./call-names.ts";
import { NOT_A_NUMBER, parseDigits } from "./numbers.ts";
import type { LineKinds } from "./observer.ts";

export type LineKind = keyof LineKinds;

/** A bare process number has at most this many digits; longer ones are times. */
const BARE_PID_DIGITS_MAX = 7;
const TIME_DIGITS_MIN = 8;

const UNFINISHED = "<unfinished ...>";
const DETACHED = "<detached ...>";

/** The parser's state is its result: what it says holds until the next `parse`. */
export class LineParser {
  kind: LineKind = "other";
  /** Detached lines are counted as `other`, but they name a process. */
  detached = false;
  /** The pid token, or NOT_A_NUMBER. */
  pid: Address = NOT_A_NUMBER;
  /** Of `call`, `unfinished` and `resumed` lines. */
  name: CallName | null = null;
  bytes: Uint8Array = new Uint8Array(0);
  bodyStart = 0;
  end = 0;
  /**
   * `[textStart, textEnd)`: of a `call` what follows `NAME(`, of an `unfinished` line its argument
   * text, of a `resumed` line its tail.
   */
  textStart = 0;
  textEnd = 0;
  /** Of a `call`: where the `)` stands that ends the arguments. */
  closeAt = 0;

  readonly #names = callNames();

  /** The first step: the pid token, and where the body begins. */
  parsePrefix(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.end = end;
    const at = this.#parsePid(start);
    this.bodyStart = prefixEnd(bytes, at, end);
  }

  /** The second step. */
  parseBody(): void {
    this.detached = false;
    this.name = null;
    this.kind = this.#kindOfBody();
  }

  /**
   * Whether the body may be an exit line or the begin of a call that makes processes or takes effect
   * early: judged by two characters, so that most lines need no second step.
   */
  mayForkFreeOrExit(): boolean {
    const { bytes, bodyStart, end } = this;
    if (bodyStart + 1 >= end) return false;
    const second = bytes[bodyStart + 1];
    switch (bytes[bodyStart]) {
      case 43: // +++
        return true;
      case 99: // clone, clone3
        return second === 108;
      case 102: // fork
        return second === 111;
      case 109: // munmap
        return second === 117;
      case 112: // process_mrelease
        return second === 114;
      case 118: // vfork
        return second === 102;
      default:
        return false;
    }
  }

  /** Returns the end of the pid token and its spaces, or `start`. */
  #parsePid(start: number): number {
    const { bytes, end } = this;
    this.pid = NOT_A_NUMBER;
    let digits = start;
    const bracket = bytes[start] === 91;
    if (bracket) {
      if (!hasText(bytes, start, end, "[pid ")) return start;
      digits = spacesEnd(bytes, start + "[pid ".length, end);
    } else if (start >= end || !isDigit(bytes[start])) return start;
    const limit = bracket ? end : Math.min(end, digits + BARE_PID_DIGITS_MAX);
    let at = digitsEnd(bytes, digits, limit);
    const pidEnd = at;
    if (pidEnd === digits) return start;
    if (at < end && bytes[at] === 60) {
      while (at < end && bytes[at] !== 62) at++;
      if (at === end) return start;
      at += 1;
    }
    if (bracket) {
      if (at >= end || bytes[at] !== 93) return start;
      at += 1;
    }
    if (at >= end || bytes[at] !== 32) return start;
    this.pid = parseDigits(bytes, digits, pidEnd);
    return spacesEnd(bytes, at, end);
  }

  #kindOfBody(): LineKind {
    const { bytes, bodyStart, end } = this;
    if (bodyStart >= end) return "other";
    const first = bytes[bodyStart]!;
    if (first === 45) return hasText(bytes, bodyStart, end, "--- ") ? "signal" : "other";
    if (first === 43) return hasText(bytes, bodyStart, end, "+++ ") ? "exit" : "other";
    if (first === 60) return this.#parseResumed();
    const open = nameEnd(bytes, bodyStart, end);
    if (open < 0 || open >= end || bytes[open] !== 40) return "other";
    this.textStart = open + 1;
    if (this.#parseUnfinished()) {
      this.name = this.#names.get(bytes, bodyStart, open);
      return "unfinished";
    }
    const tail = end - DETACHED.length;
    if (bytes[end - 1] === 62 && tail > open && hasText(bytes, tail, end, DETACHED)) {
      this.detached = true;
      return "other";
    }
    this.textEnd = end;
    this.closeAt = findResult(bytes, this.textStart, end);
    if (this.closeAt < 0) return "other";
    this.name = this.#names.get(bytes, bodyStart, open);
    return "call";
  }

  #parseResumed(): LineKind {
    const { bytes, bodyStart, end } = this;
    if (!hasText(bytes, bodyStart, end, "<... ")) return "other";
    const start = bodyStart + "<... ".length;
    const stop = nameEnd(bytes, start, end);
    if (stop < 0 || !hasText(bytes, stop, end, " resumed>")) return "other";
    this.textStart = stop + " resumed>".length;
    this.textEnd = end;
    this.name = this.#names.get(bytes, start, stop);
    return "resumed";
  }

  #parseUnfinished(): boolean {
    const { bytes, textStart } = this;
    const end = trimmedEnd(bytes, textStart, this.end);
    const mark = end - UNFINISHED.length;
    if (mark < textStart || bytes[end - 1] !== 62 || !hasText(bytes, mark, end, UNFINISHED)) {
      return false;
    }
    this.textEnd = trimmedEnd(bytes, textStart, mark);
    return true;
  }
}

/** The end of the NAME at `start`, or -1. */
function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  const first = bytes[start]!;
  if ((first < 97 || first > 122) && first !== 95) return -1;
  let at = start + 1;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    const letter = (byte | 32) >= 97 && (byte | 32) <= 122;
    if (!letter && (byte < 48 || byte > 57) && byte !== 95) break;
  }
  return at;
}

/** The last `)`, spaces, `= ` in `[start, end)`: where the `)` stands, or -1. */
export function findResult(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 2; at >= start + 2; at--) {
    if (bytes[at] !== 61 || bytes[at + 1] !== 32 || bytes[at - 1] !== 32) continue;
    at = trimmedEnd(bytes, start, at) - 1;
    if (at >= start && bytes[at] === 41) return at;
    // The byte that stopped the walk may itself be the `=` of an earlier match.
    at += 1;
  }
  return -1;
}

/** The result text after the `)` that `findResult` has found. */
export function resultStart(bytes: Uint8Array, closeAt: number, end: number): number {
  return spacesEnd(bytes, closeAt + 1, end) + "= ".length;
}

/** Skips what may stand between the pid and the body: times, instruction pointer, call number. */
function prefixEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (;;) {
    at = spacesEnd(bytes, at, end);
    if (at >= end) return at;
    const first = bytes[at]!;
    let next = -1;
    if (first >= 48 && first <= 57) next = timeEnd(bytes, at, end);
    else if (first === 40) next = relativeTimeEnd(bytes, at, end);
    else if (first === 91) next = bracketEnd(bytes, at, end);
    if (next < 0) return at;
    at = next;
  }
}

/** `HH:MM:SS`, `HH:MM:SS.digits`, `digits.digits` or 8 and more digits, then a space; or -1. */
function timeEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = digitsEnd(bytes, start, end);
  const next = bytes[at];
  if (at >= end) return -1;
  if (next === 46) at = fractionEnd(bytes, at, end);
  else if (next === 58) {
    if (at - start !== 2 || end - at < 6 || bytes[at + 3] !== 58) return -1;
    for (const offset of [1, 2, 4, 5]) if (!isDigit(bytes[at + offset])) return -1;
    at += 6;
    if (at < end && bytes[at] === 46) at = fractionEnd(bytes, at, end);
  } else if (at - start < TIME_DIGITS_MIN) return -1;
  return at > 0 && at < end && bytes[at] === 32 ? at + 1 : -1;
}

/** The end of `.digits` at `dot`, or -1. */
function fractionEnd(bytes: Uint8Array, dot: number, end: number): number {
  const at = digitsEnd(bytes, dot + 1, end);
  return at > dot + 1 ? at : -1;
}

/** `(+ digits)` or `(+ digits.digits)`, then a space; or -1. */
function relativeTimeEnd(bytes: Uint8Array, start: number, end: number): number {
  if (start + 1 >= end || bytes[start + 1] !== 43) return -1;
  const digits = spacesEnd(bytes, start + 2, end);
  let at = digitsEnd(bytes, digits, end);
  if (at === digits) return -1;
  if (at < end && bytes[at] === 46) at = fractionEnd(bytes, at, end);
  return at > 0 && hasText(bytes, at, end, ") ") ? at + 2 : -1;
}

/** An instruction pointer or a call number in brackets, then a space; or -1. */
function bracketEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end && bytes[at] === 63) at++;
  if (at > start + 1) return hasText(bytes, at, end, "] ") ? at + 2 : -1;
  at = start + 1;
  while (at < end && isLowerHex(bytes[at]!)) at++;
  const digits = at - start - 1;
  if ((digits === 8 || digits === 16) && hasText(bytes, at, end, "] ")) return at + 2;
  const number = spacesEnd(bytes, start + 1, end);
  if (hasText(bytes, number, end, "0x")) {
    at = number + 2;
    while (at < end && isHex(bytes[at]!)) at++;
    if (at === number + 2) return -1;
  } else {
    at = digitsEnd(bytes, number, end);
    if (at === number) return -1;
  }
  return hasText(bytes, at, end, "] ") ? at + 2 : -1;
}

function isLowerHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 97 && byte <= 102);
}

function isHex(byte: number): boolean {
  return isDigit(byte) || ((byte | 32) >= 97 && (byte | 32) <= 102);
}
