import type { Address } from "../engine/addresses.ts";
import type { InvalidationEvent } from "./range.ts";

/**
 * Everything that can be observed of an address space, in the order in which it happens. Traces,
 * audits and reports are derived from this stream. `mm` is the address space's name, `window` counts
 * its invalidations from 1, `mirror` is a handle, ranges are half-open.
 */
export type NotifierEvent =
  | {
      readonly kind: "invalidate-start";
      readonly mm: string;
      readonly window: number;
      readonly event: InvalidationEvent;
      readonly blockable: boolean;
      readonly start: Address;
      readonly end: Address;
      /** The sequence that every mirror hit has now; the address space's own is odd if any was. */
      readonly sequence: number;
      readonly hits: number;
    }
  | {
      readonly kind: "invalidate-refused";
      readonly mm: string;
      readonly event: InvalidationEvent;
      readonly start: Address;
      readonly end: Address;
      readonly errno: "EAGAIN";
      readonly refusedBy: number;
    }
  | {
      readonly kind: "invalidate-end";
      readonly mm: string;
      readonly window: number;
      /** The sequence of the address space after the end: even if the tree has thawed. */
      readonly sequence: number;
    }
  /** A second end of the same window: a fault of the caller, without effect. */
  | { readonly kind: "invalidate-end-again"; readonly mm: string; readonly window: number }
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
  | {
      readonly kind: "read-begin";
      readonly mm: string;
      readonly mirror: number;
      readonly sequence: number;
    }
  | {
      readonly kind: "read-retry";
      readonly mm: string;
      readonly mirror: number;
      readonly sequence: number;
      readonly retry: boolean;
      /** Whether the mirror's lock bit was held, as the contract demands. */
      readonly locked: boolean;
    }
  | { readonly kind: "mirror-lock"; readonly mm: string; readonly mirror: number }
  | { readonly kind: "mirror-trylock-failed"; readonly mm: string; readonly mirror: number }
  | { readonly kind: "mirror-unlock"; readonly mm: string; readonly mirror: number };

/** Receives every event at once, before the call that caused it returns. It must not throw. */
export type EventSink = (event: NotifierEvent) => void;

/**
 * One event as a line of NDJSON, newline included. Keys stand as in `NotifierEvent`; addresses are
 * strings of lower-case hex with `0x`, because JSON numbers end at 2^53.
 */
export function toNdjson(event: NotifierEvent): string {
  const text = JSON.stringify(event, (key, value: unknown) =>
    key === "start" || key === "end" ? `0x${(value as Address).toString(16)}` : value,
  );
  return `${text}\n`;
}
