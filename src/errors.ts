/** What went wrong, as a closed list that programs can switch on. */
export type ErrorCode =
  | "RANGE"
  | "ARGUMENT"
  | "CAPACITY"
  | "OUT_OF_MEMORY"
  | "SNAPSHOT"
  | "DISPOSED"
  | "WOULD_BLOCK"
  | "INTERRUPTED"
  | "ALREADY_ENDED"
  | "USAGE"
  | "INPUT"
  | "LITMUS";

/** Kernel error names, for errors that mirror one; kernel functions return these negated. */
export type Errno =
  | "EPERM"
  | "ESRCH"
  | "EINTR"
  | "EAGAIN"
  | "ENOMEM"
  | "EFAULT"
  | "EBUSY"
  | "EINVAL"
  | "EOVERFLOW";

/**
 * The one error class of this package. The message states the rule that was broken, the values that
 * broke it, and what to do; `code` is for programs. Unless a function says otherwise nothing has
 * changed when it is thrown.
 */
export class IntervalidateError extends Error {
  override readonly name = "IntervalidateError";
  readonly code: ErrorCode;
  /** The kernel's name for this failure, where the kernel has one. */
  readonly errno: Errno | undefined;
  /** The line of a file that is at fault, from 1, where it is known. */
  readonly line: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { errno?: Errno; line?: number; cause?: unknown },
  ) {
    super(message, options && "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.errno = options?.errno;
    this.line = options?.line;
  }
}
