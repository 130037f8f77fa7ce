// What model and library are compared by.

/** A piece of an observation: a name, a number, the name of a section. */
export type Observation = string | number | boolean;

export function isLocked(locked: boolean): string {
  return locked ? "locked" : "free";
}

/** A call as its callback sees it. */
export function called(
  callback: string,
  range: {
    readonly start: number | bigint;
    readonly end: number | bigint;
    readonly event: string;
    readonly blockable: boolean | undefined;
  },
): string {
  const { start, end, event, blockable } = range;
  const mode = blockable === undefined ? "unknown" : blockable ? "blockable" : "non-blocking";
  return `${callback} [${start.toString(16)}, ${end.toString(16)}) ${event} ${mode}`;
}

export function areEqual(some: readonly Observation[], others: readonly Observation[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i += 1) if (some[i] !== others[i]) return false;
  return true;
}
