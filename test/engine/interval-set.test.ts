import { describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { Random } from "../../src/sim/random.ts";
import { ascending, codeOf, engineOf, TARGETS, TOP } from "./support.ts";

describe.each(TARGETS)("IntervalSet on the %s engine", (target) => {
  const create = (engine: Engine = engineOf(target)): IntervalSet => new IntervalSet(engine);

  describe("handles", () => {
    it("are 24 bits of slot, counted from 1, and 8 of generation", () => {
      const set = create();
      expect([set.insert(0, 0), set.insert(0, 0), set.insert(0, 0)]).toEqual([1, 2, 3]);
      set.remove(2);
      expect(set.insert(0, 0)).toBe(2 + (1 << 24));
    });

    it("use free slots first in, first out", () => {
      const set = create();
      const handles = [0, 1, 2, 3].map((at) => set.insert(at, at));
      for (const i of [2, 0, 3]) set.remove(handles[i] as number);
      const slots = [0, 1, 2, 3].map((at) => set.insert(at, at) & 0xffffff);
      expect(slots).toEqual([3, 1, 4, 5]);
    });

    it("are recognised as stale until their slot has been reused 256 times", () => {
      const set = create();
      const stale = set.insert(5, 9);
      set.remove(stale);
      for (let i = 1; i < 256; i += 1) {
        const handle = set.insert(5, 9);
        expect(handle & 0xffffff).toBe(stale & 0xffffff);
        expect(set.has(stale)).toBe(false);
        expect(set.remove(stale)).toBe(false);
        expect(set.remove(handle)).toBe(true);
      }
      expect(set.insert(5, 9)).toBe(stale);
      set.verify();
    });

    it("start over after clear, whatever the other sets of the engine do", () => {
      const engine = engineOf(target);
      const [set, other] = [create(engine), create(engine)];
      const play = (): number[] => {
        const handles: number[] = [];
        for (let i = 0; i < 2000; i += 1) {
          handles.push(set.insert(i, i + 10));
          if (i % 3 === 0) set.remove(handles[i >> 1] as number);
        }
        return handles;
      };
      const first = play();
      for (let round = 0; round < 3; round += 1) {
        for (let i = 0; i < 700; i += 1) other.insert(i, i);
        set.clear();
        expect(play()).toEqual(first);
        set.verify();
        other.verify();
      }
    });

    it("start over after disposal, in whatever order sets are disposed of", () => {
      const engine = engineOf(target);
      const play = (): [IntervalSet[], number[]] => {
        const sets = Array.from({ length: 10 }, () => create(engine));
        const handles: number[] = [];
        for (let i = 0; i < 6000; i += 1) {
          handles.push((sets[(i * 7) % 10] as IntervalSet).insert(i, i + 3));
        }
        return [sets, handles];
      };
      const [sets, first] = play();
      const used = engine.usedBytes;
      for (const i of [3, 9, 0, 1, 8, 2, 7, 4, 6, 5]) sets[i]?.dispose();
      const [again, second] = play();
      expect(second).toEqual(first);
      expect(engine.usedBytes).toBe(used);
      for (const set of again) set.verify();
    });

    it("belong to one set", () => {
      const engine = engineOf(target);
      const [a, b] = [create(engine), create(engine)];
      const handle = a.insert(1, 2);
      b.insert(1, 2);
      expect([b.has(handle), b.remove(handle), b.startOf(handle)]).toEqual([
        false,
        false,
        undefined,
      ]);
      expect(a.has(handle)).toBe(true);
    });
  });

  describe("queries with closed bounds", () => {
    it("take numbers and bigints in any mix", () => {
      const set = create();
      const handle = set.insert(2, 5n);
      for (const [start, last] of [
        [5, 9],
        [5n, 9],
        [5, 9n],
        [5n, TOP],
      ] as const) {
        expect([set.some(start, last), set.count(start, last)]).toEqual([true, 1]);
        const into = new Uint32Array(1);
        expect([set.collect(start, last, into), into[0]]).toEqual([1, handle]);
      }
    });

    it("follow the formula where start is above last", () => {
      const set = create();
      const wide = set.insert(2, 20);
      set.insert(11, 30);
      set.insert(2, 5);
      const into = new Uint32Array(4);
      // s <= 9 and 10 <= l
      expect(set.collect(10, 9, into)).toBe(1);
      expect(into[0]).toBe(wide);
      expect(set.count(10n, 9n)).toBe(1);
      expect(set.invalidate(10, 9, 6)).toBe(1);
      expect(set.sequenceOf(wide)).toBe(6);
    });
  });

  describe("lock bits", () => {
    it("follow their interval through insertions, removals and moves of others", () => {
      const set = create();
      const random = new Random(11);
      const handles = new Map<number, boolean>();
      for (let i = 0; i < 4000; i += 1) {
        const keys = [...handles.keys()];
        const handle = keys[random.below(keys.length)];
        const choice = random.below(5);
        if (handle === undefined || choice < 2) {
          handles.set(set.insert(random.below(5000), 5000 + random.below(5000)), false);
        } else if (choice === 2) {
          set.remove(handle);
          handles.delete(handle);
        } else if (handles.get(handle)) {
          set.unlock(handle);
          handles.set(handle, false);
        } else {
          expect(set.tryLock(handle)).toBe(true);
          handles.set(handle, true);
        }
      }
      set.verify();
      for (const [handle, locked] of handles) expect(set.isLocked(handle)).toBe(locked);
      const held = [...handles].filter(([, locked]) => locked).map(([handle]) => handle);
      expect(set.heldLocks).toBe(held.length);
      const into = new Uint32Array(handles.size);
      expect(set.collectLocked(0, TOP, into)).toBe(held.length);
      expect(ascending(into.subarray(0, held.length))).toEqual(ascending(held));
      expect(set.collectLocked(0, TOP, new Uint32Array(3))).toBe(held.length);
    });

    it("let an invalidation take the free intervals first and the held ones later", () => {
      const set = create();
      const handles = Array.from({ length: 200 }, (_, i) => set.insert(i, i + 300));
      const held = handles.filter((_, i) => i % 7 === 0);
      for (const handle of held) set.tryLock(handle);
      expect(set.invalidate(250, 260, 5)).toBe(-1);
      expect(set.invalidateUnlocked(250, 260, 5)).toBe(handles.length - held.length);
      for (const handle of handles)
        expect(set.sequenceOf(handle)).toBe(set.isLocked(handle) ? 0 : 5);
      for (const handle of held) {
        set.unlock(handle);
        set.setSequence(handle, 5);
      }
      expect(handles.every((handle) => set.sequenceOf(handle) === 5)).toBe(true);
      expect(set.heldLocks).toBe(0);
    });

    it("are counted down when their interval goes", () => {
      const set = create();
      const handles = [set.insert(0, 9), set.insert(0, 9)];
      for (const handle of handles) set.tryLock(handle);
      set.remove(handles[0] as number);
      expect(set.heldLocks).toBe(1);
      set.clear();
      expect(set.heldLocks).toBe(0);
    });
  });

  describe("transfers", () => {
    it("keep handle, bounds, sequence and lock bit", () => {
      const engine = engineOf(target);
      const [a, b] = [create(engine), create(engine)];
      const handle = a.insert(0, TOP, 77);
      a.tryLock(handle);
      a.transferTo(b, handle);
      expect([a.size, a.heldLocks, a.has(handle)]).toEqual([0, 0, false]);
      expect([b.size, b.heldLocks, b.sequenceOf(handle), b.isLocked(handle)]).toEqual([
        1,
        1,
        77,
        true,
      ]);
      expect([b.startOf(handle), b.lastOf(handle)]).toEqual([0n, TOP]);
      expect(codeOf(() => a.transferTo(b, handle))).toBe("ARGUMENT");
      b.transferTo(b, handle);
      b.transferTo(a, handle);
      expect(a.has(handle)).toBe(true);
      a.verify();
      b.verify();
    });

    it("stay within one engine", () => {
      const a = create();
      const handle = a.insert(1, 2);
      expect(codeOf(() => a.transferTo(create(), handle))).toBe("ARGUMENT");
      expect(a.has(handle)).toBe(true);
    });

    it("outlive a clear and the disposal of the set that gave out the handle", () => {
      const engine = engineOf(target);
      const [a, b] = [create(engine), create(engine)];
      const handles = Array.from({ length: 600 }, (_, i) => a.insert(i, i));
      const moved = handles.filter((_, i) => i % 2 === 0);
      for (const handle of moved) a.transferTo(b, handle);
      a.clear();
      a.verify();
      b.verify();
      const more = Array.from({ length: 600 }, (_, i) => a.insert(i, i));
      expect(more.some((handle) => b.has(handle))).toBe(false);
      a.dispose();
      const c = create(engine);
      const others = Array.from({ length: 2000 }, (_, i) => c.insert(i, i));
      expect(new Set([...others, ...moved]).size).toBe(2300);
      for (const [i, handle] of moved.entries()) expect(b.startOf(handle)).toBe(BigInt(2 * i));
      b.clear();
      for (const set of [b, c]) set.verify();
    });

    it("let handles start over once the lent ones have come back", () => {
      const engine = engineOf(target);
      const [a, b] = [create(engine), create(engine)];
      const play = (): number[] => {
        const handles = Array.from({ length: 300 }, (_, i) => a.insert(i, i));
        for (const handle of handles.slice(100)) a.transferTo(b, handle);
        return handles;
      };
      const first = play();
      a.clear();
      b.clear();
      expect(play()).toEqual(first);
      b.clear();
      a.clear();
      expect(play()).toEqual(first);
    });

    it("let no handle start over that has come back itself", () => {
      const engine = engineOf(target);
      const [a, b] = [create(engine), create(engine)];
      const [back, gone] = [a.insert(1, 1), a.insert(2, 2)] as const;
      for (const handle of [back, gone]) a.transferTo(b, handle);
      a.clear();
      b.transferTo(a, back);
      b.remove(gone);
      expect([a.size, a.has(back), a.startOf(back)]).toEqual([1, true, 1n]);
      expect(a.insert(3, 3)).not.toBe(back);
      a.verify();
    });
  });

  it("tells which invariant is broken", () => {
    const engine = engineOf(target);
    const set = create(engine);
    const handle = set.insert(1, 2);
    set.verify();
    // The first block behind the set's own is the id chunk or the leaf: spoil every lock word.
    const memory = new Uint8Array(engine.exports.memory.buffer);
    const words = new Uint32Array(memory.buffer);
    const leaf = words.findIndex((word, i) => word === handle && i % 256 === 136);
    memory.fill(0xff, 4 * (leaf - 136) + 24, 4 * (leaf - 136) + 32);
    expect(() => set.verify()).toThrow("lock bits stand for slots in use");
  });
});
