export type {
  Chooser,
  SimulatedDriverOptions,
  SimulatedTask,
  TaskState,
} from "../blocking/simulated-driver.ts";
export { DeadlockError, SimulatedDriver } from "../blocking/simulated-driver.ts";
export type { AllocationContext, AllocationOptions } from "./allocation.ts";
export { ALLOCATION_CONTEXTS, allocate, mayReclaim, NoReclaimScope } from "./allocation.ts";
export type { Clock, Scheduler } from "./clock.ts";
export type { LockMode, TaskEvent } from "./events.ts";
export type { ReapOutcome } from "./oom-reaper.ts";
export { exitMmap, oomReapTask, oomReapTaskMm, queueOomReaper } from "./oom-reaper.ts";
export { processMrelease } from "./process-mrelease.ts";
export { Random } from "./random.ts";
export { reapMm } from "./reap-mm.ts";
export { Timer } from "./timer.ts";
export type {
  AttemptResult,
  ReapableMm,
  ReapEvent,
  ReapStart,
  VictimOptions,
} from "./victim.ts";
export { Victim } from "./victim.ts";
export type { Vma, VmaKind } from "./vma.ts";
export { isReapable, vmaList } from "./vma.ts";
export type { WorkqueueOptions } from "./workqueue.ts";
export { Work, Workqueue } from "./workqueue.ts";
