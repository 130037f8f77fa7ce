// Logical lines -> whose line it is -> completed calls, exits. Both walks through a log, the one
// that looks ahead and the one that follows the address spaces, stand on this.

import type { Address } from "../engine/addresses.ts";
import { digitsEnd, hasText } from "./bytes.ts";
import { CompletedCall } from "./call.ts";
import type { CallName } from "./call-names.ts";
import { findResult, LineParser, resultStart } from "./line-parser.ts";
import { type LineSink, LogicalLines } from "./lines.ts";
import { NOT_A_NUMBER, parseDigits, parseResult } from "./numbers.ts";
import type { LineKinds } from "./observer.ts";
import { Task } from "./task.ts";

const SUPERSEDED = "+++ superseded by execve in pid ";

/** What is done with the calls. Called in log order. */
export interface CallHandler {
  /**
   * Asks only for calls that are wanted, and takes every line to carry a pid. Where one does not,
   * the reader stops with `missedPid`; counts mean nothing then.
   */
  readonly selective: boolean;
  /** Whether completed calls of that name are asked for where they come in two halves. */
  wants(name: CallName): boolean;
  /** A pid token, on whatever line. */
  pidToken(pid: Address): void;
  /** A fork-family line, whole or second half, that shows the number of a child. */
  forkShown(child: Address): void;
  /** A line of this task, before what it says. */
  lineOf(task: Task): void;
  call(task: Task, call: CompletedCall): void;
  /** The begin of a call that takes effect there; `index` counts these over the log. */
  earlyBegins(task: Task, name: CallName, index: number, args: Uint8Array, length: number): void;
  /** The end of such a call; `length` is that of the argument text its begin has shown. */
  earlyEnds(index: number, length: number, call: CompletedCall): void;
  exit(task: Task): void;
}

export class CallReader implements LineSink {
  readonly kinds: LineKinds = {
    call: 0,
    unfinished: 0,
    resumed: 0,
    signal: 0,
    exit: 0,
    other: 0,
  };
  unfinishedLost = 0;
  orphanResumed = 0;
  /** The physical line that is being read. */
  lineNumber = 0;
  /** Whether a line could not be assigned without `first`. */
  usedFirst = false;
  /** Reading selectively, a line without a pid was met: it has to be read again, in full. */
  missedPid = false;
  readonly #lines = new LogicalLines(this);
  readonly #handler: CallHandler;
  readonly #first: Address;
  readonly #tasks = new Map<Address, Task>();
  readonly #live = new Set<Task>();
  readonly #parser = new LineParser();
  readonly #call = new CompletedCall();
  #earlyBegun = 0;
  /** Tasks with an open call. */
  #open = 0;

  /** @param first the process of lines that carry no pid while not exactly one is live */
  constructor(handler: CallHandler, first: Address) {
    this.#handler = handler;
    this.#first = first;
  }

  get lines(): number {
    return this.#lines.count;
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /** The end of the log: open calls are lost. */
  end(): void {
    this.#lines.end();
    for (const task of this.#tasks.values()) this.#drop(task);
  }

  task(pid: Address): Task {
    let task = this.#tasks.get(pid);
    if (task === undefined) {
      task = new Task(pid);
      this.#tasks.set(pid, task);
    }
    return task;
  }

  line(bytes: Uint8Array, start: number, end: number, number: number): void {
    const parser = this.#parser;
    this.lineNumber = number;
    parser.parsePrefix(bytes, start, end);
    if (this.#handler.selective && this.#skips()) return;
    parser.parseBody();
    this.kinds[parser.kind] += 1;
    if (parser.pid !== NOT_A_NUMBER) this.#handler.pidToken(parser.pid);
    if (parser.kind === "other" && !parser.detached) return;
    const task = this.#owner();
    this.#handler.lineOf(task);
    this.#setLive(task);
    if (parser.kind === "call") this.#whole(task);
    else if (parser.kind === "unfinished") this.#begin(task);
    else if (parser.kind === "resumed") this.#resume(task);
    else if (parser.kind === "exit") this.#exit(task);
    else if (parser.detached) this.#setGone(task);
  }

  /** Whether a selective handler need not know this line. */
  #skips(): boolean {
    const { pid } = this.#parser;
    if (pid === NOT_A_NUMBER) {
      this.#parser.parseBody();
      if (this.#parser.kind !== "other" || this.#parser.detached) this.missedPid = true;
      return true;
    }
    if (this.#parser.mayForkFreeOrExit()) return false;
    return this.#open === 0 || this.#tasks.get(pid)?.openName == null;
  }

  #owner(): Task {
    if (this.#parser.pid !== NOT_A_NUMBER) return this.task(this.#parser.pid);
    if (this.#live.size === 1) for (const task of this.#live) return task;
    this.usedFirst = true;
    return this.task(this.#first);
  }

  #setLive(task: Task): void {
    if (task.live) return;
    task.live = true;
    this.#live.add(task);
  }

  #setGone(task: Task): void {
    if (!task.live) return;
    task.live = false;
    this.#live.delete(task);
  }

  #whole(task: Task): void {
    const parser = this.#parser;
    const name = parser.name!;
    this.#drop(task);
    if (name.forks) this.#showFork();
    const call = this.#call;
    call.setArguments(name, parser.bytes, parser.textStart, parser.closeAt);
    const start = resultStart(parser.bytes, parser.closeAt, parser.textEnd);
    call.setResult(parser.bytes, start, parser.textEnd);
    this.#handler.call(task, call);
  }

  #begin(task: Task): void {
    const parser = this.#parser;
    const name = parser.name!;
    this.#drop(task);
    const wanted = this.#handler.wants(name);
    if (this.#handler.selective && !wanted) return;
    this.#open += 1;
    const text = task.open(name);
    if (!wanted) return;
    text.append(parser.bytes, parser.textStart, parser.textEnd);
    if (!name.early) return;
    task.openEarly = this.#earlyBegun++;
    this.#handler.earlyBegins(task, name, task.openEarly, text.bytes, text.length);
  }

  #resume(task: Task): void {
    const parser = this.#parser;
    const name = parser.name!;
    if (name.forks) this.#showFork();
    if (task.openName !== name) {
      this.orphanResumed += 1;
      this.#drop(task);
      return;
    }
    task.openName = null;
    this.#open -= 1;
    if (!this.#handler.wants(name)) return;
    const text = task.openArguments!;
    const length = text.length;
    text.append(parser.bytes, parser.textStart, parser.textEnd);
    const closeAt = findResult(text.bytes, 0, text.length);
    if (closeAt < 0) return;
    const call = this.#call;
    call.setArguments(name, text.bytes, 0, closeAt);
    call.setResult(text.bytes, resultStart(text.bytes, closeAt, text.length), text.length);
    if (name.early) this.#handler.earlyEnds(task.openEarly, length, call);
    else this.#handler.call(task, call);
  }

  /** The line's own result is what tells that a child lives, whether its begin is known or not. */
  #showFork(): void {
    const { bytes, textStart, textEnd } = this.#parser;
    const closeAt = findResult(bytes, textStart, textEnd);
    if (closeAt < 0) return;
    const start = resultStart(bytes, closeAt, textEnd);
    let stop = start;
    while (stop < textEnd && bytes[stop] !== 32 && bytes[stop] !== 60) stop++;
    const child = parseResult(bytes, start, stop);
    if (child <= 0) return;
    this.#handler.forkShown(child);
    this.#setLive(this.task(child));
  }

  #exit(task: Task): void {
    const { bytes, bodyStart, end } = this.#parser;
    this.#drop(task);
    if (
      hasText(bytes, bodyStart, end, "+++ exited") ||
      hasText(bytes, bodyStart, end, "+++ killed")
    ) {
      this.#setGone(task);
      this.#handler.exit(task);
    } else if (hasText(bytes, bodyStart, end, SUPERSEDED)) {
      const start = bodyStart + SUPERSEDED.length;
      const pid = parseDigits(bytes, start, digitsEnd(bytes, start, end));
      if (pid === NOT_A_NUMBER) return;
      const thread = this.task(pid);
      if (thread === task) return;
      if (thread.openName !== null) task.adopt(thread);
      this.#setGone(thread);
      if (thread.mm !== undefined) this.#handler.exit(thread);
    }
  }

  #drop(task: Task): void {
    if (task.openName === null) return;
    task.openName = null;
    this.#open -= 1;
    this.unfinishedLost += 1;
  }
}
