import { describe, expect, it } from "vitest";
import { Completion, type NotifierRange } from "../../src/index.ts";
import { answering, EAGAIN, mustStart, obedient, PAGE, pair, R, Scene } from "./support.ts";

const OTHER: NotifierRange = { start: 0x50000, end: 0x51000 };

/** A and C have both callbacks, B has no end and refuses every non-blocking start: C19 and C20. */
function refusedBetween(profile: "v4.19" | "v5.5" | "v6.12" | "strict") {
  const scene = new Scene(profile);
  const mm = scene.mm();
  const a = scene.list(mm, pair("A"));
  scene.list(mm, { name: "B", invalidateRangeStart: ({ blockable }) => (blockable ? 0 : EAGAIN) });
  scene.list(mm, pair("C"));
  expect(mm.tryInvalidateRangeStart(R).ok).toBe(false);
  return { scene, mm, a };
}

describe("V07: an end without a start", () => {
  it("C19: the roll-back is no end too many, the caller's end after it is", () => {
    const { scene, mm } = refusedBetween("v6.12");
    expect(scene.found).toEqual([]);
    scene.run(mm.unchecked.end(R, false));
    expect(scene.foundAtFinish).toEqual(["V07 C", "V07 A"]);
    expect(scene.auditor.reports[0].message).toMatch(
      /^C.end is called, but C.start of event \d+ has been ended already: the non-blocking end over \[0x10000, 0x11000\) comes after the start of window 1 was refused$/,
    );
  });

  it("an extra end of nobody's start", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.run(mm.unchecked.end(OTHER, true));
    expect(scene.foundAtFinish).toEqual(["V07 A"]);
    expect(scene.message).toBe(
      "A.end is called, but A.start was not: the blockable end over [0x50000, 0x51000) has no start",
    );
  });

  it("an extra end that no notifier with both callbacks sees is the caller's", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, { name: "A", invalidateRangeEnd: () => undefined });
    scene.interval(mm, obedient("I"));
    scene.run(mm.unchecked.end(OTHER, true));
    expect(scene.foundAtFinish).toEqual(["V07 -"]);
  });

  it("a second end of the same window", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const window = mm.invalidateRangeStart(R);
    window.end();
    expect(() => window.end()).toThrow();
    expect(scene.foundAtFinish).toEqual(["V07 -"]);
  });

  it("a second end of the same range", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    mm.invalidateRangeStart(R).end();
    scene.run(mm.unchecked.end(R, true));
    expect(scene.foundAtFinish).toEqual(["V07 A"]);
    expect(scene.message).toContain("comes after window 1 was ended");
  });

  it("an end by range, and then another of the window itself", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    const window = mm.invalidateRangeStart(R);
    scene.run(mm.unchecked.end(R, true));
    expect(scene.found).toEqual([]);
    window.end();
    expect(scene.foundAtFinish).toEqual(["V07 A"]);
  });

  it("after a blockable refusal: everybody who was rolled back is ended again", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.list(mm, answering("B", EAGAIN));
    scene.list(mm, { name: "D", invalidateRangeEnd: () => undefined });
    const window = mm.invalidateRangeStart(R);
    expect(scene.found).toEqual(["V04 B"]);
    window.end();
    expect(scene.foundAtFinish).toEqual(["V04 B", "V07 A"]);
  });

  it("after a blockable refusal that was not rolled back: only the refuser is ended too often", () => {
    const scene = new Scene("v5.5");
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.list(mm, { ...pair("B"), invalidateRangeStart: () => EAGAIN });
    mm.invalidateRangeStart(R).end();
    expect(scene.foundAtFinish).toEqual(["V04 B", "V06 B", "V07 B"]);
  });

  it("C02: a notifier without a start is exempt", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, { name: "A", invalidateRangeEnd: () => undefined });
    scene.list(mm, answering("B", 0));
    scene.list(mm, pair("C"));
    mm.invalidateRangeStart(R).end();
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("C29: nested starts may end in any order", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    const windows = [
      mm.invalidateRangeStart({ start: 0, end: 2 * PAGE }),
      mm.invalidateRangeStart({ start: PAGE, end: 3 * PAGE }),
      mustStart(mm, { start: 0, end: 2 * PAGE }),
    ];
    windows[0].end();
    windows[2].end();
    windows[1].end();
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("C30: equal ranges of several tasks end in any order, by window and by range", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    const [one, two, three] = ["T1", "T2", "T3"].map((task) => ({
      task,
      window: scene.as(task, () => mm.invalidateRangeStart(R)),
    }));
    scene.as(two.task, () => scene.run(mm.unchecked.end(R, true)));
    scene.as(three.task, () => three.window.end());
    scene.as(one.task, () => one.window.end());
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a start that throws: those that it ends are ended once", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, {
      ...pair("A"),
      invalidateRangeStart() {
        throw new Error("A");
      },
    });
    scene.list(mm, pair("B"));
    expect(() => mm.invalidateRangeStart(R)).toThrow("A");
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V08: a start without an end", () => {
  it.each(["v4.19", "v5.5"] as const)("C20 in %s: each that approved, once", (profile) => {
    const { scene } = refusedBetween(profile);
    expect(scene.found).toEqual([]);
    expect(scene.foundAtFinish).toEqual(["V08 C", "V08 A"]);
    expect(scene.auditor.reports[1].message).toMatch(
      /^A.start approved non-blocking window 1 over \[0x10000, 0x11000\) at event \d+, and it was refused and not rolled back$/,
    );
  });

  it("two attempts leave two open starts", () => {
    const { scene, mm } = refusedBetween("v4.19");
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V08 C", "V08 A", "V08 C", "V08 A"]);
  });

  it("v4.19: an end after the refusal is the caller's fault, and balances the notifiers", () => {
    const { scene, mm } = refusedBetween("v4.19");
    scene.run(mm.unchecked.end(R, false));
    expect(scene.foundAtFinish).toEqual(["V07 -"]);
  });

  it("v4.19: teardown and unregister come too late for what was refused", () => {
    const { scene, mm, a } = refusedBetween("v4.19");
    mm.unregister(a);
    expect(scene.found).toEqual(["V08 C", "V08 A"]);
    mm.release();
    expect(scene.foundAtFinish).toEqual(["V08 C", "V08 A"]);
    expect(scene.auditor.notes).toEqual([]);
  });

  it("a caller forgets end: each notifier that waits for it", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.list(mm, answering("B", 0));
    scene.list(mm, pair("C"));
    scene.as("T1", () => mm.invalidateRangeStart(R));
    expect(scene.foundAtFinish).toEqual(["V08 C", "V08 A"]);
    expect(scene.auditor.reports[0]).toMatchObject({ task: "T1", window: 1, mm: "mm" });
  });

  it("a caller forgets end, and no list notifier waits for it", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, obedient("I"));
    mm.invalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V08 -"]);
  });

  it("teardown by the task that has the window open", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    mm.invalidateRangeStart(R);
    mm.release();
    expect(scene.found).toEqual(["V08 A"]);
    expect(scene.foundAtFinish).toEqual(["V08 A"]);
    expect(scene.auditor.notes).toEqual([]);
  });

  it("teardown while another task has a window open: it may still end", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    const window = scene.as("reclaim", () => mm.invalidateRangeStart(R));
    scene.as("exit", () => mm.release());
    scene.as("reclaim", () => window.end());
    expect(scene.foundAtFinish).toEqual([]);
    expect(scene.auditor.notes).toMatchObject([{ kind: "closed-by-release", notifier: "A" }]);
  });

  it("teardown while another task has a window open, which it never ends", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.as("reclaim", () => mm.invalidateRangeStart(R));
    scene.as("exit", () => mm.release());
    expect(scene.found).toEqual([]);
    expect(scene.foundAtFinish).toEqual(["V08 A"]);
    expect(scene.auditor.reports[0].task).toBe("reclaim");
    expect(scene.auditor.notes).toEqual([]);
  });

  it("a window whose task has not got on is a note, not a violation", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.as("T1", () => {
      mm.invalidateRangeStart(R);
      scene.tell({ kind: "lock-enter", lock: "L", mode: "exclusive", sleeping: true });
    });
    expect(scene.foundAtFinish).toEqual([]);
    expect(scene.auditor.notes).toMatchObject([
      { kind: "unfinished", notifier: null, task: "T1", window: 1 },
    ]);
  });

  it("C12: an end that is never called because its notifier was unregistered is a note", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.list(mm, pair("A"));
    scene.list(mm, pair("B"));
    const window = scene.as("T1", () => mm.invalidateRangeStart(R));
    scene.as("T2", () => mm.unregister(a));
    scene.as("T1", () => window.end());
    expect(scene.foundAtFinish).toEqual([]);
    expect(scene.auditor.notes).toEqual([
      {
        kind: "closed-by-unregister",
        mm: "mm",
        notifier: "A",
        task: "T2",
        window: 1,
        step: expect.any(Number),
        message: "the open start of A in window 1 was closed by unregister: its end is not called",
      },
    ]);
  });

  it("C11 and C12: unregistered while its start still runs", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const gate = new Completion("gate");
    scene.list(mm, pair("B"));
    const a = scene.list(mm, {
      ...pair("A"),
      *invalidateRangeStart() {
        yield* gate.wait();
        return 0;
      },
    });
    const starting = scene.spawn("T1", mm.invalidateRangeStartSleepable(R));
    const unregistering = scene.spawn("T2", mm.unregisterSleepable(a));
    expect([starting.blocked, unregistering.blocked]).toEqual([true, true]);
    expect(scene.auditor.notes).toEqual([]);
    gate.complete();
    const window = starting.run().value;
    unregistering.run();
    scene.as("T1", () => window.end());
    expect(scene.foundAtFinish).toEqual([]);
    expect(scene.auditor.notes).toMatchObject([{ kind: "closed-by-unregister", notifier: "A" }]);
  });

  it("put between start and end is a note as well", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const a = scene.run(mm.unchecked.get(pair("A")));
    const window = mm.invalidateRangeStart(R);
    mm.put(a);
    window.end();
    expect(scene.foundAtFinish).toEqual([]);
    expect(scene.auditor.notes).toMatchObject([{ kind: "closed-by-put", notifier: "A" }]);
  });

  it("after an end that threw, which is over all the same", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.list(mm, {
      ...pair("B"),
      invalidateRangeEnd() {
        throw new Error("B");
      },
    });
    const window = mm.invalidateRangeStart(R);
    expect(() => window.end()).toThrow("B");
    mm.invalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V08 B", "V08 A"]);
  });

  it("an end that is still running at the finish is none that was forgotten", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const never = new Completion("never");
    scene.list(mm, pair("A"));
    scene.list(mm, { ...pair("B"), invalidateRangeEnd: () => never.wait() });
    const window = mm.invalidateRangeStart(R);
    expect(scene.spawn("T1", window.endSleepable()).blocked).toBe(true);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V11: an end differs from its start", () => {
  function opened() {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    const window = mm.invalidateRangeStart(R);
    return { scene, mm, window };
  }

  it("in range, and says which start it seems to be meant for", () => {
    const { scene, mm } = opened();
    scene.run(mm.unchecked.end({ start: R.start, end: R.end + PAGE }, true));
    expect(scene.foundAtFinish).toEqual(["V11 -"]);
    expect(scene.message).toBe(
      "the blockable end over [0x10000, 0x12000) in mm matches no open start; task main has window 1 open: blockable, over [0x10000, 0x11000) in mm",
    );
  });

  it("in mode", () => {
    const { scene, mm } = opened();
    scene.run(mm.unchecked.end(R, false));
    expect(scene.foundAtFinish).toEqual(["V11 -"]);
  });

  it("in address space", () => {
    const { scene } = opened();
    const mm2 = scene.mm("mm2");
    scene.list(mm2, pair("B"));
    scene.run(mm2.unchecked.end(R, true));
    expect(scene.foundAtFinish).toEqual(["V11 -"]);
    expect(scene.auditor.reports[0].mm).toBe("mm2");
  });

  it("the window itself may still be ended after that", () => {
    const { scene, mm, window } = opened();
    scene.run(mm.unchecked.end(OTHER, true));
    window.end();
    expect(scene.foundAtFinish).toEqual(["V11 -"]);
  });

  it("near miss: the window of another task is not what an extra end was meant for", () => {
    const { scene, mm, window } = opened();
    scene.as("T2", () => scene.run(mm.unchecked.end(OTHER, true)));
    window.end();
    expect(scene.foundAtFinish).toEqual(["V07 A"]);
  });

  it("near miss: the end after a refused start is not meant for the window around it", () => {
    const scene = new Scene();
    const mm = scene.mm();
    const refuser = ({ blockable }: { blockable: boolean | undefined }) => (blockable ? 0 : EAGAIN);
    scene.list(mm, pair("A"));
    scene.list(mm, { name: "B", invalidateRangeStart: refuser });
    const window = mm.invalidateRangeStart(R);
    mm.tryInvalidateRangeStart(OTHER);
    scene.run(mm.unchecked.end(OTHER, false));
    window.end();
    expect(scene.foundAtFinish).toEqual(["V07 A"]);
  });

  it("near miss: an exact end by range", () => {
    const { scene, mm } = opened();
    scene.run(mm.unchecked.end({ start: BigInt(R.start), end: BigInt(R.end) }, true));
    expect(scene.foundAtFinish).toEqual([]);
  });
});
