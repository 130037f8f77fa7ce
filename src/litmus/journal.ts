import type { ViolationReport } from "../audit/report.ts";
import type { NotifierEvent } from "../notifier/events.ts";
import type { TaskEvent } from "../sim/events.ts";
import type { ReapEvent } from "../sim/victim.ts";
import { durationText, rangeText, resultText } from "./quantities.ts";
import type { World } from "./world.ts";

/** A callback was called that no address space tells of: a mirror's, by HMM. */
interface CallEvent {
  readonly kind: "call";
  readonly name: string;
}

/** One event, and who caused it. */
export interface Observation {
  readonly step: number;
  readonly task: string;
  readonly event: NotifierEvent | TaskEvent | ReapEvent | CallEvent;
  /** What the auditor found by it. */
  readonly reports: readonly ViolationReport[];
}

/** One call of a callback. */
export interface CallRecord {
  /** `A.start`, or `I` alone. */
  readonly name: string;
  readonly task: string;
  readonly enter: Extract<NotifierEvent, { kind: "callback-enter" }> | undefined;
  /** Depth of non_block sections inside the callback. */
  readonly nonBlockDepth: number;
  result: string;
}

/** Where a record stood at some time: how much it had of each kind. */
export interface Mark {
  readonly calls: number;
  readonly trace: number;
  readonly warnings: number;
  readonly sleeps: number;
  readonly log: number;
  readonly reports: number;
  readonly attempts: number;
  readonly notes: number;
}

/** Everything that has happened in a world, as expectations and people look at it. */
export class Journal {
  readonly observations: Observation[] = [];
  readonly calls: CallRecord[] = [];
  /** Callbacks, changes of the sequence, of the tree and of memory, and sleeps, in one order. */
  readonly trace: string[] = [];
  /** `kind notifier` */
  readonly warnings: string[] = [];
  readonly sleeps: number[] = [];
  /** What the kernel would have printed. */
  readonly log: string[] = [];
  /** Numbers of the attempts that the OOM reaper has begun. */
  readonly attempts: number[] = [];
  /** Who refused last, whoever had asked. */
  refusedBy: string | number | undefined;
  step = 0;
  /** The passive mirror that is about to be inserted: its handle is not known before. */
  inserting: string | undefined;
  /** Called when a sequence has become even, before anything else has happened. */
  onThaw: (() => void) | undefined;
  readonly #world: World;
  readonly #open: CallRecord[] = [];
  readonly #nonBlockDepth = new Map<string, number>();
  readonly #blocked = new Set<string>();
  /** Names of passive mirrors by address space and handle. */
  readonly #mirrorNames = new Map<string, string>();
  /** Interval notifiers and passive mirrors whose insertion waits for the thaw. */
  readonly #waiting = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  get mark(): Mark {
    return {
      calls: this.calls.length,
      trace: this.trace.length,
      warnings: this.warnings.length,
      sleeps: this.sleeps.length,
      log: this.log.length,
      reports: this.#world.auditor.reports.length,
      attempts: this.attempts.length,
      notes: this.#world.auditor.notes.length,
    };
  }

  isBlocked(task: string): boolean {
    return this.#blocked.has(task);
  }

  nonBlockDepthOf(task: string): number {
    return this.#nonBlockDepth.get(task) ?? 0;
  }

  tell(event: NotifierEvent | TaskEvent): void {
    const task = this.#world.currentTask;
    const { auditor } = this.#world;
    const found = auditor.reports.length;
    auditor.observe(event, task);
    this.observations.push({ step: this.step, task, event, reports: auditor.reports.slice(found) });
    switch (event.kind) {
      case "callback-enter":
        this.#enter(task, event);
        break;
      case "callback-leave":
        this.#leave(task, event, resultText(event.result));
        break;
      case "callback-threw":
        this.#leave(task, event, `throws ${event.message}`);
        break;
      case "invalidate-refused":
        this.refusedBy = event.refusedBy;
        break;
      case "warn":
        this.warnings.push(
          event.notifier === null ? event.warning : `${event.warning} ${event.notifier}`,
        );
        break;
      case "sequence":
        this.trace.push(`SEQ ${event.sequence}`);
        if (event.sequence % 2 === 0) this.onThaw?.();
        break;
      case "interval-insert":
        this.#insert(event.notifier, event.deferred);
        break;
      case "interval-inserted":
        this.#insert(event.notifier, false);
        break;
      case "interval-remove":
        this.#remove(event.notifier, event.deferred);
        break;
      case "interval-removed":
        this.#remove(event.notifier, false);
        break;
      case "mirror-insert":
        this.#mirrorNames.set(`${event.mm} ${event.mirror}`, this.inserting ?? "");
        this.#insert(this.inserting ?? "", event.deferred);
        break;
      case "mirror-inserted":
        this.#insert(this.nameOf(event.mm, event.mirror), false);
        break;
      case "mirror-remove":
        this.#remove(this.nameOf(event.mm, event.mirror), event.deferred);
        break;
      case "mirror-removed":
        this.#remove(this.nameOf(event.mm, event.mirror), false);
        break;
      case "unlinked":
        this.trace.push(`unlink ${event.notifier}`);
        break;
      case "pte-change":
        this.trace.push(`pte ${this.#rangeName(event)}`);
        break;
      case "install":
      case "tear-down":
        this.trace.push(
          `${event.kind === "install" ? "install" : "teardown"} ${this.nameOf(event.mm, event.subscriber)}`,
        );
        break;
      case "block":
        this.#blocked.add(task);
        break;
      case "wake":
        this.#blocked.delete(task);
        break;
    }
  }

  /** Passive mirrors are known by their handles everywhere but in files. */
  nameOf(mm: string, subscriber: string | number): string {
    if (typeof subscriber === "string") return subscriber;
    return this.#mirrorNames.get(`${mm} ${subscriber}`) ?? `mirror ${subscriber}`;
  }

  tellReap(event: ReapEvent): void {
    const task = this.#world.currentTask;
    this.observations.push({ step: this.step, task, event, reports: [] });
    if (event.kind === "log") this.log.push(event.line);
    else if (event.kind === "reap-sleep") this.tellSleep(event.microseconds);
    else if (event.kind === "reap-attempt") this.attempts.push(event.attempt);
  }

  tellCall(name: string): void {
    const task = this.#world.currentTask;
    this.observations.push({ step: this.step, task, event: { kind: "call", name }, reports: [] });
    this.calls.push({ name, task, enter: undefined, nonBlockDepth: 0, result: "none" });
    this.trace.push(name);
  }

  tellSleep(microseconds: number): void {
    this.sleeps.push(microseconds);
    this.trace.push(`sleep ${durationText(microseconds)}`);
  }

  #enter(task: string, event: Extract<NotifierEvent, { kind: "callback-enter" }>): void {
    const depth = this.nonBlockDepthOf(task) + (event.nonBlockSection ? 1 : 0);
    this.#nonBlockDepth.set(task, depth);
    const name = callName(event.notifier, event.callback);
    const call = { name, task, enter: event, nonBlockDepth: depth, result: "(still running)" };
    this.calls.push(call);
    this.#open.push(call);
    this.trace.push(name);
  }

  #insert(name: string, deferred: boolean): void {
    if (deferred) {
      this.#waiting.add(name);
      return;
    }
    this.#waiting.delete(name);
    this.trace.push(`insert ${name}`);
  }

  /** What was never in the tree does not leave it. */
  #remove(name: string, deferred: boolean): void {
    if (!deferred && !this.#waiting.delete(name)) this.trace.push(`remove ${name}`);
  }

  /** A range by the name of the VMA that has it. */
  #rangeName(event: {
    readonly mm: string;
    readonly start: unknown;
    readonly end: unknown;
  }): string {
    const vmas = this.#world.scenario.mms.find(({ name }) => name === event.mm)?.vmas ?? [];
    const text = rangeText(event);
    return vmas.find(({ bounds }) => rangeText(bounds) === text)?.name ?? text;
  }

  #leave(
    task: string,
    event: { readonly notifier: string; readonly callback: string },
    result: string,
  ): void {
    const name = callName(event.notifier, event.callback);
    const index = this.#open.findLastIndex((call) => call.name === name && call.task === task);
    if (index < 0) return;
    const [call] = this.#open.splice(index, 1);
    call.result = result;
    if (call.enter?.nonBlockSection) {
      this.#nonBlockDepth.set(task, this.nonBlockDepthOf(task) - 1);
    }
  }
}

/** `A.start` for a list notifier's callback, `I` for an interval notifier's one and only. */
export function callName(notifier: string, callback: string): string {
  if (callback === "invalidate") return notifier;
  if (callback === "invalidate-start") return `${notifier}.start`;
  return `${notifier}.${callback.replaceAll("-", "_")}`;
}
