import { createEngine } from "intervalidate";
import { AddressSpaceSide } from "./address-space-side.ts";
import { EngineSide } from "./engine-side.ts";
import { RangeIndexSide } from "./range-index-side.ts";
import type { Operation, Side } from "./side.ts";
import { type PreparedWorkload, prepareWorkload } from "./workload-file.ts";

/** Makes our sides, each in an engine of its own that it keeps from workload to workload. */
export type OurSides = (workload: PreparedWorkload) => readonly Side[];

export function startEngines(module: WebAssembly.Module): OurSides {
  const [bare, indexed, notified] = [0, 1, 2].map(() => createEngine({ module }));
  return (workload) => [
    new EngineSide(bare, workload),
    new RangeIndexSide(indexed, workload),
    new AddressSpaceSide(notified, workload),
  ];
}

/**
 * Calls everything often enough for the compiler to be done with the loops and what they call: at
 * first a call takes several times as long.
 */
export async function warmUp(ourSides: OurSides, calls: number): Promise<void> {
  const workload = prepareWorkload("W1", 1000, 1);
  const everything = { from: 0, to: workload.count };
  for (const side of ourSides(workload)) {
    const repeat = async (operation: Operation, length: number): Promise<void> => {
      for (let done = 0; done < calls; done += length) {
        await side.run(operation, { from: 0, to: length });
        if (operation === "churn") await side.run("insert", everything);
      }
    };
    await side.run("insert", everything);
    for (const operation of side.operations) {
      if (operation === "insert" || operation === "remove") continue;
      await repeat(operation, Math.min(calls, workload.churnStarts.length));
    }
    if (!side.operations.has("remove")) continue;
    for (let done = 0; done < calls; done += workload.count) {
      await side.run("insert", everything);
      await side.run("remove", everything);
    }
  }
}
