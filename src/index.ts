export { runAsync } from "./blocking/asynchronous-driver.ts";
export { Completion } from "./blocking/completion.ts";
export { Mutex } from "./blocking/mutex.ts";
export { RwSemaphore } from "./blocking/rw-semaphore.ts";
export { SpinLock } from "./blocking/spin-lock.ts";
export {
  type Point,
  type Sleepable,
  type Suspension,
  type Wait,
  waitUntil,
} from "./blocking/suspension.ts";
export { type Waiter, WaitQueue } from "./blocking/wait-queue.ts";
export type { Address } from "./engine/addresses.ts";
export { END } from "./engine/addresses.ts";
export type { HitLists } from "./engine/batches.ts";
export type { Engine, EngineOptions } from "./engine/engine.ts";
export { createEngine } from "./engine/engine.ts";
export type { RangeIndexOptions } from "./engine/range-index.ts";
export { RangeIndex } from "./engine/range-index.ts";
export type { Errno, ErrorCode } from "./errors.ts";
export { IntervalidateError } from "./errors.ts";
export type { AddressSpaceOptions } from "./notifier/address-space.ts";
export { AddressSpace } from "./notifier/address-space.ts";
export { NotifierDomain } from "./notifier/domain.ts";
export { EAGAIN, ERRNO } from "./notifier/errno.ts";
export type { CallbackKind, EventSink, NotifierEvent, Warning } from "./notifier/events.ts";
export { toNdjson } from "./notifier/events.ts";
export type {
  Finish,
  IntervalNotifier,
  IntervalNotifierOps,
  Refusal,
  UncheckedIntervalNotifierOps,
} from "./notifier/interval-notifier.ts";
export type { StartResult } from "./notifier/invalidations.ts";
export type {
  ListNotifier,
  ListNotifierOps,
  MaySleep,
  UncheckedListNotifierOps,
} from "./notifier/list-notifier.ts";
export type { PassiveMirrors } from "./notifier/passive-mirrors.ts";
export { PROFILE_NAMES, type ProfileName } from "./notifier/profile.ts";
export type { CallbackRange, InvalidationEvent, NotifierRange } from "./notifier/range.ts";
export type { RegisterOptions } from "./notifier/registrations.ts";
export type { UncheckedNotifiers } from "./notifier/unchecked-notifiers.ts";
export type { InvalidationWindow } from "./notifier/window.ts";
