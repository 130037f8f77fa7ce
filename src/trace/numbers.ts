// Numbers and flag words in the text of a call.

import type { Address } from "../engine/addresses.ts";
import { canonical } from "./arithmetic.ts";
import { digitsEnd, hasText, textOf } from "./bytes.ts";
import { Interner } from "./interner.ts";

/** What the parsers here return for text that is no number. */
export const NOT_A_NUMBER = -1;

/** Up to this many digits always fit a safe integer. */
const DECIMAL_DIGITS_SAFE = 15;
const HEX_DIGITS_SAFE = 13;

const HEX = /^0x[0-9a-fA-F]+$/;
const OCTAL = /^0[0-7]+$/;
const DECIMAL = /^(0|[1-9][0-9]*)$/;

/** Decimal digits only, leading zeros allowed. */
export function parseDigits(bytes: Uint8Array, start: number, end: number): Address {
  if (start >= end) return NOT_A_NUMBER;
  if (end - start > DECIMAL_DIGITS_SAFE) {
    if (digitsEnd(bytes, start, end) < end) return NOT_A_NUMBER;
    return canonical(BigInt(textOf(bytes, start, end)));
  }
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return NOT_A_NUMBER;
    value = value * 10 + digit;
  }
  return value;
}

/** The digits after `0x`. */
function parseHexDigits(bytes: Uint8Array, start: number, end: number): Address {
  if (start >= end) return NOT_A_NUMBER;
  if (end - start > HEX_DIGITS_SAFE) {
    const text = `0x${textOf(bytes, start, end)}`;
    return HEX.test(text) ? canonical(BigInt(text)) : NOT_A_NUMBER;
  }
  let value = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    let digit = byte - 48;
    if (digit > 9) digit = (byte | 32) - 87;
    if (digit < 0 || digit > 15 || (digit < 10 && byte > 57)) return NOT_A_NUMBER;
    value = value * 16 + digit;
  }
  return value;
}

/** The value of a result token: decimal, or hex after `0x`. */
export function parseResult(bytes: Uint8Array, start: number, end: number): Address {
  if (bytes[start] === 48 && end - start > 2 && bytes[start + 1] === 120) {
    return parseHexDigits(bytes, start + 2, end);
  }
  return parseDigits(bytes, start, end);
}

/** A numeric argument: `NULL`, decimal, hex or octal, with comments and spaces around it. */
export function parseNumber(bytes: Uint8Array, start: number, end: number): Address {
  let value: Address = NOT_A_NUMBER;
  if (bytes[start] !== 48) value = parseDigits(bytes, start, end);
  else if (bytes[start + 1] === 120) value = parseHexDigits(bytes, start + 2, end);
  if (value !== NOT_A_NUMBER) return value;
  if (end - start === 4 && hasText(bytes, start, end, "NULL")) return 0;
  if (start >= end) return NOT_A_NUMBER;
  return numberOf(trimmed(withoutComments(textOf(bytes, start, end))));
}

function numberOf(text: string): Address {
  if (text === "NULL") return 0;
  if (OCTAL.test(text)) return canonical(BigInt(`0o${text}`));
  return HEX.test(text) || DECIMAL.test(text) ? canonical(BigInt(text)) : NOT_A_NUMBER;
}

function withoutComments(text: string): string {
  let open = text.indexOf("/*");
  if (open < 0) return text;
  let kept = "";
  let from = 0;
  while (open >= 0) {
    const close = text.indexOf("*/", open + 2);
    if (close < 0) break;
    kept += text.slice(from, open);
    from = close + 2;
    open = text.indexOf("/*", from);
  }
  return kept + text.slice(from);
}

function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) === 32) start++;
  while (start < end && text.charCodeAt(end - 1) === 32) end--;
  return text.slice(start, end);
}

/** The bits of a flag word that matter here. */
export interface FlagWord {
  /** The low 32 bits. */
  readonly bits: number;
  /** Whether any higher bit is set, so that the word equals no small number. */
  readonly high: boolean;
}

const FLAGS: ReadonlyMap<string, number> = new Map([
  ["MAP_SHARED", 1],
  ["MAP_PRIVATE", 2],
  ["MAP_SHARED_VALIDATE", 3],
  ["MAP_FIXED", 0x10],
  ["MAP_FIXED_NOREPLACE", 0x100000],
  ["MREMAP_MAYMOVE", 1],
  ["MREMAP_FIXED", 2],
  ["MREMAP_DONTUNMAP", 4],
  ["SHM_REMAP", 0o40000],
  ["CLONE_VM", 0x100],
  ["MADV_DONTNEED", 4],
  ["MADV_FREE", 8],
  ["MADV_REMOVE", 9],
  ["MADV_DONTNEED_LOCKED", 24],
]);

function parseFlagWord(text: string): FlagWord {
  let bits = 0;
  let high = false;
  for (const part of withoutComments(text).split("|")) {
    const name = trimmed(part);
    const known = FLAGS.get(name);
    if (known !== undefined) bits |= known;
    else {
      const value = numberOf(name);
      if (value === NOT_A_NUMBER) continue;
      bits |= typeof value === "number" ? value % 2 ** 32 : Number(BigInt.asUintN(32, value));
      high ||= value >= 2 ** 32;
    }
  }
  return { bits, high };
}

/** Programs use few different flag words: each is parsed once, as long as they are few and short. */
const CACHED_WORDS_MAX = 4096;
const CACHED_WORD_BYTES_MAX = 256;

export class FlagWords {
  readonly #known = new Interner<FlagWord>(parseFlagWord);

  parse(bytes: Uint8Array, start: number, end: number): FlagWord {
    const cached =
      end - start <= CACHED_WORD_BYTES_MAX && this.#known.size < CACHED_WORDS_MAX
        ? this.#known.get(bytes, start, end)
        : undefined;
    return cached ?? parseFlagWord(textOf(bytes, start, end));
  }
}
