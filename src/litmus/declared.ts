import type { LockKind } from "../sim/named-lock.ts";
import type { ActorKind } from "./actors/actor.ts";
import type { Bounds } from "./quantities.ts";
import type { Item } from "./source.ts";

export type SubscriberKind = "list" | "interval" | "passive";

/** Whose names a file has declared, so that a name that is none is found before anything runs. */
export interface Declared {
  readonly mms: readonly string[];
  readonly subscribers: ReadonlyMap<string, SubscriberKind>;
  /** Drivers and HMM. */
  readonly actors: ReadonlyMap<string, ActorKind>;
  /** Everything with a range of its own, by name. */
  readonly ranges: ReadonlyMap<string, Bounds>;
  readonly locks: ReadonlyMap<string, LockKind>;
  readonly completions: readonly string[];
  readonly works: readonly string[];
  readonly workqueues: readonly string[];
}

/** A name out of a list of known ones. */
export function nameOf(item: Item, known: Iterable<string>, what: string): string {
  const name = item.text;
  const names = [...known];
  if (names.includes(name)) return name;
  return item.fail(
    names.length === 0
      ? `"${name}" is no ${what}: none has been declared`
      : `"${name}" is no ${what}; there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`,
  );
}

/**
 * Whether a name is that of an actor, or of what an actor makes in its own name: the notifier of one range,
 * `K [0x1000, 0x2000)`, a lock, `mmu_lock of K`, or what HMM keeps for a process, `hmm of mm`.
 */
export function isOfActor(name: string, { actors }: Pick<Declared, "actors">): boolean {
  if (/(^| )hmm of /.test(name)) return actors.size > 0;
  const [owner] = (name.split(" of ").at(-1) ?? "").split(" ");
  return actors.has(owner);
}
