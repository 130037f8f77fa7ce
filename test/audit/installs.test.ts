import { describe, expect, it } from "vitest";
import type { IntervalNotifier, NotifierRange } from "../../src/index.ts";
import { obedient, PAGE, pair, R, Scene } from "./support.ts";

function scene() {
  const s = new Scene();
  const mm = s.mm();
  const install = (subscriber: string | number, range: { start: number; end: number } = R): void =>
    s.tell({ kind: "install", mm: "mm", subscriber, ...range });
  return { s, mm, install };
}

/** Reads and installs as the contract says, if there is no collision. */
function readAndInstall(i: IntervalNotifier, install: (subscriber: string) => void): void {
  const sequence = i.readBegin();
  if (!i.readRetry(sequence)) install(i.name);
}

describe("V13: install during an open invalidation", () => {
  it("of a list notifier whose start has approved, until its end", () => {
    const { s, mm, install } = scene();
    s.list(mm, pair("A"));
    install("A");
    const window = mm.invalidateRangeStart(R);
    install("A");
    install("A");
    window.end();
    install("A");
    expect(s.foundAtFinish).toEqual(["V13 A"]);
    expect(s.message).toBe(
      "A installs [0x10000, 0x11000) while window 1 over [0x10000, 0x11000) is open, of which it has been told",
    );
  });

  it("of an interval notifier whose callback has returned, while others are still called", () => {
    const { s, mm, install } = scene();
    s.interval(mm, obedient("I"));
    s.list(mm, {
      name: "A",
      invalidateRangeStart: () => {
        s.as("reader", () => install("I"));
        return 0;
      },
    });
    mm.invalidateRangeStart(R).end();
    expect(s.foundAtFinish).toEqual(["V13 I"]);
  });

  it("of a passive mirror", () => {
    const { s, mm, install } = scene();
    const mirror = mm.mirrors.insert(R.start, R.end);
    const sequence = mm.mirrors.readBegin(mirror);
    mm.mirrors.lock(mirror);
    mm.mirrors.readRetry(mirror, sequence);
    install(mirror);
    mm.mirrors.unlock(mirror);
    const window = mm.invalidateRangeStart(R);
    mm.mirrors.lock(mirror);
    expect(mm.mirrors.readRetry(mirror, sequence)).toBe(true);
    install(mirror);
    mm.mirrors.unlock(mirror);
    window.end();
    expect(s.foundAtFinish).toEqual([`V13 mirror ${mirror}`, `V14 mirror ${mirror}`]);
  });

  it("of somebody unknown, inside some notifier that has been told", () => {
    const { s, mm, install } = scene();
    const window = mm.invalidateRangeStart(R);
    install("M1");
    window.end();
    expect(s.foundAtFinish).toEqual(["V13 M1"]);
  });

  it("near miss: before the callback has come", () => {
    const { s, mm, install } = scene();
    s.interval(mm, {
      name: "I",
      invalidate: (notifier, _range, sequence) => {
        s.as("reader", () => install("I"));
        notifier.setSequence(sequence);
        return true;
      },
    });
    s.list(mm, {
      ...pair("A"),
      invalidateRangeStart: () => {
        s.as("fault", () => install("A"));
        return 0;
      },
    });
    mm.invalidateRangeStart(R).end();
    expect(s.foundAtFinish).toEqual([]);
  });

  it("near miss: next to the range, and during a refused start", () => {
    const { s, mm, install } = scene();
    const refusing = ({ blockable }: NotifierRange & { blockable: boolean | undefined }) =>
      blockable ? 0 : -11;
    s.interval(mm, obedient("I"));
    s.list(mm, pair("A"));
    const window = mm.invalidateRangeStart(R);
    install("A", { start: R.end, end: R.end + PAGE });
    install("I", { start: R.start - PAGE, end: R.start });
    window.end();
    const strict = new Scene("strict");
    const other = strict.mm();
    strict.list(other, pair("A"));
    strict.list(other, { name: "B", invalidateRangeStart: refusing });
    other.tryInvalidateRangeStart(R);
    strict.tell({ kind: "install", mm: "mm", subscriber: "A", ...R });
    expect([s.foundAtFinish, strict.foundAtFinish]).toEqual([[], []]);
  });

  it("near miss, C90: an event of its own, which it may ignore", () => {
    const { s, mm, install } = scene();
    s.interval(mm, {
      name: "I",
      invalidate: (notifier, { owner }, sequence) => {
        if (owner !== "I") notifier.setSequence(sequence);
        return true;
      },
    });
    const window = mm.invalidateRangeStart({ ...R, event: "MIGRATE", owner: "I" });
    install("I");
    window.end();
    expect(s.foundAtFinish).toEqual([]);
  });

  it("near miss: a mirror that was inserted during the invalidation is not hit by it", () => {
    const { s, mm, install } = scene();
    const first = mm.mirrors.insert(0, PAGE);
    const window = mm.invalidateRangeStart(R);
    const mirror = mm.mirrors.insert(R.start, R.end);
    install(mirror);
    window.end();
    expect(s.foundAtFinish).toEqual([`V14 mirror ${mirror}`]);
    expect(first).not.toBe(mirror);
  });
});

describe("V14: read_retry ignored, void, or not asked", () => {
  it("installs although it was true", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    const sequence = i.readBegin();
    mm.invalidateRangeStart(R).end();
    expect(i.readRetry(sequence)).toBe(true);
    install("I");
    install("I");
    expect(s.foundAtFinish).toEqual(["V14 I"]);
    expect(s.message).toMatch(
      /^I installs \[0x10000, 0x11000\) although read_retry was true at event \d+$/,
    );
  });

  it("installs without having asked", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    i.readBegin();
    install("I");
    expect(s.foundAtFinish).toEqual(["V14 I"]);
  });

  it("the answer of another task does not count", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    s.as("T1", () => i.readRetry(i.readBegin()));
    s.as("T2", () => install("I"));
    expect(s.foundAtFinish).toEqual(["V14 I"]);
  });

  it("a passive mirror: asked without its lock, or installed after its lock was released", () => {
    const { s, mm, install } = scene();
    const mirror = mm.mirrors.insert(R.start, R.end);
    mm.mirrors.readRetry(mirror, mm.mirrors.readBegin(mirror));
    install(mirror);
    const sequence = mm.mirrors.readBegin(mirror);
    mm.mirrors.lock(mirror);
    mm.mirrors.readRetry(mirror, sequence);
    mm.mirrors.unlock(mirror);
    install(mirror);
    expect(s.foundAtFinish).toEqual([`V14 mirror ${mirror}`, `V14 mirror ${mirror}`]);
    expect(s.auditor.reports.map(({ message }) => message)).toEqual([
      expect.stringContaining("without the user lock"),
      expect.stringContaining("after its lock was released"),
    ]);
  });

  it("an invalidation has come after the answer", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    i.readRetry(i.readBegin());
    mm.invalidateRangeStart(R).end();
    install("I");
    expect(s.foundAtFinish).toEqual(["V14 I"]);
    expect(s.message).toMatch(
      /although it was invalidated at event \d+, after read_retry was false$/,
    );
  });

  /** An interval notifier whose callback sets the sequence under the lock U. */
  function locked() {
    const { s, mm, install } = scene();
    const i = s.interval(mm, {
      name: "I",
      invalidate: (notifier, _range, sequence) => {
        s.lock("U");
        notifier.setSequence(sequence);
        s.unlock("U");
        return true;
      },
    });
    s.lock("mmap lock");
    mm.invalidateRangeStart(R).end();
    s.unlock("mmap lock");
    return { s, mm, i, install };
  }

  it("the user lock is the one that the callback takes, and was not held", () => {
    const { s, i, install } = locked();
    s.lock("V");
    readAndInstall(i, install);
    s.unlock("V");
    expect(s.foundAtFinish).toEqual(["V14 I"]);
    expect(s.message).toContain("without the user lock");
  });

  it("near miss: under the user lock, several pages under one answer", () => {
    const { s, i, install } = locked();
    const sequence = i.readBegin();
    s.lock("U");
    expect(i.readRetry(sequence)).toBe(false);
    install("I");
    install("I");
    s.unlock("U");
    expect(s.foundAtFinish).toEqual([]);
  });

  it("near miss: a retry that is true is followed by another attempt", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    const sequence = i.readBegin();
    mm.invalidateRangeStart(R).end();
    i.readRetry(sequence);
    readAndInstall(i, install);
    expect(s.foundAtFinish).toEqual([]);
  });

  it("near miss: a notifier that nobody ever reads", () => {
    const { s, mm, install } = scene();
    s.interval(mm, obedient("I"));
    install("I");
    expect(s.foundAtFinish).toEqual([]);
  });
});

describe("V15: set_seq missing", () => {
  const forgetful = { name: "I", invalidate: () => true };

  it("of a notifier that has been read", () => {
    const { s, mm } = scene();
    const i = s.interval(mm, forgetful);
    i.readBegin();
    mm.invalidateRangeStart({ ...R, event: "CLEAR" }).end();
    expect(s.foundAtFinish).toEqual(["V15 I"]);
    expect(s.message).toMatch(
      /^I approved CLEAR at event \d+ without setting its sequence to 3, and it has readers$/,
    );
  });

  it("of a notifier whose first reader comes while the invalidation is open", () => {
    const { s, mm } = scene();
    const i = s.interval(mm, forgetful);
    const window = s.as("T1", () => mm.invalidateRangeStart(R));
    expect(s.found).toEqual([]);
    i.readBegin();
    window.end();
    expect(s.foundAtFinish).toEqual(["V15 I"]);
    expect(s.auditor.reports[0].task).toBe("T1");
  });

  it("for a foreign event: one without an owner", () => {
    const { s, mm } = scene();
    const i = s.interval(mm, forgetful);
    i.readBegin();
    mm.invalidateRangeStart({ ...R, event: "EXCLUSIVE" }).end();
    expect(s.foundAtFinish).toEqual(["V15 I"]);
  });

  it("near misses: never read; read too late; an owner's event; teardown; a refusal", () => {
    const { s, mm } = scene();
    const i = s.interval(mm, forgetful);
    mm.invalidateRangeStart(R).end();
    i.readBegin();
    mm.invalidateRangeStart({ ...R, event: "MIGRATE", owner: "I" }).end();
    mm.release();
    const { s: s2, mm: mm2 } = scene();
    const j = s2.interval(mm2, { name: "J", invalidate: () => false });
    j.readBegin();
    mm2.tryInvalidateRangeStart(R);
    expect([s.foundAtFinish, s2.foundAtFinish]).toEqual([[], []]);
  });

  it("near miss, C35: the sequence is what it should be already", () => {
    const { s, mm } = scene();
    let calls = 0;
    const i = s.interval(mm, {
      name: "I",
      invalidate: (notifier, _range, sequence) => {
        calls += 1;
        if (calls === 1) notifier.setSequence(sequence);
        return true;
      },
    });
    i.readBegin();
    const windows = [mm.invalidateRangeStart(R), mm.invalidateRangeStart(R)];
    for (const window of windows) window.end();
    expect(s.foundAtFinish).toEqual([]);
  });
});

describe("V16: one read_begin for two installs", () => {
  it("is reported at the second", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    const sequence = i.readBegin();
    i.readRetry(sequence);
    install("I");
    i.readRetry(sequence);
    expect(s.found).toEqual([]);
    install("I");
    i.readRetry(sequence);
    install("I");
    expect(s.foundAtFinish).toEqual(["V16 I"]);
  });

  it("near misses: a second look before the install; a second begin; another task's begin", () => {
    const { s, mm, install } = scene();
    const i = s.interval(mm, obedient("I"));
    const sequence = i.readBegin();
    i.readRetry(sequence);
    i.readRetry(sequence);
    install("I");
    readAndInstall(i, install);
    s.as("T2", () => readAndInstall(i, install));
    expect(s.foundAtFinish).toEqual([]);
  });
});
