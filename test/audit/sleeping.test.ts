import { describe, expect, it } from "vitest";
import { mightSleep, mustStart, obedient, pair, R, Scene } from "./support.ts";

describe("V01: sleep in a non-blocking start", () => {
  it("a list notifier", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, {
      name: "A",
      *invalidateRangeStart() {
        yield* mightSleep();
        return 0;
      },
    });
    mm.tryInvalidateRangeStart(R);
    expect(scene.found).toEqual(["V01 A"]);
    expect(scene.message).toBe("A.start sleeps for M in non-blocking window 1 of mm");
  });

  it("an interval notifier, of which the kernel says nothing", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, {
      name: "I",
      *invalidate(notifier, _range, sequence) {
        yield* mightSleep();
        notifier.setSequence(sequence);
        return true;
      },
    });
    scene.run(mm.tryInvalidateRangeStartSleepable(R));
    expect(scene.found).toEqual(["V01 I"]);
    expect(scene.auditor.reports[0].kernel).toContain("silent in the callback of an interval");
  });

  it("waiting for one lock again and again is one sleep, for another lock another", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, {
      name: "A",
      *invalidateRangeStart() {
        yield* mightSleep("M");
        yield* mightSleep("M");
        yield* mightSleep("N");
        return 0;
      },
    });
    const { ok } = scene.run(mm.tryInvalidateRangeStartSleepable(R));
    expect([ok, scene.found]).toEqual([true, ["V01 A", "V01 A"]]);
    expect(scene.auditor.reports.map(({ message }) => message.slice(0, 20))).toEqual([
      "A.start sleeps for M",
      "A.start sleeps for N",
    ]);
  });

  it("not in a blockable start, and not for a spinlock", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, {
      name: "A",
      *invalidateRangeStart(range) {
        if (range.blockable) yield* mightSleep();
        yield { kind: "point", label: "A:anywhere" };
        return 0;
      },
    });
    const window = scene.run(mm.invalidateRangeStartSleepable(R));
    scene.run(window.endSleepable());
    mustStart(mm).end();
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V03: end sleeps after an approved non-blocking start", () => {
  function sceneOfC25() {
    const scene = new Scene();
    const mm = scene.mm();
    for (const name of ["A", "B"]) scene.list(mm, pair(name));
    scene.list(mm, { ...pair("C"), invalidateRangeEnd: () => mightSleep() });
    return { scene, mm };
  }

  it("C25: names the notifier and the start that approved", () => {
    const { scene, mm } = sceneOfC25();
    mustStart(mm).end();
    expect(scene.found).toEqual(["V03 C"]);
    expect(scene.message).toBe(
      "C.end sleeps for M in non-blocking window 1 of mm, which C.start approved at event 9 in task main",
    );
  });

  it("C25: a blockable pair is not reported", () => {
    const { scene, mm } = sceneOfC25();
    const window = scene.run(mm.invalidateRangeStartSleepable(R));
    scene.run(window.endSleepable());
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("v4.19 does not tell end the mode, and the kernel says nothing", () => {
    const scene = new Scene("v4.19");
    const mm = scene.mm();
    scene.list(mm, { ...pair("A"), invalidateRangeEnd: () => mightSleep() });
    mustStart(mm).end();
    expect(scene.found).toEqual(["V03 A"]);
    expect(scene.auditor.reports[0].kernel).toBe("silent; the OOM reaper may hang");
  });
});

describe("V32: sleep in a rollback end", () => {
  it("is reported beside nothing else", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, { ...pair("A"), invalidateRangeEnd: () => mightSleep() });
    scene.list(mm, { name: "B", invalidateRangeStart: () => -11 });
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V32 A"]);
    expect(scene.message).toBe(
      "A.end sleeps for M while the refused start of non-blocking window 1 of mm is rolled back",
    );
  });

  it("not in the roll-back of a blockable start, which may sleep", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, { ...pair("A"), invalidateRangeEnd: () => mightSleep() });
    scene.list(mm, { name: "B", invalidateRangeStart: () => -11 });
    scene.run(mm.invalidateRangeStartSleepable(R));
    expect(scene.found).toEqual(["V04 B"]);
  });
});

describe("the finish of a two-pass callback", () => {
  it("V01: is part of the start", () => {
    const scene = new Scene("next");
    const mm = scene.mm();
    scene.interval(mm, {
      name: "I",
      invalidateStart(notifier, _range, sequence) {
        notifier.setSequence(sequence);
        return () => mightSleep();
      },
    });
    mustStart(mm).end();
    expect(scene.foundAtFinish).toEqual(["V01 I"]);
  });

  it("near miss: one that does not sleep", () => {
    const scene = new Scene("next");
    const mm = scene.mm();
    scene.interval(mm, obedient("I"));
    mustStart(mm).end();
    expect(scene.foundAtFinish).toEqual([]);
  });
});
