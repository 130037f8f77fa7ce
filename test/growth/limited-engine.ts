// An engine whose memory can be kept from growing, and let grow again, at any time.

import { readFileSync } from "node:fs";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineExports } from "../../src/engine/exports.ts";
import { fileOf, type Target } from "../engine/support.ts";

/** What stands in the way: `memory.grow` itself, or the bound that `maxBytes` sets. */
export const OBSTACLES = ["memory.grow", "maxBytes"] as const;
type Obstacle = (typeof OBSTACLES)[number];

const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;
/** A bound that no other word of a fresh engine equals, by which the engine's own is found. */
const BOUND_MARK = 54_321;

export class LimitedEngine {
  readonly engine: Engine;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #obstacle: Obstacle;
  #exports: EngineExports;
  /** Index of the word in memory that holds the engine's bound. */
  readonly #boundAt: number;
  /** Pages that memory may have. */
  #allowed = 0;

  /** It starts with the pages that the module asks for, and cannot grow. */
  constructor(target: Target, obstacle: Obstacle) {
    this.#bytes = new Uint8Array(readFileSync(fileOf(target)));
    this.#obstacle = obstacle;
    this.#exports = instantiate(this.#bytes);
    // A copy, because a proxy cannot say anything else of what is frozen, as exports are.
    const now = new Proxy(
      { ...this.#exports },
      {
        get: (_, name) => this.#exports[name as keyof EngineExports],
      },
    );
    this.engine = new Engine(now, BOUND_MARK);
    const words = new Uint32Array(this.#exports.memory.buffer);
    this.#boundAt = words.indexOf(BOUND_MARK);
    if (this.#boundAt < 0 || this.#boundAt !== words.lastIndexOf(BOUND_MARK)) {
      throw new Error("The engine's bound on its pages cannot be told from other words.");
    }
    this.#limit(this.#pageCount());
  }

  /** Lets memory grow to so many pages more than before. */
  allow(pageCount: number): void {
    this.#limit(this.#allowed + pageCount);
  }

  #limit(pageCount: number): void {
    this.#allowed = pageCount;
    const { memory } = this.#exports;
    if (this.#obstacle === "maxBytes") {
      new Uint32Array(memory.buffer)[this.#boundAt] = pageCount;
      return;
    }
    // All state is in the memory: a second instance goes on where the first one was.
    const limited = instantiate(withMemory(this.#bytes, this.#pageCount(), pageCount));
    new Uint8Array(limited.memory.buffer).set(new Uint8Array(memory.buffer));
    this.#exports = limited;
    // Detaches the views of it that the shell has kept, as any growth does.
    memory.grow(0);
  }

  #pageCount(): number {
    return this.engine.byteLength >>> 16;
  }
}

function instantiate(bytes: Uint8Array<ArrayBuffer>): EngineExports {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return exports as unknown as EngineExports;
}

/** The module with other limits to its one memory, in pages. */
function withMemory(module: Uint8Array, initial: number, maximum: number): Uint8Array<ArrayBuffer> {
  // Behind the magic number and the version: sections of an id, a length and as many bytes.
  let at = 8;
  while (at < module.length) {
    const id = module[at];
    const [length, from] = decode(module, at + 1);
    const end = from + length;
    if (id === MEMORY_SECTION) {
      const limits = [1, HAS_MAXIMUM, ...encode(initial), ...encode(maximum)];
      const section = [MEMORY_SECTION, ...encode(limits.length), ...limits];
      return Uint8Array.from([...module.subarray(0, at), ...section, ...module.subarray(end)]);
    }
    at = end;
  }
  throw new Error("The module has no memory of its own.");
}

/** An unsigned LEB128 number, and where the next thing is. */
function decode(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0, next = at; ; shift += 7) {
    const byte = bytes[next] as number;
    value |= (byte & 0x7f) << shift;
    next += 1;
    if (byte < 0x80) return [value >>> 0, next];
  }
}

function encode(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...encode(value >>> 7)];
}
