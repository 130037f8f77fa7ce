import type { ProfileName } from "../notifier/profile.ts";
import type { TraceFacts } from "../trace/index.ts";
import type { Violation } from "./coherence.ts";
import type { World } from "./world.ts";

/**
 * What a replay found, as plain JSON. Everything but `measured` is a function of the log and the
 * options: equal seeds give equal values.
 */
export interface ReplayReport {
  readonly format: "intervalidate-replay-1";
  readonly ok: boolean;
  readonly options: {
    readonly mirrors: number;
    readonly oom: number;
    readonly seed: number;
    readonly verify: boolean;
    readonly profile: ProfileName;
    readonly plant: string | null;
  };
  /** Whether an occasion for the planted fault came; null if none was planted. */
  readonly plantCommitted: boolean | null;
  readonly log: {
    readonly lines: number;
    /** Completed system calls. */
    readonly calls: number;
    readonly tasks: number;
    readonly addressSpaces: number;
    readonly events: number;
    readonly peakPieces: number;
    readonly finalPieces: number;
  };
  readonly mirrors: {
    /** The most that were live at once. */
    readonly peak: number;
    /** Live when the log ended. */
    readonly atEnd: number;
    readonly inserted: number;
    readonly removed: number;
  };
  readonly invalidations: {
    /** Approved start / end pairs, those of the OOM reaper included. */
    readonly total: number;
    /** By event and mode, such as `UNMAP blockable`. */
    readonly byEvent: Readonly<Record<string, number>>;
    /** Pieces whose removal the log does not show, replayed as blockable UNMAPs. */
    readonly staleRemovals: number;
    /** Events left out because their range lies beyond 2^64. */
    readonly unrepresentable: number;
  };
  /** Mirrors hit per invalidation. */
  readonly hits: {
    readonly total: number;
    readonly median: number;
    readonly p99: number;
    readonly max: number;
  };
  readonly oomReaper: {
    readonly strikes: number;
    readonly attempts: number;
    /** Non-blocking starts that were approved. */
    readonly approvals: number;
    /** Non-blocking starts that were refused. */
    readonly refusals: number;
    readonly reaped: number;
    /** Of these, not at the first attempt. */
    readonly reapedAfterRetry: number;
    readonly gaveUp: number;
    /** The address space was torn down first. */
    readonly exitedFirst: number;
  };
  readonly processMrelease: { readonly refusals: number };
  readonly entries: {
    readonly installed: number;
    readonly tornDown: number;
  };
  readonly readSide: {
    readonly reads: number;
    readonly collisions: number;
    /** Reads that slept because an invalidation was open. */
    readonly waits: number;
    readonly unmapped: number;
    readonly abandoned: number;
  };
  /** Sleeps by task and by what was waited for. */
  readonly waits: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly virtualTimeUs: number;
  readonly violationCount: number;
  /** The first hundred. */
  readonly violations: readonly Violation[];
  readonly measured: ReplayMeasurements;
}

/** Times and sizes: they differ from run to run. Times are 0 without a stopwatch. */
export interface ReplayMeasurements {
  /** Time inside start and end, milliseconds. */
  readonly engineMs: number;
  readonly engineNsPerInvalidation: number;
  /** The engine's WASM memory when the log ended, bytes. */
  readonly engineBytes: number;
  /** The simulated devices' own tables, bytes. */
  readonly tableBytes: number;
}

/** State when the log ended, before everything was removed. */
export interface StateAtEnd {
  readonly mirrors: number;
  readonly engineBytes: number;
}

export function reportOf(
  options: {
    mirrors: number;
    oom: number;
    seed: number;
    verify: boolean;
    profile: ProfileName;
    plant?: string;
  },
  facts: TraceFacts,
  world: World,
  atEnd: StateAtEnd,
): ReplayReport {
  const { counters, coherence, driver, table } = world;
  const invalidations = counters.invalidations;
  return {
    format: "intervalidate-replay-1",
    ok: coherence.violationCount === 0,
    options: {
      mirrors: options.mirrors,
      oom: options.oom,
      seed: options.seed,
      verify: options.verify,
      profile: options.profile,
      plant: options.plant ?? null,
    },
    plantCommitted: world.planter.committed,
    log: {
      lines: facts.lines,
      calls: [...facts.calls.values()].reduce((sum, count) => sum + count, 0),
      tasks: facts.tasks,
      addressSpaces: facts.mms,
      events: facts.events,
      peakPieces: facts.peakVmas,
      finalPieces: facts.finalVmas,
    },
    mirrors: {
      peak: counters.mirrorsPeak,
      atEnd: atEnd.mirrors,
      inserted: counters.mirrorsInserted,
      removed: counters.mirrorsRemoved,
    },
    invalidations: {
      total: invalidations,
      byEvent: sorted(counters.events),
      staleRemovals: counters.staleRemovals,
      unrepresentable: counters.unrepresentable,
    },
    hits: { total: counters.hits, ...distribution(counters.hitsPerInvalidation, invalidations) },
    oomReaper: {
      strikes: counters.strikes,
      attempts: counters.attempts,
      approvals: counters.approvedReaper,
      refusals: counters.refusedReaper,
      reaped: counters.reaped,
      reapedAfterRetry: counters.reapedAfterRetry,
      gaveUp: counters.gaveUp,
      exitedFirst: counters.exitedFirst,
    },
    processMrelease: { refusals: counters.refusedMrelease },
    entries: { installed: counters.entriesInstalled, tornDown: counters.entriesTornDown },
    readSide: {
      reads: counters.reads,
      collisions: counters.collisions,
      waits: counters.waits.get("device: thaw (read)") ?? 0,
      unmapped: counters.readsUnmapped,
      abandoned: counters.readsAbandoned,
    },
    waits: sorted(counters.waits),
    steps: driver.steps,
    virtualTimeUs: driver.now,
    violationCount: coherence.violationCount,
    violations: coherence.violations,
    measured: {
      engineMs: world.engineTime,
      engineNsPerInvalidation: invalidations === 0 ? 0 : (world.engineTime * 1e6) / invalidations,
      engineBytes: atEnd.engineBytes,
      tableBytes: table.bytes,
    },
  };
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Nearest-rank quantiles of a histogram with `total` entries. */
function distribution(
  histogram: ReadonlyMap<number, number>,
  total: number,
): { median: number; p99: number; max: number } {
  const ascending = [...histogram].sort(([a], [b]) => a - b);
  const quantile = (share: number): number => {
    let seen = 0;
    for (const [value, count] of ascending) {
      seen += count;
      if (seen >= share * total) return value;
    }
    return 0;
  };
  return { median: quantile(0.5), p99: quantile(0.99), max: ascending.at(-1)?.[0] ?? 0 };
}
