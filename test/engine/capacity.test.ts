import { describe, expect, it } from "vitest";
import { IntervalSet } from "../../src/engine/interval-set.ts";
import { codeOf, engineOf } from "./support.ts";

describe("the number of intervals in an engine", () => {
  it("is limited by its ids, and a full engine is as it was", () => {
    const engine = engineOf("release");
    const sets = Array.from({ length: 65536 }, () => new IntervalSet(engine));
    for (const [i, set] of sets.entries()) set.insert(i, i);
    const one = new IntervalSet(engine);
    expect(codeOf(() => one.insert(1, 2))).toBe("CAPACITY");
    expect(codeOf(() => one.insertMany(Float64Array.of(1), Float64Array.of(2)))).toBe("CAPACITY");
    expect(one.size).toBe(0);
    one.verify();
    const [first, second] = sets as [IntervalSet, IntervalSet];
    // A set that has ids left goes on.
    expect(second.insert(5, 6)).toBe(257);
    const handle = first.insert(5, 6);
    first.dispose();
    expect(one.insert(1, 2)).toBe(1);
    expect(handle).toBe(2);
    one.verify();
  });
});
