import type { SimulatedTask } from "../blocking/simulated-driver.ts";
import { IntervalidateError } from "../errors.ts";
import { resultText } from "./quantities.ts";

/** A named task of a file, and what it is about. */
export class TaskRun {
  readonly name: string;
  task: SimulatedTask | undefined;
  /** A signal came while it had nothing to do. */
  signalled = false;
  started = false;

  constructor(name: string) {
    this.name = name;
  }

  /** It has something to do and has not finished it. */
  get isBusy(): boolean {
    const kind = this.task?.state.kind;
    return kind === "new" || kind === "point" || kind === "wait";
  }

  /** It has finished what it had to do. */
  get hasReturned(): boolean {
    return this.task !== undefined && !this.isBusy;
  }

  /** What it has to wait for, if it has to. */
  get blockedOn(): string | undefined {
    const state = this.task?.state;
    return state?.kind === "wait" && !state.ready ? state.wait.resource : undefined;
  }

  /** It was waiting, and could go on. */
  get isRunnable(): boolean {
    const state = this.task?.state;
    return state?.kind === "wait" && state.ready;
  }

  get pausedAt(): string | undefined {
    const state = this.task?.state;
    return state?.kind === "point" ? state.label : undefined;
  }

  get error(): unknown {
    const state = this.task?.state;
    return state?.kind === "failed" ? state.error : undefined;
  }

  /** What it gave back last, or why it has not. */
  get result(): string {
    const state = this.task?.state;
    switch (state?.kind) {
      case "point":
        return `(paused: ${state.label})`;
      case "wait":
        return `(${state.ready ? "runnable" : "blocked"}: ${state.wait.resource})`;
      case "done":
        return resultText(state.value);
      case "failed":
        return errorText(state.error);
      default:
        return "(not started)";
    }
  }
}

/** An error as files name it: `-EINTR` where it has a number, else its code. */
export function errorText(error: unknown): string {
  if (error instanceof IntervalidateError) {
    return error.errno === undefined ? error.code : `-${error.errno}`;
  }
  return `throws ${error instanceof Error ? error.message : String(error)}`;
}
