import type { Address } from "../engine/addresses.ts";
import { checkedAddress } from "../engine/addresses.ts";
import type { CallbackKind } from "./events.ts";
import type { ListNotifier } from "./list-notifier.ts";
import { lastOfRange, type NotifierRange } from "./range.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Which callback is called of each list notifier, and how. */
interface Question {
  readonly kind: CallbackKind;
  isAsked(notifier: ListNotifier): boolean;
  ask(notifier: ListNotifier): unknown;
  /** Whether one yes is enough. */
  readonly stopsAtYes: boolean;
}

/** The callbacks of list notifiers that never sleep, and have nothing to do with start and end. */
export class Questions {
  readonly #subscriptions: Subscriptions;

  constructor(subscriptions: Subscriptions) {
    this.#subscriptions = subscriptions;
  }

  clearFlushYoung(start: Address, end: Address): boolean {
    return this.#askAll(this.#range(start, end), {
      kind: "clear-flush-young",
      isAsked: ({ ops }) => ops.clearFlushYoung !== undefined,
      ask: ({ ops, mm }) => ops.clearFlushYoung?.(mm, start, end),
      stopsAtYes: false,
    });
  }

  clearYoung(start: Address, end: Address): boolean {
    return this.#askAll(this.#range(start, end), {
      kind: "clear-young",
      isAsked: ({ ops }) => ops.clearYoung !== undefined,
      ask: ({ ops, mm }) => ops.clearYoung?.(mm, start, end),
      stopsAtYes: false,
    });
  }

  testYoung(address: Address): boolean {
    checkedAddress(address);
    return this.#askAll(
      { start: address, end: BigInt(address) + 1n },
      {
        kind: "test-young",
        isAsked: ({ ops }) => ops.testYoung !== undefined,
        ask: ({ ops, mm }) => ops.testYoung?.(mm, address),
        stopsAtYes: true,
      },
    );
  }

  archInvalidateSecondaryTlbs(start: Address, end: Address): void {
    this.#askAll(this.#range(start, end), {
      kind: "secondary-tlb",
      isAsked: ({ ops }) => ops.archInvalidateSecondaryTlbs !== undefined,
      ask: ({ ops, mm }) => ops.archInvalidateSecondaryTlbs?.(mm, start, end),
      stopsAtYes: false,
    });
  }

  #range(start: Address, end: Address): NotifierRange {
    const range = { start, end };
    lastOfRange(range, this.#subscriptions.profile.refusesDegenerateRanges);
    return range;
  }

  /** Asks everybody, newest first, inside one SRCU section; true if somebody says yes. */
  #askAll(range: NotifierRange, question: Question): boolean {
    const { list, domain } = this.#subscriptions;
    if (list.length === 0) return false;
    let isYes = false;
    const section = domain.srcu.enter();
    try {
      for (const notifier of list) {
        if (isYes && question.stopsAtYes) break;
        if (notifier.linked && question.isAsked(notifier)) {
          if (this.#askOne(notifier, range, question)) isYes = true;
        }
      }
    } finally {
      domain.srcu.leave(section);
    }
    return isYes;
  }

  #askOne(notifier: ListNotifier, range: NotifierRange, { kind, ask }: Question): boolean {
    const report = this.#subscriptions.report(notifier.name, kind, null);
    report?.enter(range, false, null);
    try {
      const answer = ask(notifier);
      report?.leave(typeof answer === "boolean" ? answer : null);
      return answer === true;
    } catch (error) {
      report?.threw(error);
      throw error;
    }
  }
}
