// Performs the operations of a program on the model, with the scripts of the program as callbacks.

import {
  type Answer,
  get,
  type Interval,
  insertInterval,
  insertPassive,
  invalidateRangeEnd,
  invalidateRangeStart,
  type Kernel,
  type ListNotifier,
  type ListOps,
  lock,
  type Mm,
  makeKernel,
  type Outcome,
  point,
  put,
  type Range,
  readBegin,
  readRetry,
  registerNotifier,
  release,
  remove,
  type Steps,
  synchronize,
  unregister,
  unregisterNoRelease,
  type Window,
  youngOf,
} from "./kernel.ts";
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

interface ListSlot {
  readonly script: ListScript;
  readonly ops: ListOps;
  current: ListNotifier | undefined;
  /** Gets that have not been put. */
  gets: number;
}

const DONE: Outcome = ["done"];
const WOULD_BLOCK: Outcome = ["error WOULD_BLOCK"];

export class ModelSide {
  readonly kernel: Kernel;
  readonly #program: Program;
  readonly #lists: readonly ListSlot[];
  readonly #intervals: (Interval | undefined)[] = [];
  readonly #mirrors: (Interval | undefined)[] = [];
  readonly #windows = new Map<number, Window>();

  constructor(program: Program, mayPause: boolean) {
    const names = Array.from({ length: program.mms }, (_, mm) => nameOfMm(mm));
    this.kernel = makeKernel(program.profile, names);
    this.#program = program;
    this.#lists = program.lists.map((script, list) => {
      const name = nameOfList(list);
      const slot: ListSlot = {
        script,
        ops: this.#listOps(name, script, mayPause, () => this.#giveBack(slot)),
        current: undefined,
        gets: 0,
      };
      return slot;
    });
    this.#mayPause = mayPause;
  }

  readonly #mayPause: boolean;

  gets(list: number): number {
    return this.#lists[list].gets;
  }

  mirror(mirror: number): Interval | undefined {
    return this.#mirrors[mirror];
  }

  /** Performs an operation; `id` names the window that it may open. */
  *perform(operation: Operation, id: number): Steps<Outcome> {
    switch (operation.op) {
      case "start": {
        const { start, end } = boundsOf(operation);
        const mm = this.#mm(operation.mm);
        const { event, blockable } = operation;
        const started = yield* invalidateRangeStart(mm, { start, end, event }, blockable);
        if ("error" in started) return [`error ${started.error}`];
        if ("errno" in started) {
          const errno = started.errno === -11 ? "EAGAIN" : "EBUSY";
          return started.by.map((by) => `refused ${errno} by ${by}`);
        }
        const { window } = started;
        this.#windows.set(id, window);
        // If nobody was hit: what somebody would have been given.
        const sequence = window.cur | 1;
        return [`window ${window.id} sequence ${sequence} hits ${passiveOf(window).length}`];
      }
      case "end": {
        const window = this.#windows.get(operation.window) as Window;
        yield* invalidateRangeEnd(window);
        return [`ended, hits ${passiveOf(window).sort()}`];
      }
      case "end-again":
        return ["error ALREADY_ENDED"];
      case "register": {
        const slot = this.#lists[operation.list];
        const made = yield* registerNotifier(this.#mm(slot.script.mm), slot.ops);
        if (typeof made === "string") return [`error ${made}`];
        slot.current = made;
        return DONE;
      }
      case "unregister":
        yield* unregister(this.#lists[operation.list].current as ListNotifier);
        return DONE;
      case "unregister-no-release":
        unregisterNoRelease(this.#lists[operation.list].current as ListNotifier);
        return DONE;
      case "get": {
        const slot = this.#lists[operation.list];
        const got = yield* get(this.#mm(slot.script.mm), slot.ops);
        if (typeof got === "string") return [`error ${got}`];
        slot.current = got;
        slot.gets += 1;
        return DONE;
      }
      case "put":
        this.#giveBack(this.#lists[operation.list]);
        return DONE;
      case "insert": {
        const script = this.#program.intervals[operation.interval];
        const name = nameOfInterval(operation.interval);
        const made = yield* insertInterval(this.#mm(script.mm), {
          name,
          ...lengthOf(script),
          twoPass: script.twoPass,
          invalidate: this.#intervalCallback(name, script),
        });
        if (typeof made === "string") return [`error ${made}`];
        this.#intervals[operation.interval] = made;
        return DONE;
      }
      case "remove":
        yield* remove(this.#intervals[operation.interval] as Interval);
        this.#intervals[operation.interval] = undefined;
        return DONE;
      case "read":
        return yield* read(this.#intervals[operation.interval] as Interval);
      case "insert-mirror":
        return this.#insertMirrors([operation.mirror]);
      case "insert-mirrors":
        return this.#insertMirrors(operation.mirrors);
      case "remove-mirror":
        yield* remove(this.#mirrors[operation.mirror] as Interval);
        this.#mirrors[operation.mirror] = undefined;
        return DONE;
      case "read-mirror":
        return yield* read(this.#mirrors[operation.mirror] as Interval);
      case "lock":
        yield* lock(this.#mirrors[operation.mirror] as Interval);
        return DONE;
      case "unlock":
        (this.#mirrors[operation.mirror] as Interval).locked = false;
        return DONE;
      case "synchronize":
        yield* synchronize(this.kernel);
        return DONE;
      case "release":
        yield* release(this.#mm(operation.mm));
        return DONE;
      default:
        return [`young ${this.#young(operation.mm, operation.op)}`];
    }
  }

  /**
   * What a synchronous door says, before anything changes, where the operation would have to sleep.
   * Only for when no callback is running.
   */
  refusalToSleep(operation: Operation): Outcome | undefined {
    switch (operation.op) {
      case "start": {
        const { start, end } = boundsOf(operation);
        const { tree, kernel } = this.#mm(operation.mm);
        const isRefused = kernel.rules.refusesDegenerateRanges && start >= end && end !== 0n;
        if (isRefused || !operation.blockable) return undefined;
        const last = BigInt.asUintN(64, end - 1n);
        const waits = tree.some(
          (one) =>
            one.invalidate === undefined && one.locked && one.start <= last && start <= one.last,
        );
        return waits ? WOULD_BLOCK : undefined;
      }
      case "register": {
        const { ops, script } = this.#lists[operation.list];
        const { mmapLocked, open } = this.#mm(script.mm);
        return mmapLocked || (open > 0 && !this.#isForbiddenMix(ops)) ? WOULD_BLOCK : undefined;
      }
      case "get": {
        const { ops, script } = this.#lists[operation.list];
        const { mmapLocked, open, list } = this.#mm(script.mm);
        if (mmapLocked) return WOULD_BLOCK;
        const isThere = list.some((one) => one.ops === ops);
        if (open === 0 || isThere || this.#isForbiddenMix(ops)) return undefined;
        ops.alloc();
        this.kernel.log.push(`-> ${ops.name}.free window null`);
        ops.free();
        return WOULD_BLOCK;
      }
      case "insert": {
        const { mm } = this.#program.intervals[operation.interval];
        const { hasItree, mmapLocked, open } = this.#mm(mm);
        return !hasItree && (mmapLocked || open > 0) ? WOULD_BLOCK : undefined;
      }
      case "remove":
        return sleepsInRemove(this.#intervals[operation.interval] as Interval);
      case "remove-mirror":
        return sleepsInRemove(this.#mirrors[operation.mirror] as Interval);
      case "read":
        return sleepsInRead(this.#intervals[operation.interval] as Interval);
      case "read-mirror":
        return sleepsInRead(this.#mirrors[operation.mirror] as Interval);
      case "lock":
        return this.#mirrors[operation.mirror]?.locked ? WOULD_BLOCK : undefined;
      case "release": {
        const { tree } = this.#mm(operation.mm);
        return tree.some((one) => one.locked) ? WOULD_BLOCK : undefined;
      }
      default:
        return undefined;
    }
  }

  /** Everything that can be observed of an address space; names of sections begin with a new line. */
  observe(number: number, into: Observation[]): void {
    const mm = this.#mm(number);
    into.push("sequence", mm.sequence, "active", mm.active);
    into.push("\nusers", mm.users, "count", mm.count);
    into.push("\nblock", mm.hasBlock, "itree", mm.hasItree);
    into.push("\nlist");
    for (const { ops, users } of mm.list) into.push(ops.name, users);
    into.push("\ntree");
    for (const one of mm.tree) if (one.invalidate !== undefined) into.push(one.name);
    into.push("\ndeferred");
    for (const { name } of mm.deferred) into.push(name);
    into.push("\nintervals");
    for (const one of this.#intervals) {
      if (one?.mm === mm) into.push(one.name, one.sequence, isLocked(one.locked));
    }
    into.push("\npassive");
    for (const one of this.#mirrors) {
      if (one?.mm !== mm) continue;
      into.push(one.name);
      if (isGone(one)) into.push("gone");
      else into.push(one.sequence, isLocked(one.locked), one.inTree ? "in the tree" : "deferred");
    }
  }

  #mm(mm: number): Mm {
    return this.kernel.mms[mm];
  }

  #isForbiddenMix(ops: ListOps): boolean {
    const { refusesSecondaryTlbMix } = this.kernel.rules;
    return refusesSecondaryTlbMix && ops.secondaryTlb && (!!ops.start || !!ops.end);
  }

  #giveBack(slot: ListSlot): void {
    if (slot.gets === 0) return;
    slot.gets -= 1;
    put(slot.current as ListNotifier);
  }

  #insertMirrors(mirrors: readonly number[]): Outcome {
    const scripts = this.#program.mirrors;
    if (mirrors.length === 0) return DONE;
    const wanted = mirrors.map((mirror) => {
      const { start, end } = boundsOf(scripts[mirror]);
      return { name: nameOfMirror(mirror), start, last: end - 1n };
    });
    const made = insertPassive(this.#mm(scripts[mirrors[0]].mm), wanted);
    if (typeof made === "string") return [`error ${made}`];
    for (const [i, mirror] of mirrors.entries()) this.#mirrors[mirror] = made[i];
    return DONE;
  }

  #young(mm: number, kind: "clear-flush-young" | "clear-young" | "test-young"): boolean {
    return youngOf(this.#mm(mm), kind, ({ ops }) => {
      const { young } = this.#lists.find((slot) => slot.ops === ops)?.script ?? {};
      if (young === undefined || young === null) return undefined;
      this.kernel.log.push(`-> ${ops.name}.${kind} window null`, `${ops.name}.${kind}`);
      return young;
    });
  }

  #listOps(name: string, script: ListScript, mayPause: boolean, giveBack: () => void): ListOps {
    const log = (text: string): void => {
      this.kernel.log.push(text);
    };
    const typed = isTypedList(script);
    const pauses = mayPause ? script.pauses : 0;
    let starts = 0;
    return {
      name,
      secondaryTlb: script.secondaryTlb,
      start:
        script.starts.length === 0
          ? undefined
          : function* (range: Range): Steps<number> {
              log(called(`${name}.start`, range));
              const answer = script.starts[starts % script.starts.length];
              starts += 1;
              const blockable = range.blockable as boolean;
              yield* pause(`${name}.start`, mayPause ? pausesOf(script, typed, blockable) : 0);
              return errnoOf(answer, blockable);
            },
      end: script.end
        ? function* (range: Range): Steps<undefined> {
            log(called(`${name}.end`, range));
            yield* pause(`${name}.end`, pauses);
            if (script.puts === "end") giveBack();
            return undefined;
          }
        : undefined,
      invalidateRange: script.range
        ? function* (range: Range): Steps<undefined> {
            log(called(`${name}.range`, range));
            yield* pause(`${name}.range`, pauses);
            return undefined;
          }
        : undefined,
      release: script.release
        ? function* (): Steps<undefined> {
            log(`${name}.release`);
            yield* pause(`${name}.release`, pauses);
            if (script.puts === "release") giveBack();
            return undefined;
          }
        : undefined,
      alloc: () => {
        log(`${name}.alloc`);
        return undefined;
      },
      free: () => {
        log(`${name}.free`);
        return undefined;
      },
    };
  }

  #intervalCallback(name: string, script: IntervalScript): NonNullable<Interval["invalidate"]> {
    const log = (text: string): void => {
      this.kernel.log.push(text);
    };
    const typed = isTypedInterval(script);
    const mayPause = this.#mayPause;
    let calls = 0;
    return function* (self: Interval, range: Range, cur: number): Steps<Answer> {
      log(`${called(`${name}.invalidate`, range)} sequence ${cur}`);
      const answer = script.answers[calls % script.answers.length];
      calls += 1;
      const blockable = range.blockable as boolean;
      if (script.locks) {
        if (!blockable && self.locked) return { approves: false, finish: undefined };
        if (blockable && mayPause) yield* lock(self);
        self.locked = true;
      }
      const { sets, approves, finishes } = reactionOf(answer, blockable);
      yield* pause(`${name}.invalidate`, mayPause ? pausesOf(script, typed, blockable) : 0);
      if (sets) self.sequence = cur;
      if (script.locks) self.locked = false;
      if (!script.twoPass || !finishes) return { approves, finish: undefined };
      return {
        approves,
        finish: function* (): Steps<undefined> {
          log(`${name}.finish`);
          yield* pause(`${name}.finish`, mayPause ? script.pauses : 0);
          return undefined;
        },
      };
    };
  }
}

function* pause(callback: string, times: number): Steps<undefined> {
  for (let i = 0; i < times; i += 1) yield point(`in ${callback}`);
  return undefined;
}

/** Collision and retry, once. */
function* read(one: Interval): Steps<Outcome> {
  const q = yield* readBegin(one);
  yield point(`read ${one.name}`);
  yield* lock(one);
  const retry = readRetry(one, q);
  one.locked = false;
  return [`read ${q} retry ${retry}`];
}

function passiveOf({ hit }: Window): string[] {
  return hit.filter((one) => one.invalidate === undefined).map(({ name }) => name);
}

function sleepsInRemove(one: Interval): Outcome | undefined {
  return one.mm.sequence % 2 === 1 && one.inTree ? WOULD_BLOCK : undefined;
}

function sleepsInRead(one: Interval): Outcome | undefined {
  return one.sequence === one.mm.sequence || one.locked ? WOULD_BLOCK : undefined;
}

/** The handle of a passive one goes with its removal, whether or not its remover has returned. */
function isGone(one: Interval): boolean {
  return one.invalidate === undefined && !one.inTree && !one.mm.deferred.includes(one);
}
