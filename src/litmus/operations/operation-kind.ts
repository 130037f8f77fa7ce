import type { Compiler } from "../compiler.ts";
import type { Arguments, Operation } from "../program.ts";
import type { Item } from "../source.ts";

/** One kind of operation: what its name takes, and what it does. */
export interface OperationKind {
  readonly argument: "none" | "optional" | "required";
  /** Keys that may stand beside its name. */
  readonly options?: readonly string[];
  /** Where it has a meaning, if not everywhere. */
  readonly only?: "callback" | "interval callback";
  compile(given: Arguments, compiler: Compiler): Operation;
}

export type OperationKinds = Readonly<Record<string, OperationKind>>;

/** An option's item, if it is there. */
export function option<T>(given: Arguments, name: string, read: (item: Item) => T): T | undefined {
  const item = given.options.get(name);
  return item === undefined ? undefined : read(item);
}
