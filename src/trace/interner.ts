// One object for each different text, found by its bytes: no string is made for text seen before.

import { textOf } from "./bytes.ts";

interface Entry<T> {
  readonly hash: number;
  readonly text: Uint8Array;
  readonly value: T;
  readonly next: Entry<T> | undefined;
}

export class Interner<T> {
  size = 0;
  readonly #make: (text: string) => T;
  /** Chains of entries by the low bits of the hash. */
  #chains: (Entry<T> | undefined)[] = new Array(256).fill(undefined);

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  get(bytes: Uint8Array, start: number, end: number): T {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const chain = (hash ^ (hash >>> 15)) & (this.#chains.length - 1);
    let entry = this.#chains[chain];
    for (; entry !== undefined; entry = entry.next) {
      if (entry.hash === hash && sameBytes(entry.text, bytes, start, end)) return entry.value;
    }
    const value = this.#make(textOf(bytes, start, end));
    const text = bytes.slice(start, end);
    this.#chains[chain] = { hash, text, value, next: this.#chains[chain] };
    this.size += 1;
    if (this.size > 2 * this.#chains.length) this.#grow();
    return value;
  }

  #grow(): void {
    const old = this.#chains;
    const size = old.length * 4;
    const chains: (Entry<T> | undefined)[] = new Array(size).fill(undefined);
    for (const head of old) {
      for (let entry = head; entry !== undefined; entry = entry.next) {
        const chain = (entry.hash ^ (entry.hash >>> 15)) & (size - 1);
        chains[chain] = { ...entry, next: chains[chain] };
      }
    }
    this.#chains = chains;
  }
}

function sameBytes(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}
