import type { Sleepable, Wait } from "../blocking/suspension.ts";
import { WaitQueue } from "../blocking/wait-queue.ts";
import { IntervalidateError } from "../errors.ts";
import type { TaskEvent } from "./events.ts";

/** What an allocation of memory may do to get some, by the kernel's names. */
export type AllocationContext =
  | "GFP_KERNEL"
  | "GFP_NOFS"
  | "GFP_NOIO"
  | "GFP_NOWAIT"
  | "GFP_ATOMIC";

/**
 * Direct reclaim, in which notifiers are called, for those who may enter it. NOFS and NOIO keep it out of
 * file systems and block devices, but not away from notifiers.
 */
const RECLAIM: Readonly<Record<AllocationContext, Wait | undefined>> = {
  GFP_KERNEL: directReclaim("GFP_KERNEL"),
  GFP_NOFS: directReclaim("GFP_NOFS"),
  GFP_NOIO: directReclaim("GFP_NOIO"),
  GFP_NOWAIT: undefined,
  GFP_ATOMIC: undefined,
};

export const ALLOCATION_CONTEXTS: readonly AllocationContext[] = Object.keys(
  RECLAIM,
) as AllocationContext[];

function directReclaim(context: AllocationContext): Wait {
  return {
    kind: "wait",
    resource: `direct reclaim (${context})`,
    queue: new WaitQueue(),
    killable: false,
    ready: () => true,
  };
}

/** The sections of one task in which no allocation enters reclaim: `memalloc_noreclaim_save`. */
export class NoReclaimScope {
  #depth = 0;

  get active(): boolean {
    return this.#depth > 0;
  }

  /** `memalloc_noreclaim_save`. Sections nest. */
  save(): void {
    this.#depth += 1;
  }

  /** `memalloc_noreclaim_restore` */
  restore(): void {
    if (this.#depth === 0) throw new Error("restore of a no-reclaim scope that nobody saved");
    this.#depth -= 1;
  }
}

export interface AllocationOptions {
  /** The no-reclaim scope of the task, or whether it is in one. Default: it is not. */
  readonly noReclaim?: NoReclaimScope | boolean;
  readonly events?: (event: TaskEvent) => void;
}

/** Whether an allocation may enter direct reclaim, and so sleep and call notifiers. */
export function mayReclaim(
  context: AllocationContext,
  noReclaim: NoReclaimScope | boolean = false,
): boolean {
  const exempt = typeof noReclaim === "boolean" ? noReclaim : noReclaim.active;
  return reclaimOf(context) !== undefined && !exempt;
}

/**
 * An allocation, which always succeeds: a place that may sleep if it may enter direct reclaim, else
 * none.
 *
 * @throws {IntervalidateError} ARGUMENT if there is no such context
 */
export function* allocate(
  context: AllocationContext,
  options: AllocationOptions = {},
): Sleepable<undefined> {
  const reclaims = mayReclaim(context, options.noReclaim);
  options.events?.({ kind: "allocate", context, reclaims });
  if (reclaims) yield reclaimOf(context) as Wait;
}

function reclaimOf(context: AllocationContext): Wait | undefined {
  if (Object.hasOwn(RECLAIM, context)) return RECLAIM[context];
  throw new IntervalidateError(
    "ARGUMENT",
    `There is no allocation context ${String(context)}: choose one of ${ALLOCATION_CONTEXTS.join(", ")}.`,
  );
}
