import type { ProfileName } from "../notifier/profile.ts";
import type { LockKind } from "../sim/named-lock.ts";
import type { VmaKind } from "../sim/vma.ts";
import type { Actor } from "./actors/actor.ts";
import type { Clause } from "./clause.ts";
import type { Declared, SubscriberKind } from "./declared.ts";
import type { Operation, Program } from "./program.ts";
import type { Bounds } from "./quantities.ts";
import type { World } from "./world.ts";

/** The callbacks that a file can describe, as calls of them are named: `A.start`, or `I` alone. */
export type CallbackName =
  | "start"
  | "end"
  | "invalidate_range"
  | "release"
  | "alloc"
  | "free"
  | "clear_flush_young"
  | "clear_young"
  | "test_young"
  | "secondary_tlb"
  | "invalidate"
  | "finish";

/** A list notifier, an interval notifier or a passive mirror, as the file describes it. */
export interface SubscriberDeclaration {
  readonly name: string;
  readonly line: number;
  readonly kind: SubscriberKind;
  readonly mm: string;
  /** Not there from the start: a step registers or inserts it. */
  readonly later: boolean;
  readonly bounds: Bounds | undefined;
  readonly callbacks: ReadonlyMap<CallbackName, Program>;
  /** A count that start raises and end lowers. */
  readonly counter: string | undefined;
  /** Taken around set_seq. */
  readonly userLock: string | undefined;
}

/** A driver or HMM, as the file describes it. */
export interface ActorDeclaration {
  readonly name: string;
  readonly line: number;
  readonly mm: string;
  /** Not there from the start: a step attaches it. */
  readonly later: boolean;
  /** Others of its file register with it. */
  readonly isHmm: boolean;
  make(world: World, mm: string): Actor;
}

export interface VmaDeclaration {
  readonly name: string;
  readonly kind: VmaKind;
  readonly mlocked: boolean;
  readonly bounds: Bounds;
}

/** A work item, and the workqueue that it is queued on. */
export interface WorkDeclaration {
  readonly operations: readonly Operation[];
  readonly workqueue: string;
}

export interface MmDeclaration {
  readonly name: string;
  readonly vmas: readonly VmaDeclaration[];
}

/** How far a step runs its tasks. */
interface Until {
  /** A point's label; else until they are done or have to sleep. */
  readonly label: string | undefined;
  readonly steps: number | undefined;
  /** Whether virtual time passes where only that helps. */
  readonly timePasses: boolean;
}

export interface Step {
  /** From 1. */
  readonly number: number;
  readonly line: number;
  /** The step as the file has it, for people. */
  readonly text: string;
  /** Tasks that go on, or get something new to do, in this order. */
  readonly tasks: readonly string[] | "all";
  readonly operations: readonly Operation[] | undefined;
  readonly signals: readonly string[];
  readonly advance: number | undefined;
  readonly until: Until;
  readonly clauses: readonly Clause[];
}

/** One file, checked and compiled. */
export interface Scenario {
  readonly title: string;
  readonly kernel: string;
  readonly why: string;
  readonly profiles: readonly ProfileName[];
  readonly declared: Declared;
  readonly mms: readonly MmDeclaration[];
  readonly subscribers: readonly SubscriberDeclaration[];
  readonly actors: readonly ActorDeclaration[];
  readonly locks: ReadonlyMap<string, LockKind>;
  /** How many works of each workqueue run at once. */
  readonly workqueues: ReadonlyMap<string, number>;
  readonly works: ReadonlyMap<string, WorkDeclaration>;
  readonly tasks: ReadonlyMap<string, readonly Operation[]>;
  readonly steps: readonly Step[];
  /** After the last step, when the auditor has looked at what was left open. */
  readonly finally: readonly Clause[];
  /** A question for an explorer of schedules. */
  readonly always: readonly Clause[];
  readonly sometimes: readonly Clause[];
}
