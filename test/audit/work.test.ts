import { describe, expect, it } from "vitest";
import type { TaskEvent } from "../../src/sim/events.ts";
import { pair, R, Scene } from "./support.ts";

/** A runs `inCallback` in its start. */
function calling(inCallback: (scene: Scene) => void) {
  const scene = new Scene();
  const mm = scene.mm();
  scene.list(mm, {
    ...pair("A"),
    invalidateRangeStart: () => {
      inCallback(scene);
      return 0;
    },
  });
  return { scene, invalidate: () => mm.invalidateRangeStart(R).end() };
}

const WAIT: TaskEvent = { kind: "work-wait", work: "W" };

/** The worker runs W, and in it whatever is given. */
function runWork(scene: Scene, inWork: () => void): void {
  scene.as("worker", () => {
    scene.tell({ kind: "work-run", work: "W" });
    inWork();
    scene.tell({ kind: "work-done", work: "W" });
  });
}

function allocate(scene: Scene, reclaims: boolean): void {
  scene.tell({ kind: "allocate", context: reclaims ? "GFP_NOFS" : "GFP_NOWAIT", reclaims });
}

describe("V19: reclaim inside a callback", () => {
  it("names the callback and the context", () => {
    const { scene, invalidate } = calling((s) => allocate(s, true));
    invalidate();
    expect(scene.foundAtFinish).toEqual(["V19 A"]);
    expect(scene.message).toBe("A.start allocates with GFP_NOFS, which may reclaim");
  });

  it("near misses: without reclaim; in release; outside; in another task meanwhile", () => {
    const { scene, invalidate } = calling((s) => {
      allocate(s, false);
      s.as("T2", () => allocate(s, true));
    });
    invalidate();
    allocate(scene, true);
    const mm = scene.mm("mm2");
    scene.list(mm, {
      name: "B",
      release: () => {
        allocate(scene, true);
        return undefined;
      },
    });
    mm.release();
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V20: a callback waits for work that needs what it holds", () => {
  it("a lock of the callback, the work seen first", () => {
    const { scene, invalidate } = calling((s) => {
      s.lock("L");
      s.tell(WAIT);
      s.unlock("L");
    });
    runWork(scene, () => {
      scene.lock("L");
      scene.unlock("L");
    });
    invalidate();
    invalidate();
    expect(scene.foundAtFinish).toEqual(["V20 A"]);
    expect(scene.message).toBe(
      "A.start waits for work W, which waits for L, which task main holds",
    );
  });

  it("a lock of the callback's caller, the wait seen first", () => {
    const { scene, invalidate } = calling((s) => s.tell(WAIT));
    scene.lock("L");
    invalidate();
    expect(scene.found).toEqual([]);
    runWork(scene, () =>
      scene.tell({ kind: "lock-enter", lock: "L", mode: "read", sleeping: true }),
    );
    expect(scene.foundAtFinish).toEqual(["V20 A"]);
  });

  it("C72: in a release callback", () => {
    const scene = new Scene();
    const mm = scene.mm();
    scene.list(mm, {
      name: "hmm",
      release: () => {
        scene.lock("mirrors_sem");
        scene.tell(WAIT);
        runWork(scene, () => scene.lock("mirrors_sem"));
        return undefined;
      },
    });
    mm.release();
    expect(scene.foundAtFinish).toEqual(["V20 hmm"]);
  });

  it("work that reclaims", () => {
    const { scene, invalidate } = calling((s) => s.tell(WAIT));
    runWork(scene, () => allocate(scene, true));
    invalidate();
    expect(scene.foundAtFinish).toEqual(["V20 A"]);
    expect(scene.message).toBe("A.start waits for work W, which allocates with reclaim");
  });

  it("near misses: lock released before; other work; a try; no callback", () => {
    const { scene, invalidate } = calling((s) => {
      s.lock("L");
      s.unlock("L");
      s.lock("M");
      s.tell({ kind: "work-wait", work: "V" });
      s.tell(WAIT);
      s.unlock("M");
    });
    runWork(scene, () => {
      scene.lock("L");
      scene.unlock("L");
      scene.tell({ kind: "trylock", lock: "M", mode: "exclusive", taken: true });
      scene.unlock("M");
      allocate(scene, false);
    });
    invalidate();
    scene.lock("L");
    scene.tell(WAIT);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("V21: self-flush", () => {
  it("a callback waits for the work item that it runs on", () => {
    const { scene, invalidate } = calling((s) => s.tell(WAIT));
    runWork(scene, invalidate);
    expect(scene.foundAtFinish).toEqual(["V21 A"]);
    expect(scene.message).toBe("A.start waits for work W, on which it runs");
  });

  it("near miss: for other work, and for the same one after it is done", () => {
    const { scene, invalidate } = calling((s) => s.tell({ kind: "work-wait", work: "V" }));
    runWork(scene, invalidate);
    const { scene: again, invalidate: later } = calling((s) => s.tell(WAIT));
    runWork(again, () => {});
    again.as("worker", later);
    expect([scene.foundAtFinish, again.foundAtFinish]).toEqual([[], []]);
  });
});
