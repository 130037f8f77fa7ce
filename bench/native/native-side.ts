import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { IntervalidateError } from "intervalidate";
import type { Operation, Outcome, Side, Span } from "./side.ts";

/** A native peer: a process that has mapped a workload file and obeys commands, one a line. */
export class NativeSide implements Side {
  readonly name: string;
  readonly operations: ReadonlySet<Operation>;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(
    name: string,
    operations: ReadonlySet<Operation>,
    program: string,
    workloadFile: string,
  ) {
    this.name = name;
    this.operations = operations;
    const child = spawn(program, [workloadFile], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  run(operation: Operation, { from, to }: Span, sum = false): Promise<Outcome> {
    return this.#command(`${operation} ${from} ${to}${sum ? " sum" : ""}`);
  }

  async lock(): Promise<void> {
    await this.#command("lock 0 0");
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.stdin?.end();
    await exit;
  }

  async #command(command: string): Promise<Outcome> {
    this.#process.stdin?.write(`${command}\n`);
    const { value, done } = await this.#answers.next();
    if (done) {
      throw new IntervalidateError(
        "INPUT",
        `The native peer ${this.name} ended instead of answering "${command}"; its last words are above.`,
      );
    }
    return parseOutcome(value);
  }
}

/** Reads the answer "NANOSECONDS HITS IDS". @throws {IntervalidateError} INPUT if it is none */
export function parseOutcome(line: string): Outcome {
  const match = /^(\d+) (\d+) (\d+)$/.exec(line);
  if (match === null) {
    throw new IntervalidateError(
      "INPUT",
      `A native peer answers "NANOSECONDS HITS IDS", three integers, but this is ${JSON.stringify(line.slice(0, 80))}.`,
    );
  }
  return { nanoseconds: Number(match[1]), hits: Number(match[2]), ids: Number(match[3]) };
}
