import type { Address } from "../engine/addresses.ts";
import type { InvalidationEvent } from "./range.ts";

/** The callbacks of notifiers, by what they are called for. */
export type CallbackKind =
  /** list notifier */
  | "start"
  | "end"
  /** list notifier, just before end, in v4.19 and v5.5 */
  | "invalidate-range"
  | "release"
  | "free"
  | "clear-flush-young"
  | "clear-young"
  | "test-young"
  | "secondary-tlb"
  /** interval notifier */
  | "invalidate"
  | "invalidate-start"
  | "finish";

/** What the kernel would print a warning about. */
export type Warning =
  /** a list notifier's start failed although it may sleep, or with something else than EAGAIN */
  | "illegal-refusal"
  /** a list notifier refused that also has an end, which cannot know that its start failed */
  | "refuser-has-end"
  /** an interval notifier's invalidate returned false although it may sleep */
  | "interval-refused-blockable"
  /** register with the secondary-TLB callback beside start or end; once for all */
  | "secondary-tlb-with-range-callbacks"
  | "put-without-get"
  /** an interval notifier or mirror was inserted into an address space without users */
  | "insert-into-dead-mm"
  /** a sleep inside a non_block section */
  | "sleep-in-non-block-section";

/** A list or interval notifier by its name, a passive mirror by its handle. */
type Subscriber = string | number;

/** Common to the events about one callback. */
interface Callback {
  readonly mm: string;
  readonly notifier: string;
  readonly callback: CallbackKind;
  /** The invalidation that it is called for, if it is called for one. */
  readonly window: number | null;
  /** Called to roll a refused start back. */
  readonly rollback: boolean;
}

/**
 * Everything that can be observed of an address space, in the order in which it happens. Traces,
 * audits and reports are derived from this stream. `mm` is the address space's name, `window` counts
 * its invalidations from 1, refused ones included, ranges are half-open.
 */
export type NotifierEvent =
  /** Somebody calls start: `invalidate-start` or `invalidate-refused` follows, or neither if a callback throws. */
  | {
      readonly kind: "invalidate-enter";
      readonly mm: string;
      readonly window: number;
      readonly event: InvalidationEvent;
      readonly blockable: boolean;
      readonly start: Address;
      readonly end: Address;
    }
  /** Start has succeeded: the window is open. */
  | {
      readonly kind: "invalidate-start";
      readonly mm: string;
      readonly window: number;
      readonly event: InvalidationEvent;
      readonly blockable: boolean;
      readonly start: Address;
      readonly end: Address;
      /** The sequence that everybody hit has now; the address space's own is odd if anybody was. */
      readonly sequence: number;
      /** Passive mirrors hit. */
      readonly hits: number;
    }
  | {
      readonly kind: "invalidate-refused";
      readonly mm: string;
      readonly window: number;
      readonly event: InvalidationEvent;
      readonly start: Address;
      readonly end: Address;
      readonly errno: string;
      readonly refusedBy: Subscriber;
      /** The interval phase was not closed: the address space counts this invalidation as active for ever. */
      readonly leftActive: boolean;
    }
  /** Somebody calls end; the window is null if the caller names a range instead. */
  | {
      readonly kind: "invalidate-end-enter";
      readonly mm: string;
      readonly window: number | null;
      readonly blockable: boolean;
      readonly start: Address;
      readonly end: Address;
    }
  | {
      readonly kind: "invalidate-end";
      readonly mm: string;
      readonly window: number | null;
      /** The sequence of the address space after the end: even if the tree has thawed. */
      readonly sequence: number;
    }
  /** A second end of the same window: a fault of the caller, without effect. */
  | { readonly kind: "invalidate-end-again"; readonly mm: string; readonly window: number }
  /** The sequence has changed. Sent before deferred work is done and anybody is woken. */
  | {
      readonly kind: "sequence";
      readonly mm: string;
      readonly sequence: number;
      readonly active: number;
    }
  | (Callback & {
      readonly kind: "callback-enter";
      readonly event: InvalidationEvent | null;
      readonly start: Address | null;
      readonly end: Address | null;
      readonly owner: unknown;
      readonly blockable: boolean;
      /** The `cur` that interval notifiers are given, else null. */
      readonly sequence: number | null;
      /** Inside a non_block section, where the kernel reports a sleep. */
      readonly nonBlockSection: boolean;
    })
  | (Callback & { readonly kind: "callback-leave"; readonly result: number | boolean | null })
  | (Callback & { readonly kind: "callback-threw"; readonly message: string })
  /** A callback reached a place that may sleep, in a call that must not. */
  | (Callback & { readonly kind: "sleep-while-non-blocking"; readonly resource: string })
  /** A callback that had to be given up would not end. */
  | (Callback & { readonly kind: "cannot-be-unwound" })
  | {
      readonly kind: "warn";
      readonly mm: string;
      readonly warning: Warning;
      readonly notifier: string | null;
    }
  /**
   * Somebody calls one of these; the event of the same name without `-enter` is its return. The notifier
   * is null where the first interval notifier registers its address space.
   */
  | { readonly kind: "register-enter"; readonly mm: string; readonly notifier: string | null }
  | {
      readonly kind: "register";
      readonly mm: string;
      readonly notifier: string | null;
      /** Which callbacks the list notifier has. */
      readonly callbacks: readonly CallbackKind[];
    }
  | { readonly kind: "unregister-enter"; readonly mm: string; readonly notifier: string }
  | { readonly kind: "unregister"; readonly mm: string; readonly notifier: string }
  /** No callback of the list notifier starts from now on. */
  | { readonly kind: "unlinked"; readonly mm: string; readonly notifier: string }
  | { readonly kind: "get"; readonly mm: string; readonly notifier: string; readonly users: number }
  | { readonly kind: "put"; readonly mm: string; readonly notifier: string; readonly users: number }
  | { readonly kind: "synchronize-enter"; readonly mm: string }
  | { readonly kind: "synchronize"; readonly mm: string }
  | { readonly kind: "release-enter"; readonly mm: string }
  | { readonly kind: "release"; readonly mm: string }
  | {
      readonly kind: "interval-insert";
      readonly mm: string;
      readonly notifier: string;
      readonly start: Address;
      readonly end: Address;
      readonly sequence: number;
      readonly deferred: boolean;
    }
  | { readonly kind: "interval-inserted"; readonly mm: string; readonly notifier: string }
  | {
      readonly kind: "interval-remove";
      readonly mm: string;
      readonly notifier: string;
      readonly deferred: boolean;
    }
  /** No invalidation calls the interval notifier from now on. */
  | { readonly kind: "interval-removed"; readonly mm: string; readonly notifier: string }
  /** Removed twice, or never inserted: undefined in the kernel, without effect here. */
  | { readonly kind: "interval-remove-again"; readonly mm: string; readonly notifier: string }
  | {
      readonly kind: "set-sequence";
      readonly mm: string;
      readonly notifier: string;
      readonly sequence: number;
    }
  | {
      readonly kind: "mirror-insert";
      readonly mm: string;
      readonly mirror: number;
      readonly start: Address;
      readonly end: Address;
      readonly sequence: number;
      /** Not yet visible to invalidations: the tree was frozen. */
      readonly deferred: boolean;
    }
  | {
      readonly kind: "mirror-remove";
      readonly mm: string;
      readonly mirror: number;
      /** Still visible to invalidations until the tree thaws; `mirror-removed` follows. */
      readonly deferred: boolean;
    }
  | { readonly kind: "mirror-inserted"; readonly mm: string; readonly mirror: number }
  | { readonly kind: "mirror-removed"; readonly mm: string; readonly mirror: number }
  /** Somebody wants to read; it may have to sleep until `read-begin`. */
  | { readonly kind: "read-enter"; readonly mm: string; readonly subscriber: Subscriber }
  | {
      readonly kind: "read-begin";
      readonly mm: string;
      readonly subscriber: Subscriber;
      readonly sequence: number;
    }
  | {
      readonly kind: "read-retry";
      readonly mm: string;
      readonly subscriber: Subscriber;
      readonly sequence: number;
      readonly retry: boolean;
      /** Whether the mirror's lock bit was held, as the contract demands; null if that is not known. */
      readonly locked: boolean | null;
    }
  | { readonly kind: "mirror-lock"; readonly mm: string; readonly mirror: number }
  | { readonly kind: "mirror-trylock-failed"; readonly mm: string; readonly mirror: number }
  | { readonly kind: "mirror-unlock"; readonly mm: string; readonly mirror: number };

/** Receives every event at once, before the call that caused it returns. It must not throw. */
export type EventSink = (event: NotifierEvent) => void;

/**
 * One event as a line of NDJSON, newline included. Keys stand as in `NotifierEvent`; addresses are
 * strings of lower-case hex with `0x`, because JSON numbers end at 2^53; an owner that is no JSON
 * value is its type's name.
 */
export function toNdjson(event: NotifierEvent): string {
  const text = JSON.stringify(event, (key, value: unknown) => {
    if ((key === "start" || key === "end") && value !== null) {
      return `0x${(value as Address).toString(16)}`;
    }
    if (key === "owner") return ownerText(value);
    return value;
  });
  return `${text}\n`;
}

function ownerText(owner: unknown): unknown {
  if (owner === undefined || owner === null) return null;
  return typeof owner === "string" || typeof owner === "number" || typeof owner === "boolean"
    ? owner
    : typeof owner;
}
