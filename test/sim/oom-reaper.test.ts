// The numbers C60 to C66 are those of the scenarios that every model of the reaper has to pass.

import { describe, expect, it } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import { END } from "../../src/engine/addresses.ts";
import type { IntervalidateError } from "../../src/errors.ts";
import { PROFILE_NAMES, type ProfileName } from "../../src/notifier/profile.ts";
import {
  exitMmap,
  oomReapTask,
  queueOomReaper,
  type ReapOutcome,
} from "../../src/sim/oom-reaper.ts";
import { processMrelease } from "../../src/sim/process-mrelease.ts";
import { isReapable, type Vma, vmaList } from "../../src/sim/vma.ts";
import { complete, runUntilBlocked } from "../notifier/support.ts";
import {
  anonymous,
  attempts,
  GIB,
  logged,
  PAGE,
  type Scene,
  sceneOf,
  sleeps,
  taken,
} from "./support.ts";

const KERNELS = PROFILE_NAMES.filter((name) => name !== "next");

const EVERY_KIND: readonly Vma[] = [
  anonymous(1, 2),
  { kind: "private-file", start: 2 * PAGE, end: 3 * PAGE },
  { kind: "shared-file", start: 3 * PAGE, end: 4 * PAGE },
  { kind: "shmem", start: 4 * PAGE, end: 5 * PAGE },
  { kind: "hugetlb", start: 5 * PAGE, end: 6 * PAGE },
  { kind: "pfnmap", start: 6 * PAGE, end: 7 * PAGE },
  { ...anonymous(7, 8), mlocked: true },
];

/** Has the reaper at work in the foreground, while tasks of the scene run on. */
function reap(scene: Scene): ReapOutcome {
  return scene.driver.complete("reaper", oomReapTask(scene.victim, scene.driver));
}

/** Refuses the first so many starts at a page. */
function refusing(page: number, times: number): (at: number) => boolean {
  let left = times;
  return (at) => {
    if (at !== page || left === 0) return false;
    left -= 1;
    return true;
  };
}

describe("C60: a clean reap", () => {
  it.each([
    ["v4.19", [1, 2]],
    ["v5.5", [1, 2]],
    ["v6.12", [1, 2, 7]],
    ["strict", [1, 2, 7]],
  ] as const)("%s takes private memory, ascending, at the first attempt", (profile, pages) => {
    const scene = sceneOf(profile, EVERY_KIND);
    expect(reap(scene)).toEqual({ result: "reaped", attempts: 1 });
    expect(scene.trace).toEqual(pages.flatMap(taken));
    expect([scene.victim.unstable, scene.victim.oomSkip]).toEqual([true, true]);
    expect(sleeps(scene.events)).toEqual([]);
    expect(logged(scene.events)).toEqual(["oom_reaper: reaped process 7 (greedy)"]);
    expect([scene.mm.mmapLock.readers, scene.mm.activeInvalidations]).toEqual([0, 0]);
  });

  it("next takes it descending, as CLEAR", () => {
    const scene = sceneOf("next", EVERY_KIND);
    expect(reap(scene)).toEqual({ result: "reaped", attempts: 1 });
    expect(scene.trace).toEqual(
      [7, 2, 1].flatMap((page) => [`start ${page} CLEAR`, `zap ${page}`, `end ${page}`]),
    );
  });
});

describe("C61: contention that goes away", () => {
  it.each(PROFILE_NAMES)("%s: three refusals are four attempts and three sleeps", (profile) => {
    const scene = sceneOf(profile, [anonymous(1, 2)]);
    scene.refuses = refusing(1, 3);
    expect(reap(scene)).toEqual({ result: "reaped", attempts: 4 });
    expect(attempts(scene.events)).toEqual(["refused", "refused", "refused", "reaped"]);
    expect(sleeps(scene.events)).toEqual([100_000, 100_000, 100_000]);
    expect(scene.driver.now).toBe(300_000);
    expect(logged(scene.events)).toEqual(["oom_reaper: reaped process 7 (greedy)"]);
    expect(scene.victim.oomSkip).toBe(true);
  });
});

describe("C62: contention that stays", () => {
  it.each([
    ...KERNELS.map((profile): [ProfileName, number] => [profile, 10]),
    ["next", 9] satisfies [ProfileName, number],
  ])("%s: ten attempts, %i sleeps, and the OOM killer may go on", (profile, slept) => {
    const scene = sceneOf(profile, [anonymous(1, 2)]);
    scene.refuses = () => true;
    expect(reap(scene)).toEqual({ result: "refused", attempts: 10 });
    expect(attempts(scene.events)).toEqual(Array(10).fill("refused"));
    expect(sleeps(scene.events)).toEqual(Array(slept).fill(100_000));
    expect(scene.driver.now).toBe(slept * 100_000);
    expect(logged(scene.events)).toEqual(["oom_reaper: unable to reap 7 (greedy)"]);
    expect(scene.victim.oomSkip).toBe(true);
    expect(scene.trace).not.toContain("zap 1");
  });

  it("is not logged if the victim has exited meanwhile", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    scene.refuses = () => true;
    scene.driver.spawn("exit", exitDuring(scene, 950_000));
    expect(reap(scene)).toEqual({ result: "refused", attempts: 10 });
    expect(logged(scene.events)).toEqual([]);
  });
});

function* exitDuring({ driver, victim }: Scene, at: number): Sleepable<undefined> {
  yield* driver.sleep(at);
  victim.oomSkip = true;
}

describe("C63: a part is refused", () => {
  const vmas = [anonymous(1, 2), anonymous(3, 4), anonymous(5, 6)];

  it("the others are taken all the same, and everything again at the next attempt", () => {
    const scene = sceneOf("v6.12", vmas);
    scene.refuses = refusing(3, 1);
    expect(reap(scene)).toEqual({ result: "reaped", attempts: 2 });
    expect(scene.trace).toEqual([
      ...taken(1),
      "start 3 refused",
      ...taken(5),
      ...[1, 3, 5].flatMap(taken),
    ]);
  });

  it("whoever refused is told", () => {
    const scene = sceneOf("v6.12", vmas);
    scene.refuses = refusing(3, 1);
    reap(scene);
    expect(scene.events.filter(({ kind }) => kind === "reap-refused")).toEqual([
      {
        kind: "reap-refused",
        mm: "victim",
        vma: vmas[1],
        start: 3 * PAGE,
        end: 4 * PAGE,
        errno: "EAGAIN",
        refusedBy: "A",
      },
    ]);
  });
});

describe("C64: the mmap lock is taken", () => {
  it.each(PROFILE_NAMES)("%s: attempts without it touch nothing", (profile) => {
    const scene = sceneOf(profile, [anonymous(1, 2)]);
    const { mmapLock } = scene.mm;
    mmapLock.tryWrite();
    scene.driver.spawn("writer", unlockAfter(scene, 150_000));
    const before: number[] = [];
    scene.driver.spawn("watch", watch(scene, before));
    expect(reap(scene)).toEqual({ result: "reaped", attempts: 3 });
    expect(attempts(scene.events)).toEqual(["locked", "locked", "reaped"]);
    expect(before).toEqual([0]);
    expect(scene.trace.length).toBe(3);
  });

  function* unlockAfter({ driver, mm }: Scene, at: number): Sleepable<undefined> {
    yield* driver.sleep(at);
    mm.mmapLock.endWrite();
  }

  function* watch({ driver, trace }: Scene, seen: number[]): Sleepable<undefined> {
    yield* driver.sleep(149_999);
    seen.push(trace.length);
  }
});

describe("C65: the victim has exited", () => {
  it.each(PROFILE_NAMES)("%s: that is success, and nobody is called", (profile) => {
    const scene = sceneOf(profile, [anonymous(1, 2)]);
    scene.victim.oomSkip = true;
    expect(reap(scene)).toEqual({ result: "skipped", attempts: 1 });
    expect([scene.trace, scene.victim.unstable]).toEqual([[], false]);
    expect([sleeps(scene.events), logged(scene.events)]).toEqual([[], []]);
    expect(scene.mm.mmapLock.readers).toBe(0);
  });
});

describe("C66: process_mrelease", () => {
  it.each(PROFILE_NAMES)("%s: one attempt, refused in part, leaves OOM_SKIP alone", (profile) => {
    const scene = sceneOf(profile, [anonymous(1, 2), anonymous(3, 4)]);
    scene.victim.dying = true;
    scene.refuses = refusing(3, 1);
    expect(complete(processMrelease(scene.victim))).toBe(-11);
    expect(scene.trace.filter((step) => step.startsWith("zap"))).toEqual(["zap 1"]);
    expect([scene.victim.unstable, scene.victim.oomSkip]).toEqual([true, false]);
    expect(complete(processMrelease(scene.victim))).toBe(0);
    expect(scene.victim.oomSkip).toBe(false);
    expect([scene.driver.now, sleeps(scene.events)]).toEqual([0, []]);
    expect(scene.mm.mmapLock.readers).toBe(0);
  });

  it("-EINVAL if the process is not dying, unless its memory is gone already", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    expect(complete(processMrelease(scene.victim))).toBe(-22);
    scene.victim.oomSkip = true;
    expect(complete(processMrelease(scene.victim))).toBe(0);
    expect(scene.trace).toEqual([]);
  });

  it("waits for the mmap lock, where the reaper would not", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    scene.victim.dying = true;
    scene.mm.mmapLock.tryWrite();
    const call = processMrelease(scene.victim);
    expect(runUntilBlocked(call)).toEqual({ done: false });
    scene.mm.mmapLock.endWrite();
    expect(complete(call)).toBe(0);
    expect(scene.trace).toEqual(taken(1));
  });

  it("-EINTR if a signal comes while it waits", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    scene.victim.dying = true;
    scene.mm.mmapLock.tryWrite();
    const call = processMrelease(scene.victim);
    runUntilBlocked(call);
    expect(call.throw(new Error("signal"))).toEqual({ done: true, value: -4 });
    expect([scene.trace, scene.victim.unstable]).toEqual([[], false]);
    scene.mm.mmapLock.endWrite();
    expect(scene.mm.mmapLock.tryWrite()).toBe(true);
  });

  it("exited while it waited: nothing is left to do", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    scene.victim.dying = true;
    scene.mm.mmapLock.tryWrite();
    const call = processMrelease(scene.victim);
    runUntilBlocked(call);
    scene.victim.oomSkip = true;
    scene.mm.mmapLock.endWrite();
    expect(complete(call)).toBe(0);
    expect(scene.trace).toEqual([]);
  });
});

describe("the time given to exit by itself", () => {
  it.each([
    ["v4.19", 0],
    ["v5.5", 0],
    ["v6.12", 2_000_000],
    ["next", 2_000_000],
    ["strict", 2_000_000],
  ] as const)("%s: %i microseconds", (profile, delay) => {
    const scene = sceneOf(profile, [anonymous(1, 2)]);
    const { driver, victim } = scene;
    const outcome = driver.complete("reaper", queueOomReaper(victim, driver));
    expect([outcome, driver.now]).toEqual([{ result: "reaped", attempts: 1 }, delay]);
    expect([victim.queued, victim.dying]).toEqual([true, true]);
  });

  it("a victim that uses it is not looked at", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    const { driver, victim } = scene;
    driver.spawn("exit", exitDuring(scene, 1_999_999));
    const outcome = driver.complete("reaper", queueOomReaper(victim, driver));
    expect(outcome).toEqual({ result: "skipped", attempts: 0 });
    expect(scene.events).toEqual([]);
  });

  it("an address space is queued once", () => {
    const { driver, victim, trace } = sceneOf("v6.12", [anonymous(1, 2)]);
    driver.spawn("reaper", queueOomReaper(victim, driver));
    driver.step();
    expect(driver.complete("again", queueOomReaper(victim, driver))).toBe(undefined);
    driver.drain();
    expect(trace).toEqual(taken(1));
  });
});

describe("next: chunks", () => {
  /** Half a GiB, a whole one, half a one: from 1.5 to 3.5 GiB. */
  const large: Vma = { kind: "anonymous", start: 1.5 * GIB, end: 3.5 * GIB };
  const chunk = (gib: number) => (gib * GIB) / PAGE;

  it("are cut at multiples of 1 GiB, from the top", () => {
    const scene = sceneOf("next", [large]);
    reap(scene);
    expect(scene.trace.filter((step) => step.startsWith("zap"))).toEqual(
      [3, 2, 1.5].map((gib) => `zap ${chunk(gib)}`),
    );
  });

  it.each(KERNELS)("%s has none", (profile) => {
    const scene = sceneOf(profile, [large]);
    reap(scene);
    expect(scene.trace).toEqual(taken(chunk(1.5)));
  });

  it("a refused one gives its mapping up, and the next one follows", () => {
    const scene = sceneOf("next", [anonymous(1, 2), large]);
    scene.refuses = refusing(chunk(2), 1);
    expect(reap(scene)).toEqual({ result: "reaped", attempts: 2 });
    expect(scene.trace.slice(0, 7)).toEqual([
      `start ${chunk(3)} CLEAR`,
      `zap ${chunk(3)}`,
      `end ${chunk(3)}`,
      `start ${chunk(2)} CLEAR refused`,
      "start 1 CLEAR",
      "zap 1",
      "end 1",
    ]);
  });

  it("reach to the end of the space", () => {
    const top: Vma = { kind: "anonymous", start: END - BigInt(GIB) - 4096n, end: END };
    const scene = sceneOf("next", [top]);
    reap(scene);
    expect(
      scene.events.flatMap((event) =>
        event.kind === "reap-approved" ? [[event.start, event.end]] : [],
      ),
    ).toEqual([
      [END - BigInt(GIB), END],
      [END - BigInt(GIB) - 4096n, END - BigInt(GIB)],
    ]);
  });

  /** At the first start a writer queues up on the mmap lock; it goes on when it is completed. */
  function queueWriter(scene: Scene): Sleepable<undefined> {
    const writer = scene.mm.mmapLock.write();
    scene.refuses = () => {
      scene.refuses = () => false;
      runUntilBlocked(writer);
      return false;
    };
    return writer;
  }

  it("a writer that waits gets the mmap lock in between; that sleeps and is no attempt", () => {
    const scene = sceneOf("next", [large]);
    const { driver, mm, victim, events } = scene;
    const writer = queueWriter(scene);
    const reaper = oomReapTask(victim, driver);
    expect(runUntilBlocked(reaper)).toEqual({ done: false });
    expect([attempts(events), sleeps(events)]).toEqual([["handed-over"], [100_000]]);
    complete(writer);
    mm.mmapLock.endWrite();
    driver.advance(100_000);
    expect(complete(reaper)).toEqual({ result: "reaped", attempts: 1 });
    const begun = events.flatMap((event) => (event.kind === "reap-attempt" ? event.attempt : []));
    expect(begun).toEqual([1, 1]);
    // What was taken is taken again.
    expect(scene.trace.filter((step) => step.startsWith("zap"))).toEqual(
      [3, 3, 2, 1.5].map((gib) => `zap ${chunk(gib)}`),
    );
  });

  it("process_mrelease queues up behind the writer and begins again", () => {
    const scene = sceneOf("next", [large]);
    const writer = queueWriter(scene);
    scene.victim.dying = true;
    const call = processMrelease(scene.victim);
    expect(runUntilBlocked(call)).toEqual({ done: false });
    expect(scene.trace.length).toBe(3);
    complete(writer);
    scene.mm.mmapLock.endWrite();
    expect(complete(call)).toBe(0);
    expect(scene.trace.filter((step) => step.startsWith("zap")).length).toBe(4);
  });
});

describe("the exit of the victim", () => {
  it.each([
    ["v4.19", true, ["release", ...taken(1)]],
    ["v4.19", false, ["release"]],
    ["v5.5", true, ["release", ...taken(1)]],
    ["v6.12", true, ["release"]],
    ["next", true, ["release"]],
  ] as const)("%s, victim %s: %j, then OOM_SKIP", (profile, queued, trace) => {
    const scene = sceneOf(profile, [anonymous(1, 2)]);
    const { mm, victim } = scene;
    // Nobody is left who could refuse.
    scene.refuses = () => true;
    mm.register({
      release: () => {
        scene.trace.push("release");
        expect(victim.oomSkip).toBe(false);
        return undefined;
      },
    });
    victim.queued = queued;
    expect(complete(exitMmap(victim))).toBe(undefined);
    expect(scene.trace).toEqual(trace);
    expect([victim.oomSkip, mm.users, mm.mmapLock.writing]).toEqual([true, 0, false]);
  });

  it("waits for a reaper that is at work, and shuts out the next attempt", () => {
    const scene = sceneOf("v6.12", [anonymous(1, 2)]);
    const { mm, victim } = scene;
    mm.mmapLock.tryRead();
    const exit = exitMmap(victim);
    expect(runUntilBlocked(exit)).toEqual({ done: false });
    expect(victim.oomSkip).toBe(true);
    mm.mmapLock.endRead();
    complete(exit);
    expect(reap(scene).result).toBe("skipped");
  });
});

describe("mappings", () => {
  it("are ascending, apart and not empty", () => {
    const message = (vmas: readonly Vma[]): string => {
      try {
        vmaList(vmas);
      } catch (error) {
        const { code, message } = error as IntervalidateError;
        return `${code}: ${message}`;
      }
      return "fine";
    };
    expect(message(EVERY_KIND)).toBe("fine");
    expect(message([anonymous(3, 4), anonymous(1, 2)])).toBe(
      "RANGE: Mappings ascend and do not overlap, but [0x1000, 0x2000) comes after [0x3000, 0x4000).",
    );
    expect(message([anonymous(1, 3), anonymous(2, 4)])).toContain("RANGE: ");
    expect(message([anonymous(2, 2)])).toBe(
      "RANGE: A mapping is not empty, but [0x2000, 0x2000) is.",
    );
  });

  it("shared memory is spared even if it is anonymous, and what is locked until v5.17", () => {
    expect(EVERY_KIND.map((vma) => isReapable(vma, false))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
    expect(isReapable(EVERY_KIND[6], true)).toBe(false);
  });
});
