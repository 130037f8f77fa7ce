import { describe, expect, it } from "vitest";
import { answering, EAGAIN, mustStart, obedient, pair, R, Scene } from "./support.ts";

const EBUSY = -16;

describe("V04: a blockable start is refused", () => {
  it("C23: by a notifier without an end", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", EAGAIN));
    mm.invalidateRangeStart(R).end();
    expect(scene.foundAtFinish).toEqual(["V04 A"]);
    expect(scene.message).toBe("A.start returned -EAGAIN in blockable mode, in which it may sleep");
  });

  it("v4.19: although the kernel does not warn", () => {
    const scene = new Scene("v4.19");
    const mm = scene.mm();
    scene.list(mm, answering("A", EAGAIN));
    mm.invalidateRangeStart(R).end();
    expect(scene.foundAtFinish).toEqual(["V04 A"]);
    expect(scene.auditor.reports[0].kernel).toMatch(/^one line in the log/);
  });

  it("near miss: the same answer to a non-blocking start", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", EAGAIN));
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V05: a refusal with something else than EAGAIN", () => {
  it("C21: names who did it", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", EBUSY));
    scene.list(mm, answering("B", EAGAIN));
    expect(mm.tryInvalidateRangeStart(R)).toMatchObject({ ok: false, errno: "EBUSY" });
    expect(scene.foundAtFinish).toEqual(["V05 A"]);
    expect(scene.message).toBe(
      "A.start returned -EBUSY in non-blocking mode; only -EAGAIN refuses",
    );
  });

  it("a positive answer", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", 1));
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V05 A"]);
    expect(scene.message).toContain("A.start returned 1 ");
  });

  it("in blockable mode both the refusal and its number are wrong", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", EBUSY));
    mm.invalidateRangeStart(R).end();
    expect(scene.foundAtFinish).toEqual(["V04 A", "V05 A"]);
  });
});

describe("V06: a notifier that refuses has an end", () => {
  it("C22: its end is called by the roll-back, which is no V07 beside it", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, { ...pair("A"), invalidateRangeStart: () => EAGAIN });
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V06 A"]);
  });

  it.each(["v4.19", "v5.5"] as const)("%s: found although nothing is rolled back", (profile) => {
    const scene = new Scene(profile);
    const mm = scene.mm();
    scene.list(mm, { ...pair("A"), invalidateRangeStart: () => EAGAIN });
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V06 A"]);
  });

  it("near miss: the refuser has none, another notifier has one", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, pair("A"));
    scene.list(mm, answering("B", EAGAIN));
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V17: an interval notifier refuses in blockable mode", () => {
  it("C46: names the one that did", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, obedient("I1"));
    scene.interval(mm, { name: "I2", invalidate: () => false });
    scene.interval(mm, obedient("I3"));
    mm.invalidateRangeStart(R).end();
    expect(scene.foundAtFinish).toEqual(["V17 I2"]);
    expect(scene.message).toBe("I2 refused although it may sleep");
  });

  it("near miss, C45: in non-blocking mode", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, { name: "I2", invalidate: () => false });
    expect(mm.tryInvalidateRangeStart(R).ok).toBe(false);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("teardown is blockable", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, { name: "I", invalidate: () => false });
    mm.release();
    expect(scene.foundAtFinish).toEqual(["V17 I"]);
  });
});

describe("V10: a refused start leaves the interval phase open", () => {
  function refuse(profile: "v5.5" | "v6.12" | "next" | "strict"): Scene {
    const scene = new Scene(profile);
    const mm = scene.mm();
    scene.interval(mm, obedient("I"));
    scene.list(mm, answering("A", EAGAIN));
    expect(mm.tryInvalidateRangeStart(R).ok).toBe(false);
    return scene;
  }

  it.each(["v5.5", "v6.12", "next"] as const)("C27 in %s: names the list notifier", (profile) => {
    const scene = refuse(profile);
    expect(scene.foundAtFinish).toEqual(["V10 A"]);
    expect(scene.message).toBe(
      "A refused window 1 after the interval phase had begun, and nobody closed that: mm counts it as active for ever",
    );
  });

  it("C27 in strict: not", () => {
    expect(refuse("strict").foundAtFinish).toEqual([]);
  });

  it("C28: not where an interval notifier refuses", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, { name: "I", invalidate: () => false });
    scene.list(mm, pair("A"));
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("not where there has never been an interval notifier", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", EAGAIN));
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("not while another invalidation is open", () => {
    const scene = new Scene("strict");
    const mm = scene.mm();
    scene.interval(mm, obedient("I"));
    const refuser = {
      name: "A",
      invalidateRangeStart: ({ event }: { event: string }) => (event === "CLEAR" ? EAGAIN : 0),
    };
    scene.list(mm, refuser);
    const window = mustStart(mm);
    mm.tryInvalidateRangeStart({ ...R, event: "CLEAR" });
    window.end();
    expect(scene.foundAtFinish).toEqual([]);
  });
});
