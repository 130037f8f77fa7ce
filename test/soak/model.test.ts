import { describe, expect, it } from "vitest";
import { Random } from "../../src/sim/random.ts";
import { ascending, drawRange, Oracle, SPREADS } from "../engine/support.ts";
import { Digest } from "./bucket.ts";
import { Model } from "./model.ts";
import { bigintOf, emptyRange, type Range } from "./words.ts";

const SEED = 4;

function wordsOf([start, last]: [bigint, bigint]): Range {
  return {
    startHigh: Number(start >> 32n),
    startLow: Number(start & 0xffffffffn),
    lastHigh: Number(last >> 32n),
    lastLow: Number(last & 0xffffffffn),
  };
}

/** The model of the soak and the oracle of the other tests, which scans bigints, side by side. */
class Both {
  readonly model: Model;
  readonly oracle = new Oracle();
  #handle = 0;

  constructor(rowsMax: number) {
    this.model = new Model(rowsMax);
  }

  insert(bounds: [bigint, bigint], sequence: number): void {
    // Handles that neither ascend nor collide, and that use all 32 bits.
    this.#handle = (this.#handle + 0x9e3779b1) >>> 0;
    this.model.add(this.#handle, wordsOf(bounds), sequence);
    this.oracle.add(this.#handle, ...bounds, sequence);
  }

  change(random: Random, bounds: [bigint, bigint]): void {
    const { model, oracle } = this;
    const handle = model.choose(random.next(), random.next());
    const entry = oracle.entries.get(handle);
    if (entry === undefined) throw new Error(`the model chose ${handle}, which is not there`);
    const kind = random.below(6);
    if (kind === 0) {
      model.move(handle, wordsOf(bounds));
      [entry.start, entry.last] = bounds;
    } else if (kind === 1) {
      entry.locked = !entry.locked;
      model.setLocked(handle, entry.locked);
    } else if (kind === 2) {
      entry.sequence = random.next();
      model.setSequence(handle, entry.sequence);
    } else {
      model.remove(handle);
      oracle.entries.delete(handle);
    }
  }

  compareAnswers(bounds: [bigint, bigint]): void {
    const { model, oracle } = this;
    const [start, last] = bounds;
    const range = wordsOf(bounds);
    const { startHigh, startLow, lastHigh, lastLow } = range;
    const hits = oracle.hits(start, last);
    expect(ascending(model.hits(range))).toEqual(hits);
    const digest = new Digest();
    for (const handle of hits) digest.add(handle);
    expect(model.digest(range)).toEqual(digest);
    expect(model.ordered(range)).toEqual(oracle.ordered(start, last));
    expect(model.firstAfter(startHigh, startLow)).toBe(oracle.firstAfter(start) ?? 0);
    expect(model.firstBefore(lastHigh, lastLow)).toBe(oracle.firstBefore(last + 1n) ?? 0);
    expect(
      model
        .gaps(range)
        .map((gap) => [
          bigintOf(gap.startHigh, gap.startLow),
          bigintOf(gap.lastHigh, gap.lastLow) + 1n,
        ]),
    ).toEqual(oracle.gaps(start, last + 1n));
  }

  compareEntries(): void {
    const { model, oracle } = this;
    expect(model.size).toBe(oracle.entries.size);
    let held = 0;
    const range = emptyRange();
    for (const [handle, entry] of oracle.entries) {
      held += entry.locked ? 1 : 0;
      model.read(handle, range);
      expect([range, model.sequenceOf(handle), model.isLocked(handle)]).toEqual([
        wordsOf([entry.start, entry.last]),
        entry.sequence,
        entry.locked,
      ]);
    }
    expect(model.heldLocks).toBe(held);
  }
}

describe("the model of the soak", () => {
  // Few rows to a bucket make many buckets of few intervals.
  it.each(SPREADS.flatMap((spread) => [2, 5, 256].map((rowsMax) => ({ spread, rowsMax }))))(
    "agrees with a scan over $spread.name in buckets of $rowsMax",
    ({ spread, rowsMax }) => {
      const random = new Random(SEED + spread.bits);
      const both = new Both(rowsMax);
      for (let i = 0; i < 1200; i += 1) {
        const growing = i % 400 < 200;
        const bounds = drawRange(random, spread);
        // Equal starts must not be lost where buckets meet.
        if (random.chance(1, 3)) bounds[0] = (bounds[0] >> 12n) << 12n;
        if (both.model.size === 0 || random.chance(growing ? 3 : 1, 4)) both.insert(bounds, i);
        else both.change(random, bounds);
        if (i % 11 === 0) both.compareAnswers(drawRange(random, spread));
      }
      both.compareEntries();
      both.model.clear();
      expect([both.model.size, both.model.has(0x9e3779b1)]).toEqual([0, false]);
    },
  );
});
