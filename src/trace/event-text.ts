// The text of an event, `ID TYPE B|N START END OVERLAPS\n`, as bytes in a buffer that is used again.

import type { Address } from "../engine/addresses.ts";
import type { TraceEvent } from "./observer.ts";

const encoder = new TextEncoder();
const HEX_DIGITS: Uint8Array = encoder.encode("0123456789abcdef");
/** Enough for everything but the id and addresses above 2^53. */
const SMALL_EVENT_MAX_BYTES = 96;

const TYPES: Record<TraceEvent["type"], Uint8Array> = {
  UNMAP: encoder.encode(" UNMAP "),
  CLEAR: encoder.encode(" CLEAR "),
  PROTECTION_VMA: encoder.encode(" PROTECTION_VMA "),
  PROTECTION_PAGE: encoder.encode(" PROTECTION_PAGE "),
  RELEASE: encoder.encode(" RELEASE "),
};

export class EventText {
  bytes: Uint8Array = new Uint8Array(256);
  length = 0;

  /** @param id the bytes of the id of the event's address space */
  write(event: TraceEvent, id: Uint8Array): void {
    const { start, end } = event;
    this.length = 0;
    if (typeof start === "number" && typeof end === "number") {
      this.#reserve(id.length + SMALL_EVENT_MAX_BYTES);
      this.#bytes(id);
      this.#bytes(TYPES[event.type]);
      this.#byte(event.blockable ? 66 : 78);
      this.#byte(32);
      this.#hex(start);
      this.#byte(32);
      this.#hex(end);
      this.#byte(32);
      this.#decimal(event.overlaps);
      this.#byte(10);
    } else {
      const text = encoder.encode(eventText(event));
      this.#reserve(text.length);
      this.#bytes(text);
    }
  }

  #reserve(length: number): void {
    if (length > this.bytes.length) this.bytes = new Uint8Array(2 * length);
  }

  #byte(byte: number): void {
    this.bytes[this.length++] = byte;
  }

  #bytes(from: Uint8Array): void {
    const { bytes } = this;
    let to = this.length;
    for (let i = 0; i < from.length; i++) bytes[to++] = from[i]!;
    this.length = to;
  }

  #hex(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    const low = value >>> 0;
    if (high > 0) {
      this.#hexWord(high, 28 - (Math.clz32(high) & ~3));
      this.#hexWord(low, 28);
    } else this.#hexWord(low, low === 0 ? 0 : 28 - (Math.clz32(low) & ~3));
  }

  #hexWord(word: number, topShift: number): void {
    for (let shift = topShift; shift >= 0; shift -= 4) {
      this.bytes[this.length++] = HEX_DIGITS[(word >>> shift) & 15]!;
    }
  }

  #decimal(value: number): void {
    if (value < 10) this.#byte(48 + value);
    else for (const digit of String(value)) this.#byte(digit.charCodeAt(0));
  }
}

export function eventText({ mm, type, blockable, start, end, overlaps }: TraceEvent): string {
  return `${mm.id} ${type} ${blockable ? "B" : "N"} ${hex(start)} ${hex(end)} ${overlaps}\n`;
}

export function hex(address: Address): string {
  return address.toString(16);
}
