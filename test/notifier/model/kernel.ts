// The specification of MMU notifiers as a program that is easy to check against its text and slow to
// run: arrays, linear scans, one step at a time. Written without a look at how the library does it.
//
// Whatever may sleep or be preempted is a generator: it stops before each critical section and before
// each callback, and where it waits. Between two stops nothing else runs.

import type { ProfileName } from "../../../src/notifier/profile.ts";
import type { InvalidationEvent } from "../../../src/notifier/range.ts";

/** A place to be preempted, or to wait. */
export type Stop =
  | {
      readonly kind: "point";
      /** Any of these: where the rules leave an order open. The one taken comes back. */
      readonly labels: readonly string[];
      /** May be passed without a stop. */
      readonly optional: boolean;
    }
  | { readonly kind: "wait"; readonly resource: string; ready(): boolean };

export type Steps<T> = Generator<Stop, T, string>;

/** What an operation comes to: any of these texts. */
export type Outcome = readonly string[];

const SPACE = 1n << 64n;
const MAX = SPACE - 1n;

export interface Rules {
  readonly profile: ProfileName;
  readonly warnsOfIllegalRefusals: boolean;
  readonly hasNonBlockSections: boolean;
  readonly rollsBack: boolean;
  readonly closesIntervalPhase: boolean;
  readonly callsInvalidateRange: boolean;
  readonly tellsModeToEnd: boolean;
  readonly refusesSecondaryTlbMix: boolean;
  readonly testsAllPassiveFirst: boolean;
  readonly refusesDegenerateRanges: boolean;
  /** A remover's look at the sequence is under the lock. */
  readonly removerLooksUnderLock: boolean;
}

/** Which release a profile stands for, times 100. `next` is newer than all; `strict` is v6.12, repaired. */
const RELEASES: Readonly<Record<ProfileName, number>> = {
  "v4.19": 419,
  "v5.5": 505,
  "v6.12": 612,
  next: 700,
  strict: 612,
};

export function rulesOf(profile: ProfileName): Rules {
  const release = RELEASES[profile];
  const strict = profile === "strict";
  return {
    profile,
    warnsOfIllegalRefusals: release >= 504,
    hasNonBlockSections: release >= 504,
    rollsBack: release >= 512,
    closesIntervalPhase: strict,
    callsInvalidateRange: release <= 601,
    tellsModeToEnd: release > 419,
    refusesSecondaryTlbMix: release >= 606,
    testsAllPassiveFirst: strict,
    refusesDegenerateRanges: strict,
    removerLooksUnderLock: release >= 518,
  };
}

export interface Range {
  readonly start: bigint;
  readonly end: bigint;
  /** Closed. */
  readonly last: bigint;
  readonly event: InvalidationEvent;
  readonly blockable: boolean | undefined;
}

/** The callbacks of a list notifier. Each writes itself into the log. */
export interface ListOps {
  readonly name: string;
  readonly secondaryTlb: boolean;
  readonly start: ((range: Range) => Steps<number>) | undefined;
  readonly end: ((range: Range) => Steps<undefined>) | undefined;
  readonly invalidateRange: ((range: Range) => Steps<undefined>) | undefined;
  readonly release: (() => Steps<undefined>) | undefined;
  alloc(): undefined;
  free(): undefined;
}

export interface ListNotifier {
  readonly ops: ListOps;
  readonly mm: Mm;
  users: number;
  linked: boolean;
}

export interface Answer {
  readonly approves: boolean;
  readonly finish: (() => Steps<undefined>) | undefined;
}

export interface Interval {
  readonly name: string;
  readonly mm: Mm;
  readonly start: bigint;
  readonly last: bigint;
  sequence: number;
  inTree: boolean;
  /** The user lock. */
  locked: boolean;
  /** None: passive. */
  readonly invalidate: ((self: Interval, range: Range, cur: number) => Steps<Answer>) | undefined;
  readonly twoPass: boolean;
}

export interface Kernel {
  readonly rules: Rules;
  readonly mms: Mm[];
  /** Open SRCU read sections, by number, of all address spaces. */
  sections: number[];
  sectionsMade: number;
  /** Notifiers that have been put, and the sections that were open then. */
  frees: { readonly notifier: ListNotifier; readonly after: readonly number[] }[];
  warnedOfMix: boolean;
  /** Calls and warnings, in order. */
  log: string[];
}

export interface Mm {
  readonly kernel: Kernel;
  readonly name: string;
  users: number;
  count: number;
  hasBlock: boolean;
  hasItree: boolean;
  sequence: number;
  active: number;
  /** Ascending by start, equal ones as they came. */
  tree: Interval[];
  /** Head first. */
  deferred: Interval[];
  /** Head first. */
  list: ListNotifier[];
  /** Invalidations that registration has to wait for. */
  open: number;
  /** Starts so far. */
  starts: number;
  mmapLocked: boolean;
}

export interface Window {
  readonly mm: Mm;
  readonly id: number;
  readonly range: Range;
  readonly cur: number;
  readonly hit: readonly Interval[];
}

export function makeKernel(profile: ProfileName, mms: readonly string[]): Kernel {
  const kernel: Kernel = {
    rules: rulesOf(profile),
    mms: [],
    sections: [],
    sectionsMade: 0,
    frees: [],
    warnedOfMix: false,
    log: [],
  };
  for (const name of mms) {
    kernel.mms.push({
      kernel,
      name,
      users: 1,
      count: 1,
      hasBlock: false,
      hasItree: false,
      sequence: 2,
      active: 0,
      tree: [],
      deferred: [],
      list: [],
      open: 0,
      starts: 0,
      mmapLocked: false,
    });
  }
  return kernel;
}

export function point(...labels: string[]): Stop {
  return { kind: "point", labels, optional: false };
}

function optionalPoint(...labels: string[]): Stop {
  return { kind: "point", labels, optional: true };
}

function wait(resource: string, ready: () => boolean): Stop {
  return { kind: "wait", resource, ready };
}

function enter(
  kernel: Kernel,
  callback: string,
  window: number | null,
  marks: { rollback?: boolean; nonBlock?: boolean } = {},
): void {
  const rollback = marks.rollback ? " rollback" : "";
  const nonBlock = marks.nonBlock ? " non_block" : "";
  kernel.log.push(`-> ${callback} window ${window}${rollback}${nonBlock}`);
}

function warn(kernel: Kernel, warning: string, name: string): void {
  kernel.log.push(`warning ${warning} ${name}`);
}

// SRCU: one domain for all address spaces.

function enterSrcu(kernel: Kernel): number {
  kernel.sectionsMade += 1;
  kernel.sections.push(kernel.sectionsMade);
  return kernel.sectionsMade;
}

function leaveSrcu(kernel: Kernel, section: number): void {
  kernel.sections = kernel.sections.filter((one) => one !== section);
  freeWhatIsDue(kernel);
}

function freeWhatIsDue(kernel: Kernel): void {
  for (const waiting of [...kernel.frees]) {
    if (waiting.after.some((section) => kernel.sections.includes(section))) continue;
    kernel.frees = kernel.frees.filter((one) => one !== waiting);
    enter(kernel, `${waiting.notifier.ops.name}.free`, null);
    waiting.notifier.ops.free();
    waiting.notifier.mm.count -= 1;
  }
}

export function* synchronize(kernel: Kernel): Steps<undefined> {
  const open = [...kernel.sections];
  yield wait("grace period", () => !open.some((section) => kernel.sections.includes(section)));
  return undefined;
}

// 2a: list notifiers

/** Steps 1 to 6 of register, for a list notifier or for nobody. The error's name, or nothing. */
function* register(
  mm: Mm,
  check: () => string | undefined,
  publish: () => void,
): Steps<string | undefined> {
  yield* lockMmap(mm);
  const error = yield* registerLocked(mm, check, publish);
  mm.mmapLocked = false;
  return error;
}

function* lockMmap(mm: Mm): Steps<undefined> {
  yield wait(`mmap lock of ${mm.name} (write)`, () => !mm.mmapLocked);
  mm.mmapLocked = true;
  return undefined;
}

function* registerLocked(
  mm: Mm,
  check: () => string | undefined,
  publish: () => void,
): Steps<string | undefined> {
  const error = check();
  if (error !== undefined) return error;
  if (mm.users === 0) return "ARGUMENT EINVAL";
  yield point("before mm_take_all_locks");
  yield wait(`open invalidations of ${mm.name}`, () => mm.open === 0);
  mm.hasBlock = true;
  publish();
  return undefined;
}

/** Step 2 of register. */
function checkMix(kernel: Kernel, ops: ListOps): string | undefined {
  if (!kernel.rules.refusesSecondaryTlbMix) return undefined;
  if (!ops.secondaryTlb || (ops.start === undefined && ops.end === undefined)) return undefined;
  if (!kernel.warnedOfMix) warn(kernel, "secondary-tlb-with-range-callbacks", ops.name);
  kernel.warnedOfMix = true;
  return "ARGUMENT EINVAL";
}

function link(notifier: ListNotifier): void {
  notifier.mm.count += 1;
  notifier.users = 1;
  notifier.linked = true;
  notifier.mm.list.unshift(notifier);
}

function unlink(notifier: ListNotifier): void {
  notifier.linked = false;
  notifier.mm.list = notifier.mm.list.filter((one) => one !== notifier);
}

export function* registerNotifier(mm: Mm, ops: ListOps): Steps<ListNotifier | string> {
  const notifier: ListNotifier = { ops, mm, users: 0, linked: false };
  const error = yield* register(
    mm,
    () => checkMix(mm.kernel, ops),
    () => link(notifier),
  );
  return error ?? notifier;
}

export function* unregister(notifier: ListNotifier): Steps<undefined> {
  const { mm, ops } = notifier;
  const { kernel } = mm;
  yield point(`before unregister ${ops.name}`);
  if (notifier.linked) {
    const section = enterSrcu(kernel);
    if (ops.release !== undefined) {
      yield point(`before ${ops.name}.release`);
      enter(kernel, `${ops.name}.release`, null);
      yield* ops.release();
    }
    leaveSrcu(kernel, section);
    unlink(notifier);
  }
  yield* synchronize(kernel);
  mm.count -= 1;
  return undefined;
}

/** v4.19: no release, no wait. */
export function unregisterNoRelease(notifier: ListNotifier): undefined {
  unlink(notifier);
  notifier.mm.count -= 1;
}

export function* get(mm: Mm, ops: ListOps): Steps<ListNotifier | string> {
  yield* lockMmap(mm);
  const found = mm.list.find((one) => one.ops === ops);
  let error: string | undefined;
  let notifier: ListNotifier;
  if (found !== undefined) {
    found.users += 1;
    notifier = found;
  } else {
    ops.alloc();
    notifier = { ops, mm, users: 0, linked: false };
    error = yield* registerLocked(
      mm,
      () => checkMix(mm.kernel, ops),
      () => link(notifier),
    );
    if (error !== undefined) {
      enter(mm.kernel, `${ops.name}.free`, null);
      ops.free();
    }
  }
  mm.mmapLocked = false;
  return error ?? notifier;
}

export function put(notifier: ListNotifier): undefined {
  const { kernel } = notifier.mm;
  notifier.users -= 1;
  if (notifier.users > 0) return;
  unlink(notifier);
  kernel.frees.push({ notifier, after: [...kernel.sections] });
  freeWhatIsDue(kernel);
}

export function* release(mm: Mm): Steps<undefined> {
  const { kernel } = mm;
  mm.users = 0;
  if (mm.hasItree) {
    const range: Range = { start: 0n, end: MAX, last: MAX - 1n, event: "RELEASE", blockable: true };
    yield* intervalPhase(mm, range, null);
    endIntervals(mm);
  }
  if (mm.list.length === 0) return undefined;
  const section = enterSrcu(kernel);
  const all = [...mm.list];
  for (const notifier of all) {
    if (!notifier.linked || notifier.ops.release === undefined) continue;
    yield point(`before ${notifier.ops.name}.release`);
    enter(kernel, `${notifier.ops.name}.release`, null);
    yield* notifier.ops.release();
  }
  for (const notifier of all) unlink(notifier);
  leaveSrcu(kernel, section);
  yield* synchronize(kernel);
  return undefined;
}

// 2b: invalidate_range_start

export type Started =
  | { readonly window: Window }
  | { readonly errno: number; readonly by: readonly string[] }
  | { readonly error: string };

export function* invalidateRangeStart(
  mm: Mm,
  asked: { readonly start: bigint; readonly end: bigint; readonly event: InvalidationEvent },
  blockable: boolean,
): Steps<Started> {
  const { rules } = mm.kernel;
  const { start, end, event } = asked;
  if (rules.refusesDegenerateRanges && start >= end && !(end === 0n && start > 0n)) {
    return { error: "RANGE" };
  }
  const range: Range = { start, end, last: (end - 1n + SPACE) % SPACE, event, blockable };
  if (blockable) yield wait("blockable invalidation", () => true);
  yield point("before inv_start");
  mm.starts += 1;
  const id = mm.starts;
  const hadIntervalPhase = mm.hasItree;
  mm.open += 1;
  const phase = yield* intervalPhase(mm, range, id);
  if (phase.refusedBy.length > 0) {
    mm.open -= 1;
    return { errno: -11, by: phase.refusedBy };
  }
  const failure = yield* listPhase(mm, range, id);
  if (failure !== undefined && !blockable) {
    // The library counts invalidations even where the kernel has no tree, and so no interval phase.
    if (rules.closesIntervalPhase || !hadIntervalPhase) endIntervals(mm);
    mm.open -= 1;
    return { errno: failure.errno, by: [failure.by] };
  }
  return { window: { mm, id, range, cur: phase.cur, hit: phase.hit } };
}

interface IntervalPhase {
  readonly cur: number;
  readonly hit: readonly Interval[];
  /** Any of these; none: nobody. The interval phase is closed then. */
  readonly refusedBy: readonly string[];
}

interface Due {
  readonly name: string;
  readonly finish: () => Steps<undefined>;
}

/** Phase I: 2d, and 2k for passive ones. */
function* intervalPhase(mm: Mm, range: Range, window: number | null): Steps<IntervalPhase> {
  const { kernel } = mm;
  const hit = mm.tree.filter((one) => one.start <= range.last && range.start <= one.last);
  const passive = hit.filter((one) => one.invalidate === undefined);
  let inOrder = hit;
  if (kernel.rules.testsAllPassiveFirst) {
    const held = passive.filter((one) => one.locked);
    if (held.length > 0 && !range.blockable) {
      return { cur: mm.sequence, hit, refusedBy: lowest(held).map(({ name }) => name) };
    }
    inOrder = hit.filter((one) => one.invalidate !== undefined);
  }
  mm.active += 1;
  if (hit.length > 0) mm.sequence |= 1;
  const cur = mm.sequence;
  if (kernel.rules.testsAllPassiveFirst) yield* hitPassiveFirst(passive, cur);
  const due: Due[] = [];
  let refusedBy: string | undefined;
  for (const one of inOrder) {
    const approves = yield* invalidate(one, range, cur, window, due);
    if (approves) continue;
    if (range.blockable) {
      warn(kernel, "interval-refused-blockable", one.name);
    } else {
      refusedBy = one.name;
      break;
    }
  }
  for (const { name, finish } of due) {
    yield point(`before ${name}.finish`);
    enter(kernel, `${name}.finish`, window);
    yield* finish();
  }
  if (refusedBy === undefined) return { cur, hit, refusedBy: [] };
  endIntervals(mm);
  return { cur, hit, refusedBy: [refusedBy] };
}

/** One of the lowest start: which of several is left open. */
function lowest(some: readonly Interval[]): readonly Interval[] {
  return some.filter((one) => some.every(({ start }) => one.start <= start));
}

/** [strict], blockable or free: those that are free at once, then, ascending, those that are held. */
function* hitPassiveFirst(passive: readonly Interval[], cur: number): Steps<undefined> {
  let held: Interval[] = [];
  for (const one of passive) {
    if (one.locked) held.push(one);
    else one.sequence = cur;
  }
  while (held.length > 0) {
    const some = lowest(held);
    const free = some.find((one) => !one.locked);
    const labels = some.map(({ name }) => `before mirror ${name}`);
    // One that was given back meanwhile needs no stop.
    const label = yield free === undefined ? point(...labels) : optionalPoint(...labels);
    const next = some.find(({ name }) => label === `before mirror ${name}`) ?? free ?? some[0];
    while (next.locked) yield wait("mirror lock", () => !next.locked);
    next.sequence = cur;
    held = held.filter((one) => one !== next);
  }
  return undefined;
}

/** One callback; passive ones have theirs built in. */
function* invalidate(
  one: Interval,
  range: Range,
  cur: number,
  window: number | null,
  due: Due[],
): Steps<boolean> {
  if (one.invalidate === undefined) {
    // Nobody can see a stop before a callback that needs none.
    yield optionalPoint(`before mirror ${one.name}`);
    if (one.locked && !range.blockable) return false;
    while (one.locked) yield wait("mirror lock", () => !one.locked);
    one.sequence = cur;
    return true;
  }
  yield point(`before ${one.name}`);
  const callback = one.twoPass ? "invalidate-start" : "invalidate";
  enter(one.mm.kernel, `${one.name}.${callback}`, window);
  const { approves, finish } = yield* one.invalidate(one, range, cur);
  if (approves && finish !== undefined) due.push({ name: one.name, finish });
  return approves;
}

/** Phase L. The last failure, if there was one. */
function* listPhase(
  mm: Mm,
  range: Range,
  window: number,
): Steps<{ errno: number; by: string } | undefined> {
  const { kernel } = mm;
  const { rules } = kernel;
  const nonBlock = rules.hasNonBlockSections && !range.blockable;
  if (mm.list.length === 0) return undefined;
  const section = enterSrcu(kernel);
  const all = [...mm.list];
  let failure: { errno: number; by: string } | undefined;
  for (const { ops } of eachLinked(all)) {
    if (ops.start === undefined) continue;
    yield point(`before ${ops.name}.start`);
    enter(kernel, `${ops.name}.start`, window, { nonBlock });
    const errno = yield* ops.start(range);
    if (errno === 0) continue;
    failure = { errno, by: ops.name };
    if (rules.warnsOfIllegalRefusals && (range.blockable || errno !== -11)) {
      warn(kernel, "illegal-refusal", ops.name);
    }
    if (rules.rollsBack && ops.end !== undefined) warn(kernel, "refuser-has-end", ops.name);
  }
  if (failure !== undefined && rules.rollsBack) {
    for (const { ops } of eachLinked(all)) {
      if (ops.end === undefined) continue;
      yield point(`before ${ops.name}.end`);
      enter(kernel, `${ops.name}.end`, window, { rollback: true });
      yield* ops.end(range);
    }
  }
  leaveSrcu(kernel, section);
  return failure;
}

/** Head to tail; who is unlinked before its turn comes is passed over. */
function* eachLinked(all: readonly ListNotifier[]): Generator<ListNotifier, undefined, void> {
  for (const notifier of all) if (notifier.linked) yield notifier;
  return undefined;
}

// 2c: invalidate_range_end

export function* invalidateRangeEnd({ mm, id, range }: Window): Steps<undefined> {
  const { kernel } = mm;
  const { rules } = kernel;
  if (range.blockable) yield wait("blockable invalidation", () => true);
  yield point("before inv_end");
  endIntervals(mm);
  if (mm.list.length > 0) {
    const section = enterSrcu(kernel);
    const told = rules.tellsModeToEnd ? range : { ...range, blockable: undefined };
    const nonBlock = rules.hasNonBlockSections && !range.blockable;
    for (const { ops } of eachLinked([...mm.list])) {
      if (rules.callsInvalidateRange && ops.invalidateRange !== undefined) {
        yield point(`before ${ops.name}.invalidate-range`);
        enter(kernel, `${ops.name}.invalidate-range`, id);
        yield* ops.invalidateRange(told);
      }
      if (ops.end !== undefined) {
        yield point(`before ${ops.name}.end`);
        enter(kernel, `${ops.name}.end`, id, { nonBlock });
        yield* ops.end(told);
      }
    }
    leaveSrcu(kernel, section);
  }
  mm.open -= 1;
  return undefined;
}

// 2d: interval notifiers

/** `inv_end` */
function endIntervals(mm: Mm): void {
  mm.active -= 1;
  if (mm.active > 0 || mm.sequence % 2 === 0) return;
  mm.sequence += 1;
  for (const one of mm.deferred) {
    if (one.inTree) takeOut(one);
    else putIn(one);
  }
  mm.deferred = [];
}

function putIn(one: Interval): void {
  const { tree } = one.mm;
  let at = 0;
  while (at < tree.length && tree[at].start <= one.start) at += 1;
  tree.splice(at, 0, one);
  one.inTree = true;
}

function takeOut(one: Interval): void {
  one.mm.tree = one.mm.tree.filter((other) => other !== one);
  one.inTree = false;
}

/** Step 4 of insert. */
function insertChecked(one: Interval): void {
  const { mm } = one;
  mm.count += 1;
  if (mm.active === 0) {
    one.sequence = mm.sequence - 1;
    putIn(one);
  } else if (mm.sequence % 2 === 0) {
    mm.sequence |= 1;
    putIn(one);
    one.sequence = mm.sequence;
  } else {
    mm.deferred.unshift(one);
    one.sequence = mm.sequence;
  }
}

interface Wanted {
  readonly name: string;
  readonly start: bigint;
  readonly length: bigint;
  readonly invalidate: NonNullable<Interval["invalidate"]>;
  readonly twoPass: boolean;
}

export function* insertInterval(mm: Mm, wanted: Wanted): Steps<Interval | string> {
  const { name, start, length, invalidate, twoPass } = wanted;
  if (!mm.hasItree) {
    const error = yield* register(
      mm,
      () => undefined,
      () => {
        mm.hasItree = true;
      },
    );
    if (error !== undefined) return error;
  }
  yield point(`before insert ${name}`);
  const last = start + length - 1n;
  if (length === 0n || last > MAX) return "RANGE EOVERFLOW";
  if (mm.users === 0) {
    warn(mm.kernel, "insert-into-dead-mm", name);
    return "ARGUMENT EINVAL";
  }
  const one: Interval = {
    name,
    mm,
    start,
    last,
    sequence: 0,
    inTree: false,
    locked: false,
    invalidate,
    twoPass,
  };
  insertChecked(one);
  return one;
}

/**
 * The library's insertion of passive ones never sleeps: it does not wait for the end of open
 * invalidations when it is the first, but counts as hit by them. Several are one insertion.
 */
export function insertPassive(
  mm: Mm,
  wanted: readonly { readonly name: string; readonly start: bigint; readonly last: bigint }[],
): readonly Interval[] | string {
  if (mm.users === 0) {
    warn(mm.kernel, "insert-into-dead-mm", "null");
    return "ARGUMENT EINVAL";
  }
  mm.hasBlock = true;
  mm.hasItree = true;
  const made: Interval[] = wanted.map(({ name, start, last }) => ({
    name,
    mm,
    start,
    last,
    sequence: 0,
    inTree: false,
    locked: false,
    invalidate: undefined,
    twoPass: false,
  }));
  const wasFrozen = mm.sequence % 2 === 1;
  for (const one of made) {
    if (mm.active > 0 && !wasFrozen) {
      mm.count += 1;
      mm.sequence |= 1;
      putIn(one);
      one.sequence = mm.sequence;
    } else {
      insertChecked(one);
    }
  }
  return made;
}

export function* remove(one: Interval): Steps<undefined> {
  const { mm } = one;
  const passive = one.invalidate === undefined;
  if (!passive) yield point(`before remove ${one.name}`);
  if (mm.sequence % 2 === 0) {
    takeOut(one);
  } else if (!one.inTree) {
    mm.deferred = mm.deferred.filter((other) => other !== one);
  } else {
    mm.deferred.unshift(one);
    const q = mm.sequence;
    const resource = passive ? "thaw (remove)" : `thaw (remove ${one.name})`;
    yield wait(resource, () => mm.sequence !== q);
  }
  mm.count -= 1;
  return undefined;
}

export function* readBegin(one: Interval): Steps<number> {
  const { mm } = one;
  const passive = one.invalidate === undefined;
  if (!passive) yield point(`before read_begin ${one.name}`);
  const q = one.sequence;
  if (q === mm.sequence) {
    const resource = passive ? "thaw (read)" : `thaw (read ${one.name})`;
    yield wait(resource, () => mm.sequence !== q);
  }
  return q;
}

export function readRetry(one: Interval, q: number): boolean {
  return one.sequence !== q;
}

export function* lock(one: Interval): Steps<undefined> {
  const passive = one.invalidate === undefined;
  const resource = passive ? "mirror lock" : `user lock of ${one.name}`;
  yield wait(resource, () => !one.locked);
  one.locked = true;
  return undefined;
}

// Other callbacks of list notifiers

export function youngOf(
  mm: Mm,
  kind: "clear-flush-young" | "clear-young" | "test-young",
  ask: (notifier: ListNotifier) => boolean | undefined,
): boolean {
  let young = false;
  for (const notifier of mm.list) {
    if (ask(notifier)) young = true;
    if (young && kind === "test-young") break;
  }
  return young;
}
