import { describe, expect, it } from "vitest";
import {
  createEngine,
  type ListNotifier,
  Mutex,
  PROFILE_NAMES,
  type Sleepable,
} from "../../../src/index.ts";
import { Random } from "../../../src/sim/random.ts";
import { catchUnhandled, expectIdle, now, RANGE, settle, world } from "./support.ts";

/**
 * Invalidations of which nobody sees events take short cuts. So each program runs twice, with and without
 * a sink, and the callbacks themselves keep the log.
 */
const PROGRAMS = 400;

const START_MANNERS = [
  "none",
  "approves",
  "approves",
  "approves",
  "says 0",
  "refuses",
  "throws",
  "puts itself",
  "puts the next",
  "is a quiet generator",
  "is a sleeping generator",
] as const;
const END_MANNERS = ["none", "runs", "runs", "throws", "is a sleeping generator", "puts the next"];

const engine = createEngine();

interface Program {
  readonly seed: number;
  readonly profile: (typeof PROFILE_NAMES)[number];
  readonly door: "start" | "tryStart" | "startAsync";
  readonly lists: readonly { readonly start: string; readonly end: string }[];
  readonly intervals: readonly string[];
  readonly lockedMirror: boolean;
}

function programOf(seed: number): Program {
  const random = new Random(seed);
  const one = <T>(of: readonly T[]): T => of[random.below(of.length)];
  const profile = one(PROFILE_NAMES);
  const some = <T>(most: number, make: () => T): T[] =>
    Array.from({ length: random.below(most + 1) }, make);
  return {
    seed,
    profile,
    door: one(["start", "tryStart", "startAsync"] as const),
    lists: some(6, () => ({ start: one(START_MANNERS), end: one(END_MANNERS) })),
    intervals: profile === "v4.19" ? [] : some(2, () => one(["approves", "refuses", "throws"])),
    lockedMirror: random.below(8) === 0,
  };
}

/** Runs a program, and tells all that its callbacks and its caller have seen. */
async function run(program: Program, isObserved: boolean): Promise<readonly string[]> {
  const { profile, door } = program;
  engine.reset();
  const { mm } = world({ profile, engine, ...(!isObserved && { events: undefined as never }) });
  const log: string[] = [];
  const lock = new Mutex("driver");
  lock.tryLock();
  const notifiers: ListNotifier[] = [];
  program.lists.forEach((manners, i) => {
    notifiers[i] = now(mm.unchecked.get(listOps(i, manners)));
  });
  program.intervals.forEach((manner, i) => {
    now(mm.unchecked.insertInterval(RANGE.start, 0x1000, intervalOps(i, manner)));
  });
  const mirror = mm.mirrors.insert(RANGE.start, RANGE.end);
  if (program.lockedMirror) mm.mirrors.lock(mirror);

  await invalidate();
  log.push(`window open: ${mm.activeInvalidations}, ${mm.sequence}, ${mm.count}`);
  release();
  await new Promise((resolve) => setImmediate(resolve));
  log.push(`at the end: ${mm.activeInvalidations}, ${mm.sequence}, ${mm.count}`);
  mm.synchronize();
  return log;

  function release(): void {
    if (lock.locked) lock.unlock();
    if (mm.mirrors.isLocked(mirror)) mm.mirrors.unlock(mirror);
  }

  async function invalidate(): Promise<void> {
    try {
      const result = await start();
      if (!result.ok) {
        log.push(`refused by ${result.refusedBy} with ${result.errno}`);
        return;
      }
      const { window } = result;
      log.push(`window ${window.id} hit ${window.hits.length} with ${window.sequence}`);
      if (door === "startAsync") await window.endAsync();
      else window.end();
      log.push("ended");
    } catch (error) {
      log.push(`threw ${(error as Error).message}`);
    }
  }

  async function start() {
    if (door === "tryStart") return mm.tryInvalidateRangeStart(RANGE);
    if (door === "start") return { ok: true, window: mm.invalidateRangeStart(RANGE) } as const;
    const starting = mm.invalidateRangeStartAsync(RANGE);
    await settle();
    log.push("had a moment");
    release();
    const window = await starting;
    lock.tryLock();
    setImmediate(release);
    return { ok: true, window } as const;
  }

  function listOps(i: number, { start, end }: { start: string; end: string }) {
    const name = `L${i}`;
    return {
      name,
      freeNotifier: (): undefined => {
        log.push(`${name} freed`);
      },
      ...(start !== "none" && { invalidateRangeStart: () => act(i, start, "start") as never }),
      ...(end !== "none" && { invalidateRangeEnd: () => act(i, end, "end") as never }),
    };
  }

  function intervalOps(i: number, manner: string) {
    return {
      name: `I${i}`,
      invalidate: () => {
        const answer = act(i, manner, "invalidate");
        return answer === undefined;
      },
    };
  }

  function act(i: number, manner: string, callback: string): unknown {
    log.push(`${callback} ${i} ${manner}`);
    switch (manner) {
      case "refuses":
        return -11;
      case "says 0":
        return 0;
      case "throws":
        throw new Error(`${callback} ${i}`);
      case "puts itself":
        if (notifiers[i].users > 0) mm.put(notifiers[i]);
        return undefined;
      case "puts the next":
        if (i > 0 && notifiers[i - 1].users > 0) mm.put(notifiers[i - 1]);
        return undefined;
      case "is a quiet generator":
        return quiet(i);
      case "is a sleeping generator":
        return sleeping(i);
      default:
        return undefined;
    }
  }

  // biome-ignore lint/correctness/useYield: one that does not come to a wait
  function* quiet(i: number): Sleepable<undefined> {
    log.push(`quiet ${i}`);
    return undefined;
  }

  function* sleeping(i: number): Sleepable<undefined> {
    try {
      yield* lock.lock();
      lock.unlock();
      log.push(`slept ${i}`);
    } finally {
      log.push(`finally ${i}`);
    }
    return undefined;
  }
}

describe("an invalidation of which nobody sees the events", () => {
  it("is the same as one that is observed, whatever callbacks do", async () => {
    const unhandled = catchUnhandled();
    const seen = new Set<string>();
    for (let seed = 0; seed < PROGRAMS; seed += 1) {
      const program = programOf(seed);
      const unobserved = await run(program, false);
      expect(unobserved, JSON.stringify(program)).toEqual(await run(program, true));
      // Of ends in the background.
      unhandled.length = 0;
      for (const line of unobserved) seen.add(line.replaceAll(/\d+/g, "N"));
    }
    // The programs are worth something.
    expect([...seen]).toEqual(
      expect.arrayContaining([
        "ended",
        "refused by LN with EAGAIN",
        "refused by IN with EAGAIN",
        "threw start N",
        "threw end N",
        "threw invalidate N",
        "slept N",
        "finally N",
        "LN freed",
      ]),
    );
  });

  it("nests", () => {
    const { mm } = world({ events: undefined as never });
    let depth = 0;
    for (const name of ["A", "B"]) {
      mm.register({
        name,
        invalidateRangeStart: {
          blocking: (range) => {
            if (depth > 3) return;
            depth += 1;
            mm.invalidateRangeStart(range).end();
          },
          nonblocking: () => true,
        },
      });
    }
    mm.invalidateRangeStart(RANGE).end();
    expect(depth).toBe(4);
    expectIdle(mm);
  });
});
