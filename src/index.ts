export type { Errno, ErrorCode } from "./errors.ts";
export { IntervalidateError } from "./errors.ts";
