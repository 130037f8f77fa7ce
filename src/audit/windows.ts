import type { AuditEvent, EventOf } from "./events.ts";
import { isSame, type Span, spanOf } from "./spans.ts";
import type { TaskState } from "./tasks.ts";

/** One call of the start callback of one list notifier. */
export interface StartRecord {
  readonly notifier: string;
  readonly task: string;
  /** The event at which it answered, or was entered if it has not. */
  step: number;
  outcome: "running" | "approved" | "refused" | "threw";
  /** How many ends of the notifier have been entered for it. */
  ends: number;
}

/**
 *     starting ─▶ open ─▶ ending ─▶ ended
 *         ├─▶ refused                        nobody may end it
 *         └─▶ failed                         a callback threw
 */
type WindowState = "starting" | "open" | "ending" | "ended" | "refused" | "failed";

/** One invalidation, as the event stream tells it. */
export class AuditedWindow {
  readonly mm: string;
  readonly id: number;
  readonly task: string;
  readonly blockable: boolean;
  readonly span: Span;
  readonly step: number;
  state: WindowState = "starting";
  /** An end with another range, mode or address space was meant for it. */
  endedElsewhere = false;
  /** By the name of the list notifier. */
  readonly starts: Map<string, StartRecord> = new Map();

  constructor(event: EventOf<"invalidate-enter">, task: string, step: number) {
    this.mm = event.mm;
    this.id = event.window;
    this.task = task;
    this.blockable = event.blockable;
    this.span = spanOf(event.start, event.end);
    this.step = step;
  }

  get mode(): string {
    return modeText(this.blockable);
  }
}

export function modeText(blockable: boolean): string {
  return blockable ? "blockable" : "non-blocking";
}

/** One call of end, and the start that it belongs to. */
export interface EndCall {
  readonly mm: string;
  readonly span: Span;
  readonly blockable: boolean;
  /**
   * - `paired`: it ends the window
   * - `again`: the window has ended already
   * - `refused`: the start of the window was refused
   * - `mismatched`: it differs from the window that it seems to be meant for
   * - `unpaired`: there is no window that it could be meant for
   * - `unknown`: the window was opened before the auditor came
   */
  readonly verdict: "paired" | "again" | "refused" | "mismatched" | "unpaired" | "unknown";
  readonly window: AuditedWindow | undefined;
  /** In how many callbacks the task was when it called. */
  readonly depth: number;
  /** Some notifier has been reported for it. */
  reported: boolean;
}

/** The invalidations of all address spaces, with the starts and ends of their list notifiers. */
export class Windows {
  readonly #spaces = new Map<string, Map<number, AuditedWindow>>();

  /** Those of an address space that still matter, oldest first. */
  in(mm: string): Iterable<AuditedWindow> {
    return this.#of(mm).values();
  }

  /** Those of all address spaces that still matter. */
  *all(): Iterable<AuditedWindow> {
    for (const windows of this.#spaces.values()) yield* windows.values();
  }

  find(mm: string, id: number | null): AuditedWindow | undefined {
    return id === null ? undefined : this.#of(mm).get(id);
  }

  forget(mm: string, id: number): void {
    this.#of(mm).delete(id);
  }

  /** Takes note of an event before the rules see it. */
  before(event: AuditEvent, task: TaskState, step: number): void {
    switch (event.kind) {
      case "invalidate-enter":
        forgetThrown(task);
        this.#of(event.mm).set(event.window, new AuditedWindow(event, task.name, step));
        break;
      case "invalidate-start":
        this.#turn(event, "open");
        break;
      case "invalidate-refused":
        task.lastRefused = this.#turn(event, "refused");
        break;
      case "invalidate-end-enter": {
        forgetThrown(task);
        const call = this.#resolve(event, task);
        task.endCalls.push(call);
        if (call.verdict === "paired" && call.window !== undefined) {
          call.window.state = "ending";
          task.lastEnded = call.window;
        }
        if (call.verdict === "mismatched" && call.window !== undefined) {
          call.window.endedElsewhere = true;
        }
        break;
      }
    }
  }

  /** Takes note of an event after the rules have seen it. */
  after(event: AuditEvent, task: TaskState): void {
    if (event.kind !== "invalidate-end") return;
    const call = task.endCalls.pop();
    if (call?.verdict !== "paired" || call.window === undefined) return;
    call.window.state = "ended";
    // A window that was ended by its range may still be ended by itself.
    if (event.window !== null) this.#of(event.mm).delete(event.window);
  }

  /** A start callback is entered, left, or has thrown. */
  start(
    event: { readonly mm: string; readonly notifier: string; readonly window: number | null },
    outcome: StartRecord["outcome"],
    task: TaskState,
    step: number,
  ): void {
    const window = this.find(event.mm, event.window);
    if (window === undefined) return;
    const { notifier } = event;
    const record = window.starts.get(notifier);
    if (record === undefined) {
      window.starts.set(notifier, { notifier, task: task.name, step, outcome, ends: 0 });
    } else {
      record.outcome = outcome;
      record.step = step;
    }
  }

  /** An end callback is entered. Returns the start that it ends. */
  end(event: EventOf<"callback-enter">, task: TaskState): StartRecord | undefined {
    const call = event.rollback ? undefined : task.endCalls.at(-1);
    const window = event.rollback ? this.find(event.mm, event.window) : call?.window;
    const record = window?.starts.get(event.notifier);
    if (record !== undefined && call?.verdict !== "mismatched") record.ends += 1;
    return record;
  }

  /** A callback of a start has thrown: the start has failed. */
  fail(mm: string, id: number | null): void {
    const window = this.find(mm, id);
    if (window?.state === "starting") window.state = "failed";
  }

  #of(mm: string): Map<number, AuditedWindow> {
    let windows = this.#spaces.get(mm);
    if (windows === undefined) {
      windows = new Map();
      this.#spaces.set(mm, windows);
    }
    return windows;
  }

  #turn(
    event: { readonly mm: string; readonly window: number },
    state: WindowState,
  ): AuditedWindow | undefined {
    const window = this.find(event.mm, event.window);
    if (window !== undefined) window.state = state;
    return window;
  }

  #resolve(event: EventOf<"invalidate-end-enter">, task: TaskState): EndCall {
    const { mm, blockable } = event;
    const span = spanOf(event.start, event.end);
    const about = { mm, span, blockable, depth: task.frames.length, reported: false };
    if (event.window !== null) {
      const window = this.find(mm, event.window);
      if (window === undefined) return { ...about, verdict: "unknown", window };
      const again = window.state === "ended" || window.state === "ending";
      return { ...about, verdict: again ? "again" : "paired", window };
    }
    const fits = (window: AuditedWindow | undefined): window is AuditedWindow =>
      window?.mm === mm && window.blockable === blockable && isSame(window.span, span);
    const exact = this.#latest(mm, task, (one) => one.state === "open" && fits(one));
    if (exact !== undefined) return { ...about, verdict: "paired", window: exact };
    // A start that an early kernel refused without rolling it back.
    const leaked = this.#latest(mm, task, (one) => one.state === "refused" && fits(one));
    if (leaked !== undefined) return { ...about, verdict: "refused", window: leaked };
    const { lastRefused, lastEnded } = task;
    if (fits(lastRefused)) return { ...about, verdict: "refused", window: lastRefused };
    if (fits(lastEnded)) return { ...about, verdict: "again", window: lastEnded };
    const meant = this.#meant(mm, span, task);
    return { ...about, verdict: meant === undefined ? "unpaired" : "mismatched", window: meant };
  }

  /** The latest window of the task, else the latest of anybody. */
  #latest(
    mm: string,
    task: TaskState,
    fits: (window: AuditedWindow) => boolean,
  ): AuditedWindow | undefined {
    const windows = [...this.in(mm)].filter(fits);
    return windows.findLast((one) => one.task === task.name) ?? windows.at(-1);
  }

  /** The open window of the same task that an end which fits none was most likely meant for. */
  #meant(mm: string, span: Span, task: TaskState): AuditedWindow | undefined {
    const open = (one: AuditedWindow): boolean =>
      one.task === task.name && one.state === "open" && !one.endedElsewhere;
    const here = [...this.in(mm)].filter(open);
    const sharesBound = (one: AuditedWindow): boolean =>
      one.span.start === span.start || one.span.last === span.last;
    return (
      here.findLast(sharesBound) ??
      here.at(-1) ??
      [...this.all()].findLast((one) => open(one) && isSame(one.span, span))
    );
  }
}

/** An end whose callback has thrown does not tell that it is over; the task's next call does. */
function forgetThrown({ endCalls, frames }: TaskState): void {
  while (endCalls.length > 0 && endCalls[endCalls.length - 1].depth >= frames.length) {
    endCalls.pop();
  }
}
