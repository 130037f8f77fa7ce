import type { Sleepable } from "../blocking/suspension.ts";
import type { Address } from "../engine/addresses.ts";
import { GIVEN_UP } from "./callback-walk.ts";
import type { Finish, IntervalNotifier, Refusal } from "./interval-notifier.ts";
import type { IntervalSubscriber } from "./interval-state.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** The engine's answer if a lock is held in the range; nothing has changed then. */
const REFUSED = -1;

/** A finish callback that is due, and whose it is. */
export interface DueFinish {
  readonly notifier: string;
  readonly finish: Finish;
}

/** Who is to be told of an invalidation, in the order of the calls, and what has been done already. */
export interface Plan {
  /** Those still to come; passive mirrors among them by handle. */
  readonly subscribers: readonly IntervalSubscriber[];
  /** Passive mirrors hit, in all. */
  readonly hits: number;
  /** The sequence that those hit get. */
  readonly sequence: number;
}

/**
 * `mn_itree_inv_start_range`: opens the invalidation of `[start, last]`, which overlaps these notifiers. Passive
 * mirrors are dealt with at once where their order cannot be observed. Undefined if the profile has
 * passive mirrors refuse before anything changes, and one does.
 */
export function openIntervalPhase(
  subscriptions: Subscriptions,
  start: Address,
  last: Address,
  blockable: boolean,
  notifiers: readonly IntervalNotifier[],
): Plan | undefined {
  const { state, mirrors, profile } = subscriptions;
  const { tree } = mirrors;
  const sequence = state.sequenceOfStart;
  let subscribers: readonly IntervalSubscriber[] = notifiers;
  // Nobody can see an order if no mirror of the range is locked and there are no callbacks.
  let hits =
    notifiers.length === 0 || profile.passiveFirst
      ? tree.invalidate(start, last, sequence)
      : REFUSED;
  if (hits === REFUSED) {
    if (!profile.passiveFirst) {
      const passive = mirrors.overlapping(start, last);
      hits = passive.length;
      subscribers = merge(subscriptions, passive, notifiers);
    } else if (blockable) {
      const held = mirrors.heldAscending(start, last);
      hits = held.length + tree.invalidateUnlocked(start, last, sequence);
      subscribers = [...held, ...notifiers];
    } else {
      return undefined;
    }
  }
  subscriptions.startInterval(hits > 0 || notifiers.length > 0);
  return { subscribers, hits, sequence };
}

/** Both kinds in the order of the tree: ascending by start, equal starts as they were inserted. */
function merge(
  { mirrors }: Subscriptions,
  passive: readonly number[],
  notifiers: readonly IntervalNotifier[],
): readonly IntervalSubscriber[] {
  if (notifiers.length === 0) return passive;
  const merged: IntervalSubscriber[] = [];
  let next = 0;
  for (const mirror of passive) {
    const start = mirrors.startOf(mirror);
    const insertion = mirrors.insertionOf(mirror);
    while (next < notifiers.length) {
      const notifier = notifiers[next];
      const comesFirst =
        notifier.start < start || (notifier.start <= start && notifier.insertion < insertion);
      if (!comesFirst) break;
      merged.push(notifier);
      next += 1;
    }
    merged.push(mirror);
  }
  for (; next < notifiers.length; next += 1) merged.push(notifiers[next]);
  return merged;
}

/** Whether an interval notifier approves by its answer: a finish does. */
export function approves(answer: unknown): boolean {
  if (typeof answer === "object" && answer !== null) return (answer as Refusal).approved;
  return answer !== false && answer !== GIVEN_UP;
}

/** Takes the lock bit of a passive mirror, sets its sequence, and gives the bit back. */
export function* hitPassive(
  subscriptions: Subscriptions,
  mirror: number,
  sequence: number,
): Sleepable<undefined> {
  const wait = subscriptions.mirrors.waitForLock(mirror, false);
  while (!wait.ready()) yield wait;
  subscriptions.mirrors.tree.setSequence(mirror, sequence);
}
