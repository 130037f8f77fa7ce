import { describe, expect, it } from "vitest";
import { Completion, type NotifierEvent } from "../../src/index.ts";
import { obedient, pair, R, Scene } from "./support.ts";

/** A callback of A as a stream tells it, for what the core never does. */
function entered(callback: "start" | "end" | "invalidate" | "free", notifier = "A"): NotifierEvent {
  return {
    kind: "callback-enter",
    mm: "mm",
    notifier,
    callback,
    window: null,
    rollback: false,
    event: "UNMAP",
    ...R,
    owner: null,
    blockable: true,
    sequence: callback === "invalidate" ? 3 : null,
    nonBlockSection: false,
  };
}

describe("V26: use after it has gone", () => {
  it("a callback after unregister has returned", () => {
    const scene = new Scene();
    const mm = scene.mm();
    mm.unregister(scene.list(mm, { name: "A" }));
    scene.tell(entered("start"));
    expect(scene.foundAtFinish).toEqual(["V26 A"]);
    expect(scene.message).toMatch(/^A.start is called although A was unregistered at event \d+$/);
  });

  it("unregister returns while a callback still runs", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.list(mm, { name: "A" });
    scene.as("T1", () => scene.tell(entered("start")));
    mm.unregister(a);
    expect(scene.foundAtFinish).toEqual(["V26 A"]);
  });

  it("free runs while a callback still runs, and a callback after free", () => {
    const scene = new Scene();
    scene.as("T1", () => scene.tell(entered("start")));
    scene.as("T2", () => scene.tell(entered("free")));
    scene.as("T3", () => scene.tell(entered("end")));
    expect(scene.foundAtFinish).toEqual(["V26 A", "V26 A"]);
  });

  it("an interval notifier is called, or read, after remove", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const i = scene.interval(mm, obedient("I"));
    i.remove();
    i.readBegin();
    scene.tell(entered("invalidate", "I"));
    expect(scene.foundAtFinish).toEqual(["V26 I", "V26 I"]);
  });

  it("installs after release, teardown, and removal", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const install = (subscriber: string | number): void =>
      scene.tell({ kind: "install", mm: "mm", subscriber, ...R });
    const a = scene.list(mm, { name: "A", release: () => undefined });
    scene.interval(mm, obedient("I"));
    const mirror = mm.mirrors.insert(0, 1);
    for (const subscriber of ["A", "I"]) install(subscriber);
    mm.mirrors.remove(mirror);
    mm.release();
    for (const subscriber of ["A", "I"]) install(subscriber);
    mm.unregister(a);
    install("A");
    expect(scene.foundAtFinish).toEqual(["V26 A", "V26 I", "V26 A"]);
    expect(scene.auditor.reports.map(({ message }) => message.split("although ")[1])).toEqual([
      expect.stringMatching(/^its release callback was called at event \d+$/),
      expect.stringMatching(/^mm was torn down at event \d+$/),
      expect.stringMatching(/^it was unregistered at event \d+$/),
    ]);
  });

  it("near misses: registered again by the same name; a deferred removal; no_release does not wait", () => {
    const scene = new Scene();
    const mm = scene.mm();
    mm.unregister(scene.list(mm, pair("A")));
    const a = scene.list(mm, pair("A"));
    const i = scene.interval(mm, obedient("I"));
    const window = scene.as("T1", () => mm.invalidateRangeStart(R));
    const removing = scene.spawn("T2", i.removeSleepable());
    scene.as("T3", () => mm.invalidateRangeStart(R).end());
    scene.as("T1", () => window.end());
    removing.run();
    scene.interval(mm, obedient("I"));
    mm.invalidateRangeStart(R).end();
    mm.unregister(a);
    expect(scene.foundAtFinish).toEqual([]);

    const old = new Scene("v4.19");
    const space = old.mm();
    const gate = new Completion("gate");
    const b = old.list(space, {
      name: "B",
      *invalidateRangeStart() {
        yield* gate.wait();
        return 0;
      },
    });
    const starting = old.spawn("T1", space.invalidateRangeStartSleepable(R));
    space.unregisterNoRelease(b);
    gate.complete();
    const open = starting.run().value;
    old.as("T1", () => open.end());
    expect(old.foundAtFinish).toEqual([]);
  });
});

describe("V28: release runs twice", () => {
  function racing(other: "release" | "none") {
    const scene = new Scene();
    const mm = scene.mm();
    const gate = new Completion("gate");
    const a = scene.list(mm, { name: "A", release: () => gate.wait() });
    const unregistering = scene.spawn("T1", mm.unregisterSleepable(a));
    const releasing = other === "release" ? scene.spawn("T2", mm.releaseSleepable()) : undefined;
    gate.completeAll();
    unregistering.run();
    releasing?.run();
    unregistering.run();
    return scene;
  }

  it("when unregister and teardown race", () => {
    const scene = racing("release");
    expect(scene.foundAtFinish).toEqual(["V28 A"]);
    expect(scene.message).toMatch(/^A.release is called again, as at event \d+$/);
  });

  it("near misses: unregister alone, and C04: unregister after teardown", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.list(mm, { name: "A", release: () => undefined });
    mm.release();
    mm.unregister(a);
    expect([racing("none").foundAtFinish, scene.foundAtFinish]).toEqual([[], []]);
  });
});

describe("V29: removed twice", () => {
  it("after the first has returned, or while it waits", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const i = scene.interval(mm, obedient("I"));
    const j = scene.interval(mm, obedient("J"));
    i.remove();
    i.remove();
    const window = scene.as("W", () => mm.invalidateRangeStart(R));
    const removing = scene.spawn("T1", j.removeSleepable());
    scene.as("T2", () => j.remove());
    scene.as("W", () => window.end());
    removing.run();
    expect(scene.foundAtFinish).toEqual(["V29 I", "V29 J"]);
  });

  it("near miss, C41: once, while its insertion is still deferred", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, obedient("K"));
    const window = mm.invalidateRangeStart(R);
    scene.as("T2", () => scene.interval(mm, obedient("I")).remove());
    window.end();
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V30: gets and puts", () => {
  it("C09: a put too many", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.run(mm.unchecked.get({ name: "A" }));
    mm.put(a);
    mm.put(a);
    expect(scene.foundAtFinish).toEqual(["V30 A"]);
    expect(scene.message).toBe("A is put more often than got");
  });

  it("a get that is never put outlives its address space", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const ops = { name: "A" };
    for (let i = 0; i < 3; i += 1) scene.as("T1", () => scene.run(mm.unchecked.get(ops)));
    mm.put(mm.listNotifiers[0]);
    mm.release();
    expect(scene.foundAtFinish).toEqual(["V30 A"]);
    expect(scene.auditor.reports[0].task).toBe("T1");
    expect(scene.message).toBe("A was got and never put 2 times, and outlives mm");
  });

  it("near misses: put after teardown; still alive; registered as well", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.run(mm.unchecked.get({ name: "A" }));
    scene.run(scene.mm("mm2").unchecked.get({ name: "A" }));
    const ops = { name: "B" };
    const b = scene.list(mm, ops);
    scene.run(mm.unchecked.get(ops));
    mm.put(b);
    mm.release();
    mm.put(a);
    mm.unregister(b);
    expect(scene.foundAtFinish).toEqual([]);
  });
});
