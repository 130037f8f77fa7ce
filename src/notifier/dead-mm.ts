import { IntervalidateError } from "../errors.ts";

/** What is said to those who subscribe to an address space without users. */
export function deadMm(mm: string, what: string): IntervalidateError {
  return new IntervalidateError(
    "ARGUMENT",
    `${what} needs an address space that is in use, and ${mm} has been released.`,
    { errno: "EINVAL" },
  );
}
