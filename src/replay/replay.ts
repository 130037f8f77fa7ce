import { SimulatedDriver } from "../blocking/simulated-driver.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { IntervalidateError } from "../errors.ts";
import { AddressSpace } from "../notifier/address-space.ts";
import { NotifierDomain } from "../notifier/domain.ts";
import type { EventSink } from "../notifier/events.ts";
import { type ProfileName, profileOf } from "../notifier/profile.ts";
import { Random } from "../sim/random.ts";
import {
  type LogSource,
  type Piece,
  readTrace,
  type TracedMm,
  type TraceEvent,
  type TraceEventType,
  type TraceFacts,
  type TraceObserver,
} from "../trace/index.ts";
import { Device } from "./device.ts";
import { type Invalidation, Invalidator } from "./invalidation.ts";
import { MIRRORS_MAX, SEED_MAX, STRIKES_MAX } from "./limits.ts";
import { MirrorGroup } from "./mirror-group.ts";
import { type MirrorRange, Placement } from "./placement.ts";
import { PLANTED_FAULTS, type PlantedFault } from "./planted-faults.ts";
import { mrelease, strike } from "./reaping.ts";
import { type ReplayReport, reportOf } from "./report.ts";
import { SimulatedMm } from "./simulated-mm.ts";
import { withinSpace } from "./space-bounds.ts";
import { World } from "./world.ts";

/** Virtual time between two events, in microseconds: about what recorded ones took, under strace. */
const EVENT_US_MIN = 500;
/** Short logs are stretched to a minute: else no victim would outlive the time it is given to exit. */
const LOG_US_MIN = 60_000_000;
const DEVICES = 16;
/** Between two events the devices take 1 to this many steps, beside those inside a window. */
const STEPS_PER_EVENT_MAX = 7;
/** `[0, 2^64 - 1)`: the half-open range of the kernel's interval release. */
const RELEASE_END = (1n << 64n) - 1n;

export interface ReplayOptions {
  /** Live mirrors aimed at, over all address spaces, when the log has most pieces. Default 4096. */
  readonly mirrors?: number;
  /** Strikes of the OOM reaper. Default 3. */
  readonly oom?: number;
  /** Default 1. Equal seeds give equal runs. */
  readonly seed?: number;
  /** Whose rules the address spaces and the OOM reaper follow. Default `v6.12`. */
  readonly profile?: ProfileName;
  /** Compares each hit list with a scan of all mirrors as well. */
  readonly verify?: boolean;
  /** A fault to plant, to see that the checks find it. */
  readonly plant?: PlantedFault;
  /** Bound on the engine's memory in bytes. */
  readonly maxBytes?: number;
  /** Receives every notifier event of every address space. */
  readonly events?: EventSink;
  /** Called now and then with the number of events replayed and their total. */
  readonly onProgress?: (done: number, total: number) => void;
  /** A wall clock in milliseconds; without it nothing is measured. */
  readonly stopwatch?: () => number;
}

/**
 * Replays a log against simulated mirrors: every event becomes a start / end pair through the engine,
 * while devices fault entries in and the OOM reaper strikes, all under virtual time and one seed.
 *
 * @throws {IntervalidateError} ARGUMENT for options out of range; CAPACITY or OUT_OF_MEMORY if the
 *   mirrors do not fit; INPUT as the source throws it
 */
export async function replay(
  source: LogSource,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  const checked = checkOptions(options);
  // The first reading tells how many pieces there will be, so how many mirrors each should bring.
  const facts = await readTrace(source, {});
  const replayer = new Replayer(facts, checked);
  await readTrace(source, replayer);
  return replayer.finish();
}

type CheckedOptions = ReplayOptions &
  Required<Pick<ReplayOptions, "mirrors" | "oom" | "seed" | "verify" | "profile">>;

function checkOptions(options: ReplayOptions): CheckedOptions {
  const { mirrors = 4096, oom = 3, seed = 1, verify = false, profile = "v6.12", plant } = options;
  const checked = { ...options, mirrors, oom, seed, verify, profile };
  checkInteger("mirrors", checked.mirrors, 0, MIRRORS_MAX);
  checkInteger("oom", checked.oom, 0, STRIKES_MAX);
  checkInteger("seed", checked.seed, 0, SEED_MAX);
  if (typeof verify !== "boolean") {
    throw new IntervalidateError("ARGUMENT", `verify must be a boolean, but is ${String(verify)}.`);
  }
  profileOf(profile);
  if (plant !== undefined && !PLANTED_FAULTS.includes(plant)) {
    throw new IntervalidateError(
      "ARGUMENT",
      `plant must be one of ${PLANTED_FAULTS.join(", ")}, but is ${String(plant)}.`,
    );
  }
  return checked;
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new IntervalidateError(
    "ARGUMENT",
    `${name} must be an integer from ${min} to ${max}, but is ${String(value)}.`,
  );
}

class Replayer implements TraceObserver {
  readonly #facts: TraceFacts;
  readonly #options: CheckedOptions;
  readonly #engine: Engine;
  readonly #domain = new NotifierDomain();
  readonly #world: World;
  readonly #invalidator: Invalidator;
  readonly #placement: Placement;
  readonly #random: Random;
  readonly #microsecondsPerEvent: number;
  readonly #spaces = new Map<TracedMm, SimulatedMm>();
  /** Numbers of the events before which the OOM killer strikes, descending: the next is the last. */
  readonly #strikes: number[];
  #events = 0;
  #livePieces = 0;

  constructor(facts: TraceFacts, options: CheckedOptions) {
    this.#facts = facts;
    this.#options = options;
    this.#engine = createEngine(
      options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes },
    );
    const seeds = new Random(options.seed);
    const driver = new SimulatedDriver({
      chooser: seeds.fork(1),
      // Whose lock it was does not matter for the counts.
      onBlock: (task, wait) =>
        this.#world.counters.countWait(`${task}: ${wait.resource.replace(/ of \S+/, "")}`),
    });
    this.#world = new World(driver, options.plant, options.stopwatch);
    this.#invalidator = new Invalidator(this.#world, seeds.fork(2), options.verify);
    this.#placement = new Placement(
      seeds.fork(3),
      facts.peakVmas === 0 ? 0 : options.mirrors / facts.peakVmas,
    );
    this.#random = seeds.fork(4);
    this.#microsecondsPerEvent = Math.max(
      EVENT_US_MIN,
      Math.ceil(LOG_US_MIN / Math.max(1, facts.events)),
    );
    for (let i = 0; i < DEVICES; i += 1) {
      driver.spawn("device", new Device(i, this.#world, seeds.fork(100 + i)).run());
    }
    this.#strikes = Array.from({ length: options.oom }, () =>
      this.#random.below(Math.max(1, facts.events)),
    );
    this.#strikes.sort((a, b) => b - a);
  }

  mmCreated(traced: TracedMm): void {
    const space = new AddressSpace({
      name: traced.id,
      profile: this.#options.profile,
      engine: this.#engine,
      domain: this.#domain,
      ...(this.#options.events && { events: this.#options.events }),
    });
    this.#spaces.set(traced, new SimulatedMm(traced, space, this.#world.table));
  }

  event(event: TraceEvent): void {
    this.#world.line = event.line;
    this.#replay(event.mm, event.type, event.blockable, event.start, event.end);
  }

  staleRemoval(traced: TracedMm, piece: Piece, line: number): void {
    this.#world.line = line;
    this.#world.counters.staleRemovals += 1;
    this.#replay(traced, "UNMAP", true, piece.start, piece.end);
  }

  pieceAdded(traced: TracedMm, piece: Piece): void {
    const { table, counters } = this.#world;
    const mm = this.#spaceOf(traced);
    mm.addPiece(piece);
    this.#livePieces += 1;
    const due = this.#placement.mirrorsDue(this.#livePieces, table.liveCount);
    this.#insertMirrors(mm, this.#placement.choose(traced, piece, due));
    counters.mirrorsPeak = Math.max(counters.mirrorsPeak, table.liveCount);
  }

  pieceCut(traced: TracedMm, piece: Piece, remains: readonly Piece[]): void {
    const mm = this.#spaceOf(traced);
    this.#livePieces += remains.length - 1;
    for (const group of mm.watchersOf(piece)) {
      let { start } = piece;
      for (const remain of [...remains, { start: piece.end, end: piece.end }]) {
        if (start < remain.start)
          this.#world.coherence.checkUnmapped(group, start, remain.start, this.#world.line);
        start = remain.end;
      }
    }
    mm.cutPiece(piece, remains, (handle) => this.#world.retireMirror(handle));
  }

  mmReleased(traced: TracedMm): void {
    const mm = this.#spaceOf(traced);
    // No later event of this address space will look.
    this.#invalidator.closeForgotten(mm);
    this.#livePieces -= mm.pieceCount;
    mm.released = true;
    // What an exiting process does, so that no reaper looks at it any more.
    for (const victim of mm.victims) victim.oomSkip = true;
    mm.dropPieces((handle) => this.#world.retireMirror(handle));
    if (mm.mirrors.size === 0) mm.space[Symbol.dispose]();
    this.#spaces.delete(traced);
  }

  /** Lets everybody finish, removes what is left, and draws up the report. */
  finish(): ReplayReport {
    const { driver, coherence, table } = this.#world;
    this.#world.stopping = true;
    for (const mm of this.#spaces.values()) driver.complete("owner", this.#closeForgotten(mm));
    driver.drain();
    const atEnd = { mirrors: table.liveCount, engineBytes: this.#engine.byteLength };
    for (const mm of this.#spaces.values()) {
      mm.dropPieces((handle) => this.#world.retireMirror(handle));
      if (mm.space.mirrors.size !== 0) {
        coherence.report(
          "engine",
          this.#world.line,
          `${mm.space.mirrors.size} mirrors are left in ${mm.traced.id}`,
        );
      }
      mm.space[Symbol.dispose]();
    }
    return reportOf(this.#options, this.#facts, this.#world, atEnd);
  }

  #replay(
    traced: TracedMm,
    type: TraceEventType,
    blockable: boolean,
    start: Address,
    end: Address,
  ): void {
    const { driver, counters } = this.#world;
    const mm = this.#spaceOf(traced);
    // Taken before the next event, not after this one: the pieces must have followed the event.
    const steps = 1 + this.#random.below(STEPS_PER_EVENT_MAX);
    for (let i = 0; i < steps; i += 1) driver.step();
    this.#strike(mm);
    driver.advance(this.#microsecondsPerEvent);
    const range = type === "RELEASE" ? { start: 0, end: RELEASE_END } : withinSpace(start, end);
    if (range === undefined) {
      counters.unrepresentable += 1;
    } else if (blockable) {
      driver.complete("owner", this.#change({ mm, event: type, ...range }));
    } else {
      const call = mrelease(mm, range.start, range.end, this.#world, this.#invalidator);
      driver.complete("process_mrelease", call);
    }
    this.#events += 1;
    if (this.#events % 1024 === 0) this.#options.onProgress?.(this.#events, this.#facts.events);
  }

  /** One event of the log, under the mmap lock as the kernel's system calls are. */
  *#change(invalidation: Invalidation): Sleepable<undefined> {
    const { mmapLock } = invalidation.mm.space;
    yield* mmapLock.write();
    this.#invalidator.closeForgotten(invalidation.mm);
    yield* this.#invalidator.invalidate(invalidation);
    mmapLock.endWrite();
  }

  *#closeForgotten(mm: SimulatedMm): Sleepable<undefined> {
    const { mmapLock } = mm.space;
    yield* mmapLock.write();
    this.#invalidator.closeForgotten(mm);
    mmapLock.endWrite();
  }

  /** Strikes the address space that is at work, if the moment of a strike has come. */
  #strike(mm: SimulatedMm): void {
    const next = this.#strikes.at(-1);
    if (next === undefined || next > this.#events) return;
    // Nothing to take from it: the next event may belong to a better victim.
    if (mm.traced.pieces.every((piece) => piece.shared)) return;
    this.#strikes.pop();
    this.#world.counters.strikes += 1;
    this.#world.driver.spawn("reaper", strike(mm, this.#world, this.#invalidator));
  }

  #insertMirrors(mm: SimulatedMm, ranges: readonly MirrorRange[]): void {
    const { table, counters } = this.#world;
    const { space } = mm;
    const groups = new Map<MirrorRange, MirrorGroup>();
    for (const range of ranges) {
      const frozenAt = (space.sequence & 1) === 1 ? space.sequence : 0;
      const handle = space.mirrors.insert(range.start, range.end);
      let group = groups.get(range);
      // The insertion of the first may freeze the tree: then the others are deferred.
      if (group?.frozenAt !== frozenAt) {
        group = new MirrorGroup(mm, range.start, range.end, frozenAt);
        groups.set(range, group);
        mm.addGroup(group);
      }
      table.add(handle, group);
      mm.mirrors.add(handle);
      counters.mirrorsInserted += 1;
    }
  }

  #spaceOf(traced: TracedMm): SimulatedMm {
    return this.#spaces.get(traced) as SimulatedMm;
  }
}
