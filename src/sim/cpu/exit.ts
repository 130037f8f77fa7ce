import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { downRead, downWrite, upRead, upWrite } from "./told-locks.ts";
import { TASK_SIZE } from "./units.ts";
import { unmapPageRange } from "./zap.ts";

const ADDRESS_MAX = (1n << 64n) - 1n;

/**
 * The last user has gone: `exit_mmap`. Mirrors are released first, while every page is still there;
 * then everything is unmapped, in one invalidation of the whole space.
 */
export function* exitMmap(mm: CpuMm): Sleepable<undefined> {
  const { space, vmas, pageTable, tell } = mm;
  yield* space.releaseSleepable();
  if (vmas.all.length === 0) return;
  yield* downRead(space.mmapLock, tell);
  yield* mm.invalidated({ start: 0, end: ADDRESS_MAX, event: "UNMAP" }, () => {
    unmapPageRange(mm, 0, TASK_SIZE);
  });
  upRead(space.mmapLock, tell);
  yield* downWrite(space.mmapLock, tell);
  for (const vma of vmas.all) vmas.remove(vma);
  pageTable.freeTables(0, TASK_SIZE, () => false);
  upWrite(space.mmapLock, tell);
}
