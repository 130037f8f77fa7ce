// The invariants of the specification, checked on the library alone after every step.

import type { Book } from "./book.ts";
import { rulesOf } from "./kernel.ts";
import type { Operation, Program } from "./program.ts";
import type { RealSide } from "./real-side.ts";

interface Seen {
  readonly sequence: number;
  readonly active: number;
  readonly tree: string;
}

export class InvariantChecks {
  readonly #program: Program;
  readonly #real: RealSide;

  constructor(program: Program, real: RealSide) {
    this.#program = program;
    this.#real = real;
  }

  before(): readonly Seen[] {
    return this.#real.mms.map((_, mm) => this.#look(mm));
  }

  /** Invariants 1 and 2. */
  after(before: readonly Seen[]): void {
    for (const [number, mm] of this.#real.mms.entries()) {
      const was = before[number];
      const { sequence, activeInvalidations, deferred, name } = mm;
      const isOdd = sequence % 2 === 1;
      check(sequence >= was.sequence, `the sequence of ${name} decreases`);
      check(this.#real.areSequencesOdd(number), `the sequence of a notifier of ${name} is even`);
      check(!isOdd || activeInvalidations > 0, `${name} is frozen, but no invalidation is open`);
      check(deferred.length === 0 || isOdd, `${name} defers work, but is not frozen`);
      if (was.sequence === sequence && isOdd) {
        check(this.#look(number).tree === was.tree, `the tree of ${name} changes while frozen`);
      }
    }
  }

  /** Invariant 6, of a non-blocking start during which nobody else ran. */
  checkRefusal(number: number, before: readonly Seen[]): void {
    if (this.#program.profile !== "strict") return;
    const { name, sequence, activeInvalidations } = this.#real.mms[number];
    const was = before[number];
    check(activeInvalidations === was.active, `a refusal leaves an invalidation of ${name} active`);
    const by = sequence - was.sequence;
    const isLeftFrozen = by === 1 && was.active > 0;
    check(by === 0 || by === 2 || isLeftFrozen, `a refusal moves the sequence of ${name} by ${by}`);
  }

  /** Invariant 4, and invariant 5 while invalidations are open. */
  checkBook(book: Book): void {
    for (const [number, mm] of this.#real.mms.entries()) {
      const lists = this.#real.listReferences(number);
      const expected = 1 + lists + book.references(number);
      check(mm.count === expected, `${mm.name} counts ${mm.count}, not ${expected} references`);
    }
    this.#checkBalances((balance) => balance >= 0);
  }

  /** Invariant 9. */
  checkMaySleep(operation: Operation, book: Book): void {
    check(book.maySleep(operation), `${JSON.stringify(operation)} sleeps, and must not`);
  }

  /** Invariants 3 and 5, when all windows have ended. */
  checkIdle(stuck: readonly string[]): void {
    const { profile } = this.#program;
    if (rulesOf(profile).rollsBack) this.#checkBalances((balance) => balance === 0);
    if (profile !== "strict") return;
    check(stuck.length === 0, `blocked for ever: ${stuck}`);
    for (const { name, sequence, activeInvalidations, deferred } of this.#real.mms) {
      const isIdle = sequence % 2 === 0 && activeInvalidations === 0 && deferred.length === 0;
      check(isIdle, `${name} does not come to rest`);
    }
  }

  #look(number: number): Seen {
    const mm = this.#real.mms[number];
    const { sequence, activeInvalidations: active } = mm;
    // Only a frozen tree must not change.
    const tree = sequence % 2 === 1 ? this.#real.treeOf(number) : "";
    return { sequence, active, tree };
  }

  #checkBalances(isRight: (balance: number) => boolean): void {
    const { lists, profile } = this.#program;
    const { rollsBack } = rulesOf(profile);
    for (const [list, { mm, starts, end }] of lists.entries()) {
      // Who refuses must not have an end; and a blockable start must not fail: it is rolled back, and
      // ended as well.
      if (!end || starts.length === 0 || starts.some((one) => one !== "approve")) continue;
      const failsBlockable = lists.some(
        (other) =>
          other.mm === mm && other.starts.some((one) => one === "refuse" || one === "busy"),
      );
      if (rollsBack && failsBlockable) continue;
      const balance = this.#real.balanceOf(list);
      check(
        balance === undefined || isRight(balance),
        `L${list} has approved ${balance} starts more than it has seen ends`,
      );
    }
  }
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`Invariant broken: ${otherwise}`);
}
