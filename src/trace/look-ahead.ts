// What must be known of a log before it is followed from its beginning: the calls that made a
// process come often after the first lines of that process, and whether a call that takes effect
// where it begins succeeds is told where it ends.

import type { Address } from "../engine/addresses.ts";
import type { CompletedCall } from "./call.ts";
import type { CallName } from "./call-names.ts";
import { type CallHandler, CallReader } from "./call-reader.ts";
import { NOT_A_NUMBER } from "./numbers.ts";
import type { LogSource } from "./observer.ts";
import type { Task } from "./task.ts";

/** A fork-family call that made a child, in the order of completion. */
export interface Fork {
  readonly parent: Address;
  readonly child: Address;
  readonly sharesMemory: boolean;
  applied: boolean;
}

/** How a call ends that takes effect where it begins. Bits. */
export const EARLY_COMPLETED = 1;
export const EARLY_FAILED = 2;
export const EARLY_SUCCEEDED = 4;
export const EARLY_INJECTED = 8;

/** Grows by a few bytes for each fork and by one for each early call that comes in two halves. */
export class LookAhead implements CallHandler {
  /** The process of lines that carry no pid while not exactly one is live. */
  readonly first: Address;
  readonly forks: Fork[] = [];
  readonly forksByChild: Map<Address, Fork[]> = new Map();
  /** By number of the early call: EARLY_ bits, 0 if it is lost. */
  earlyOutcomes: Uint8Array = new Uint8Array(1024);
  /** The whole argument text, where the first half does not show it. */
  readonly earlyArguments: Map<number, Uint8Array> = new Map();
  readonly #pidTokens = new Set<Address>();
  readonly #children = new Set<Address>();

  readonly selective: boolean;

  constructor(first: Address, selective: boolean) {
    this.first = first;
    this.selective = selective;
  }

  /** The first pid token of the log that is no known child, or 0. */
  firstPid(): Address {
    for (const pid of this.#pidTokens) if (!this.#children.has(pid)) return pid;
    return 0;
  }

  wants(name: CallName): boolean {
    return name.forks || name.early;
  }

  pidToken(pid: Address): void {
    this.#pidTokens.add(pid);
  }

  forkShown(child: Address): void {
    this.#children.add(child);
  }

  lineOf(): void {}

  call(task: Task, call: CompletedCall): void {
    if (!makesChild(call)) return;
    const child = call.value;
    const fork = { parent: task.pid, child, sharesMemory: call.sharesMemory(), applied: false };
    this.forks.push(fork);
    const siblings = this.forksByChild.get(child);
    if (siblings === undefined) this.forksByChild.set(child, [fork]);
    else siblings.push(fork);
  }

  earlyBegins(_task: Task, _name: CallName, index: number): void {
    if (index < this.earlyOutcomes.length) return;
    const grown = new Uint8Array(this.earlyOutcomes.length * 2);
    grown.set(this.earlyOutcomes);
    this.earlyOutcomes = grown;
  }

  earlyEnds(index: number, length: number, call: CompletedCall): void {
    let outcome = EARLY_COMPLETED;
    if (call.failed) outcome |= EARLY_FAILED;
    if (call.value !== NOT_A_NUMBER) outcome |= EARLY_SUCCEEDED;
    if (call.injected) outcome |= EARLY_INJECTED;
    this.earlyOutcomes[index] = outcome;
    if (call.argsEnd !== length) {
      this.earlyArguments.set(index, call.bytes.slice(call.argsStart, call.argsEnd));
    }
  }

  exit(): void {}
}

/** Whether this call, completed, has made a process. */
export function makesChild(call: CompletedCall): boolean {
  return call.name.forks && !call.injected && call.value > 0;
}

/**
 * Looks through the whole log: once if its lines carry pids; if they do not, once more, and again if
 * it turns out that they need to know the first pid.
 */
export async function lookAhead(source: LogSource): Promise<LookAhead> {
  const quick = new LookAhead(0, true);
  const reader = new CallReader(quick, 0);
  await feed(source, reader);
  if (!reader.missedPid) return quick;
  // Right for logs without any pid; otherwise it is seldom needed.
  const guess = await walk(source, 0);
  if (!guess.usedFirst) return guess.seen;
  const first = guess.seen.firstPid();
  return first === 0 ? guess.seen : (await walk(source, first)).seen;
}

async function walk(source: LogSource, first: Address) {
  const seen = new LookAhead(first, false);
  const reader = new CallReader(seen, first);
  await feed(source, reader);
  return { seen, usedFirst: reader.usedFirst };
}

export async function feed(source: LogSource, reader: CallReader): Promise<void> {
  for await (const chunk of source.open()) {
    reader.push(chunk);
    if (reader.missedPid) return;
  }
  reader.end();
}
