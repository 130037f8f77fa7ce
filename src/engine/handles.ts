import { IntervalidateError } from "../errors.ts";

/**
 * The handle if it can be one, and 0, which none is, for any other number: the engine would take a
 * number modulo 2^32. @throws {IntervalidateError} ARGUMENT if it is no number
 */
export function checkedHandle(handle: unknown): number {
  if (typeof handle !== "number") {
    throw new IntervalidateError(
      "ARGUMENT",
      `A handle must be a number that insert returned, but is ${handle === null ? "null" : typeof handle}.`,
    );
  }
  return handle >>> 0 === handle ? handle : 0;
}
