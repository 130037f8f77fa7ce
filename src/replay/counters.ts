import type { InvalidationEvent } from "../notifier/range.ts";

/** Everything that a replay counts while it runs. */
export class Counters {
  readonly events: Map<string, number> = new Map<string, number>();
  readonly hitsPerInvalidation: Map<number, number> = new Map<number, number>();
  invalidations = 0;
  hits = 0;
  /** Events whose range does not fit into 64 bits: no address space can have had it. */
  unrepresentable = 0;
  staleRemovals = 0;

  mirrorsInserted = 0;
  mirrorsRemoved = 0;
  mirrorsPeak = 0;

  entriesInstalled = 0;
  entriesTornDown = 0;

  reads = 0;
  /** Reads that had to be thrown away because an invalidation came in between. */
  collisions = 0;
  /** Reads that found nothing mapped. */
  readsUnmapped = 0;
  /** Reads given up because the mirror was being removed. */
  readsAbandoned = 0;

  /** Sleeps by what was waited for. */
  readonly waits: Map<string, number> = new Map<string, number>();

  /** Non-blocking starts that were refused, by who asked. */
  refusedReaper = 0;
  refusedMrelease = 0;

  /** Non-blocking starts of the reaper that were approved. */
  approvedReaper = 0;

  strikes = 0;
  attempts = 0;
  reaped = 0;
  reapedAfterRetry = 0;
  gaveUp = 0;
  /** The address space was torn down before the reaper had done. */
  exitedFirst = 0;

  countInvalidation(event: InvalidationEvent, blockable: boolean, hits: number): void {
    this.invalidations += 1;
    this.hits += hits;
    increment(this.events, `${event} ${blockable ? "blockable" : "non-blocking"}`);
    increment(this.hitsPerInvalidation, hits);
  }

  countWait(resource: string): void {
    increment(this.waits, resource);
  }
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
