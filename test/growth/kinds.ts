// Steps that need memory in every way there is: for tests of what happens when there is none.

import type { HitLists } from "../../src/engine/batches.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import type { Random } from "../../src/sim/random.ts";
import { drawRange, SPREADS, type Spread, TOP } from "../engine/support.ts";
import { type Actors, type Member, SETS } from "./actors.ts";

/** Draws a step. The action it returns does all or, out of memory, nothing, and may be tried again. */
export interface Kind {
  readonly name: string;
  readonly weight: number;
  /** Whether it can run out of memory. */
  readonly needsMemory?: boolean;
  /** Whether memory was reserved for it: then it has to succeed. */
  readonly isReserved?: boolean;
  /** Whether it inserts many: what it had begun leaves room behind. */
  readonly isBatch?: boolean;
  prepare(actors: Actors, random: Random, batchMax: number): () => unknown;
}

function drawMember(actors: Actors, random: Random): Member {
  return actors.members[random.below(SETS)] as Member;
}

function drawAny(random: Random): [bigint, bigint] {
  return drawRange(random, SPREADS[random.below(SPREADS.length)] as Spread);
}

function drawBatch(random: Random, length: number): [BigUint64Array, BigUint64Array] {
  const spread = SPREADS[random.below(SPREADS.length)] as Spread;
  const ranges = Array.from({ length }, () => {
    const [start, last] = drawRange(random, spread);
    // Half-open columns cannot say the whole space.
    return [start, start === 0n && last === TOP ? last : last + 1n] as const;
  });
  if (random.chance(1, 2)) ranges.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return [
    BigUint64Array.from(ranges, ([start]) => start),
    BigUint64Array.from(ranges, ([, end]) => BigInt.asUintN(64, end)),
  ];
}

function insertion(actors: Actors, member: Member, random: Random, length: number): () => unknown {
  const [starts, ends] = drawBatch(random, length);
  return () => actors.admit(member, member.set.insertMany(starts, ends, length));
}

function removal(member: Member, random: Random): () => unknown {
  const i = random.below(Math.max(1, member.handles.length));
  return () => {
    const [handle] = member.handles.splice(i, 1);
    return handle !== undefined && member.set.remove(handle);
  };
}

function transfer(from: Member, to: Member, random: Random, isReserved: boolean): () => unknown {
  const i = random.below(Math.max(1, from.handles.length));
  return () => {
    const handle = from.handles[i];
    if (handle === undefined || from === to) return undefined;
    if (isReserved) {
      from.set.reserve(-1);
      from.reserved -= 1;
    }
    from.set.transferTo(to.set, handle);
    from.handles.splice(i, 1);
    to.handles.push(handle);
    return to.set.startOf(handle);
  };
}

function listsOf(actors: Actors, lists: HitLists | undefined): number[][] | undefined {
  if (lists === undefined) return undefined;
  const { offsets, handles } = lists;
  return Array.from(offsets.subarray(1), (end, i) =>
    actors.numbersOf(handles.subarray(offsets[i], end)),
  );
}

export const KINDS: readonly Kind[] = [
  {
    name: "insert",
    weight: 60,
    needsMemory: true,
    prepare(actors, random) {
      const member = drawMember(actors, random);
      const [start, last] = drawAny(random);
      return () => actors.admit(member, [member.set.insert(start, last, member.handles.length)]);
    },
  },
  {
    name: "insertMany, few",
    weight: 12,
    needsMemory: true,
    isBatch: true,
    prepare: (actors, random) =>
      insertion(actors, drawMember(actors, random), random, random.below(40)),
  },
  {
    name: "insertMany",
    weight: 5,
    needsMemory: true,
    isBatch: true,
    prepare: (actors, random, batchMax) =>
      insertion(actors, drawMember(actors, random), random, random.below(batchMax)),
  },
  {
    name: "insertMany into an empty set",
    weight: 12,
    needsMemory: true,
    isBatch: true,
    prepare(actors, random, batchMax) {
      const empty = actors.members.find(({ handles }) => handles.length === 0);
      return empty === undefined ? () => undefined : insertion(actors, empty, random, batchMax);
    },
  },
  {
    name: "clear",
    weight: 4,
    prepare(actors, random) {
      const member = drawMember(actors, random);
      return () => {
        member.set.clear();
        member.handles.length = 0;
        member.reserved = 0;
      };
    },
  },
  {
    name: "move",
    weight: 60,
    needsMemory: true,
    prepare(actors, random) {
      const { set, handles } = drawMember(actors, random);
      const handle = handles[random.below(Math.max(1, handles.length))];
      const [start, last] = drawAny(random);
      return () => handle !== undefined && set.move(handle, start, last);
    },
  },
  {
    name: "remove",
    weight: 15,
    prepare: (actors, random) => removal(drawMember(actors, random), random),
  },
  {
    name: "removeOverlapping",
    weight: 2,
    prepare(actors, random) {
      const member = drawMember(actors, random);
      const [start, last] = drawAny(random);
      return () => {
        const removed = member.set.removeOverlapping(start, last);
        member.handles = member.handles.filter((handle) => member.set.has(handle));
        return removed;
      };
    },
  },
  {
    name: "tryLock and unlock",
    weight: 10,
    prepare(actors, random) {
      const { set, handles } = drawMember(actors, random);
      const handle = handles[random.below(Math.max(1, handles.length))] ?? 0;
      return () => (set.isLocked(handle) ? set.unlock(handle) : set.tryLock(handle));
    },
  },
  {
    name: "invalidate",
    weight: 10,
    prepare(actors, random) {
      const { set } = drawMember(actors, random);
      const [start, last] = random.chance(1, 4) ? [0n, TOP] : drawAny(random);
      const sequence = random.next();
      return () => {
        const into = new Uint32Array(set.size);
        const hits = set.invalidate(start, last, sequence, into);
        return [hits, actors.numbersOf(hits === -1 ? [] : into.subarray(0, hits))];
      };
    },
  },
  {
    name: "collect",
    weight: 6,
    prepare(actors, random) {
      const { set } = drawMember(actors, random);
      const [start, last] = random.chance(1, 2) ? [0n, TOP] : drawAny(random);
      return () => {
        const into = new Uint32Array(set.count(start, last));
        set.collect(start, last, into);
        return actors.numbersOf(into);
      };
    },
  },
  {
    name: "queryMany",
    weight: 6,
    prepare(actors, random) {
      const { set } = drawMember(actors, random);
      const [starts, ends] = drawBatch(random, random.below(200));
      return () => listsOf(actors, set.queryMany(starts, ends));
    },
  },
  {
    name: "invalidateMany",
    weight: 6,
    prepare(actors, random) {
      const { set } = drawMember(actors, random);
      const [starts, ends] = drawBatch(random, random.below(200));
      const sequence = random.next();
      return () => listsOf(actors, set.invalidateMany(starts, ends, sequence));
    },
  },
  {
    name: "reserve",
    weight: 3,
    needsMemory: true,
    prepare(actors, random) {
      const member = drawMember(actors, random);
      const more = 1 + random.below(30);
      return () => {
        member.set.reserve(more);
        member.reserved += more;
      };
    },
  },
  {
    name: "transfer",
    weight: 60,
    needsMemory: true,
    prepare: (actors, random) =>
      transfer(drawMember(actors, random), drawMember(actors, random), random, false),
  },
  {
    name: "reserved transfer",
    weight: 20,
    isReserved: true,
    prepare(actors, random) {
      const from = drawMember(actors, random);
      const to = drawMember(actors, random);
      return from.reserved > 0 ? transfer(from, to, random, true) : () => undefined;
    },
  },
  {
    name: "create",
    weight: 12,
    needsMemory: true,
    prepare: (actors) => () => new IntervalSet(actors.engine).size,
  },
  {
    name: "dispose and create",
    weight: 3,
    prepare(actors, random) {
      const member = drawMember(actors, random);
      return () => {
        // Made before the other is gone: if there is no memory for it, nothing has changed.
        const fresh = new IntervalSet(actors.engine);
        member.set.dispose();
        Object.assign(member, { set: fresh, handles: [], reserved: 0 });
      };
    },
  },
];
