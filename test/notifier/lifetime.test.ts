import { describe, expect, it } from "vitest";
import { SimulatedDriver } from "../../src/blocking/simulated-driver.ts";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import { AddressSpace, createEngine, type Engine } from "../../src/index.ts";
import { Random } from "../../src/sim/random.ts";
import { I, PAGE } from "./support.ts";

describe("disposal", () => {
  it("is idempotent, and every later call throws DISPOSED", () => {
    const mm = new AddressSpace();
    mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    mm[Symbol.dispose]();
    mm[Symbol.dispose]();
    window.end();
    const disposed = expect.objectContaining({ code: "DISPOSED" });
    expect(() => mm.invalidateRangeStart({ start: 0, end: 1 })).toThrow(disposed);
    expect(() => mm.tryInvalidateRangeStart({ start: 0, end: 1 })).toThrow(disposed);
    expect(() => mm.mirrors.insert(0, 1)).toThrow(disposed);
    expect(() => mm.mirrors.size).toThrow(disposed);
  });
});

const ENDS: [string, (mm: AddressSpace, engine: Engine) => void][] = [
  ["disposed of", (mm) => mm[Symbol.dispose]()],
  ["ended by its engine's reset", (_mm, engine) => engine.reset()],
];

describe.each(ENDS)("sleepers of an address space that is %s", (_how, end) => {
  it.each([
    [
      "a reader",
      (mm: AddressSpace, _held: number, hit: number) => mm.mirrors.readBeginSleepable(hit),
    ],
    [
      "a remover",
      (mm: AddressSpace, _held: number, hit: number) => mm.mirrors.removeSleepable(hit),
    ],
    ["a locker", (mm: AddressSpace, held: number) => mm.mirrors.lockSleepable(held)],
    [
      "an invalidator",
      (mm: AddressSpace) => mm.invalidateRangeStartSleepable({ start: 0x90000, end: 0x91000 }),
    ],
  ])("%s is woken and told DISPOSED", (_name, sleep) => {
    const driver = new SimulatedDriver({ chooser: new Random(1) });
    const engine = createEngine();
    const mm = new AddressSpace({ engine });
    const hit = mm.mirrors.insert(...I);
    const held = mm.mirrors.insert(0x90000, 0x91000);
    mm.mirrors.lock(held);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    driver.spawn("sleeper", sleep(mm, held, hit));
    while (driver.step());
    expect(driver.alive).toBe(1);
    end(mm, engine);
    window.end();
    expect(() => driver.drain()).toThrow(expect.objectContaining({ code: "DISPOSED" }));
  });

  it("a mirror whose insertion is deferred goes with the others", () => {
    const engine = createEngine();
    const mm = new AddressSpace({ engine });
    mm.mirrors.insert(...I);
    const window = mm.invalidateRangeStart({ start: I[0], end: I[1] });
    mm.mirrors.insert(...I);
    end(mm, engine);
    window.end();
    mm[Symbol.dispose]();
    expect(() => mm.mirrors.insert(...I)).toThrow(expect.objectContaining({ code: "DISPOSED" }));
    // What follows in the engine is none of their business.
    const next = new AddressSpace({ engine });
    expect([next.mirrors.insert(...I), next.mirrors.size, next.sequence]).toEqual([1, 1, 2]);
  });
});

describe("under the simulated driver", () => {
  it("readers, an inserter and a remover all come to their end", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const driver = new SimulatedDriver({ chooser: new Random(seed) });
      const mm = new AddressSpace();
      const mirrors = [0, 1, 2, 3].map((i) => mm.mirrors.insert(i * PAGE, (i + 2) * PAGE));
      let installs = 0;
      for (const mirror of mirrors) driver.spawn("reader", read(mirror));
      driver.spawn("invalidator", invalidate());
      driver.spawn("invalidator", invalidate());
      driver.drain();
      expect([installs, mm.sequence % 2, mm.activeInvalidations], `seed ${seed}`).toEqual([
        4, 0, 0,
      ]);

      function* read(mirror: number): Sleepable<undefined> {
        for (;;) {
          const sequence = yield* mm.mirrors.readBeginSleepable(mirror);
          yield { kind: "point", label: "read" };
          yield* mm.mirrors.lockSleepable(mirror);
          const retry = mm.mirrors.readRetry(mirror, sequence);
          if (!retry) installs += 1;
          mm.mirrors.unlock(mirror);
          if (!retry) break;
        }
        yield* mm.mirrors.removeSleepable(mirror);
      }

      function* invalidate(): Sleepable<undefined> {
        for (let i = 0; i < 3; i += 1) {
          const window = yield* mm.invalidateRangeStartSleepable({
            start: i * PAGE,
            end: 9 * PAGE,
          });
          yield { kind: "point", label: "open" };
          window.end();
        }
      }
    }
  });
});
