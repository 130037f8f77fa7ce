// Performs the operations of a program on an address space of the library, with the scripts of the
// program as callbacks, and checks on the way what only the callbacks and the readers can see.

import { Mutex } from "../../../src/blocking/mutex.ts";
import type { Sleepable } from "../../../src/blocking/suspension.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { IntervalidateError } from "../../../src/errors.ts";
import {
  AddressSpace,
  type IntervalNotifier,
  type InvalidationWindow,
  type ListNotifier,
  type NotifierRange,
} from "../../../src/index.ts";
import { NotifierDomain } from "../../../src/notifier/domain.ts";
import type { NotifierEvent } from "../../../src/notifier/events.ts";
import type {
  Finish,
  IntervalNotifierOps,
  Refusal,
  UncheckedIntervalNotifierOps,
} from "../../../src/notifier/interval-notifier.ts";
import type { StartResult } from "../../../src/notifier/invalidations.ts";
import type {
  ListNotifierOps,
  MaySleep,
  UncheckedListNotifierOps,
} from "../../../src/notifier/list-notifier.ts";
import type { CallbackRange } from "../../../src/notifier/range.ts";
import { called, isLocked, type Observation } from "./observation.ts";
import {
  boundsOf,
  errnoOf,
  type IntervalScript,
  isTypedInterval,
  isTypedList,
  type ListScript,
  lengthOf,
  nameOfInterval,
  nameOfList,
  nameOfMirror,
  nameOfMm,
  type Operation,
  type Program,
  pausesOf,
  reactionOf,
} from "./program.ts";

type ListOps = ListNotifierOps<undefined> | UncheckedListNotifierOps<undefined>;
type IntervalOps = IntervalNotifierOps | UncheckedIntervalNotifierOps;

interface ListSlot {
  readonly script: ListScript;
  readonly ops: ListOps;
  current: ListNotifier<undefined> | undefined;
  gets: number;
  /** Approved starts and ends since it was registered: invariant 5. */
  approved: number;
  ended: number;
}

interface IntervalSlot {
  readonly notifier: IntervalNotifier;
  readonly lock: Mutex;
  readonly completed: Completed;
}

/** The invalidations whose callbacks of one interval notifier have set its sequence and returned. */
type Completed = CallbackRange[];

export class RealSide {
  readonly mms: readonly AddressSpace[];
  readonly log: string[] = [];
  /** Called in the middle of a thaw: the sequence is even, and nothing else has been done. */
  onThaw: (mm: string) => void = () => {};
  readonly #program: Program;
  readonly #mayPause: boolean;
  readonly #lists: readonly ListSlot[];
  readonly #intervals: (IntervalSlot | undefined)[] = [];
  readonly #mirrors: (number | undefined)[] = [];
  readonly #nameOfHandle = new Map<number, string>();
  readonly #windows = new Map<number, InvalidationWindow>();
  readonly #ended = new Map<number, InvalidationWindow>();
  readonly #live = new Set<ListNotifier<undefined>>();

  constructor(program: Program, engine: Engine, mayPause: boolean) {
    const domain = new NotifierDomain();
    this.mms = Array.from(
      { length: program.mms },
      (_, mm) =>
        new AddressSpace({
          name: nameOfMm(mm),
          profile: program.profile,
          engine,
          domain,
          events: (event) => this.#take(event),
          points: mayPause,
        }),
    );
    this.#program = program;
    this.#mayPause = mayPause;
    this.#lists = program.lists.map((script, list) => {
      const slot: ListSlot = {
        script,
        ops: this.#listOps(nameOfList(list), script, () => slot),
        current: undefined,
        gets: 0,
        approved: 0,
        ended: 0,
      };
      return slot;
    });
  }

  dispose(): void {
    for (const mm of this.mms) mm[Symbol.dispose]();
  }

  /** Names the mirrors in a text of the library, which knows them by their handles. */
  named(text: string): string {
    return text.replace(/mirror (\d+)/, (_, handle) => `mirror ${this.#nameOf(Number(handle))}`);
  }

  /**
   * Performs an operation; `id` names the window that it may open. Synchronous doors throw
   * WOULD_BLOCK where the others sleep.
   */
  *perform(operation: Operation, id: number, synchronously: boolean): Sleepable<string> {
    try {
      return synchronously
        ? (this.#performAtOnce(operation, id) ?? (yield* this.#perform(operation, id)))
        : yield* this.#perform(operation, id);
    } catch (error) {
      if (!(error instanceof IntervalidateError)) throw error;
      const errno = error.errno === undefined ? "" : ` ${error.errno}`;
      return `error ${error.code}${errno}`;
    }
  }

  /** Everything that can be observed of an address space; names of sections begin with a new line. */
  observe(number: number, into: Observation[]): void {
    const mm = this.mms[number];
    const { intervals, mirrors } = this.#program;
    into.push("sequence", mm.sequence, "active", mm.activeInvalidations);
    into.push("\nusers", mm.users, "count", mm.count);
    into.push("\nblock", mm.hasSubscriptions, "itree", mm.hasIntervalTree);
    into.push("\nlist");
    for (const { name, users } of mm.listNotifiers) into.push(name, users);
    into.push("\ntree");
    for (const { name } of mm.intervalNotifiers) into.push(name);
    into.push("\ndeferred");
    for (const one of mm.deferred)
      into.push(typeof one === "number" ? this.#nameOf(one) : one.name);
    into.push("\nintervals");
    for (const [i, { mm: owner }] of intervals.entries()) {
      const slot = this.#intervals[i];
      if (slot === undefined || owner !== number) continue;
      into.push(slot.notifier.name, slot.notifier.sequence, isLocked(slot.lock.locked));
    }
    into.push("\npassive");
    for (const [i, { mm: owner }] of mirrors.entries()) {
      const handle = this.#mirrors[i];
      if (handle === undefined || owner !== number) continue;
      into.push(nameOfMirror(i));
      if (mm.mirrors.has(handle)) {
        const isSeen = mm.mirrors.tree.has(handle);
        into.push(mm.mirrors.sequenceOf(handle), isLocked(mm.mirrors.isLocked(handle)));
        into.push(isSeen ? "in the tree" : "deferred");
      } else {
        into.push("gone");
      }
    }
  }

  /** Whether every interval notifier of the address space has an odd sequence. */
  areSequencesOdd(number: number): boolean {
    const mm = this.mms[number];
    for (const slot of this.#intervals) {
      if (slot?.notifier.mm === mm && slot.notifier.sequence % 2 === 0) return false;
    }
    const { mirrors } = this.#program;
    for (const [i, handle] of this.#mirrors.entries()) {
      if (handle === undefined || mirrors[i].mm !== number || !mm.mirrors.has(handle)) continue;
      if (mm.mirrors.sequenceOf(handle) % 2 === 0) return false;
    }
    return true;
  }

  /** What invalidations of the address space see, callbacks in their order. */
  treeOf(number: number): string {
    const mm = this.mms[number];
    const passive = this.#mirrors.filter(
      (handle) => handle !== undefined && mm.mirrors.tree.has(handle),
    );
    return `${mm.intervalNotifiers.map(({ name }) => name)} ${passive}`;
  }

  /** List notifiers of the address space that are registered, or put and not yet freed. */
  listReferences(number: number): number {
    let count = 0;
    for (const { mm } of this.#live) if (mm === this.mms[number]) count += 1;
    return count;
  }

  /** Approved starts minus ends of a list notifier that is registered now. */
  balanceOf(list: number): number | undefined {
    const { current, approved, ended } = this.#lists[list];
    return current?.linked ? approved - ended : undefined;
  }

  *#perform(operation: Operation, id: number): Sleepable<string> {
    switch (operation.op) {
      case "start": {
        const mm = this.mms[operation.mm];
        const range = this.#rangeOf(operation);
        return operation.blockable
          ? this.#opened(id, yield* mm.invalidateRangeStartSleepable(range))
          : this.#answered(id, yield* mm.tryInvalidateRangeStartSleepable(range));
      }
      case "end": {
        const window = this.#close(operation.window);
        const hits = this.#hitsOf(window);
        yield* window.endSleepable();
        return `ended, hits ${hits}`;
      }
      case "end-again":
        yield* (this.#ended.get(operation.window) as InvalidationWindow).endSleepable();
        return "ended again";
      case "register": {
        const slot = this.#lists[operation.list];
        const mm = this.mms[slot.script.mm];
        slot.current = isTypedList(slot.script)
          ? yield* mm.registerSleepable(slot.ops as ListNotifierOps<undefined>)
          : yield* mm.unchecked.register(slot.ops as UncheckedListNotifierOps<undefined>);
        this.#adopt(slot, slot.current);
        return "done";
      }
      case "unregister": {
        const { current, script } = this.#lists[operation.list];
        yield* this.mms[script.mm].unregisterSleepable(current as ListNotifier);
        this.#live.delete(current as ListNotifier<undefined>);
        return "done";
      }
      case "unregister-no-release": {
        const { current, script } = this.#lists[operation.list];
        this.mms[script.mm].unregisterNoRelease(current as ListNotifier);
        this.#live.delete(current as ListNotifier<undefined>);
        return "done";
      }
      case "get": {
        const slot = this.#lists[operation.list];
        const mm = this.mms[slot.script.mm];
        slot.current = isTypedList(slot.script)
          ? yield* mm.getSleepable(slot.ops as ListNotifierOps<undefined>)
          : yield* mm.unchecked.get(slot.ops as UncheckedListNotifierOps<undefined>);
        this.#adopt(slot, slot.current);
        slot.gets += 1;
        return "done";
      }
      case "put":
        this.#giveBack(this.#lists[operation.list]);
        return "done";
      case "insert": {
        const { script, make, ops } = this.#inserting(operation.interval);
        const { start, length } = lengthOf(script);
        const mm = this.mms[script.mm];
        const notifier = isTypedInterval(script)
          ? yield* mm.insertIntervalSleepable(address(start), address(length), ops)
          : yield* mm.unchecked.insertInterval(
              address(start),
              address(length),
              ops as UncheckedIntervalNotifierOps,
            );
        make(notifier);
        return "done";
      }
      case "remove": {
        const { notifier } = this.#intervals[operation.interval] as IntervalSlot;
        const removed = yield* notifier.removeSleepable();
        this.#intervals[operation.interval] = undefined;
        return removed ? "done" : "was not there";
      }
      case "read":
        return yield* this.#read(operation.interval);
      case "remove-mirror": {
        const handle = this.#mirrors[operation.mirror] as number;
        const removed = yield* this.#mirrorsOf(operation.mirror).removeSleepable(handle);
        this.#forget(operation.mirror);
        return removed ? "done" : "was not there";
      }
      case "read-mirror":
        return yield* this.#readMirror(operation.mirror);
      case "lock":
        yield* this.#mirrorsOf(operation.mirror).lockSleepable(
          this.#mirrors[operation.mirror] as number,
        );
        return "done";
      case "synchronize":
        yield* this.mms[operation.mm].synchronizeSleepable();
        return "done";
      case "release":
        yield* this.mms[operation.mm].releaseSleepable();
        return "done";
      default:
        return this.#performPlain(operation);
    }
  }

  /** Through the synchronous door; undefined if there is none for it. */
  #performAtOnce(operation: Operation, id: number): string | undefined {
    switch (operation.op) {
      case "start": {
        const mm = this.mms[operation.mm];
        const range = this.#rangeOf(operation);
        return operation.blockable
          ? this.#opened(id, mm.invalidateRangeStart(range))
          : this.#answered(id, mm.tryInvalidateRangeStart(range));
      }
      case "end": {
        const window = this.#close(operation.window);
        const hits = this.#hitsOf(window);
        window.end();
        return `ended, hits ${hits}`;
      }
      case "end-again":
        this.#ended.get(operation.window)?.end();
        return "ended again";
      case "register": {
        const slot = this.#lists[operation.list];
        slot.current = this.mms[slot.script.mm].register(slot.ops as ListNotifierOps<undefined>);
        this.#adopt(slot, slot.current);
        return "done";
      }
      case "unregister": {
        const { current, script } = this.#lists[operation.list];
        this.mms[script.mm].unregister(current as ListNotifier);
        this.#live.delete(current as ListNotifier<undefined>);
        return "done";
      }
      case "get": {
        const slot = this.#lists[operation.list];
        slot.current = this.mms[slot.script.mm].get(slot.ops as ListNotifierOps<undefined>);
        this.#adopt(slot, slot.current);
        slot.gets += 1;
        return "done";
      }
      case "insert": {
        const { script, make, ops } = this.#inserting(operation.interval);
        const { start, length } = lengthOf(script);
        make(
          this.mms[script.mm].insertInterval(
            address(start),
            address(length),
            ops as IntervalNotifierOps,
          ),
        );
        return "done";
      }
      case "remove": {
        const removed = this.#intervals[operation.interval]?.notifier.remove();
        this.#intervals[operation.interval] = undefined;
        return removed ? "done" : "was not there";
      }
      case "read": {
        const { notifier } = this.#intervals[operation.interval] as IntervalSlot;
        const sequence = notifier.readBegin();
        return `read ${sequence} retry ${notifier.readRetry(sequence)}`;
      }
      case "remove-mirror": {
        const removed = this.#mirrorsOf(operation.mirror).remove(
          this.#mirrors[operation.mirror] as number,
        );
        this.#forget(operation.mirror);
        return removed ? "done" : "was not there";
      }
      case "read-mirror": {
        const mirrors = this.#mirrorsOf(operation.mirror);
        const handle = this.#mirrors[operation.mirror] as number;
        const sequence = mirrors.readBegin(handle);
        mirrors.lock(handle);
        const retry = mirrors.readRetry(handle, sequence);
        mirrors.unlock(handle);
        return `read ${sequence} retry ${retry}`;
      }
      case "lock":
        this.#mirrorsOf(operation.mirror).lock(this.#mirrors[operation.mirror] as number);
        return "done";
      case "synchronize":
        this.mms[operation.mm].synchronize();
        return "done";
      case "release":
        this.mms[operation.mm].release();
        return "done";
      default:
        return undefined;
    }
  }

  /** What has one door only: it never sleeps. */
  #performPlain(operation: Operation): string {
    switch (operation.op) {
      case "insert-mirror": {
        const { start, end } = boundsOf(this.#program.mirrors[operation.mirror]);
        const handle = this.#mirrorsOf(operation.mirror).insert(address(start), address(end));
        this.#remember(operation.mirror, handle);
        return "done";
      }
      case "insert-mirrors": {
        const { mirrors } = operation;
        if (mirrors.length === 0) return "done";
        const bounds = mirrors.map((mirror) => boundsOf(this.#program.mirrors[mirror]));
        const handles = this.#mirrorsOf(mirrors[0]).insertMany(
          BigUint64Array.from(bounds, ({ start }) => start),
          BigUint64Array.from(bounds, ({ end }) => BigInt.asUintN(64, end)),
        );
        for (const [i, mirror] of mirrors.entries()) this.#remember(mirror, handles[i]);
        return "done";
      }
      case "unlock":
        this.#mirrorsOf(operation.mirror).unlock(this.#mirrors[operation.mirror] as number);
        return "done";
      case "clear-flush-young":
        return `young ${this.mms[operation.mm].clearFlushYoung(0, 1)}`;
      case "clear-young":
        return `young ${this.mms[operation.mm].clearYoung(0, 1)}`;
      case "test-young":
        return `young ${this.mms[operation.mm].testYoung(0)}`;
      default:
        throw new Error(`no door for ${operation.op}`);
    }
  }

  #rangeOf(operation: Operation & { op: "start" }): NotifierRange {
    const { start, end } = boundsOf(operation);
    return {
      start: address(start),
      end: end === 0n ? end : address(end),
      event: operation.event,
    };
  }

  #opened(id: number, window: InvalidationWindow): string {
    this.#windows.set(id, window);
    return `window ${window.id} sequence ${window.sequence} hits ${window.hitCount}`;
  }

  #close(id: number): InvalidationWindow {
    const window = this.#windows.get(id) as InvalidationWindow;
    this.#windows.delete(id);
    this.#ended.set(id, window);
    return window;
  }

  #answered(id: number, result: StartResult): string {
    if (result.ok) return this.#opened(id, result.window);
    const { errno, refusedBy } = result;
    const by = typeof refusedBy === "number" ? this.#nameOf(refusedBy) : refusedBy;
    return `refused ${errno} by ${by}`;
  }

  #hitsOf(window: InvalidationWindow): string[] {
    return [...window.hits].map((handle) => this.#nameOf(handle)).sort();
  }

  #nameOf(handle: number): string {
    return this.#nameOfHandle.get(handle) ?? `unknown ${handle}`;
  }

  #mirrorsOf(mirror: number): AddressSpace["mirrors"] {
    return this.mms[this.#program.mirrors[mirror].mm].mirrors;
  }

  #remember(mirror: number, handle: number): void {
    this.#mirrors[mirror] = handle;
    this.#nameOfHandle.set(handle, nameOfMirror(mirror));
  }

  #forget(mirror: number): void {
    this.#nameOfHandle.delete(this.#mirrors[mirror] as number);
    this.#mirrors[mirror] = undefined;
  }

  #inserting(interval: number): {
    readonly script: IntervalScript;
    readonly ops: IntervalOps;
    readonly make: (notifier: IntervalNotifier) => void;
  } {
    const script = this.#program.intervals[interval];
    const name = nameOfInterval(interval);
    const lock = new Mutex(`user lock of ${name}`);
    const completed: Completed = [];
    return {
      script,
      ops: this.#intervalOps(name, script, lock, completed),
      make: (notifier) => {
        this.#intervals[interval] = { notifier, lock, completed };
      },
    };
  }

  /** Collision and retry, once, under the user lock. */
  *#read(interval: number): Sleepable<string> {
    const { notifier, lock, completed } = this.#intervals[interval] as IntervalSlot;
    const sequence = yield* notifier.readBeginSleepable();
    const before = completed.length;
    if (this.#mayPause) yield { kind: "point", label: `read ${notifier.name}` };
    yield* lock.lock();
    const retry = notifier.readRetry(sequence);
    if (!retry) {
      // Invariants 7 and 8: whoever was called meanwhile, or whose invalidation is open, has to retry.
      const open = [...this.#windows.values()].map(({ callbackRange }) => callbackRange);
      if (completed.length > before || completed.some((range) => open.includes(range))) {
        throw new Error(`${notifier.name} installs what an invalidation has taken away`);
      }
    }
    lock.unlock();
    return `read ${sequence} retry ${retry}`;
  }

  *#readMirror(mirror: number): Sleepable<string> {
    const mirrors = this.#mirrorsOf(mirror);
    const handle = this.#mirrors[mirror] as number;
    const sequence = yield* mirrors.readBeginSleepable(handle);
    if (this.#mayPause) yield { kind: "point", label: `read ${nameOfMirror(mirror)}` };
    yield* mirrors.lockSleepable(handle);
    const retry = mirrors.readRetry(handle, sequence);
    if (!retry && [...this.#windows.values()].some(({ hits }) => hits.includes(handle))) {
      throw new Error(`${nameOfMirror(mirror)} installs inside an open window`);
    }
    mirrors.unlock(handle);
    return `read ${sequence} retry ${retry}`;
  }

  #adopt(slot: ListSlot, notifier: ListNotifier<undefined>): void {
    if (this.#live.has(notifier)) return;
    this.#live.add(notifier);
    slot.approved = 0;
    slot.ended = 0;
  }

  #giveBack(slot: ListSlot): void {
    if (slot.gets === 0) return;
    slot.gets -= 1;
    this.mms[slot.script.mm].put(slot.current as ListNotifier);
  }

  /** A callback as the mode of the run has it: a generator, or a plain function. */
  #asWanted<T>(body: Sleepable<T>): T | Sleepable<T> {
    return this.#mayPause ? body : atOnce(body);
  }

  *#pause(callback: string, times: number): Sleepable<undefined> {
    if (!this.#mayPause) return undefined;
    for (let i = 0; i < times; i += 1) yield { kind: "point", label: `in ${callback}` };
    return undefined;
  }

  #listOps(name: string, script: ListScript, slot: () => ListSlot): ListOps {
    const { log } = this;
    const pause = this.#pause.bind(this);
    const asWanted = this.#asWanted.bind(this);
    const giveBack = this.#giveBack.bind(this);
    const live = this.#live;
    const typed = isTypedList(script);
    let starts = 0;
    const start = function* (range: CallbackRange): Sleepable<number> {
      log.push(called(`${name}.start`, range));
      const answer = script.starts[starts % script.starts.length];
      starts += 1;
      const blockable = range.blockable as boolean;
      yield* pause(`${name}.start`, pausesOf(script, typed, blockable));
      const errno = errnoOf(answer, blockable);
      if (errno === 0) slot().approved += 1;
      return errno;
    };
    const end = function* (range: CallbackRange): Sleepable<undefined> {
      log.push(called(`${name}.end`, range));
      slot().ended += 1;
      yield* pause(`${name}.end`, script.pauses);
      if (script.puts === "end") giveBack(slot());
      return undefined;
    };
    const invalidateRange = function* (range: CallbackRange): Sleepable<undefined> {
      log.push(called(`${name}.range`, range));
      return yield* pause(`${name}.range`, script.pauses);
    };
    const release = function* (): Sleepable<undefined> {
      log.push(`${name}.release`);
      yield* pause(`${name}.release`, script.pauses);
      if (script.puts === "release") giveBack(slot());
      return undefined;
    };
    const young = (kind: string): boolean => {
      log.push(`${name}.${kind}`);
      return script.young as boolean;
    };
    const typedStart = {
      blocking: (range: CallbackRange): MaySleep => asWanted(approvedBy(start(range))),
      nonblocking: (range: CallbackRange): boolean => atOnce(start(range)) === 0,
    };
    return {
      name,
      allocNotifier: () => {
        log.push(`${name}.alloc`);
        return undefined;
      },
      freeNotifier: (notifier: ListNotifier<undefined>) => {
        log.push(`${name}.free`);
        live.delete(notifier);
        return undefined;
      },
      ...(script.starts.length > 0 && {
        invalidateRangeStart: typed ? typedStart : (range: CallbackRange) => asWanted(start(range)),
      }),
      ...(script.end && {
        invalidateRangeEnd: (range: CallbackRange): MaySleep => asWanted(end(range)),
      }),
      ...(script.range && {
        invalidateRange: (range: CallbackRange): MaySleep => asWanted(invalidateRange(range)),
      }),
      ...(script.release && { release: (): MaySleep => asWanted(release()) }),
      ...(script.secondaryTlb && { archInvalidateSecondaryTlbs: () => undefined }),
      ...(script.young !== null && {
        clearFlushYoung: () => young("clear-flush-young"),
        clearYoung: () => young("clear-young"),
        testYoung: () => young("test-young"),
      }),
    } as ListOps;
  }

  #intervalOps(
    name: string,
    script: IntervalScript,
    userLock: Mutex,
    completed: Completed,
  ): IntervalOps {
    const { log } = this;
    const mayPause = this.#mayPause;
    const pause = this.#pause.bind(this);
    const asWanted = this.#asWanted.bind(this);
    const typed = isTypedInterval(script);
    let calls = 0;
    const finish: Finish = () => asWanted(finishing());
    const finishing = function* (): Sleepable<undefined> {
      log.push(`${name}.finish`);
      return yield* pause(`${name}.finish`, script.pauses);
    };
    const invalidate = function* (
      notifier: IntervalNotifier,
      range: CallbackRange,
      sequence: number,
    ): Sleepable<boolean | Finish | Refusal> {
      log.push(`${called(`${name}.invalidate`, range)} sequence ${sequence}`);
      const answer = script.answers[calls % script.answers.length];
      calls += 1;
      const blockable = range.blockable as boolean;
      if (script.locks) {
        if (blockable && mayPause) yield* userLock.lock();
        else if (!userLock.tryLock()) return false;
      }
      const { sets, approves, finishes } = reactionOf(answer, blockable);
      yield* pause(`${name}.invalidate`, pausesOf(script, typed, blockable));
      if (sets) {
        notifier.setSequence(sequence);
        completed.push(range);
      }
      if (script.locks) userLock.unlock();
      if (!script.twoPass || !finishes) return approves;
      return approves ? finish : { approved: false, finish };
    };
    const typedInvalidate = {
      blocking: (
        notifier: IntervalNotifier,
        range: CallbackRange,
        sequence: number,
      ): undefined | Finish | Sleepable<undefined | Finish> =>
        asWanted(finishOf(invalidate(notifier, range, sequence))),
      nonblocking: (notifier: IntervalNotifier, range: CallbackRange, sequence: number) =>
        atOnce(invalidate(notifier, range, sequence)),
    };
    const callback = typed
      ? typedInvalidate
      : (notifier: IntervalNotifier, range: CallbackRange, sequence: number) =>
          asWanted(invalidate(notifier, range, sequence));
    return { name, [script.twoPass ? "invalidateStart" : "invalidate"]: callback } as IntervalOps;
  }

  #take(event: NotifierEvent): void {
    if (event.kind === "callback-enter") {
      const rollback = event.rollback ? " rollback" : "";
      const nonBlock = event.nonBlockSection ? " non_block" : "";
      this.log.push(
        `-> ${event.notifier}.${event.callback} window ${event.window}${rollback}${nonBlock}`,
      );
    } else if (event.kind === "warn") {
      this.log.push(`warning ${event.warning} ${event.notifier}`);
    } else if (event.kind === "sequence" && event.sequence % 2 === 0) {
      this.onThaw(event.mm);
    }
  }
}

/** Numbers and bigints, as callers mix them. */
function address(at: bigint): number | bigint {
  return at <= BigInt(Number.MAX_SAFE_INTEGER) && at % 3n !== 0n ? Number(at) : at;
}

/** The result of a generator that has nothing to yield. */
function atOnce<T>(body: Sleepable<T>): T {
  const result = body.next();
  if (!result.done) throw new Error("a callback of this run may not yield");
  return result.value;
}

function* approvedBy(body: Sleepable<number>): Sleepable<undefined> {
  if ((yield* body) !== 0) throw new Error("a typed blockable start cannot refuse");
  return undefined;
}

function* finishOf(body: Sleepable<boolean | Finish | Refusal>): Sleepable<undefined | Finish> {
  const answer = yield* body;
  return typeof answer === "function" ? answer : undefined;
}
