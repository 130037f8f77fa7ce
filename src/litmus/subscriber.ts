import type { Sleepable } from "../blocking/suspension.ts";
import { EAGAIN } from "../notifier/errno.ts";
import type {
  Finish,
  IntervalNotifier,
  Refusal,
  UncheckedIntervalNotifierOps,
} from "../notifier/interval-notifier.ts";
import type { ListNotifier, UncheckedListNotifierOps } from "../notifier/list-notifier.ts";
import type { CallbackRange } from "../notifier/range.ts";
import { Answer, type CallbackCall, type Program, type Run, runOperations } from "./program.ts";
import type { CallbackName, SubscriberDeclaration } from "./scenario.ts";
import type { World } from "./world.ts";

/** Somebody who subscribes to an address space of a world, and what came of it. */
export class Subscriber {
  readonly declaration: SubscriberDeclaration;
  /** The object by which `get` knows a list notifier. */
  readonly listOps: UncheckedListNotifierOps;
  readonly intervalOps: UncheckedIntervalNotifierOps;
  list: ListNotifier | undefined;
  interval: IntervalNotifier | undefined;
  /** The handle of a passive mirror. */
  mirror: number | undefined;
  readonly #world: World;
  readonly #calls = new Map<CallbackName, number>();

  constructor(world: World, declaration: SubscriberDeclaration) {
    this.#world = world;
    this.declaration = declaration;
    this.listOps = this.#makeListOps();
    this.intervalOps = this.#makeIntervalOps();
  }

  get name(): string {
    return this.declaration.name;
  }

  #makeListOps(): UncheckedListNotifierOps {
    const has = (callback: CallbackName): boolean => this.declaration.callbacks.has(callback);
    return {
      name: this.name,
      ...(has("start") && { invalidateRangeStart: (range) => this.#start(range) }),
      ...(has("end") && { invalidateRangeEnd: (range) => this.#end(range) }),
      ...(has("invalidate_range") && {
        invalidateRange: (range) => this.#callSilent("invalidate_range", range),
      }),
      ...(has("release") && { release: () => this.#callSilent("release", undefined) }),
      ...(has("alloc") && { allocNotifier: () => this.#alloc() }),
      ...(has("free") && {
        freeNotifier: () => {
          this.#runNow("free");
          return undefined;
        },
      }),
      ...(has("clear_flush_young") && {
        clearFlushYoung: () => this.#runNow("clear_flush_young") === true,
      }),
      ...(has("clear_young") && { clearYoung: () => this.#runNow("clear_young") === true }),
      ...(has("test_young") && { testYoung: () => this.#runNow("test_young") === true }),
      ...(has("secondary_tlb") && {
        archInvalidateSecondaryTlbs: () => {
          this.#runNow("secondary_tlb");
          return undefined;
        },
      }),
    };
  }

  #makeIntervalOps(): UncheckedIntervalNotifierOps {
    const { name } = this;
    if (!this.declaration.callbacks.has("start")) {
      return {
        name,
        invalidate: (notifier, range, sequence) =>
          this.#invalidate("invalidate", notifier, range, sequence),
      };
    }
    return {
      name,
      invalidateStart: (notifier, range, sequence) =>
        this.#invalidateStart(notifier, range, sequence),
    };
  }

  *#start(range: CallbackRange): Sleepable<number> {
    const { counter } = this.declaration;
    const answer = yield* this.#call("start", { range });
    const result = numberOf(answer);
    if (result === 0 && counter !== undefined) this.#world.counter(counter).add(1);
    return result;
  }

  *#end(range: CallbackRange): Sleepable<undefined> {
    const { counter } = this.declaration;
    yield* this.#call("end", { range });
    if (counter === undefined) return;
    this.#world.counter(`${counter}.seq`).add(1);
    this.#world.counter(counter).add(-1);
  }

  *#callSilent(callback: CallbackName, range: CallbackRange | undefined): Sleepable<undefined> {
    yield* this.#call(callback, { range });
  }

  *#invalidate(
    callback: CallbackName,
    interval: IntervalNotifier,
    range: CallbackRange,
    sequence: number,
  ): Sleepable<boolean> {
    const { userLock } = this.declaration;
    const world = this.#world;
    const answer = yield* this.#call(callback, { range, interval, sequence });
    if (answer !== undefined) return answer !== false;
    if (this.#program(callback).decidesSequence) return true;
    const lock = userLock === undefined ? undefined : world.lock(userLock);
    if (lock !== undefined) {
      if (range.blockable) yield* lock.lock();
      else if (!lock.tryLock()) return false;
    }
    yield { kind: "point", label: `${this.name}:before set_seq` };
    interval.setSequence(sequence);
    lock?.unlock();
    return true;
  }

  *#invalidateStart(
    interval: IntervalNotifier,
    range: CallbackRange,
    sequence: number,
  ): Sleepable<boolean | Finish | Refusal> {
    const approved = yield* this.#invalidate("start", interval, range, sequence);
    if (!this.declaration.callbacks.has("finish")) return approved;
    const finish = (): Sleepable<undefined> => this.#finish(interval, range);
    return approved ? finish : { approved, finish };
  }

  *#finish(interval: IntervalNotifier, range: CallbackRange): Sleepable<undefined> {
    yield* this.#call("finish", { range, interval });
  }

  #alloc(): undefined {
    this.#world.tellCall(`${this.name}.alloc`);
    this.#runNow("alloc");
    return undefined;
  }

  #program(callback: CallbackName): Program {
    return this.declaration.callbacks.get(callback) as Program;
  }

  /** Runs a callback's program; undefined if that did not say what to answer. */
  *#call(
    callback: CallbackName,
    about: Partial<CallbackCall>,
  ): Sleepable<number | boolean | undefined> {
    const run = this.#runOf(callback, about);
    yield { kind: "point", label: `in ${run.call?.name}` };
    const value = yield* runOperations(this.#program(callback).operations, run);
    return value instanceof Answer ? value.value : undefined;
  }

  /** Runs the program of a callback that cannot sleep. */
  #runNow(callback: CallbackName): number | boolean | undefined {
    const body = runOperations(this.#program(callback).operations, this.#runOf(callback, {}));
    let result = body.next();
    while (!result.done) {
      const suspension = result.value;
      if (suspension.kind === "wait" && !suspension.ready()) {
        throw new Error(
          `${this.name}.${callback} may not sleep, and waits for ${suspension.resource}`,
        );
      }
      result = body.next();
    }
    return result.value instanceof Answer ? result.value.value : undefined;
  }

  #runOf(callback: CallbackName, about: Partial<CallbackCall>): Run {
    const number = (this.#calls.get(callback) ?? 0) + 1;
    this.#calls.set(callback, number);
    const { name } = this;
    const call: CallbackCall = {
      notifier: name,
      name: callback === "invalidate" ? name : `${name}.${callback}`,
      number,
      range: about.range,
      interval: about.interval,
      sequence: about.sequence ?? null,
    };
    return { world: this.#world, task: this.#world.currentTask, call, last: null };
  }
}

function numberOf(answer: number | boolean | undefined): number {
  if (typeof answer === "number") return answer;
  return answer === false ? EAGAIN : 0;
}
