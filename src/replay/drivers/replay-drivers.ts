import { Auditor, type ViolationId } from "../../audit/index.ts";
import { SimulatedDriver, type SimulatedTask } from "../../blocking/simulated-driver.ts";
import type { Sleepable } from "../../blocking/suspension.ts";
import { DriverContext } from "../../drivers/index.ts";
import type { Address } from "../../engine/addresses.ts";
import { createEngine } from "../../engine/engine.ts";
import { IntervalidateError } from "../../errors.ts";
import { AddressSpace } from "../../notifier/address-space.ts";
import { NotifierDomain } from "../../notifier/domain.ts";
import type { NotifierEvent } from "../../notifier/events.ts";
import { type ProfileName, profileOf } from "../../notifier/profile.ts";
import type { Scheduler } from "../../sim/clock.ts";
import type { TaskEvent } from "../../sim/events.ts";
import { queueOomReaper } from "../../sim/oom-reaper.ts";
import { processMrelease } from "../../sim/process-mrelease.ts";
import { Random } from "../../sim/random.ts";
import { type ReapableMm, type ReapEvent, type ReapStart, Victim } from "../../sim/victim.ts";
import type { Vma } from "../../sim/vma.ts";
import {
  type LogSource,
  type Piece,
  readTrace,
  type TracedMm,
  type TraceEvent,
  type TraceFacts,
  type TraceObserver,
} from "../../trace/index.ts";
import { SEED_MAX, STRIKES_MAX } from "../limits.ts";
import { withinSpace } from "../space-bounds.ts";
import { AttachedDriver } from "./attached-driver.ts";
import { EntriesOfMm } from "./entries.ts";
import { Findings } from "./findings.ts";
import { type DriverAccount, driverName, Ledger, type Range } from "./ledger.ts";
import { type DriverMix, driverMix } from "./mix.ts";
import type { DriverReplayReport, ReaperAccount } from "./report.ts";
import { Tasks } from "./tasks.ts";

/** Virtual time between two events, and that of the whole log, in microseconds, at least. */
const EVENT_US_MIN = 500;
const LOG_US_MIN = 60_000_000;
/** Between two events the tasks take 1 to this many steps. */
const STEPS_PER_EVENT_MAX = 7;
/** To change page tables takes up to so long. */
const CHANGE_US_MAX = 100;
/** `hung_task_timeout_secs`: whoever sleeps longer than this will not be woken any more. */
const HUNG_US = 120_000_000;
/** Nor will whoever has not finished after so many steps of all tasks. */
const HUNG_STEPS = 1_000_000;

/**
 * They hold references to the pages that they have looked up, by `get_user_pages`. An entry that stays is not
 * of the process any more, but its page is nobody else's: the device is stopped, or its work is in vain.
 */
const PIN_PAGES: ReadonlySet<string> = new Set([
  "i915-2018",
  "amdgpu-gfx-2018",
  "amdgpu-hsa-2018",
  "radeon-2018",
  "hfi1-2018",
  "scif-2018",
  "xen-gntdev-2018",
  "hfi1-mmu-rb",
  "hfi1-tid",
  "i915",
  "radeon",
]);

export interface DriverReplayOptions {
  /** Names of models, of one era; `all-2018` and `all-today` are all of one. */
  readonly drivers: readonly string[];
  /** Strikes of the OOM reaper. Default 3. */
  readonly oom?: number;
  /** Default 1. Equal seeds give equal runs. */
  readonly seed?: number;
  /** Default: that of the drivers' era. */
  readonly profile?: ProfileName;
  /** Called now and then with the number of events replayed and their total. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Replays a log against models of drivers: one of each is attached to every address space, mirrors some of
 * its pieces, and its device uses them while the log changes the memory and the OOM reaper strikes. An
 * auditor sees everything, and judges it.
 *
 * @throws {IntervalidateError} USAGE for drivers that are not known or not of one era; ARGUMENT for options
 *   out of range; INPUT as the source throws it
 */
export async function replayDrivers(
  source: LogSource,
  options: DriverReplayOptions,
): Promise<DriverReplayReport> {
  const { oom = 3, seed = 1 } = options;
  const mix = driverMix(options.drivers);
  checkInteger("oom", oom, STRIKES_MAX);
  checkInteger("seed", seed, SEED_MAX);
  const { name: profile } = profileOf(options.profile ?? mix.profile);
  const facts = await readTrace(source, {});
  const replayer = new DriverReplayer(facts, mix, { ...options, oom, seed, profile });
  await readTrace(source, replayer);
  return replayer.finish();
}

function checkInteger(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new IntervalidateError(
    "ARGUMENT",
    `${name} must be an integer from 0 to ${max}, but is ${String(value)}.`,
  );
}

type CheckedOptions = DriverReplayOptions &
  Required<Pick<DriverReplayOptions, "oom" | "seed" | "profile">>;

/** An address space of the log, and who follows it. */
interface FollowedMm {
  readonly traced: TracedMm;
  readonly space: AddressSpace;
  readonly drivers: AttachedDriver[];
  readonly entries: EntriesOfMm;
  readonly victims: Set<Victim>;
  /** What the process waits for and nobody will give it. */
  hungFor: string | undefined;
}

class DriverReplayer implements TraceObserver {
  readonly #facts: TraceFacts;
  readonly #mix: DriverMix;
  readonly #options: CheckedOptions;
  readonly #engine = createEngine();
  readonly #domain = new NotifierDomain();
  readonly #driver: SimulatedDriver;
  readonly #tasks: Tasks;
  readonly #auditor: Auditor;
  readonly #ledger: Ledger;
  readonly #findings = new Findings();
  readonly #seeds: Random;
  readonly #schedule: Random;
  readonly #changes: Random;
  readonly #microsecondsPerEvent: number;
  readonly #mms = new Map<TracedMm, FollowedMm>();
  readonly #byName = new Map<string, FollowedMm>();
  /** Numbers of the events before which the OOM killer strikes, descending. */
  readonly #strikes: number[];
  readonly #reaper: ReaperAccount = {
    strikes: 0,
    attempts: 0,
    approvals: 0,
    refusals: 0,
    reaped: 0,
    reapedAfterRetry: 0,
    gaveUp: 0,
    exitedFirst: 0,
    hung: 0,
    bytesReaped: 0,
    bytesRefused: 0,
  };
  #strikesUnderWay = 0;
  #mreleases = 0;
  #mreleaseRefusals = 0;
  #blockable = 0;
  #skipped = 0;
  #unrepresentable = 0;
  #events = 0;
  #memoryChanges = 0;
  #attached = 0;
  #reported = 0;
  #line = 0;

  constructor(facts: TraceFacts, mix: DriverMix, options: CheckedOptions) {
    this.#facts = facts;
    this.#mix = mix;
    this.#options = options;
    this.#seeds = new Random(options.seed);
    const strikes = this.#seeds.fork(1);
    this.#schedule = this.#seeds.fork(2);
    this.#changes = this.#seeds.fork(3);
    this.#driver = new SimulatedDriver({ chooser: this.#seeds.fork(4) });
    this.#tasks = new Tasks(this.#driver, {
      blocked: (task, { resource, spins }) => {
        // Time that passes by itself is not waited for.
        if (spins || (resource === "timer" && !this.#ledger.isInCallback(task))) return;
        this.#tell({ kind: "block", resource });
      },
      woken: (task, { resource }, microseconds) => {
        if (resource !== "timer") this.#ledger.waited(task, microseconds);
      },
      trapped: (task, bug) => {
        const account = this.#ledger.accountOf(bug.message);
        if (account !== undefined) account.kernelBugs += 1;
        this.#findings.add({
          driver: this.#ledger.modelOf(bug.message) ?? null,
          kind: "kernel-bug",
          title: "a bug trap of the kernel",
          line: this.#line,
          message: `${bug.message}; ${task} ends there`,
        });
      },
    });
    this.#auditor = new Auditor({ profile: options.profile });
    this.#ledger = new Ledger(
      mix.models.map(({ name }) => name),
      () => this.#driver.now,
      (mm, model, range) => this.#mirrorsIn(mm, model, range),
    );
    this.#microsecondsPerEvent = Math.max(
      EVENT_US_MIN,
      Math.ceil(LOG_US_MIN / Math.max(1, facts.events)),
    );
    // By themselves: the same strikes whatever the drivers are.
    this.#strikes = Array.from({ length: options.oom }, () =>
      strikes.below(Math.max(1, facts.events)),
    ).sort((a, b) => b - a);
  }

  mmCreated(traced: TracedMm): void {
    const space = new AddressSpace({
      name: traced.id,
      profile: this.#options.profile,
      engine: this.#engine,
      domain: this.#domain,
      events: (event) => this.#tell(event),
    });
    const mm: FollowedMm = {
      traced,
      space,
      drivers: [],
      entries: new EntriesOfMm(),
      victims: new Set(),
      hungFor: undefined,
    };
    this.#mms.set(traced, mm);
    this.#byName.set(traced.id, mm);
    this.#owner(mm, this.#attach(mm));
  }

  event({ mm: traced, type, blockable, start, end, line }: TraceEvent): void {
    this.#line = line;
    const mm = this.#mmOf(traced);
    this.#pass(mm);
    if (type === "RELEASE") {
      this.#owner(mm, mm.space.releaseSleepable());
      this.#ledger.released(traced.id);
      return;
    }
    const range = withinSpace(start, end);
    if (range === undefined) this.#unrepresentable += 1;
    else if (!blockable) this.#owner(mm, this.#mrelease(mm, range));
    else this.#owner(mm, this.#change(mm, type, range));
  }

  staleRemoval(traced: TracedMm, { start, end }: Piece, line: number): void {
    this.#line = line;
    const mm = this.#mmOf(traced);
    const range = withinSpace(start, end);
    if (range !== undefined) this.#owner(mm, this.#change(mm, "UNMAP", range));
  }

  pieceAdded(traced: TracedMm, piece: Piece): void {
    const mm = this.#mmOf(traced);
    if (mm.hungFor === undefined) for (const driver of mm.drivers) driver.mapped(piece);
  }

  pieceCut(traced: TracedMm, piece: Piece): void {
    for (const driver of this.#mmOf(traced).drivers) driver.unmapped(piece);
  }

  mmReleased(traced: TracedMm): void {
    const mm = this.#mmOf(traced);
    for (const victim of mm.victims) victim.oomSkip = true;
    // The files of a process are closed after its memory has gone.
    for (const driver of mm.drivers) driver.detach();
    this.#mms.delete(traced);
    this.#byName.delete(traced.id);
  }

  /** Lets everybody finish, and draws up the report. */
  finish(): DriverReplayReport {
    this.#settle(undefined);
    this.#reaper.hung = this.#strikesUnderWay;
    for (const { task, resource } of this.#tasks.sleepers) {
      // What a process has asked for ends with it; what others have to do for it must not hang.
      if (!this.#isOfExited(task)) this.#hung(task, resource);
    }
    this.#ledger.finish();
    this.#auditor.finish();
    this.#collectReports();
    const violations = this.#findings.all.filter(({ kind }) => kind !== "V31");
    const violationCount = violations.reduce((sum, { count }) => sum + count, 0);
    const facts = this.#facts;
    const options = this.#options;
    const notes: Record<string, number> = {};
    for (const { kind } of this.#auditor.notes) notes[kind] = (notes[kind] ?? 0) + 1;
    return {
      format: "intervalidate-driver-replay-1",
      ok: violationCount === 0,
      options: {
        drivers: this.#mix.models.map(({ name }) => name),
        oom: options.oom,
        seed: options.seed,
        profile: options.profile,
      },
      log: {
        lines: facts.lines,
        calls: [...facts.calls.values()].reduce((sum, count) => sum + count, 0),
        tasks: facts.tasks,
        addressSpaces: facts.mms,
        events: facts.events,
        peakPieces: facts.peakVmas,
      },
      invalidations: {
        blockable: this.#blockable,
        skipped: this.#skipped,
        unrepresentable: this.#unrepresentable,
      },
      oomReaper: this.#reaper,
      processMrelease: { calls: this.#mreleases, refusals: this.#mreleaseRefusals },
      drivers: this.#mix.models.map(({ name, era, kind }) => ({
        name,
        era,
        kind,
        ...this.#accountOf(name),
        violations: rulesOnly(this.#findings.of(name)),
      })),
      others: rulesOnly(this.#findings.of(null)),
      findings: violations,
      violationCount,
      notes,
      steps: this.#driver.steps,
      virtualTimeUs: this.#driver.now,
    };
  }

  /** Every driver opens the process, one after another. */
  *#attach(mm: FollowedMm): Sleepable<undefined> {
    const context = new DriverContext({
      mm: mm.space,
      scheduler: this.#scheduler,
      events: (event) => this.#tell(event),
      currentTask: () => this.#tasks.current,
      points: true,
    });
    for (const model of this.#mix.models) {
      const driver = yield* model.attach(context, { name: driverName(model.name, mm.traced.id) });
      const account = this.#accountOf(model.name);
      account.attached += 1;
      this.#attached += 1;
      const random = this.#seeds.fork(1000 + this.#attached);
      mm.drivers.push(new AttachedDriver(model, driver, account, random, this.#tasks));
    }
  }

  get #scheduler(): Scheduler {
    const tasks = this.#tasks;
    return {
      get now() {
        return tasks.now;
      },
      sleep: (microseconds: number) => tasks.sleep(microseconds),
      spawn: (name: string, body: Sleepable<unknown>) => tasks.spawn(name, body),
    };
  }

  /** Time passes up to the next event of the log. */
  #pass(mm: FollowedMm): void {
    const steps = 1 + this.#schedule.below(STEPS_PER_EVENT_MAX);
    for (let i = 0; i < steps; i += 1) this.#driver.step();
    this.#strike(mm);
    this.#driver.advance(this.#microsecondsPerEvent);
    if (mm.hungFor === undefined && mm.drivers.length > 0) {
      mm.drivers[this.#schedule.below(mm.drivers.length)].use();
    }
    this.#events += 1;
    if (this.#events % 1024 === 0) this.#options.onProgress?.(this.#events, this.#facts.events);
  }

  /** What the process does by a system call: the log goes on when it has returned. */
  #owner(mm: FollowedMm, body: Sleepable<unknown>): void {
    if (mm.hungFor !== undefined) {
      this.#skipped += 1;
      return;
    }
    const task = this.#tasks.spawn(`process ${mm.traced.id}`, body);
    const isOver = this.#settle(task);
    this.#collectReports();
    if (isOver) return;
    const { state } = task;
    mm.hungFor = state.kind === "wait" ? state.wait.resource : "the processor";
  }

  /** Runs on until a task has finished, or until all have. False if that does not come about. */
  #settle(task: SimulatedTask | undefined): boolean {
    const driver = this.#driver;
    const isOver = (): boolean =>
      task === undefined ? driver.alive === 0 : task.state.kind === "done";
    const deadline = driver.now + HUNG_US;
    const stepsMax = driver.steps + HUNG_STEPS;
    while (!isOver()) {
      if (driver.steps > stepsMax) return false;
      if (driver.step()) continue;
      if (driver.now > deadline || !driver.skipToNextTimer()) return false;
    }
    return true;
  }

  /** One event of the log, under the mmap lock as the kernel's system calls are. */
  *#change(
    { space, entries }: FollowedMm,
    event: "UNMAP" | "CLEAR" | "PROTECTION_VMA" | "PROTECTION_PAGE",
    range: Range,
  ): Sleepable<undefined> {
    yield* space.mmapLock.write();
    try {
      this.#blockable += 1;
      const window = yield* space.invalidateRangeStartSleepable({ ...range, event });
      const changed = yield* this.#zap(space, range);
      yield* window.endSleepable();
      this.#checkEntries(entries, changed, range, space.name);
    } finally {
      space.mmapLock.endWrite();
    }
  }

  /** Page tables change. The number of that change. */
  *#zap(space: AddressSpace, { start, end }: Range): Sleepable<number> {
    yield* this.#tasks.sleep(1 + this.#changes.below(CHANGE_US_MAX));
    this.#memoryChanges += 1;
    const changed = this.#memoryChanges;
    this.#tell({ kind: "pte-change", mm: space.name, start, end });
    yield* this.#tasks.sleep(1 + this.#changes.below(CHANGE_US_MAX));
    return changed;
  }

  /** After end: nobody has an entry of before the change. */
  #checkEntries(entries: EntriesOfMm, changed: number, range: Range, mm: string): void {
    for (const { subscriber, start, end } of entries.olderThan(changed, range)) {
      const model = this.#ledger.modelOf(subscriber);
      const account = this.#ledger.accountOf(subscriber);
      if (model !== undefined && PIN_PAGES.has(model)) {
        if (account !== undefined) account.pinnedEntries += 1;
        continue;
      }
      if (account !== undefined) account.staleEntries += 1;
      this.#findings.add({
        driver: model ?? null,
        kind: "stale-entry",
        title: "an entry outlives the memory behind it",
        line: this.#line,
        message: `${subscriber} still has its entry for ${rangeText(start, end)} of ${mm} after the end of the invalidation of ${rangeText(range.start, range.end)}`,
      });
    }
  }

  /** Strikes the process that is at work, if the moment of a strike has come. */
  #strike(mm: FollowedMm): void {
    const next = this.#strikes.at(-1);
    if (next === undefined || next > this.#events) return;
    if (mm.traced.pieces.every((piece) => piece.shared)) return;
    this.#strikes.pop();
    this.#reaper.strikes += 1;
    this.#strikesUnderWay += 1;
    this.#tasks.spawn("oom_reaper", this.#reap(mm));
  }

  /** An experiment on a process that lives on: its pieces stay, and it may be struck again. */
  *#reap(mm: FollowedMm): Sleepable<undefined> {
    const reaper = this.#reaper;
    let bytesReaped = 0;
    let bytesRefused = 0;
    const victim = this.#victim(
      mm,
      () => vmasOf(mm.traced),
      (event) => {
        if (event.kind === "reap-attempt") {
          bytesReaped = 0;
          bytesRefused = 0;
        } else if (event.kind === "reap-approved") {
          reaper.approvals += 1;
          bytesReaped += Number(event.end) - Number(event.start);
        } else if (event.kind === "reap-refused") {
          reaper.refusals += 1;
          bytesRefused += Number(event.vma.end) - Number(event.start);
        }
      },
    );
    mm.victims.add(victim);
    const outcome = yield* queueOomReaper(victim, this.#tasks);
    mm.victims.delete(victim);
    this.#strikesUnderWay -= 1;
    reaper.bytesReaped += bytesReaped;
    reaper.bytesRefused += bytesRefused;
    if (outcome === undefined) return;
    reaper.attempts += outcome.attempts;
    if (outcome.result === "reaped") {
      reaper.reaped += 1;
      if (outcome.attempts > 1) reaper.reapedAfterRetry += 1;
    } else if (outcome.result === "skipped") {
      reaper.exitedFirst += 1;
    } else {
      reaper.gaveUp += 1;
    }
  }

  /** A `process_mrelease` of the log, for one private piece: the log's events are one for each. */
  *#mrelease(mm: FollowedMm, range: Range): Sleepable<undefined> {
    const victim = this.#victim(
      mm,
      () => [{ kind: "anonymous", ...range }],
      () => undefined,
    );
    victim.dying = true;
    this.#mreleases += 1;
    if ((yield* processMrelease(victim)) !== 0) this.#mreleaseRefusals += 1;
  }

  /** Somebody who is to give memory up; after each end it is checked that nobody has kept an entry. */
  #victim(mm: FollowedMm, vmas: () => readonly Vma[], events: (event: ReapEvent) => void): Victim {
    const { space, entries } = mm;
    const replayer = this;
    let changed = 0;
    const reapable: ReapableMm = {
      name: space.name,
      profile: space.profile,
      mmapLock: space.mmapLock,
      releaseSleepable: () => space.releaseSleepable(),
      *tryInvalidateRangeStartSleepable(range): Sleepable<ReapStart> {
        const attempt = yield* space.tryInvalidateRangeStartSleepable(range);
        if (!attempt.ok) return attempt;
        const { window } = attempt;
        return {
          ok: true,
          window: {
            *endSleepable(): Sleepable<undefined> {
              yield* window.endSleepable();
              replayer.#checkEntries(entries, changed, range, space.name);
            },
          },
        };
      },
    };
    return new Victim({
      mm: reapable,
      vmas,
      events,
      *zap(_, start, end): Sleepable<undefined> {
        changed = yield* replayer.#zap(space, { start, end });
      },
    });
  }

  #mirrorsIn(mm: string, model: string, range: Range): boolean {
    const drivers = this.#byName.get(mm)?.drivers ?? [];
    return drivers.some((driver) => driver.model.name === model && driver.mirrorsIn(range));
  }

  #tell(event: NotifierEvent | TaskEvent): void {
    const task = this.#tasks.current;
    this.#auditor.observe(event, task);
    this.#ledger.observe(event, task);
    if (event.kind === "install") {
      this.#byName.get(event.mm)?.entries.install(event.subscriber, event, this.#memoryChanges);
    } else if (event.kind === "tear-down") {
      this.#byName.get(event.mm)?.entries.tearDown(event.subscriber, event);
    }
  }

  /** Takes what the auditor has found since. */
  #collectReports(): void {
    const { reports } = this.#auditor;
    for (; this.#reported < reports.length; this.#reported += 1) {
      const report = reports[this.#reported];
      this.#findings.add({
        driver: this.#ledger.modelOfReport(report) ?? null,
        kind: report.id,
        title: report.title,
        line: this.#line,
        message: report.message,
      });
    }
  }

  #isOfExited(task: string): boolean {
    const [, mm] = /^(?:access|mirror|unmirror) by [^/]+\/(\S+)/.exec(task) ?? [];
    return mm !== undefined && !this.#byName.has(mm);
  }

  #hung(task: string, resource: string): void {
    const driver = this.#ledger.modelOf(resource) ?? this.#ledger.modelOf(task);
    const account = driver === undefined ? undefined : this.#ledger.accounts.get(driver);
    if (account !== undefined) account.hung += 1;
    this.#findings.add({
      driver: driver ?? null,
      kind: "hung-task",
      title: "a task sleeps and nobody will wake it",
      line: this.#line,
      message: `${task} waits for ${resource}`,
    });
  }

  #accountOf(model: string): DriverAccount {
    return this.#ledger.accounts.get(model) as DriverAccount;
  }

  #mmOf(traced: TracedMm): FollowedMm {
    return this.#mms.get(traced) as FollowedMm;
  }
}

/** The pieces of the log, which does not tell what is mapped but whether it is shared. */
function vmasOf(traced: TracedMm): readonly Vma[] {
  return traced.pieces.flatMap(({ start, end, shared }): Vma[] => {
    const range = withinSpace(start, end);
    return range === undefined ? [] : [{ kind: shared ? "shared-file" : "anonymous", ...range }];
  });
}

function rulesOnly(counts: Readonly<Record<string, number>>): Partial<Record<ViolationId, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([kind]) => kind.startsWith("V")));
}

function rangeText(start: Address, end: Address): string {
  return `[0x${start.toString(16)}, 0x${end.toString(16)})`;
}
