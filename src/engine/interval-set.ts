import { IntervalidateError } from "../errors.ts";
import type { Address } from "./addresses.ts";
import type { Engine } from "./engine.ts";

/** One set of intervals in an engine, by closed bounds that the caller has checked. */
export class IntervalSet {
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  get size(): number {
    throw unfinished();
  }
  get heldLocks(): number {
    throw unfinished();
  }
  insert(_start: Address, _last: Address, _sequence?: number): number {
    throw unfinished();
  }
  insertMany(
    _starts: Float64Array | BigUint64Array,
    _ends: Float64Array | BigUint64Array,
  ): Uint32Array {
    throw unfinished();
  }
  remove(_handle: number): boolean {
    throw unfinished();
  }
  has(_handle: number): boolean {
    throw unfinished();
  }
  startOf(_handle: number): bigint | undefined {
    throw unfinished();
  }
  lastOf(_handle: number): bigint | undefined {
    throw unfinished();
  }
  move(_handle: number, _start: Address, _last: Address): boolean {
    throw unfinished();
  }
  some(_start: Address, _last: Address): boolean {
    throw unfinished();
  }
  count(_start: Address, _last: Address): number {
    throw unfinished();
  }
  collect(_start: Address, _last: Address, _into: Uint32Array): number {
    throw unfinished();
  }
  tryLock(_handle: number): boolean {
    throw unfinished();
  }
  unlock(_handle: number): void {
    throw unfinished();
  }
  isLocked(_handle: number): boolean {
    throw unfinished();
  }
  sequenceOf(_handle: number): number {
    throw unfinished();
  }
  setSequence(_handle: number, _sequence: number): void {
    throw unfinished();
  }
  invalidate(_start: Address, _last: Address, _sequence: number, _into?: Uint32Array): number {
    throw unfinished();
  }
  invalidateUnlocked(_start: Address, _last: Address, _sequence: number): number {
    throw unfinished();
  }
  collectLocked(_start: Address, _last: Address, _into: Uint32Array): number {
    throw unfinished();
  }
  reserve(_delta: number): void {
    throw unfinished();
  }
  transferTo(_target: IntervalSet, _handle: number): void {
    throw unfinished();
  }
  clear(): void {
    throw unfinished();
  }
  dispose(): void {
    throw unfinished();
  }
  verify(): void {
    throw unfinished();
  }
}

function unfinished(): IntervalidateError {
  return new IntervalidateError("USAGE", "The engine is not built yet.");
}
