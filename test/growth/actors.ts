// Sets of one engine and what is in them, by names that do not depend on when memory was short.

import type { Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { ascending, codeOf, TOP } from "../engine/support.ts";

export const SETS = 4;
/** Four records share a block: with so many sets more, all blocks lie one further on. */
const SETS_PER_BLOCK = 4;

export interface Member {
  set: IntervalSet;
  handles: number[];
  reserved: number;
}

interface Filling {
  readonly intervals: number;
  readonly sets: number;
}

export const ALL: Filling = { intervals: Infinity, sets: Infinity };

/** Some sets of one engine. Intervals go by the numbers of their insertions. */
export class Actors {
  readonly engine: Engine;
  readonly members: Member[];
  /** Takes what is free. */
  readonly #filler: IntervalSet;
  readonly #numbers = new Map<number, number>();
  #inserted = 0;

  /**
   * @param ballast blocks to take at first, which shifts where pages end
   * @param makeRoom called when there is no memory for a set
   */
  constructor(engine: Engine, ballast: number, makeRoom: () => void = () => {}) {
    this.engine = engine;
    const create = (): IntervalSet => {
      let set: IntervalSet | undefined;
      while (codeOf(() => (set = new IntervalSet(engine))) !== undefined) makeRoom();
      return set as IntervalSet;
    };
    this.#filler = create();
    for (let i = 0; i < SETS_PER_BLOCK * ballast; i += 1) create();
    this.members = Array.from({ length: SETS }, () => ({
      set: create(),
      handles: [],
      reserved: 0,
    }));
  }

  /** Uses up so much memory, or all that there is; returns how much that was. */
  fill(most: Filling): Filling {
    const times = (count: number, action: (i: number) => unknown): number => {
      let i = 0;
      while (i < count && codeOf(() => action(i)) === undefined) i += 1;
      return i;
    };
    // An insertion is refused while a few blocks are left: it might need them. A set needs one.
    const intervals = times(most.intervals, (i) => this.#filler.insert(i, i));
    const sets = times(most.sets, () => new IntervalSet(this.engine));
    return { intervals, sets };
  }

  /** Every interval of every set, asked for in three ways. */
  everything(): number[][] {
    const [start, end] = [BigUint64Array.of(1n), BigUint64Array.of(0n)];
    return this.members.flatMap(({ set }) => {
      const into = new Uint32Array(set.size);
      set.collect(0, TOP, into);
      const { handles } = set.queryMany(start, end);
      return [into, handles, set.ordered(0, TOP)].map((list) => this.numbersOf(list));
    });
  }

  /** Notes insertions. */
  admit(member: Member, handles: Iterable<number>): void {
    for (const handle of handles) {
      member.handles.push(handle);
      this.#numbers.set(handle, this.#inserted);
      this.#inserted += 1;
    }
  }

  /**
   * Handles depend on the order in which earlier ones were freed, which calls that free many are at
   * liberty to choose; the numbers of the insertions do not.
   */
  numbersOf(handles: Iterable<number>): number[] {
    return ascending([...handles].map((handle) => this.#numbers.get(handle) as number));
  }

  /** All that can be asked about all intervals. */
  contents(): string {
    const lines: string[] = [];
    for (const { set, handles } of this.members) {
      lines.push(`${set.size} intervals, ${set.heldLocks} locks held`);
      for (const handle of handles) {
        const bounds = `[${set.startOf(handle)}, ${set.lastOf(handle)}]`;
        const state = `${set.sequenceOf(handle)} ${set.isLocked(handle)}`;
        lines.push(`${this.#numbers.get(handle)}: ${bounds} ${state}`);
      }
    }
    return lines.join("\n");
  }

  verify(): void {
    this.#filler.verify();
    for (const { set } of this.members) set.verify();
  }
}
