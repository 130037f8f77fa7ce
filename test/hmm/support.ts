// What the tests of HMM share: a machine with processes, and ways to run what they do.

import type { Sleepable, Suspension } from "../../src/blocking/suspension.ts";
import {
  CpuMm,
  type CpuMmOptions,
  mmap,
  PAGE_SIZE,
  PhysicalMemory,
  readUser,
  type VmArea,
  type VmAreaOptions,
  writeUser,
} from "../../src/hmm/index.ts";
import {
  AddressSpace,
  type CallbackRange,
  type IntervalNotifier,
  NotifierDomain,
  type NotifierEvent,
  type ProfileName,
} from "../../src/index.ts";
import type { TaskEvent } from "../../src/sim/events.ts";

export const PAGE = PAGE_SIZE;
/** Where most mappings of the tests begin. */
export const BASE = 0x10000;

export type WorldEvent = NotifierEvent | TaskEvent;

export interface WorldOptions {
  readonly profile?: ProfileName;
  readonly points?: boolean;
}

/** One machine: memory, processes, and everything that they tell. */
export class World {
  readonly memory = new PhysicalMemory();
  readonly domain = new NotifierDomain();
  readonly events: WorldEvent[] = [];
  readonly #options: WorldOptions;
  #processes = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
  }

  #listener: ((event: WorldEvent) => void) | undefined;

  readonly tell = (event: WorldEvent): void => {
    this.events.push(event);
    this.#listener?.(event);
  };

  /** Passes every event on from now on. */
  listen(listener: (event: WorldEvent) => void): void {
    this.#listener = listener;
  }

  space(): AddressSpace {
    this.#processes += 1;
    return new AddressSpace({
      name: this.#processes === 1 ? "mm" : `mm${this.#processes}`,
      profile: this.#options.profile ?? "v6.12",
      points: this.#options.points ?? false,
      domain: this.domain,
      events: this.tell,
    });
  }

  process(options: Partial<CpuMmOptions> = {}): CpuMm {
    return new CpuMm({
      space: this.space(),
      memory: this.memory,
      points: this.#options.points ?? false,
      events: this.tell,
      ...options,
    });
  }

  /** Events of one kind, as they came. */
  of<K extends WorldEvent["kind"]>(kind: K): Extract<WorldEvent, { kind: K }>[] {
    return this.events.filter(
      (event): event is Extract<WorldEvent, { kind: K }> => event.kind === kind,
    );
  }

  /** The invalidations since the last call, as `EVENT [start,end)`. */
  windows(): string[] {
    const starts = this.of("invalidate-start").map(
      ({ event, start, end }) => `${event} [${start.toString(16)},${end.toString(16)})`,
    );
    this.events.length = 0;
    return starts;
  }
}

/** Runs a sleepable up to its first wait that is not ready, and says whether it got to its end. */
export function runUntilBlocked<T>(
  body: Sleepable<T>,
): { done: true; value: T } | { done: false; resource: string } {
  for (let step = 0; ; step += 1) {
    if (step > 1_000_000) throw new Error("runs for ever");
    const result: IteratorResult<Suspension, T> = body.next();
    if (result.done) return { done: true, value: result.value };
    const suspension = result.value;
    if (suspension.kind === "wait" && !suspension.ready()) {
      return { done: false, resource: suspension.resource };
    }
  }
}

/** What the sleepable returns; it must not block. */
export function run<T>(body: Sleepable<T>): T {
  const result = runUntilBlocked(body);
  if (!result.done) throw new Error(`blocked: waits for ${result.resource}`);
  return result.value;
}

/** Runs a sleepable up to the point with a label. */
export function runUntilPoint(body: Sleepable<unknown>, label: string): void {
  const passed: string[] = [];
  for (;;) {
    const result = body.next();
    if (result.done) throw new Error(`no point ${label}, only ${passed.join(", ")}`);
    const suspension = result.value;
    if (suspension.kind === "wait") {
      if (!suspension.ready()) throw new Error(`blocked: waits for ${suspension.resource}`);
      continue;
    }
    if (suspension.label === label) return;
    passed.push(suspension.label);
  }
}

/** A private anonymous mapping of so many pages, page `i` written with `data[i]`. */
export function mapData(
  mm: CpuMm,
  data: readonly number[],
  options: Partial<VmAreaOptions> = {},
): VmArea {
  const start = options.start ?? BASE;
  const vma = run(
    mmap(mm, { kind: "anonymous", start, end: start + data.length * PAGE, ...options }),
  );
  for (const [at, value] of data.entries()) store(mm, start + at * PAGE, value);
  return vma;
}

export function load(mm: CpuMm, address: number): number {
  const access = run(readUser(mm, address));
  if (!access.ok) throw new Error(access.signal);
  return access.data;
}

export function store(mm: CpuMm, address: number, data: number): void {
  const access = run(writeUser(mm, address, data));
  if (!access.ok) throw new Error(access.signal);
}

/** The contents of pages as the CPU sees them. */
export function loadAll(mm: CpuMm, start: number, pages: number): number[] {
  return Array.from({ length: pages }, (_, at) => load(mm, start + at * PAGE));
}

/** An interval notifier that notes what it is called for. */
export interface Watcher {
  readonly notifier: IntervalNotifier;
  readonly calls: CallbackRange[];
}

/** Watches the whole of an address space. */
export function watch(space: AddressSpace, name = "watcher"): Watcher {
  const calls: CallbackRange[] = [];
  const note = (notifier: IntervalNotifier, range: CallbackRange, sequence: number): void => {
    calls.push(range);
    notifier.setSequence(sequence);
  };
  const notifier = space.insertInterval(0, 2 ** 47, {
    name,
    invalidate: {
      blocking: (...call) => {
        note(...call);
        return undefined;
      },
      nonblocking: (...call) => {
        note(...call);
        return true;
      },
    },
  });
  return { notifier, calls };
}

/** A clock that stands still until somebody moves it. */
export class TestClock {
  /** Microseconds. */
  now = 0;
}

/** Runs a sleepable to its end, and something else at the first place for which `is` holds. */
export function runWith<T>(
  body: Sleepable<T>,
  is: (suspension: Suspension) => boolean,
  intrude: () => void,
): T {
  let intruded = false;
  for (let step = 0; ; step += 1) {
    if (step > 1_000_000) throw new Error("runs for ever");
    const result = body.next();
    if (result.done) {
      if (!intruded) throw new Error("never came there");
      return result.value;
    }
    const suspension = result.value;
    if (!intruded && is(suspension)) {
      intruded = true;
      intrude();
    }
    if (suspension.kind === "wait" && !suspension.ready()) {
      throw new Error(`blocked: waits for ${suspension.resource}`);
    }
  }
}

/** Whether a suspension is the point with a label, or the wait for a resource. */
export function at(what: string): (suspension: Suspension) => boolean {
  return (suspension) =>
    suspension.kind === "point" ? suspension.label === what : suspension.resource === what;
}

/** One invalidation, from start to end. */
export function invalidate(
  mm: CpuMm,
  start: number,
  end: number,
  event: CallbackRange["event"] = "CLEAR",
): void {
  const window = run(mm.space.invalidateRangeStartSleepable({ start, end, event }));
  run(window.endSleepable());
}
