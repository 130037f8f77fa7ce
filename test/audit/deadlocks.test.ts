import { describe, expect, it } from "vitest";
import type { IntervalNotifier, ListNotifier } from "../../src/index.ts";
import { Completion } from "../../src/index.ts";
import { mustStart, obedient, PAGE, pair, R, Scene } from "./support.ts";

describe("V22: waiting for callbacks inside a callback", () => {
  it("C18: unregister, reported at the call", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a: ListNotifier = scene.list(mm, {
      name: "A",
      *invalidateRangeStart() {
        yield* mm.unregisterSleepable(a);
        return 0;
      },
    });
    expect(scene.spawn("T1", mm.invalidateRangeStartSleepable(R)).blocked).toBe(true);
    expect(scene.foundAtFinish).toEqual(["V22 A"]);
    expect(scene.message).toBe("A.start calls unregister of A, which waits for callbacks to end");
  });

  it("synchronize, and register in another address space", () => {
    const scene = new Scene();
    const [mm, mm2] = [scene.mm(), scene.mm("mm2")];
    scene.list(mm, {
      name: "A",
      *invalidateRangeStart() {
        yield* mm2.registerSleepable({ name: "B" });
        yield* mm.synchronizeSleepable();
        return 0;
      },
    });
    scene.spawn("T1", mm.invalidateRangeStartSleepable(R));
    expect(scene.foundAtFinish).toEqual(["V22 A", "V22 A"]);
  });

  it("remove of an interval notifier, by itself", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const i: IntervalNotifier = scene.interval(mm, {
      name: "I",
      *invalidate(_notifier, _range, sequence) {
        i.setSequence(sequence);
        yield* i.removeSleepable();
        return true;
      },
    });
    expect(scene.spawn("T1", mm.invalidateRangeStartSleepable(R)).blocked).toBe(true);
    expect(scene.foundAtFinish).toEqual(["V22 I"]);
  });

  it("remove where it happens not to wait, the first insert, and remove of a mirror", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const mm2 = scene.mm("mm2");
    const i = scene.interval(mm, obedient("I"));
    const mirror = mm.mirrors.insert(0, 1);
    scene.list(mm, {
      name: "A",
      release: () => {
        i.remove();
        mm.mirrors.remove(mirror);
        mm2.insertInterval(0, PAGE, {
          name: "J",
          invalidate: { blocking: () => undefined, nonblocking: () => true },
        });
        return undefined;
      },
    });
    mm.release();
    expect(scene.auditor.reports.map(({ message }) => message.split(",")[0])).toEqual([
      "A.release calls remove of I",
      `A.release calls remove of mirror ${mirror}`,
      "A.release calls the first insert of mm2",
    ]);
  });

  it("near miss: put inside a callback, unregister in another task meanwhile", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const gate = new Completion("gate");
    const b = scene.run(mm.unchecked.get({ name: "B" }));
    const a = scene.list(mm, {
      name: "A",
      *invalidateRangeStart() {
        mm.put(b);
        yield* gate.wait();
        return 0;
      },
    });
    const starting = scene.spawn("T1", mm.invalidateRangeStartSleepable(R));
    const unregistering = scene.spawn("T2", mm.unregisterSleepable(a));
    gate.complete();
    const window = starting.run().value;
    unregistering.run();
    scene.as("T1", () => window.end());
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("near miss: after the callback, threw or not", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.list(mm, {
      name: "A",
      invalidateRangeStart() {
        throw new Error("A");
      },
    });
    expect(() => mm.invalidateRangeStart(R)).toThrow("A");
    mm.unregister(a);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V24: waiting for invalidations under a lock that a callback takes", () => {
  /** I's callback waits for L, which T1 holds. */
  function waitingForL() {
    const scene = new Scene();
    const mm = scene.mm();
    const free = new Completion("L");
    const i = scene.interval(mm, {
      name: "I",
      *invalidate(notifier, _range, sequence) {
        scene.tell({ kind: "lock-enter", lock: "L", mode: "exclusive", sleeping: true });
        yield* free.wait();
        scene.tell({ kind: "lock", lock: "L", mode: "exclusive" });
        notifier.setSequence(sequence);
        scene.unlock("L");
        return true;
      },
    });
    scene.as("T1", () => scene.lock("L"));
    return { scene, mm, i, start: () => scene.spawn("W", mm.invalidateRangeStartSleepable(R)) };
  }

  it("C52: remove, while the callback waits for the lock", () => {
    const { scene, i, start } = waitingForL();
    expect(start().blocked).toBe(true);
    expect(scene.found).toEqual([]);
    expect(scene.spawn("T1", i.removeSleepable()).blocked).toBe(true);
    expect(scene.foundAtFinish).toEqual(["V24 I"]);
    expect(scene.auditor.reports[0].task).toBe("T1");
    expect(scene.message).toMatch(
      /^task T1 calls remove of I at event \d+ while it holds L, for which I waits$/,
    );
  });

  it("the wait first, the callback later: the same report", () => {
    const { scene, mm, i, start } = waitingForL();
    const j = scene.interval(mm, obedient("J"), { start: 0x50000, end: 0x51000 });
    scene.as("T1", () => j.remove());
    scene.as("T1", () => i.readBegin());
    expect(scene.found).toEqual([]);
    start();
    expect(scene.foundAtFinish).toEqual(["V24 J", "V24 I"]);
    expect(scene.auditor.reports.map(({ task }) => task)).toEqual(["T1", "T1"]);
  });

  it("read_begin: once, however often it is called", () => {
    const { scene, i, start } = waitingForL();
    start();
    scene.spawn("T1", i.readBeginSleepable());
    scene.spawn("T1", i.readBeginSleepable());
    expect(scene.foundAtFinish).toEqual(["V24 I"]);
  });

  it("a callback that tries the lock in non-blocking mode waits for it in the other", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const i = scene.interval(mm, {
      name: "I",
      invalidate: () => {
        scene.tell({ kind: "trylock", lock: "L", mode: "exclusive", taken: false });
        return false;
      },
    });
    scene.as("T1", () => scene.lock("L"));
    mm.tryInvalidateRangeStart(R);
    scene.as("T1", () => i.readBegin());
    expect(scene.foundAtFinish).toEqual(["V24 I"]);
  });

  it("a passive mirror's lock is taken by every invalidation that hits it", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const mirror = mm.mirrors.insert(R.start, R.end);
    mm.mirrors.lock(mirror);
    mm.mirrors.readBegin(mirror);
    expect(scene.foundAtFinish).toEqual([`V24 mirror ${mirror}`]);
  });

  it("near misses: released before, another lock, another address space, another task", () => {
    const { scene, mm, i, start } = waitingForL();
    scene.as("T1", () => scene.unlock("L"));
    scene.as("T1", () => i.readBegin());
    scene.as("T1", () => scene.lock("K"));
    scene.as("T1", () => i.readBegin());
    scene.as("T2", () => scene.lock("L"));
    const mm2 = scene.mm("mm2");
    const j = scene.interval(mm2, obedient("J"));
    scene.as("T2", () => j.readBegin());
    scene.as("T1", () => i.readBegin());
    const mirror = mm.mirrors.insert(0, 1);
    mm.mirrors.lock(mirror);
    mm.mirrors.unlock(mirror);
    mm.mirrors.readBegin(mirror);
    start();
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("near miss: a callback that only ever tries the lock", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const i = scene.interval(mm, {
      name: "I",
      invalidate: (notifier, _range, sequence) => {
        notifier.setSequence(sequence);
        scene.tell({ kind: "trylock", lock: "statistics", mode: "exclusive", taken: false });
        return true;
      },
    });
    mm.invalidateRangeStart(R).end();
    scene.as("T1", () => scene.lock("statistics"));
    scene.as("T1", () => i.readBegin());
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("near miss: a lock handed over to another task is held by nobody else", () => {
    const { scene, i, start } = waitingForL();
    scene.as("T2", () => scene.unlock("L"));
    scene.as("T1", () => i.readBegin());
    start();
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("near miss: a lock that only teardown takes", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const i = scene.interval(mm, obedient("I"));
    scene.list(mm, {
      ...pair("A"),
      release: () => {
        scene.lock("L");
        scene.unlock("L");
        return undefined;
      },
    });
    scene.lock("L");
    i.readBegin();
    scene.unlock("L");
    mustStart(mm).end();
    mm.release();
    expect(scene.foundAtFinish).toEqual([]);
  });
});
