import { createEngine } from "../../../src/engine/engine.ts";
import { RangeIndex } from "../../../src/engine/range-index.ts";
import { Random } from "../../../src/sim/random.ts";
import { drawRange, SPREADS, type Spread } from "../support.ts";

const SIZES = [0, 1, 2, 3, 7, 8, 9, 17, 40, 64, 130, 300];

/**
 * Sound snapshots of every spread and of many sizes, each after a life of its own. Half of them come
 * from one engine, so that no two of these have a handle in common.
 */
export function makeCorpus(module: WebAssembly.Module, seed: number): Uint8Array<ArrayBuffer>[] {
  const random = new Random(seed);
  const shared = createEngine({ module });
  return SPREADS.flatMap((spread) =>
    SIZES.map((size) => {
      const engine = random.chance(1, 2) ? shared : createEngine({ module });
      return snapshotAfterChurn(random, new RangeIndex({ engine }), spread, size);
    }),
  );
}

function snapshotAfterChurn(
  random: Random,
  index: RangeIndex,
  spread: Spread,
  size: number,
): Uint8Array<ArrayBuffer> {
  const handles: number[] = [];
  const insert = (): void => {
    const [start, last] = drawRange(random, spread);
    handles.push(index.insert(start, last + 1n));
  };
  const removeOne = (): void => {
    const [handle] = handles.splice(random.below(handles.length), 1);
    index.remove(handle as number);
  };
  for (let i = random.below(2 * size + 1); i > 0; i -= 1) {
    insert();
    if (random.chance(1, 2)) removeOne();
  }
  while (handles.length < size) insert();
  while (handles.length > size) removeOne();
  for (let i = random.below(4); i > 0; i -= 1) {
    const [start, last] = drawRange(random, spread);
    index.invalidate(start, last + 1n, random.next());
  }
  for (const handle of handles) if (random.chance(1, 5)) index.tryLock(handle);
  return new Uint8Array(index.snapshot());
}
