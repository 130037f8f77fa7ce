import type { EngineExports } from "./exports.ts";

/** What {@link createEngine} takes. */
export interface EngineOptions {
  /** A compiled engine, for hosts that load `intervalidate/engine.wasm` themselves. */
  readonly module?: WebAssembly.Module;
  /** The most memory the engine may use, in bytes; rounded down to whole 64 KiB pages. */
  readonly maxBytes?: number;
}

/** One instance of the WebAssembly module with its memory: it holds any number of sets. */
export class Engine {
  readonly exports: EngineExports;

  constructor(exports: EngineExports) {
    this.exports = exports;
  }
}

/** Starts an engine of its own. */
export function createEngine(_options: EngineOptions = {}): Engine {
  throw new Error("The engine is not built yet.");
}

/** The engine that everything shares which is not given one. */
export function defaultEngine(): Engine {
  return createEngine();
}
