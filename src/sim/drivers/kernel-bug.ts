/** A kernel trap: `BUG_ON` was true, and the task that ran into it ends there. */
export class KernelBug extends Error {
  override readonly name = "KernelBug";
}
