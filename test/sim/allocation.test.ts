import { describe, expect, it } from "vitest";
import type { Suspension } from "../../src/blocking/suspension.ts";
import {
  ALLOCATION_CONTEXTS,
  type AllocationContext,
  allocate,
  mayReclaim,
  NoReclaimScope,
} from "../../src/sim/allocation.ts";
import type { TaskEvent } from "../../src/sim/events.ts";

/** Where the allocation may sleep, and what it tells. */
function allocated(
  context: AllocationContext,
  noReclaim?: NoReclaimScope | boolean,
): { sleeps: string[]; events: TaskEvent[] } {
  const events: TaskEvent[] = [];
  const sleeps: string[] = [];
  const body = allocate(context, {
    events: (event) => events.push(event),
    ...(noReclaim !== undefined && { noReclaim }),
  });
  for (let step = body.next(); !step.done; step = body.next()) {
    const suspension: Suspension = step.value;
    if (suspension.kind === "wait" && suspension.ready()) sleeps.push(suspension.resource);
  }
  return { sleeps, events };
}

describe("an allocation", () => {
  it.each(["GFP_KERNEL", "GFP_NOFS", "GFP_NOIO"] as const)(
    "%s may enter direct reclaim, and so may sleep",
    (context) => {
      expect(allocated(context)).toEqual({
        sleeps: [`direct reclaim (${context})`],
        events: [{ kind: "allocate", context, reclaims: true }],
      });
    },
  );

  it.each(["GFP_NOWAIT", "GFP_ATOMIC"] as const)("%s never sleeps", (context) => {
    expect(allocated(context)).toEqual({
      sleeps: [],
      events: [{ kind: "allocate", context, reclaims: false }],
    });
  });

  it("in no-reclaim scope none does", () => {
    for (const context of ALLOCATION_CONTEXTS) {
      expect([context, allocated(context, true).sleeps]).toEqual([context, []]);
      expect([context, mayReclaim(context, true)]).toEqual([context, false]);
    }
  });

  it("scopes nest, and are looked at when the allocation is made", () => {
    const scope = new NoReclaimScope();
    const reclaims = () => mayReclaim("GFP_KERNEL", scope);
    scope.save();
    scope.save();
    scope.restore();
    expect([scope.active, reclaims(), allocated("GFP_KERNEL", scope).sleeps]).toEqual([
      true,
      false,
      [],
    ]);
    scope.restore();
    expect([scope.active, reclaims()]).toEqual([false, true]);
    expect(() => scope.restore()).toThrow("nobody saved");
  });

  it("needs a context that there is", () => {
    expect(() => mayReclaim("GFP_USER" as never)).toThrow(
      expect.objectContaining({ code: "ARGUMENT", message: expect.stringContaining("GFP_NOIO") }),
    );
    expect(() => mayReclaim("toString" as never, true)).toThrow(/no allocation context/);
  });
});
