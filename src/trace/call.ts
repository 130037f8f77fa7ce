// One completed call: its arguments and its result.

import type { Address } from "../engine/addresses.ts";
import { findText, hasText, spacesEnd } from "./bytes.ts";
import type { CallName } from "./call-names.ts";
import { type FlagWord, FlagWords, NOT_A_NUMBER, parseNumber, parseResult } from "./numbers.ts";

const INJECTED = "(INJECTED)";

/** Used again for each call: what it says holds until the next one. */
export class CompletedCall {
  name!: CallName;
  failed = false;
  /** The result of a call that succeeded, else NOT_A_NUMBER. */
  value: Address = NOT_A_NUMBER;
  /** strace made the result up: the kernel never ran the call. */
  injected = false;
  /** Failed, and the errno is ENOMEM. */
  outOfMemory = false;
  bytes: Uint8Array = new Uint8Array(0);
  argsStart = 0;
  argsEnd = 0;
  readonly #flagWords = new FlagWords();
  /** Where argument `#splitAt` begins: arguments are mostly read in order. */
  #splitIndex = 0;
  #splitAt = 0;

  setArguments(name: CallName, bytes: Uint8Array, start: number, end: number): void {
    this.name = name;
    this.bytes = bytes;
    this.argsStart = start;
    this.argsEnd = end;
    this.#splitIndex = 0;
    this.#splitAt = start;
  }

  /** @param start the begin of the result text, after `= ` */
  setResult(bytes: Uint8Array, start: number, end: number): void {
    let tokenEnd = start;
    while (tokenEnd < end && bytes[tokenEnd] !== 32 && bytes[tokenEnd] !== 60) tokenEnd++;
    this.failed = tokenEnd - start === 2 && hasText(bytes, start, end, "-1");
    this.value = parseResult(bytes, start, tokenEnd);
    const onlyNumber = tokenEnd === end && this.value !== NOT_A_NUMBER;
    this.injected = !onlyNumber && findText(bytes, start, end, INJECTED) >= 0;
    this.outOfMemory = this.failed && errnoIs(bytes, tokenEnd, end, "ENOMEM");
  }

  number(index: number): Address {
    const start = this.#argumentStart(index);
    if (start < 0) return NOT_A_NUMBER;
    return parseNumber(this.bytes, start, this.#argumentEnd(start));
  }

  /** A flag word; undefined if there is no such argument. */
  flags(index: number): FlagWord | undefined {
    const start = this.#argumentStart(index);
    if (start < 0) return undefined;
    return this.#flagWords.parse(this.bytes, start, this.#argumentEnd(start));
  }

  /** Whether the child of this fork-family call runs in its parent's address space. */
  sharesMemory(): boolean {
    const { bytes, argsEnd } = this;
    if (this.name.text === "vfork") return true;
    if (this.name.text === "fork") return false;
    const key = findText(bytes, this.argsStart, argsEnd, "flags=");
    if (key >= 0) {
      const start = key + "flags=".length;
      let end = start;
      while (end < argsEnd && bytes[end] !== 44 && bytes[end] !== 125) end++;
      return (this.#flagWords.parse(bytes, start, end).bits & 0x100) !== 0;
    }
    if (this.name.text === "clone3") return true;
    const first = this.number(0);
    if (typeof first === "bigint") return (first & 0x100n) !== 0n;
    return first !== NOT_A_NUMBER && (first & 0x100) !== 0;
  }

  /** N of a first argument `digits<pid:N`, or NOT_A_NUMBER. */
  pidOfDescriptor(): Address {
    const { bytes, argsStart } = this;
    const end = this.#argumentEnd(argsStart);
    const open = digitsEndOf(bytes, argsStart, end);
    if (open === argsStart || !hasText(bytes, open, end, "<pid:")) return NOT_A_NUMBER;
    const start = open + "<pid:".length;
    return parseResult(bytes, start, digitsEndOf(bytes, start, end));
  }

  /** The arguments are split at `, ` without regard to nesting; -1 if there are not as many. */
  #argumentStart(index: number): number {
    if (index < this.#splitIndex) {
      this.#splitIndex = 0;
      this.#splitAt = this.argsStart;
    }
    while (this.#splitIndex < index) {
      const end = this.#argumentEnd(this.#splitAt);
      if (end >= this.argsEnd) return -1;
      this.#splitAt = end + 2;
      this.#splitIndex += 1;
    }
    return this.#splitAt;
  }

  #argumentEnd(start: number): number {
    const { bytes, argsEnd } = this;
    for (let at = start; at + 1 < argsEnd; at++) {
      if (bytes[at] === 44 && bytes[at + 1] === 32) return at;
    }
    return argsEnd;
  }
}

function digitsEndOf(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at]! >= 48 && bytes[at]! <= 57) at++;
  return at;
}

/** Whether the second word of a result text is `errno`; `tokenEnd` is where its token ends. */
function errnoIs(bytes: Uint8Array, tokenEnd: number, end: number, errno: string): boolean {
  let at = tokenEnd;
  while (at < end && bytes[at] !== 32) at++;
  at = spacesEnd(bytes, at, end);
  const stop = at + errno.length;
  return hasText(bytes, at, end, errno) && (stop === end || bytes[stop] === 32);
}
