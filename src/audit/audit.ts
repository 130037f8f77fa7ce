import { type Profile, type ProfileName, profileOf } from "../notifier/profile.ts";
import { CATALOGUE } from "./catalogue.ts";
import type { AuditEvent, EventOf } from "./events.ts";
import { ListNotifiers } from "./list-notifiers.ts";
import type { AuditNote, ViolationId, ViolationReport } from "./report.ts";
import { type CallbackFrame, frameOf, type TaskState, Tasks } from "./tasks.ts";
import { type AuditedWindow, type StartRecord, Windows } from "./windows.ts";

/** What a rule says about a violation; the rest follows from the moment and from the catalogue. */
export interface Finding {
  readonly mm: string | null;
  readonly notifier: string | null;
  readonly message: string;
  readonly window?: number | null;
  /** Default: the task of the event. */
  readonly task?: string;
}

/**
 * What all rules share: the event at hand, what is known of tasks, windows and notifiers, and where
 * findings go. The knowledge is brought up to date before the rules see an event, but what ends with
 * an event is still there while they see it.
 */
export class Audit {
  readonly profile: Profile;
  readonly tasks: Tasks = new Tasks();
  readonly windows: Windows = new Windows();
  readonly listNotifiers: ListNotifiers = new ListNotifiers();
  readonly reports: ViolationReport[] = [];
  readonly notes: AuditNote[] = [];
  /** Events seen, the one at hand included. */
  step = 0;
  /** The task of the event at hand. */
  task: TaskState = this.tasks.of("");
  /** The callback that the event at hand is about. */
  frame: CallbackFrame | undefined;

  constructor(profile: ProfileName) {
    this.profile = profileOf(profile);
  }

  report(id: ViolationId, finding: Finding): void {
    const { mm, notifier, message, window = null, task = this.task.name } = finding;
    const { title, kernel, fix } = CATALOGUE[id];
    this.reports.push({
      id,
      title,
      notifier,
      mm,
      task,
      window,
      step: this.step,
      message,
      kernel: kernel(this.profile),
      fix,
      quality: id === "V31",
    });
  }

  /** The approved starts of a window that have not been ended and have an end to wait for. */
  openStarts({ mm, starts }: AuditedWindow): StartRecord[] {
    return [...starts.values()].filter(
      ({ notifier, outcome, ends }) =>
        outcome === "approved" &&
        ends === 0 &&
        this.listNotifiers.has(mm, notifier, "end") &&
        this.listNotifiers.isLinked(mm, notifier),
    );
  }

  before(event: AuditEvent, task: string): void {
    this.step += 1;
    this.task = this.tasks.of(task);
    this.frame = undefined;
    this.listNotifiers.before(event);
    this.windows.before(event, this.task, this.step);
    switch (event.kind) {
      case "callback-enter":
        this.#enterCallback(event);
        break;
      case "callback-leave":
      case "callback-threw":
        this.frame = frameOf(this.task, event);
        if (event.callback === "start") {
          const threw = event.kind === "callback-threw";
          const outcome = threw ? "threw" : event.result === 0 ? "approved" : "refused";
          this.windows.start(event, outcome, this.task, this.step);
        }
        break;
      case "sleep-while-non-blocking":
        this.frame = frameOf(this.task, event);
        break;
      case "release-enter":
        this.task.releasing.push(event.mm);
        break;
      default:
        this.tasks.observe(event, this.task);
    }
  }

  after(event: AuditEvent): void {
    this.listNotifiers.after(event);
    this.windows.after(event, this.task);
    this.task.last = event;
    switch (event.kind) {
      case "callback-threw":
      case "callback-leave":
        if (event.kind === "callback-threw") this.windows.fail(event.mm, event.window);
        if (this.frame !== undefined) this.tasks.leaveCallback(this.task, this.frame);
        break;
      case "invalidate-refused":
        this.#forgetUnlessOpen(event);
        break;
      case "release":
        this.task.releasing.pop();
        break;
    }
  }

  #enterCallback(event: EventOf<"callback-enter">): void {
    if (event.callback === "start") this.windows.start(event, "running", this.task, this.step);
    const ends = event.callback === "end" ? this.windows.end(event, this.task) : undefined;
    this.frame = this.tasks.enterCallback(event, this.task, this.step, ends);
  }

  /** A refused window matters only as long as somebody waits for its end. */
  #forgetUnlessOpen({ mm, window: id }: EventOf<"invalidate-refused">): void {
    const window = this.windows.find(mm, id);
    if (window !== undefined && this.openStarts(window).length === 0) this.windows.forget(mm, id);
  }
}
