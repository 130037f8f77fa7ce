import type { Audit } from "../audit.ts";
import type { EventOf } from "../events.ts";
import { PerSubscriber, subscriberName } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";
import { overlap, spanOf, spanText } from "../spans.ts";
import type { AuditedWindow } from "../windows.ts";
import { mayKeepSequence } from "./set-sequence.ts";

/** What `read_retry` told a task. */
interface Answer {
  readonly sequence: number;
  readonly retry: boolean;
  /** Whether the user lock was held, where the event tells. */
  readonly locked: boolean | null;
  /** Locks that the task held. */
  readonly held: readonly string[];
  readonly step: number;
  installed: boolean;
}

/** One `read_begin` of one task, and what came of it. */
interface Attempt {
  answer: Answer | undefined;
  /** An install was made under an earlier answer. */
  spent: boolean;
  readonly reported: Set<"V14" | "V16">;
}

/** What is known of a subscriber that installs. */
interface Installer {
  readonly attempts: Map<string, Attempt>;
  /** It uses the read side. */
  reads: boolean;
  lastSet: { readonly sequence: number; readonly step: number } | undefined;
  /** A passive mirror's lock was released. */
  unlockedAt: number;
  /** Held whenever its callbacks set the sequence; undefined until they have. */
  userLocks: readonly string[] | undefined;
  /** Invalidations whose callback has completed and left nothing valid. */
  readonly hitBy: WeakSet<AuditedWindow>;
  /** Open invalidations of which it was reported. */
  readonly reportedIn: WeakSet<AuditedWindow>;
}

/**
 * A mapping is installed under the user lock, after `read_retry` was false under the same lock, once for
 * each `read_begin`; and never during an open invalidation that the subscriber has been told of.
 */
export const installs: Rule = {
  ids: ["V13", "V14", "V16"],
  watch(audit) {
    const installers = new PerSubscriber<Installer>();
    const intervals = new PerSubscriber<true>();
    /** Passive mirrors, by the event since which invalidations hit them. */
    const mirrors = new PerSubscriber<number>();

    const installerOf = (mm: string, subscriber: string | number): Installer =>
      installers.of(mm, subscriber, () => ({
        attempts: new Map(),
        // The read side is all that a passive mirror has.
        reads: typeof subscriber === "number",
        lastSet: undefined,
        unlockedAt: 0,
        userLocks: undefined,
        hitBy: new WeakSet(),
        reportedIn: new WeakSet(),
      }));

    function attemptOf(installer: Installer): Attempt {
      const { name } = audit.task;
      let attempt = installer.attempts.get(name);
      if (attempt === undefined) {
        attempt = { answer: undefined, spent: false, reported: new Set() };
        installer.attempts.set(name, attempt);
      }
      return attempt;
    }

    /** Whether an open invalidation has done with a subscriber what it does. */
    function hasHit(
      window: AuditedWindow,
      { mm, subscriber }: EventOf<"install">,
      installer: Installer,
    ): boolean {
      const { state, starts } = window;
      if (typeof subscriber === "number") {
        return state === "open" && (mirrors.get(mm, subscriber) ?? audit.step) < window.step;
      }
      const isOpen = state === "starting" || state === "open";
      if (intervals.get(mm, subscriber)) return isOpen && installer.hitBy.has(window);
      const start = starts.get(subscriber);
      // Nobody's start: a mirror inside some notifier, which has been told when all have.
      if (start === undefined)
        return state === "open" && !audit.listNotifiers.knows(mm, subscriber);
      const awaitsEnd = state === "ending" && audit.listNotifiers.has(mm, subscriber, "end");
      return start.outcome === "approved" && start.ends === 0 && (isOpen || awaitsEnd);
    }

    function judgeWindows(event: EventOf<"install">, installer: Installer): void {
      const { mm, subscriber } = event;
      const span = spanOf(event.start, event.end);
      const notifier = subscriberName(subscriber);
      for (const window of audit.windows.in(mm)) {
        if (installer.reportedIn.has(window) || !overlap(window.span, span)) continue;
        if (!hasHit(window, event, installer)) continue;
        installer.reportedIn.add(window);
        const message = `${notifier} installs ${spanText(span)} while window ${window.id} over ${spanText(window.span)} is open, of which it has been told`;
        audit.report("V13", { mm, notifier, window: window.id, message });
      }
    }

    function judgeAnswer(event: EventOf<"install">, installer: Installer): void {
      if (!installer.reads) return;
      const { mm, subscriber } = event;
      const notifier = subscriberName(subscriber);
      const attempt = attemptOf(installer);
      const { answer, spent, reported } = attempt;
      const install = `${notifier} installs ${spanText(spanOf(event.start, event.end))}`;
      const why = whyUnanswered(installer, answer);
      if (answer !== undefined) answer.installed = true;
      const [id, reason] = why !== undefined ? (["V14", why] as const) : (["V16", REUSED] as const);
      if ((why === undefined && !spent) || reported.has(id)) return;
      reported.add(id);
      audit.report(id, { mm, notifier, message: `${install} ${reason}` });
    }

    return {
      on: {
        "interval-insert"({ mm, notifier }) {
          intervals.set(mm, notifier, true);
          installers.delete(mm, notifier);
        },
        "mirror-insert"({ mm, mirror, deferred }) {
          installers.delete(mm, mirror);
          if (deferred) mirrors.delete(mm, mirror);
          else mirrors.set(mm, mirror, audit.step);
        },
        "mirror-inserted": ({ mm, mirror }) => mirrors.set(mm, mirror, audit.step),
        "mirror-unlock"({ mm, mirror }) {
          installerOf(mm, mirror).unlockedAt = audit.step;
        },
        "set-sequence"({ mm, notifier, sequence }) {
          const installer = installerOf(mm, notifier);
          installer.lastSet = { sequence, step: audit.step };
          installer.userLocks = learnUserLocks(audit, mm, notifier, installer.userLocks);
        },
        "callback-leave"({ mm, notifier, callback, window: id, result }) {
          const { frame } = audit;
          if (callback !== "invalidate" && callback !== "invalidate-start") return;
          const window = audit.windows.find(mm, id);
          if (window === undefined || frame === undefined || result !== true) return;
          const installer = installerOf(mm, notifier);
          const isSet = installer.lastSet?.sequence === frame.sequence;
          // An event of its own leaves its entries valid.
          if (isSet || !mayKeepSequence(frame)) installer.hitBy.add(window);
        },
        "read-begin"({ mm, subscriber }) {
          const installer = installerOf(mm, subscriber);
          installer.reads = true;
          installer.attempts.delete(audit.task.name);
          attemptOf(installer);
        },
        "read-retry"({ mm, subscriber, sequence, retry, locked }) {
          const installer = installerOf(mm, subscriber);
          installer.reads = true;
          const attempt = attemptOf(installer);
          if (attempt.answer?.installed) attempt.spent = true;
          const held = audit.task.held.map(({ lock }) => lock);
          const { step } = audit;
          attempt.answer = { sequence, retry, locked, held, step, installed: false };
        },
        install(event) {
          const installer = installerOf(event.mm, event.subscriber);
          judgeWindows(event, installer);
          judgeAnswer(event, installer);
        },
      },
    };
  },
};

const REUSED = "under the same read_begin as an install before, with another read_retry in between";

/** Why a task may not rely on what read_retry told it. */
function whyUnanswered(
  { lastSet, unlockedAt, userLocks }: Installer,
  answer: Answer | undefined,
): string | undefined {
  if (answer === undefined) return "without having asked read_retry";
  const { sequence, retry, locked, held, step } = answer;
  if (retry) return `although read_retry was true at event ${step}`;
  const isUnlocked =
    userLocks !== undefined &&
    userLocks.length > 0 &&
    !userLocks.some((lock) => held.includes(lock));
  if (locked === false || isUnlocked) {
    return `after asking read_retry at event ${step} without the user lock`;
  }
  if (unlockedAt > step) {
    return `after its lock was released at event ${unlockedAt}, so read_retry has to be asked again`;
  }
  if (lastSet !== undefined && lastSet.step > step && lastSet.sequence !== sequence) {
    return `although it was invalidated at event ${lastSet.step}, after read_retry was false`;
  }
  return undefined;
}

/** The locks that a callback holds when it sets the sequence, as long as it always is so. */
function learnUserLocks(
  { task }: Audit,
  mm: string,
  notifier: string,
  known: readonly string[] | undefined,
): readonly string[] | undefined {
  const depth = task.frames.findLastIndex((one) => one.mm === mm && one.notifier === notifier);
  if (depth < 0) return known;
  const locks = task.held.filter((one) => one.depth > depth).map(({ lock }) => lock);
  return known === undefined ? locks : known.filter((lock) => locks.includes(lock));
}
