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
  yield* mm.space.releaseSleepable();
  if (mm.vmas.all.length > 0) yield* unmapAll(mm);
  mm.memory.processes.delete(mm);
}

function* unmapAll(mm: CpuMm): Sleepable<undefined> {
  const { vmas, pageTable, tell } = mm;
  const { mmapLock } = mm.space;
  yield* downRead(mmapLock, tell);
  yield* mm.invalidated({ start: 0, end: ADDRESS_MAX, event: "UNMAP" }, () => {
    unmapPageRange(mm, 0, TASK_SIZE);
  });
  upRead(mmapLock, tell);
  yield* downWrite(mmapLock, tell);
  for (const vma of vmas.all) vmas.remove(vma);
  pageTable.freeTables(0, TASK_SIZE, () => false);
  upWrite(mmapLock, tell);
}
