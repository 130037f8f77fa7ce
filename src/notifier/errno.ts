import type { Errno } from "../errors.ts";

/** Kernel error numbers by name; kernel functions and callbacks return them negated. */
export const ERRNO: Readonly<Record<Errno, number>> = {
  EPERM: 1,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EBUSY: 16,
  EINVAL: 22,
  EOVERFLOW: 75,
};

/** What a non-blocking callback returns that would have to sleep. */
export const EAGAIN: number = -ERRNO.EAGAIN;

/** `EAGAIN` for -11; numbers without a name stay numbers. */
export function errnoName(result: number): Errno | `${number}` {
  for (const [name, number] of Object.entries(ERRNO)) {
    if (result === -number) return name as Errno;
  }
  return `${result}`;
}
