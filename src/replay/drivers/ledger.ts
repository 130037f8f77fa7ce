import type { ViolationReport } from "../../audit/index.ts";
import type { Address } from "../../engine/addresses.ts";
import type { NotifierEvent } from "../../notifier/events.ts";
import type { TaskEvent } from "../../sim/events.ts";

/** What one driver model has done, over all address spaces. Times are virtual microseconds. */
export interface DriverAccount {
  /** Answers of its notifiers to non-blocking starts. */
  readonly nonblocking: {
    approvals: number;
    refusals: number;
    /** Those of the refusals that were for ranges in which it mirrored nothing. */
    spurious: number;
    /** Sleeps in start, end or roll-back, where nobody may sleep. */
    sleeps: number;
  };
  /** Sleeps of its callbacks in those who may: what it costs others to change memory. */
  readonly callbackWaits: { count: number; total: number; longest: number };
  /** From an approved start to its end, for drivers that have one: what end gives back is held so long. */
  readonly held: { count: number; total: number; longest: number; neverEnded: number };
  readonly entries: { installed: number; tornDown: number };
  readonly device: { accesses: number; failed: number; waits: number; waited: number };
  /** Address spaces that it has been attached to, and things of theirs that it has mirrored. */
  attached: number;
  mirrored: number;
  /** Entries that were there before the memory changed and after the end of the invalidation. */
  staleEntries: number;
  /** The same of drivers that keep the pages themselves: they are no longer the pages of the process. */
  pinnedEntries: number;
  kernelBugs: number;
  /** Tasks that waited for something of its own when nobody was left to wake them. */
  hung: number;
}

function newAccount(): DriverAccount {
  return {
    nonblocking: { approvals: 0, refusals: 0, spurious: 0, sleeps: 0 },
    callbackWaits: { count: 0, total: 0, longest: 0 },
    held: { count: 0, total: 0, longest: 0, neverEnded: 0 },
    entries: { installed: 0, tornDown: 0 },
    device: { accesses: 0, failed: 0, waits: 0, waited: 0 },
    attached: 0,
    mirrored: 0,
    staleEntries: 0,
    pinnedEntries: 0,
    kernelBugs: 0,
    hung: 0,
  };
}

/** Half-open. */
export interface Range {
  readonly start: Address;
  readonly end: Address;
}

interface Held {
  readonly account: DriverAccount;
  readonly since: number;
}

type Subscriber = string | number;
type Entered = Extract<NotifierEvent, { kind: "callback-enter" }>;

/** Separates a model's name from the rest of the name of a driver. */
const SEPARATOR = "/";

/** What a driver of this model is called that is attached to this address space. */
export function driverName(model: string, mm: string): string {
  return `${model}${SEPARATOR}${mm}`;
}

/** Keeps the accounts of all models, from what the event streams tell. */
export class Ledger {
  readonly accounts: ReadonlyMap<string, DriverAccount>;
  readonly #now: () => number;
  readonly #mirrorsIn: (mm: string, model: string, range: Range) => boolean;
  /** Models by the names of notifiers, locks, works and tasks. */
  readonly #modelOf = new Map<string, string | undefined>();
  /** The callbacks that a task is in, the innermost last. */
  readonly #frames = new Map<string, Entered[]>();
  /** List notifiers that have an end. */
  readonly #haveEnd = new Set<string>();
  /** By address space, then by window and notifier. */
  readonly #held = new Map<string, Map<string, Held>>();

  /** @param mirrorsIn whether a driver mirrors anything in a range */
  constructor(
    models: readonly string[],
    now: () => number,
    mirrorsIn: (mm: string, model: string, range: Range) => boolean,
  ) {
    this.accounts = new Map(models.map((model) => [model, newAccount()]));
    this.#now = now;
    this.#mirrorsIn = mirrorsIn;
  }

  /** The account that goes with a name that some driver has given, if there is one. */
  accountOf(name: Subscriber | null): DriverAccount | undefined {
    const model = this.modelOf(name);
    return model === undefined ? undefined : this.accounts.get(model);
  }

  modelOf(name: Subscriber | null): string | undefined {
    if (typeof name !== "string") return undefined;
    const known = this.#modelOf.get(name);
    if (known !== undefined || this.#modelOf.has(name)) return known;
    const model = this.#find(name);
    // Names of intervals are many.
    if (this.#modelOf.size > 10_000) this.#modelOf.clear();
    this.#modelOf.set(name, model);
    return model;
  }

  /** The model that a violation is one of. */
  modelOfReport({ notifier, task }: ViolationReport): string | undefined {
    return this.modelOf(notifier) ?? this.modelOf(task);
  }

  observe(event: NotifierEvent | TaskEvent, task: string): void {
    switch (event.kind) {
      case "callback-enter":
        this.#enter(event, task);
        break;
      case "callback-leave":
        this.#left(event, task);
        break;
      case "callback-threw":
        this.#frames.get(task)?.pop();
        break;
      case "register":
        if (event.callbacks.includes("end")) this.#haveEnd.add(`${event.mm} ${event.notifier}`);
        break;
      case "sleep-while-non-blocking": {
        const account = this.accountOf(event.notifier);
        if (account !== undefined) account.nonblocking.sleeps += 1;
        break;
      }
      case "install": {
        const account = this.accountOf(event.subscriber);
        if (account !== undefined) account.entries.installed += 1;
        break;
      }
      case "tear-down": {
        const account = this.accountOf(event.subscriber);
        if (account !== undefined) account.entries.tornDown += 1;
        break;
      }
    }
  }

  /** A task has slept, in a callback or as a device. */
  waited(task: string, microseconds: number): void {
    const frame = this.#frames.get(task)?.at(-1);
    if (frame !== undefined) {
      const waits = this.accountOf(frame.notifier)?.callbackWaits;
      if (waits === undefined) return;
      waits.count += 1;
      waits.total += microseconds;
      waits.longest = Math.max(waits.longest, microseconds);
      return;
    }
    const device = this.accountOf(task)?.device;
    if (device === undefined) return;
    device.waits += 1;
    device.waited += microseconds;
  }

  /** Whether a task is in a callback just now. */
  isInCallback(task: string): boolean {
    return (this.#frames.get(task)?.length ?? 0) > 0;
  }

  /** The process has exited: what is still held there is held for ever. */
  released(mm: string): void {
    for (const { account } of this.#held.get(mm)?.values() ?? []) account.held.neverEnded += 1;
    this.#held.delete(mm);
  }

  /** Nobody is at work any more. */
  finish(): void {
    for (const mm of [...this.#held.keys()]) this.released(mm);
  }

  #enter(event: Entered, task: string): void {
    const frames = this.#frames.get(task);
    if (frames === undefined) this.#frames.set(task, [event]);
    else frames.push(event);
  }

  #left(
    { result, window }: Extract<NotifierEvent, { kind: "callback-leave" }>,
    task: string,
  ): void {
    const frame = this.#frames.get(task)?.pop();
    if (frame === undefined) return;
    const { mm, notifier, callback } = frame;
    const account = this.accountOf(notifier);
    if (account === undefined) return;
    if (callback === "end") {
      this.#end(mm, `${window} ${notifier}`);
    } else if (callback === "start") {
      this.#answered(account, frame, result === 0);
      if (result === 0 && this.#haveEnd.has(`${mm} ${notifier}`)) {
        this.#hold(mm, `${window} ${notifier}`, account);
      }
    } else if (callback === "invalidate" || callback === "invalidate-start") {
      this.#answered(account, frame, result !== false);
    }
  }

  #answered({ nonblocking }: DriverAccount, frame: Entered, approved: boolean): void {
    const { mm, notifier, start, end, blockable } = frame;
    if (blockable || start === null || end === null) return;
    if (approved) {
      nonblocking.approvals += 1;
      return;
    }
    nonblocking.refusals += 1;
    const model = this.modelOf(notifier) as string;
    if (!this.#mirrorsIn(mm, model, { start, end })) nonblocking.spurious += 1;
  }

  #hold(mm: string, key: string, account: DriverAccount): void {
    let held = this.#held.get(mm);
    if (held === undefined) {
      held = new Map();
      this.#held.set(mm, held);
    }
    held.set(key, { account, since: this.#now() });
  }

  #end(mm: string, key: string): void {
    const held = this.#held.get(mm)?.get(key);
    if (held === undefined) return;
    this.#held.get(mm)?.delete(key);
    const time = this.#now() - held.since;
    const { account } = held;
    account.held.count += 1;
    account.held.total += time;
    account.held.longest = Math.max(account.held.longest, time);
  }

  #find(name: string): string | undefined {
    for (const model of this.accounts.keys()) {
      if (name.includes(`${model}${SEPARATOR}`)) return model;
    }
    // What the drivers of HMM share is called after the process.
    return name.startsWith("hmm") && this.accounts.has("hmm-2018") ? "hmm-2018" : undefined;
  }
}
