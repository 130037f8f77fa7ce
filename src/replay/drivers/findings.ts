import type { DriverFinding } from "./report.ts";

/** Findings, of which the first of each driver and kind is kept in words. */
export class Findings {
  readonly #found = new Map<string, DriverFinding & { count: number }>();

  add(finding: Omit<DriverFinding, "count">): void {
    const key = `${finding.driver} ${finding.kind}`;
    const known = this.#found.get(key);
    if (known === undefined) this.#found.set(key, { ...finding, count: 1 });
    else known.count += 1;
  }

  /** In the order in which they came up. */
  get all(): readonly DriverFinding[] {
    return [...this.#found.values()];
  }

  get count(): number {
    return this.all.reduce((sum, { count }) => sum + count, 0);
  }

  /** How many of which kind a driver has. */
  of(driver: string | null): Record<string, number> {
    const mine = this.all.filter((finding) => finding.driver === driver);
    return Object.fromEntries(
      mine.map(({ kind, count }) => [kind, count] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
}
