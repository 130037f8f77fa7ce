import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../../src/audit/catalogue.ts";
import { RULES } from "../../src/audit/rules.ts";
import { answering, EAGAIN, obedient, PAGE, R, Scene } from "./support.ts";

const OTHER = { start: 0x50000, end: 0x51000 } as const;

describe("V31: spurious refusal", () => {
  function mirroring() {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, answering("A", EAGAIN));
    scene.tell({ kind: "install", mm: "mm", subscriber: "A", start: 0, end: 4 * PAGE });
    return { scene, mm };
  }

  it("C100: is a finding about quality", () => {
    const { scene, mm } = mirroring();
    mm.tryInvalidateRangeStart(OTHER);
    expect(scene.foundAtFinish).toEqual(["V31 A"]);
    expect(scene.auditor.reports[0].quality).toBe(true);
    expect(scene.message).toBe("A.start refused [0x50000, 0x51000), in which A mirrors nothing");
  });

  it("of what has been torn down, an interval notifier's too", () => {
    const { scene, mm } = mirroring();
    scene.tell({ kind: "tear-down", mm: "mm", subscriber: "A", start: PAGE, end: 2 * PAGE });
    mm.tryInvalidateRangeStart({ start: PAGE, end: 2 * PAGE });
    scene.interval(mm, { name: "I", invalidate: () => false });
    scene.tell({ kind: "install", mm: "mm", subscriber: "I", ...R });
    scene.tell({ kind: "tear-down", mm: "mm", subscriber: "I", ...R });
    mm.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual(["V31 A", "V31 I"]);
  });

  it("near misses: overlap by a byte; nothing known of what it mirrors; a reader at work", () => {
    const { scene, mm } = mirroring();
    mm.tryInvalidateRangeStart({ start: 4 * PAGE - 1, end: 8 * PAGE });
    const other = scene.mm("mm2");
    scene.list(other, answering("B", EAGAIN));
    other.tryInvalidateRangeStart(OTHER);
    const third = scene.mm("mm3");
    const i = scene.interval(third, { name: "I", invalidate: () => false });
    scene.tell({ kind: "install", mm: "mm3", subscriber: "I", ...R });
    scene.tell({ kind: "tear-down", mm: "mm3", subscriber: "I", ...R });
    scene.as("reader", () => i.readBegin());
    third.tryInvalidateRangeStart(R);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("the catalogue", () => {
  it("has every rule, and no two modules report the same one", () => {
    const ids = RULES.flatMap((rule) => rule.ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(CATALOGUE)).toEqual(
      Array.from({ length: 34 }, (_, i) => `V${String(i + 1).padStart(2, "0")}`),
    );
    for (const id of ids) expect(CATALOGUE[id].title).not.toBe("");
  });

  it("goes with each report", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.interval(mm, obedient("I"));
    scene.as("T1", () => mm.invalidateRangeStart(R));
    scene.auditor.finish();
    scene.auditor.finish();
    expect(scene.auditor.reports).toEqual([
      {
        id: "V08",
        title: "a start without an end",
        notifier: null,
        mm: "mm",
        task: "T1",
        window: 1,
        step: 10,
        message:
          "blockable window 1 over [0x10000, 0x11000) of mm was started at event 4, and nobody ended it",
        kernel: expect.stringContaining("not checked"),
        fix: expect.stringContaining("call end"),
        quality: false,
      },
    ]);
  });
});
