// An engine, some sets in it, and a model of each; and the checks of one against the other.

import type { Engine } from "../../src/engine/engine.ts";
import type { IntervalSet } from "../../src/engine/interval-set.ts";
import { Digest } from "./bucket.ts";
import { Model } from "./model.ts";
import { bigintOf, emptyRange, numberOf, type Range, SAFE_HIGH, textOf } from "./words.ts";

/** Handles that were removed lately, to be refused. */
const STALE_MAX = 128;
const UNWRITTEN = 0xabad1dea;

/** The engine and the model differ. */
class Difference extends Error {}

export class Side {
  readonly set: IntervalSet;
  readonly model = new Model();
  readonly name: string;

  constructor(set: IntervalSet, name: string) {
    this.set = set;
    this.name = name;
  }
}

/** Makes a set; tests plant their faults here. */
export type SetMaker = (engine: Engine) => IntervalSet;

export class World {
  readonly engine: Engine;
  readonly sides: readonly Side[];
  readonly stale: number[] = [];
  /** What was done, in words; kept only where a failure is to be told. */
  readonly notes: string[] | undefined;
  readonly #emptyBytes: number;
  readonly #bounds = emptyRange();
  #buffer = new Uint32Array(1024);

  constructor(engine: Engine, setCount: number, makeSet: SetMaker, notes?: string[]) {
    this.engine = engine;
    this.notes = notes;
    this.#emptyBytes = bytesButExchange(engine);
    this.sides = Array.from({ length: setCount }, (_, i) => new Side(makeSet(engine), `set${i}`));
  }

  get size(): number {
    let size = 0;
    for (const { model } of this.sides) size += model.size;
    return size;
  }

  /** Bytes in use for intervals and handles: without the exchange buffer, which grows with answers. */
  get intervalBytes(): number {
    return bytesButExchange(this.engine) - this.#emptyBytes;
  }

  /** Says what is about to be done. */
  note(side: Side, call: () => string): void {
    this.notes?.push(`${side.name}.${call()}`);
  }

  /** Says what came of it. */
  result(value: unknown): void {
    if (this.notes !== undefined) this.notes.push(`${this.notes.pop()} -> ${value}`);
  }

  check(holds: boolean, what: () => string): void {
    if (!holds) throw new Difference(what());
  }

  equal(actual: unknown, expected: unknown, what: string): void {
    if (actual !== expected) throw new Difference(`${what}: ${actual} instead of ${expected}`);
  }

  /** Takes a new handle into the model of its set. */
  admit(side: Side, handle: number, range: Range, sequence: number): void {
    for (const { model, name } of this.sides) {
      if (model.has(handle)) throw new Difference(`handle ${handle} is live in ${name} already`);
    }
    side.model.add(handle, range, sequence);
  }

  /** Takes a handle out of the model of its set. */
  retire(side: Side, handle: number): void {
    side.model.remove(handle);
    if (this.stale.push(handle) > STALE_MAX) this.stale.shift();
  }

  /** Room for so many handles, filled so that what is not written shows. */
  room(length: number): Uint32Array {
    if (this.#buffer.length < length) this.#buffer = new Uint32Array(2 * length);
    return this.#buffer.subarray(0, length).fill(UNWRITTEN);
  }

  /** Checks a list of hits: complete if there was room, else as many different ones as fit. */
  checkListed(side: Side, range: Range, expected: Digest, total: number, list: Uint32Array): void {
    this.equal(total, expected.count, "hits");
    if (list.length < total) {
      const hits = new Set(side.model.hits(range));
      for (const handle of list) {
        this.check(hits.delete(handle), () => `${handle} is no hit, or is listed twice`);
      }
      return;
    }
    const listed = new Digest();
    for (let i = 0; i < total; i += 1) listed.add(list[i] as number);
    this.check(listed.equals(expected), () => {
      const hits = new Set(side.model.hits(range));
      const wrong = [...list.subarray(0, total)].filter((handle) => !hits.delete(handle));
      return `listed but no hits, or twice: ${sample(wrong)}; not listed: ${sample([...hits])}`;
    });
    for (let i = total; i < list.length; i += 1) {
      this.equal(list[i], UNWRITTEN, "a word behind the last hit");
    }
  }

  /** Everything that is known of one interval. */
  compareInterval(side: Side, handle: number): void {
    const { set, model } = side;
    const bounds = this.#bounds;
    model.read(handle, bounds);
    const what = `of ${handle} in ${side.name}`;
    this.equal(set.startOf(handle), bigintOf(bounds.startHigh, bounds.startLow), `start ${what}`);
    this.equal(set.lastOf(handle), bigintOf(bounds.lastHigh, bounds.lastLow), `last ${what}`);
    this.equal(set.sequenceOf(handle), model.sequenceOf(handle), `sequence ${what}`);
    this.equal(set.isLocked(handle), model.isLocked(handle), `lock bit ${what}`);
  }

  compareCounts(side: Side): void {
    this.equal(side.set.size, side.model.size, `size of ${side.name}`);
    this.equal(side.set.heldLocks, side.model.heldLocks, `held locks of ${side.name}`);
  }

  /** Everything that is known of everything. */
  compareAll(): void {
    for (const side of this.sides) {
      this.compareCounts(side);
      for (const handle of side.model.handles()) this.compareInterval(side, handle);
    }
  }

  verify(): void {
    for (const { set } of this.sides) set.verify();
  }
}

/** An address through one of the engine's two doors: numbers where they are exact, or bigints. */
export function addressOf(high: number, low: number, asNumber: boolean): number | bigint {
  return asNumber && high < SAFE_HIGH ? numberOf(high, low) : bigintOf(high, low);
}

export function describe(range: Range): string {
  return `${textOf(range.startHigh, range.startLow)}, ${textOf(range.lastHigh, range.lastLow)}`;
}

function bytesButExchange(engine: Engine): number {
  return engine.usedBytes - 4 * engine.exchangeCapacity;
}

function sample(handles: readonly number[]): string {
  return handles.length === 0 ? "none" : handles.slice(0, 5).join(", ");
}
