import type { Address } from "../engine/addresses.ts";
import type { CallbackKind, NotifierEvent } from "../notifier/events.ts";
import type { InvalidationEvent } from "../notifier/range.ts";
import type { AuditEvent, EventOf } from "./events.ts";
import { type Span, spanOf } from "./spans.ts";
import type { AuditedWindow, EndCall, StartRecord } from "./windows.ts";

/** A callback that a task is in. */
export interface CallbackFrame {
  readonly mm: string;
  readonly notifier: string;
  readonly callback: CallbackKind;
  readonly window: number | null;
  readonly rollback: boolean;
  readonly event: InvalidationEvent | null;
  readonly span: Span | null;
  readonly owner: unknown;
  readonly blockable: boolean;
  /** The event of its entry. */
  readonly step: number;
  /** Of an end: the start of the same notifier that it ends, approved or not. */
  readonly ends: StartRecord | undefined;
  /** The `cur` that an interval notifier was given. */
  readonly sequence: number | null;
}

/** A lock that a task holds. */
interface HeldLock {
  readonly lock: string;
  /** In how many callbacks the task was when it took the lock. */
  readonly depth: number;
  /** If it is the lock bit of a passive mirror, the mirror's address space. */
  readonly mirrorsOf: string | undefined;
}

/** What a task is doing, as far as its events tell. */
export class TaskState {
  readonly name: string;
  /** Callbacks that it is in, outermost first. */
  readonly frames: CallbackFrame[] = [];
  readonly held: HeldLock[] = [];
  /** Work items that it runs, outermost first. */
  readonly works: string[] = [];
  /** Ends that it has called and that have not returned, outermost first. */
  readonly endCalls: EndCall[] = [];
  /** Address spaces that it is tearing down. */
  readonly releasing: string[] = [];
  /** The last invalidations that it started and that are over, one way and the other. */
  lastRefused: AuditedWindow | undefined;
  lastEnded: AuditedWindow | undefined;
  /** Its last event. */
  last: AuditEvent | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether it is in the middle of something, so that it would go on if it could. */
  get isAtWork(): boolean {
    const { last } = this;
    if (this.frames.length > 0 || this.endCalls.length > 0 || last === undefined) return true;
    if (last.kind === "block" || last.kind === "work-wait") return true;
    const isRemoval = last.kind === "interval-remove" || last.kind === "mirror-remove";
    return isRemoval ? last.deferred : last.kind.endsWith("-enter");
  }
}

/** Who is in which callback, with which locks. */
export class Tasks {
  readonly #byName = new Map<string, TaskState>();
  #lastRange: { readonly start: Address; readonly end: Address; readonly span: Span } | undefined;

  of(name: string): TaskState {
    let task = this.#byName.get(name);
    if (task === undefined) {
      task = new TaskState(name);
      this.#byName.set(name, task);
    }
    return task;
  }

  /** Some callback of a notifier that another task is in. */
  othersIn(task: TaskState, mm: string, notifier: string): CallbackFrame | undefined {
    for (const other of this.#byName.values()) {
      if (other === task) continue;
      const frame = other.frames.find((one) => one.mm === mm && one.notifier === notifier);
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  /** Takes note of locks and work items. Callbacks are entered and left on their own. */
  observe(event: AuditEvent, task: TaskState): void {
    switch (event.kind) {
      case "lock":
        hold(task, event.lock);
        break;
      case "trylock":
        if (event.taken) hold(task, event.lock);
        break;
      case "unlock":
        this.#release(task, event.lock);
        break;
      case "mirror-lock":
        hold(task, mirrorLock(event.mm, event.mirror), event.mm);
        break;
      case "mirror-unlock":
        this.#release(task, mirrorLock(event.mm, event.mirror));
        break;
      case "work-run":
        task.works.push(event.work);
        break;
      case "work-done":
        task.works.length = Math.max(task.works.lastIndexOf(event.work), 0);
        break;
    }
  }

  enterCallback(
    event: EventOf<"callback-enter">,
    task: TaskState,
    step: number,
    ends: StartRecord | undefined,
  ): CallbackFrame {
    const { mm, notifier, callback, window, rollback, owner, blockable, sequence } = event;
    // Field by field: a copy of events of many shapes is several times as slow.
    const frame: CallbackFrame = {
      mm,
      notifier,
      callback,
      window,
      rollback,
      event: event.event,
      span: this.#spanOf(event),
      owner,
      blockable,
      step,
      ends,
      sequence,
    };
    task.frames.push(frame);
    return frame;
  }

  /** One invalidation calls many callbacks with the same range. */
  #spanOf({ start, end }: EventOf<"callback-enter">): Span | null {
    if (start === null || end === null) return null;
    const known = this.#lastRange;
    if (known?.start === start && known.end === end) return known.span;
    const span = spanOf(start, end);
    this.#lastRange = { start, end, span };
    return span;
  }

  leaveCallback(task: TaskState, frame: CallbackFrame): void {
    task.frames.length = task.frames.lastIndexOf(frame);
  }

  /** Who takes a lock usually releases it; but it may be handed over. */
  #release(task: TaskState, lock: string): void {
    if (dropLast(task, lock)) return;
    for (const other of this.#byName.values()) {
      if (dropLast(other, lock)) return;
    }
  }
}

/** The callback that an event of the same callback is about: the innermost one that fits. */
export function frameOf(
  { frames }: TaskState,
  event: Extract<NotifierEvent, { readonly callback: CallbackKind }>,
): CallbackFrame | undefined {
  return frames.findLast(
    ({ mm, notifier, callback, window }) =>
      mm === event.mm &&
      notifier === event.notifier &&
      callback === event.callback &&
      window === event.window,
  );
}

/** `A.start`, and `I` for the callback of an interval notifier. */
export function callbackName({
  notifier,
  callback,
}: {
  readonly notifier: string;
  readonly callback: CallbackKind;
}): string {
  return callback === "invalidate" ? notifier : `${notifier}.${callback}`;
}

/**
 * Whether a callback runs between start and end, where the kernel holds the notifier map: the callbacks
 * of teardown do not.
 */
export function isInvalidating({ callback, event }: CallbackFrame): boolean {
  return callback !== "release" && callback !== "free" && event !== "RELEASE";
}

/** What the lock bit of a passive mirror is called among locks. */
function mirrorLock(mm: string, mirror: number): string {
  return `lock of mirror ${mirror} in ${mm}`;
}

function hold(task: TaskState, lock: string, mirrorsOf?: string): void {
  task.held.push({ lock, depth: task.frames.length, mirrorsOf });
}

function dropLast(task: TaskState, lock: string): boolean {
  const index = task.held.findLastIndex((one) => one.lock === lock);
  if (index < 0) return false;
  task.held.splice(index, 1);
  return true;
}
