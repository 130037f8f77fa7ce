// What the tests of live use share: no simulator, real promises.

import { expect, onTestFinished } from "vitest";
import {
  AddressSpace,
  type AddressSpaceOptions,
  type IntervalNotifierOps,
  type ListNotifierOps,
  NotifierDomain,
  type NotifierEvent,
  type Sleepable,
} from "../../../src/index.ts";

export { settle, statesOf } from "../../blocking/support.ts";

export const PAGE = 0x1000;
export const RANGE = { start: 0x10000, end: 0x11000 } as const;

/** An address space in a world of its own, and what is told about it. */
export function world(options: AddressSpaceOptions = {}): {
  readonly mm: AddressSpace;
  readonly events: NotifierEvent[];
} {
  const events: NotifierEvent[] = [];
  const domain = new NotifierDomain();
  const mm = new AddressSpace({ domain, events: (event) => events.push(event), ...options });
  return { mm, events };
}

/** Nothing is open, held or deferred, and nobody is inside a callback. */
export function expectIdle(mm: AddressSpace): void {
  const { activeInvalidations, sequence, deferred, mmapLock } = mm;
  expect({
    activeInvalidations,
    frozen: sequence % 2 === 1,
    deferred,
    writing: mmapLock.writing,
    contended: mmapLock.contended,
  }).toEqual({
    activeInvalidations: 0,
    frozen: false,
    deferred: [],
    writing: false,
    contended: false,
  });
  // These throw if an SRCU section or a window is open.
  mm.synchronize();
  if (mm.users > 0) mm.unregister(mm.register({}));
}

/** What callbacks have been called, as `name.callback`, in order. */
export function calls(events: readonly NotifierEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === "callback-enter" ? [`${event.notifier}.${event.callback}`] : [],
  );
}

/** What callbacks have thrown, as `name.callback: message`. */
export function thrown(events: readonly NotifierEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === "callback-threw"
      ? [`${event.notifier}.${event.callback}: ${event.message}`]
      : [],
  );
}

export const nothing = (): undefined => undefined;

/** A list notifier that approves everything, and has an end. */
export function quiet(name: string): ListNotifierOps {
  return {
    name,
    invalidateRangeStart: { blocking: nothing, nonblocking: () => true },
    invalidateRangeEnd: nothing,
  };
}

/** An interval notifier that does what it should. */
export function obedient(name: string): IntervalNotifierOps {
  return {
    name,
    invalidate: {
      blocking: (notifier, _range, sequence) => notifier.setSequence(sequence),
      nonblocking: (notifier, _range, sequence) => {
        notifier.setSequence(sequence);
        return true;
      },
    },
  };
}

export function insert(mm: AddressSpace, ops: IntervalNotifierOps) {
  return mm.insertInterval(RANGE.start, RANGE.end - RANGE.start, ops);
}

/** What a sleepable returns that must not have to sleep. */
export function now<T>(body: Sleepable<T>): T {
  for (;;) {
    const result = body.next();
    if (result.done) return result.value;
    if (result.value.kind === "wait" && !result.value.ready()) throw new Error("has to sleep");
  }
}

/** What an operation throws, or a promise of it rejects with. */
export async function failureOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** Unhandled rejections, which would otherwise fail the run. */
export function catchUnhandled(): unknown[] {
  const unhandled: unknown[] = [];
  const before = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => unhandled.push(reason));
  onTestFinished(() => {
    process.removeAllListeners("unhandledRejection");
    for (const listener of before) process.on("unhandledRejection", listener);
  });
  return unhandled;
}
