import { PerSubscriber, subscriberName } from "../per-subscriber.ts";
import type { Rule } from "../rule.ts";
import { callbackName } from "../tasks.ts";

/** What has become of a subscriber. */
interface Life {
  /** The release callback has been entered. */
  releasedAt: number | undefined;
  /** The release callback has returned. */
  isReleased: boolean;
  /** Why no callback may run any more, in words. */
  gone: string | undefined;
}

/** Subscribers are used between their coming and their going, and go once. */
export const lifetimes: Rule = {
  ids: ["V26", "V28", "V29"],
  watch(audit) {
    const lives = new PerSubscriber<Life>();
    const tornDown = new Map<string, number>();
    const unregistering = new PerSubscriber<true>();

    const lifeOf = (mm: string, subscriber: string | number): Life =>
      lives.of(mm, subscriber, () => ({
        releasedAt: undefined,
        isReleased: false,
        gone: undefined,
      }));

    function bear(mm: string, subscriber: string | number): void {
      lives.delete(mm, subscriber);
    }

    function misuse(mm: string, subscriber: string | number, message: string): void {
      audit.report("V26", { mm, notifier: subscriberName(subscriber), message });
    }

    function go(mm: string, subscriber: string | number, how: string): void {
      lifeOf(mm, subscriber).gone = `${how} at event ${audit.step}`;
    }

    /** It has gone, and that was to wait for its callbacks. */
    function goQuietly(mm: string, notifier: string, how: string): void {
      go(mm, notifier, how);
      const frame = audit.tasks.othersIn(audit.task, mm, notifier);
      if (frame === undefined) return;
      misuse(mm, notifier, `${callbackName(frame)} still runs although ${notifier} was ${how}`);
    }

    function whyNotToInstall(mm: string, subscriber: string | number): string | undefined {
      const life = lives.get(mm, subscriber);
      if (life?.gone !== undefined) return `it was ${life.gone}`;
      if (life?.isReleased) return `its release callback was called at event ${life.releasedAt}`;
      const since = tornDown.get(mm);
      return since === undefined ? undefined : `${mm} was torn down at event ${since}`;
    }

    return {
      on: {
        register: ({ mm, notifier }) => notifier !== null && bear(mm, notifier),
        "interval-insert": ({ mm, notifier }) => bear(mm, notifier),
        "mirror-insert": ({ mm, mirror }) => bear(mm, mirror),
        "unregister-enter": ({ mm, notifier }) => unregistering.set(mm, notifier, true),
        unregister({ mm, notifier }) {
          // Without an enter it is the form that does not wait.
          if (unregistering.get(mm, notifier)) goQuietly(mm, notifier, "unregistered");
          else go(mm, notifier, "unregistered");
          unregistering.delete(mm, notifier);
        },
        "interval-remove"({ mm, notifier, deferred }) {
          if (!deferred) goQuietly(mm, notifier, "removed");
        },
        "interval-removed": ({ mm, notifier }) => goQuietly(mm, notifier, "removed"),
        "mirror-remove"({ mm, mirror, deferred }) {
          if (!deferred) go(mm, mirror, "removed");
        },
        "mirror-removed": ({ mm, mirror }) => go(mm, mirror, "removed"),
        "interval-remove-again"({ mm, notifier }) {
          const message = `${notifier} is removed, but it is not inserted or is being removed already`;
          audit.report("V29", { mm, notifier, message });
        },
        release: ({ mm }) => tornDown.set(mm, audit.step),
        "callback-enter"(event) {
          const { mm, notifier, callback, window } = event;
          const life = lifeOf(mm, notifier);
          if (life.gone !== undefined) {
            const message = `${callbackName(event)} is called although ${notifier} was ${life.gone}`;
            audit.report("V26", { mm, notifier, window, message });
          } else if (callback === "free") {
            goQuietly(mm, notifier, "freed");
          } else if (callback === "release") {
            if (life.releasedAt !== undefined) {
              const message = `${notifier}.release is called again, as at event ${life.releasedAt}`;
              audit.report("V28", { mm, notifier, message });
            }
            life.releasedAt ??= audit.step;
          }
        },
        "callback-leave"({ mm, notifier, callback }) {
          if (callback === "release") lifeOf(mm, notifier).isReleased = true;
        },
        "read-begin"({ mm, subscriber }) {
          const gone = lives.get(mm, subscriber)?.gone;
          if (gone === undefined) return;
          const name = subscriberName(subscriber);
          misuse(mm, subscriber, `${name} begins to read although it was ${gone}`);
        },
        install({ mm, subscriber }) {
          const why = whyNotToInstall(mm, subscriber);
          if (why === undefined) return;
          misuse(
            mm,
            subscriber,
            `${subscriberName(subscriber)} installs a mapping although ${why}`,
          );
        },
      },
    };
  },
};
