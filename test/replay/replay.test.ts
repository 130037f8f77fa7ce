import { beforeAll, describe, expect, it } from "vitest";
import { PROFILE_NAMES, type ProfileName } from "../../src/notifier/profile.ts";
import {
  PLANTED_FAULTS,
  type ReplayOptions,
  type ReplayReport,
  replay,
} from "../../src/replay/index.ts";
import type { LogSource } from "../../src/trace/index.ts";
import { recordedLogs } from "../trace/logs.ts";
import { logOf } from "./logs.ts";

const chromium = recorded("chromium-a");
const gcc = recorded("gcc-calc");
const nodeGc = recorded("node-gc");

function recorded(name: string): LogSource {
  const log = recordedLogs.find((candidate) => candidate.name === name);
  if (log === undefined) throw new Error(`no log ${name}`);
  return logOf(log.path, log.bytes());
}

function withoutMeasured(report: ReplayReport): Omit<ReplayReport, "measured"> {
  const { measured: _, ...rest } = report;
  return rest;
}

describe("the default run of the large log", () => {
  let report: ReplayReport;
  beforeAll(async () => {
    report = await replay(chromium);
  });

  it("is coherent", () => {
    expect(report.violations).toEqual([]);
    expect(report.ok).toBe(true);
  });

  it("is not coherent by doing nothing", () => {
    expect(report.invalidations.total).toBeGreaterThanOrEqual(168_000);
    expect(report.mirrors.peak).toBeGreaterThanOrEqual(4_000);
    expect(report.entries.tornDown).toBeGreaterThanOrEqual(20_000);
    expect(report.readSide.collisions).toBeGreaterThanOrEqual(100);
    expect(report.readSide.waits).toBeGreaterThanOrEqual(10);
    expect(report.oomReaper.refusals).toBeGreaterThanOrEqual(10);
    expect(report.oomReaper.reapedAfterRetry).toBeGreaterThanOrEqual(1);
  });

  it("replays every event of the log with its type and mode", () => {
    const { byEvent } = report.invalidations;
    expect(byEvent).toMatchObject({
      "CLEAR blockable": 31_094,
      "PROTECTION_PAGE blockable": 4_989,
      "PROTECTION_VMA blockable": 69_267,
      "RELEASE blockable": 39,
      "UNMAP blockable": 63_277,
    });
    expect(report.log).toMatchObject({
      lines: 259_594,
      tasks: 147,
      addressSpaces: 39,
      events: 168_666,
    });
  });

  it("settles every strike of the reaper", () => {
    const { strikes, reaped, gaveUp, exitedFirst, attempts } = report.oomReaper;
    expect(strikes).toBe(3);
    expect(reaped + gaveUp + exitedFirst).toBe(strikes);
    expect(attempts).toBeLessThanOrEqual(10 * strikes);
  });
});

describe("every log", () => {
  it.each(recordedLogs.map((log) => [log.name, log] as const))(
    "%s is coherent, and every hit list equals a scan of all mirrors",
    async (name, log) => {
      const report = await replay(logOf(name, log.bytes()), { verify: true });
      expect(report.violations).toEqual([]);
      const events = Object.values((log.summary as { events: Record<string, number> }).events);
      const owners = report.invalidations.total - report.oomReaper.approvals;
      expect(owners + report.processMrelease.refusals).toBe(
        events.reduce((sum, count) => sum + count, 0) + report.invalidations.staleRemovals,
      );
    },
  );
});

describe("profiles", () => {
  it.each(PROFILE_NAMES)("%s is coherent, and every strike is settled", async (profile) => {
    const report = await replay(gcc, { profile, oom: 20, verify: true });
    expect(report.violations).toEqual([]);
    expect(report.options.profile).toBe(profile);
    const { strikes, reaped, gaveUp, exitedFirst, refusals } = report.oomReaper;
    expect([strikes, reaped + gaveUp + exitedFirst]).toEqual([20, 20]);
    expect(refusals).toBeGreaterThan(0);
  });

  it.each(PROFILE_NAMES)("%s: a refusal raises the sequence, but in strict", async (profile) => {
    const open = new Map<string, number>();
    let changes = 0;
    let alone = 0;
    let raised = 0;
    await replay(gcc, {
      profile,
      oom: 20,
      events: (event) => {
        const { kind, mm } = event;
        if (kind === "invalidate-enter") changes = 0;
        else if (kind === "sequence") changes += 1;
        else if (kind === "invalidate-start") open.set(mm, (open.get(mm) ?? 0) + 1);
        else if (kind === "invalidate-end") open.set(mm, (open.get(mm) ?? 0) - 1);
        else if (kind === "invalidate-refused" && !open.get(mm)) {
          alone += 1;
          if (changes === 2) raised += 1;
        }
      },
    });
    expect(alone).toBeGreaterThan(0);
    expect(raised).toBe(profile === "strict" ? 0 : alone);
  });

  it("`next` reaps as CLEAR, the others as UNMAP", async () => {
    const nonBlocking = async (profile: ProfileName) => {
      const { byEvent } = (await replay(gcc, { profile })).invalidations;
      return Object.keys(byEvent).filter((event) => event.endsWith("non-blocking"));
    };
    expect(await nonBlocking("next")).toEqual(["CLEAR non-blocking"]);
    expect(await nonBlocking("v6.12")).toEqual(["UNMAP non-blocking"]);
  });

  it("since v5.18 a victim has two seconds to exit by itself", async () => {
    const attempts = async (profile: ProfileName) =>
      (await replay(gcc, { profile, oom: 20 })).oomReaper.attempts;
    expect(await attempts("v6.12")).toBeLessThan(await attempts("v5.5"));
  });

  it("the replays of one program do not see each other", async () => {
    const alone = withoutMeasured(await replay(gcc));
    const [first, second] = await Promise.all([replay(gcc), replay(gcc)]);
    expect([withoutMeasured(first), withoutMeasured(second)]).toEqual([alone, alone]);
  });
});

describe("few mirrors and many slots that change hands", () => {
  // Runs in which a slot gets a new mirror before the task that freed it has woken.
  it.each([
    ["v43-all-calls", 1, 50, 3],
    ["v30-thread-exec", 1, 50, 3],
    ["v34-leave", 1, 50, 3],
    ["v28-a1", 3, 50, 3],
    ["v24-Xverbose", 4, 50, 3],
    ["v08-rel-ns", 4, 200, 30],
  ])("%s with seed %i, %i mirrors and %i strikes is coherent", async (name, seed, mirrors, oom) => {
    const log = recorded(`variants/${name}`);
    const report = await replay(log, { seed, mirrors, oom, verify: true });
    expect(report.violations).toEqual([]);
    expect(report.mirrors.removed).toBe(report.mirrors.inserted);
  });
});

describe("determinism", () => {
  it("equal seeds give equal reports, another seed another run", async () => {
    const first = withoutMeasured(await replay(gcc, { seed: 5 }));
    expect(withoutMeasured(await replay(gcc, { seed: 5 }))).toEqual(first);
    expect(withoutMeasured(await replay(gcc, { seed: 6 }))).not.toEqual(first);
  });

  it("neither the event stream nor verify changes the run", async () => {
    const plain = withoutMeasured(await replay(gcc));
    let events = 0;
    const watched = withoutMeasured(
      await replay(gcc, { verify: true, events: () => (events += 1) }),
    );
    expect(watched).toEqual({ ...plain, options: { ...plain.options, verify: true } });
    expect(events).toBeGreaterThan(plain.invalidations.total * 2);
  });
});

describe("planted faults", () => {
  it.each(PLANTED_FAULTS)("%s is found as what it is, by line, without --verify", async (plant) => {
    const report = await replay(nodeGc, { plant });
    expect(report.ok).toBe(false);
    expect(report.violations.map(({ kind }) => kind)).toContain(plant);
    expect(report.violations[0].line).toBeGreaterThan(0);
    expect(report.violations[0].line).toBeLessThanOrEqual(report.log.lines);
  });

  it.each([1, 2, 3])("a window left open to the end is found, seed %i", async (seed) => {
    const report = await replay(gcc, { plant: "open-window", mirrors: 1, seed });
    expect(report.violations.map(({ kind }) => kind)).toEqual(["open-window"]);
  });

  it("an install without the lock is found once, and as nothing else", async () => {
    const report = await replay(nodeGc, { plant: "unlocked-install" });
    expect(report.violations.map(({ kind }) => kind)).toEqual(["unlocked-install"]);
  });

  it("a fault for which no occasion comes is said not to have been committed", async () => {
    const report = await replay(logOf("empty", ""), { plant: "missed-hit" });
    expect([report.ok, report.plantCommitted]).toEqual([true, false]);
    expect((await replay(logOf("empty", ""))).plantCommitted).toBe(null);
  });

  it("a skipped hit leaves a stale entry, and that is found by itself", async () => {
    const report = await replay(nodeGc, {
      plant: "missed-hit",
    });
    expect(report.violations.map(({ kind }) => kind)).toContain("stale-entry");
  });
});

describe("corners of the log", () => {
  const run = (text: string, options: ReplayOptions = {}) =>
    replay(logOf("corner", text), { verify: true, oom: 0, ...options });

  it("an empty log is replayed", async () => {
    expect(await run("")).toMatchObject({ ok: true, invalidations: { total: 0 } });
  });

  it("RELEASE hits every mirror but one of the last byte", async () => {
    const report = await run(
      "1 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7000000\n1 +++ exited with 0 +++\n",
      { mirrors: 5 },
    );
    expect(report).toMatchObject({
      ok: true,
      hits: { total: 5 },
      mirrors: { inserted: 5, removed: 5 },
    });
  });

  it("a removal that the log does not show becomes a blockable UNMAP, counted apart", async () => {
    const report = await run(
      "1 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7000000\n".repeat(2),
      { mirrors: 3 },
    );
    expect(report).toMatchObject({
      ok: true,
      invalidations: { total: 1, staleRemovals: 1, byEvent: { "UNMAP blockable": 1 } },
    });
  });

  it("process_mrelease is one non-blocking attempt for each private piece", async () => {
    const report = await run(
      [
        "1 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7000000",
        "1 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0) = 0x8000000",
        "2 process_mrelease(3<pid:1>, 0) = 0",
        "",
      ].join("\n"),
    );
    expect(report.invalidations.byEvent).toEqual({ "UNMAP non-blocking": 1 });
  });

  it("ranges at and beyond the top of the space are cut or left out", async () => {
    const report = await run(
      [
        "1 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0xfffffffffffff000",
        "1 madvise(0xfffffffffffff000, 65536, MADV_DONTNEED) = 0",
        "1 mprotect(0x10000000000000000, 4096, PROT_READ) = 0",
        "",
      ].join("\n"),
      { mirrors: 10 },
    );
    expect(report).toMatchObject({
      ok: true,
      invalidations: { total: 1, unrepresentable: 1 },
      hits: { total: 10 },
    });
  });
});

describe("options", () => {
  it.each([
    { mirrors: -1 },
    { mirrors: 1.5 },
    { mirrors: 2 ** 24 },
    { oom: -1 },
    { seed: Number.NaN },
    { seed: 2 ** 32 },
    { verify: "yes" as never },
    { plant: "gremlin" as never },
    { profile: "v2.6" as never },
  ])("%o is refused before the log is opened", async (options) => {
    const source: LogSource = {
      name: "never",
      open: () => {
        throw new Error("opened");
      },
    };
    await expect(replay(source, options)).rejects.toThrow(
      expect.objectContaining({ code: "ARGUMENT" }),
    );
  });

  it("more mirrors than the engine may have memory for: OUT_OF_MEMORY", async () => {
    await expect(replay(gcc, { mirrors: 200_000, maxBytes: 4 << 20 })).rejects.toThrow(
      expect.objectContaining({ code: "OUT_OF_MEMORY" }),
    );
  });

  it("no mirrors and no strikes: the log alone", async () => {
    expect(await replay(gcc, { mirrors: 0, oom: 0 })).toMatchObject({
      ok: true,
      mirrors: { inserted: 0 },
      oomReaper: { strikes: 0 },
    });
  });
});
