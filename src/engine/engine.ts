import { IntervalidateError } from "../errors.ts";
import { ENGINE_BASE64 } from "./binary.ts";
import type { EngineExports } from "./exports.ts";

/** What {@link createEngine} takes. */
export interface EngineOptions {
  /** A compiled engine, for hosts that load `intervalidate/engine.wasm` themselves. */
  readonly module?: WebAssembly.Module;
  /**
   * The most memory the engine may use, in bytes; rounded down to whole pages of 64 KiB, at least
   * one. Beyond it operations throw `OUT_OF_MEMORY` and change nothing. Default: 4 GiB less a page.
   */
  readonly maxBytes?: number;
}

/** Whoever has to know when a set is gone. */
export interface Dependant {
  /** The set was disposed of, or its engine was reset: its record holds nothing any more. */
  forget(): void;
}

/** A set, as its engine knows it. */
export interface EngineTenant extends Dependant {
  /** Where the engine's list has it: for the engine only. */
  place: number;
}

const PAGE_BYTES = 65536;
const PAGE_COUNT_MAX = 65535;
/** So many words are copied faster by a loop than by a native call. */
const LOOPED_MAX = 8;
/** Up to so many, making the view would take longer than copying from it: it is kept. */
const HEAD_MAX = 256;

/**
 * One instance of the WebAssembly module with its memory. It holds any number of sets, which share
 * its memory; intervals move between sets of one engine only. Made by {@link createEngine}.
 */
export class Engine {
  /** The module's functions. For this package's own use. */
  readonly exports: EngineExports;
  /** In no order; an array, since most sets are never looked for. */
  #tenants: EngineTenant[] = [];
  #words = new Uint32Array(0);
  #longs = new BigUint64Array(0);
  #numbers = new Float64Array(0);
  /** Words that the exchange buffer holds now. */
  #capacity = 0;
  /** The first n words, for each n that was copied. */
  #heads: Uint32Array[] = [];

  /** For {@link createEngine} only. */
  constructor(exports: EngineExports, pageCountMax: number) {
    this.exports = exports;
    exports.start(pageCountMax);
    this.#refresh();
  }

  /** Bytes of memory that the engine occupies. */
  get byteLength(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Bytes of it in use: nodes, handles and tables, without what is free for reuse. */
  get usedBytes(): number {
    return this.exports.usedBytes();
  }

  /**
   * Forgets every set of this engine in one call; indexes and address spaces that lived in it throw
   * `DISPOSED` from then on, in those who sleep too. What is made in it next starts as in a new
   * engine, with the same handles. The memory stays, for the sets to come.
   */
  reset(): void {
    const tenants = this.#tenants;
    this.#tenants = [];
    this.exports.reset();
    this.#refresh();
    for (const tenant of tenants) tenant.forget();
  }

  /** For sets only: be told of a reset. */
  admit(tenant: EngineTenant): void {
    tenant.place = this.#tenants.length;
    this.#tenants.push(tenant);
  }

  /** For sets only. */
  dismiss(tenant: EngineTenant): void {
    const last = this.#tenants.pop() as EngineTenant;
    if (last === tenant) return;
    last.place = tenant.place;
    this.#tenants[tenant.place] = last;
  }

  /**
   * The exchange buffer as 32-bit words. A view dies when memory grows, which any insertion may do:
   * it is taken anew for each use and never handed on. The same holds for `longs` and
   * `numbers`.
   */
  get words(): Uint32Array {
    if (this.#words.length === 0) this.#refresh();
    return this.#words;
  }

  /** The exchange buffer as u64. */
  get longs(): BigUint64Array {
    if (this.#longs.length === 0) this.#refresh();
    return this.#longs;
  }

  /** The exchange buffer as f64. */
  get numbers(): Float64Array {
    if (this.#numbers.length === 0) this.#refresh();
    return this.#numbers;
  }

  /** Copies the first words of the exchange buffer to the head of an array that has room for them. */
  copyTo(into: Uint32Array, count: number): void {
    if (count > LOOPED_MAX) {
      this.#copyMany(into, count);
      return;
    }
    const { words } = this;
    for (let i = 0; i < count; i += 1) into[i] = words[i] as number;
  }

  #copyMany(into: Uint32Array, count: number): void {
    const { words } = this;
    if (count > HEAD_MAX) {
      into.set(words.subarray(0, count));
      return;
    }
    let head = this.#heads[count];
    if (head === undefined) {
      head = words.subarray(0, count);
      this.#heads[count] = head;
    }
    into.set(head);
  }

  /** Words that an answer may have. */
  get exchangeCapacity(): number {
    return this.#capacity;
  }

  /** Asks for an exchange buffer of at least so many words; returns what there is. */
  growExchange(words: number): number {
    if (words > this.#capacity) {
      this.exports.growExchange(words);
      this.#refresh();
    }
    return this.#capacity;
  }

  /** The one place where views of the memory are made. */
  #refresh(): void {
    const { exports } = this;
    const { buffer } = exports.memory;
    const address = exports.exchangeAddress() >>> 0;
    const capacity = exports.exchangeCapacity() >>> 0;
    this.#capacity = capacity;
    this.#words = new Uint32Array(buffer, address, capacity);
    this.#longs = new BigUint64Array(buffer, address, capacity >>> 1);
    this.#numbers = new Float64Array(buffer, address, capacity >>> 1);
    this.#heads = [];
  }
}

let embedded: WebAssembly.Module | undefined;
let shared: Engine | undefined;

/**
 * Starts an engine of its own: for a bound on memory, for sets that are all to be forgotten at once,
 * or from a module that the host has compiled. Everything else shares {@link defaultEngine}.
 *
 * @throws {IntervalidateError} `ARGUMENT` if `maxBytes` is no number or less than 65,536
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const { module = embeddedModule(), maxBytes = PAGE_COUNT_MAX * PAGE_BYTES } = options;
  if (typeof maxBytes !== "number" || !(maxBytes >= PAGE_BYTES)) {
    throw new IntervalidateError(
      "ARGUMENT",
      `maxBytes must be a number of at least ${PAGE_BYTES}, one page, but is ${String(maxBytes)}.`,
    );
  }
  const { exports } = new WebAssembly.Instance(module);
  const pageCountMax = Math.min(PAGE_COUNT_MAX, Math.floor(maxBytes / PAGE_BYTES));
  return new Engine(exports as unknown as EngineExports, pageCountMax);
}

/** The engine that everything shares which is not given one; started by its first use. */
export function defaultEngine(): Engine {
  shared ??= createEngine();
  return shared;
}

function embeddedModule(): WebAssembly.Module {
  embedded ??= new WebAssembly.Module(decodeBase64(ENGINE_BASE64));
  return embedded;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
