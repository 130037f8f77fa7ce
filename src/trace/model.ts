// Completed calls -> processes, address spaces, pieces, events.

import type { Address } from "../engine/addresses.ts";
import { add, pageDown, pageUp, subtract } from "./arithmetic.ts";
import { CompletedCall } from "./call.ts";
import type { CallName } from "./call-names.ts";
import { type CallHandler, CallReader } from "./call-reader.ts";
import {
  EARLY_COMPLETED,
  EARLY_FAILED,
  EARLY_INJECTED,
  EARLY_SUCCEEDED,
  type Fork,
  feed,
  type LookAhead,
  lookAhead,
  makesChild,
} from "./look-ahead.ts";
import { Mm, Tally } from "./mm.ts";
import { type FlagWord, NOT_A_NUMBER } from "./numbers.ts";
import type {
  LogSource,
  MmOrigin,
  TraceEvent,
  TraceEventType,
  TraceFacts,
  TraceObserver,
} from "./observer.ts";
import { makePiece, type TaggedPiece } from "./piece-list.ts";
import type { Task } from "./task.ts";

const PAGE_BYTES = 4096;
const MAP_TYPE = 15;
const MAP_SHARED = 1;
const MAP_SHARED_VALIDATE = 3;
const MAP_FIXED = 0x10;
const MAP_FIXED_NOREPLACE = 0x100000;
const MREMAP_FIXED = 2;
const MREMAP_DONTUNMAP = 4;
const SHM_REMAP = 0o40000;

/** The advice that takes pages away: DONTNEED, FREE, REMOVE, DONTNEED_LOCKED. */
const CLEARING_ADVICE: ReadonlySet<number> = new Set([4, 8, 9, 24]);

const NOTHING: readonly TaggedPiece[] = [];

/** An event with what the summary needs besides. */
export interface MeasuredEvent extends TraceEvent {
  readonly mm: Mm;
  /** The sum of the lengths of its intersections with pieces. */
  readonly overlapBytes: Address;
}

export interface ModelObserver extends TraceObserver {
  event?(event: MeasuredEvent): void;
}

export class Model implements CallHandler {
  readonly selective = false;
  readonly mms: Mm[] = [];
  readonly #reader: CallReader;
  readonly #ahead: LookAhead;
  readonly #observer: ModelObserver;
  readonly #calls = new Tally();
  readonly #failed = new Tally();
  readonly #earlyCall = new CompletedCall();
  readonly #shmSizes = new Map<Address, Address>();
  #forksCompleted = 0;
  #livePieces = 0;
  #injected = 0;
  #tasks = 0;
  #events = 0;
  #nonblockable = 0;
  #peakPieces = 0;
  #stalePieces = 0;
  #mreleaseUnresolved = 0;

  constructor(ahead: LookAhead, observer: ModelObserver) {
    this.#ahead = ahead;
    this.#observer = observer;
    this.#reader = new CallReader(this, ahead.first);
  }

  get reader(): CallReader {
    return this.#reader;
  }

  facts(): TraceFacts {
    const { lines, kinds, unfinishedLost, orphanResumed } = this.#reader;
    return {
      lines,
      kinds,
      calls: this.#calls.sorted(),
      failed: this.#failed.sorted(),
      injected: this.#injected,
      unfinishedLost,
      orphanResumed,
      tasks: this.#tasks,
      mms: this.mms.length,
      events: this.#events,
      nonblockable: this.#nonblockable,
      peakVmas: this.#peakPieces,
      finalVmas: this.#livePieces,
      stalePieces: this.#stalePieces,
      mreleaseUnresolved: this.#mreleaseUnresolved,
    };
  }

  wants(): boolean {
    return true;
  }

  pidToken(): void {}

  forkShown(): void {}

  lineOf(task: Task): void {
    if (task.mm === undefined) this.#bindFirst(task);
  }

  call(task: Task, call: CompletedCall): void {
    const mm = task.mm!;
    this.#count(mm, call);
    if (makesChild(call)) {
      const fork = this.#ahead.forks[this.#forksCompleted++]!;
      if (!fork.applied) this.#applyFork(fork);
    } else if (!call.injected) this.#takeEffect(task, mm, call);
    this.#settle(mm);
  }

  earlyBegins(task: Task, name: CallName, index: number, args: Uint8Array, length: number): void {
    const outcome = this.#ahead.earlyOutcomes[index]!;
    if ((outcome & EARLY_COMPLETED) === 0) return;
    const whole = this.#ahead.earlyArguments.get(index);
    const call = this.#earlyCall;
    call.setArguments(name, whole ?? args, 0, whole?.length ?? length);
    call.failed = (outcome & EARLY_FAILED) !== 0;
    // These calls return 0: only that they succeeded matters.
    call.value = (outcome & EARLY_SUCCEEDED) !== 0 ? 0 : NOT_A_NUMBER;
    call.injected = (outcome & EARLY_INJECTED) !== 0;
    this.call(task, call);
  }

  earlyEnds(): void {}

  exit(task: Task): void {
    this.#leave(task);
  }

  #count(mm: Mm, call: CompletedCall): void {
    this.#calls.add(call.name);
    mm.calls.add(call.name);
    if (call.failed || (call.name.effect === "brk" && brkRefused(call))) {
      this.#failed.add(call.name);
      mm.failed.add(call.name);
    }
    if (call.injected) this.#injected += 1;
  }

  /** Intermediate states inside one call are no peaks: this is called when its effect is complete. */
  #settle(mm: Mm): void {
    if (mm.list.size > mm.peakPieces) mm.peakPieces = mm.list.size;
    if (this.#livePieces > this.#peakPieces) this.#peakPieces = this.#livePieces;
  }

  // Processes.

  #create(task: Task, parent: Mm | undefined, origin: MmOrigin): Mm {
    const mm = new Mm(`${task.pid}.${task.mmsCreated++}`, parent?.id ?? null, origin);
    this.mms.push(mm);
    this.#observer.mmCreated?.(mm);
    return mm;
  }

  #bind(task: Task, mm: Mm): void {
    task.mm = mm;
    mm.users += 1;
  }

  #leave(task: Task): void {
    const mm = task.mm!;
    task.mm = undefined;
    mm.users -= 1;
    if (mm.users > 0) return;
    let bytes: Address = 0;
    for (const piece of mm.list) bytes = add(bytes, subtract(piece.end, piece.start));
    this.#emit(mm, "RELEASE", 0, 0, true, mm.list.size, bytes);
    this.#livePieces -= mm.list.size;
    mm.list.clear();
    mm.attachEnds = undefined;
    mm.released = true;
    this.#observer.mmReleased?.(mm);
  }

  /** The first line of a process that is not bound: the fork that made it, or an unseen one. */
  #bindFirst(task: Task): void {
    const fork = this.#pendingFork(task);
    if (fork !== undefined) this.#applyFork(fork);
    else {
      this.#tasks += 1;
      this.#bind(task, this.#create(task, undefined, "unseen"));
    }
  }

  /** The first fork with this child, anywhere in the log, that is not applied yet. */
  #pendingFork(task: Task): Fork | undefined {
    const forks = this.#ahead.forksByChild.get(task.pid);
    while (forks !== undefined && task.forksApplied < forks.length) {
      const fork = forks[task.forksApplied]!;
      if (!fork.applied) return fork;
      task.forksApplied += 1;
    }
    return undefined;
  }

  /**
   * The parent may itself not be bound yet, then its own fork comes first, and so on. A loop and not
   * a recursion: such a chain is as long as the log wants it to be.
   */
  #applyFork(wanted: Fork): void {
    const chain: Fork[] = [];
    let next: Fork | undefined = wanted;
    while (next !== undefined) {
      next.applied = true;
      this.#tasks += 1;
      chain.push(next);
      const parent = this.#reader.task(next.parent);
      if (parent.mm !== undefined) break;
      next = this.#pendingFork(parent);
      if (next === undefined) this.#bindFirst(parent);
    }
    while (chain.length > 0) this.#bindChild(chain.pop()!);
  }

  #bindChild(fork: Fork): void {
    const parent = this.#reader.task(fork.parent).mm!;
    const task = this.#reader.task(fork.child);
    if (task.mm !== undefined) this.#leave(task);
    if (fork.sharesMemory) {
      this.#bind(task, parent);
      return;
    }
    const pieces = parent.list.toArray();
    for (const piece of pieces) if (!piece.shared) this.#emitPiece(parent, piece, true);
    const mm = this.#create(task, parent, "fork");
    for (const { start, end, shared, tag } of pieces) this.#add(mm, start, end, shared, tag);
    mm.programBreak = parent.programBreak;
    if (parent.attachEnds !== undefined) mm.attachEnds = new Map(parent.attachEnds);
    this.#bind(task, mm);
    this.#settle(mm);
  }

  // Events and pieces.

  #emit(
    mm: Mm,
    type: TraceEventType,
    start: Address,
    end: Address,
    blockable: boolean,
    overlaps: number,
    overlapBytes: Address,
  ): void {
    this.#events += 1;
    if (!blockable) this.#nonblockable += 1;
    const line = this.#reader.lineNumber;
    this.#observer.event?.({ mm, type, blockable, start, end, overlaps, overlapBytes, line });
  }

  #emitRange(mm: Mm, type: TraceEventType, start: Address, end: Address): void {
    const hit = mm.list.overlapping(start, end);
    this.#emit(mm, type, start, end, true, hit.length, commonBytes(hit, start, end));
  }

  /** A fork's write protection, or the OOM reaper's unmapping. */
  #emitPiece(mm: Mm, { start, end }: TaggedPiece, blockable: boolean): void {
    const type = blockable ? "PROTECTION_PAGE" : "UNMAP";
    this.#emit(mm, type, start, end, blockable, 1, subtract(end, start));
  }

  #unmap(mm: Mm, start: Address, end: Address): void {
    const gone = mm.list.overlapping(start, end);
    this.#emit(mm, "UNMAP", start, end, true, gone.length, commonBytes(gone, start, end));
    if (gone.length > 0) this.#cut(mm, gone, start, end);
  }

  /** As the kernel does where a mapping replaces others: no event if there are none. */
  #unmapIfMapped(mm: Mm, start: Address, end: Address): void {
    const gone = mm.list.overlapping(start, end);
    if (gone.length === 0) return;
    this.#emit(mm, "UNMAP", start, end, true, gone.length, commonBytes(gone, start, end));
    this.#cut(mm, gone, start, end);
  }

  /** Removes what is in the way of a new piece: the log has not shown why it went. */
  #removeStale(mm: Mm, start: Address, end: Address): void {
    const gone = mm.list.overlapping(start, end);
    if (gone.length === 0) return;
    this.#stalePieces += gone.length;
    const line = this.#reader.lineNumber;
    if (this.#observer.staleRemoval !== undefined) {
      for (const piece of gone) this.#observer.staleRemoval(mm, piece, line);
    }
    this.#cut(mm, gone, start, end);
  }

  /** Cuts `[start, end)` out of the pieces that it overlaps. */
  #cut(mm: Mm, gone: readonly TaggedPiece[], start: Address, end: Address): void {
    const first = gone[0]!;
    const last = gone[gone.length - 1]!;
    let remains: readonly TaggedPiece[] = NOTHING;
    if (first.start < start) {
      remains = [makePiece(first.start, start, first.shared, first.tag)];
    }
    if (last.end > end) {
      remains = [...remains, makePiece(end, last.end, last.shared, last.tag)];
    }
    mm.list.replace(gone, remains);
    this.#livePieces += remains.length - gone.length;
    if (this.#observer.pieceCut === undefined) return;
    for (const piece of gone) {
      const left = remains.filter(({ start, end }) => piece.start <= start && end <= piece.end);
      this.#observer.pieceCut(mm, piece, left);
    }
  }

  #add(mm: Mm, start: Address, end: Address, shared: boolean, tag: Address | undefined): void {
    if (!(start < end)) return;
    const piece = makePiece(start, end, shared, tag);
    mm.list.insert(piece);
    this.#livePieces += 1;
    this.#observer.pieceAdded?.(mm, piece);
  }

  #addOverStale(mm: Mm, start: Address, end: Address, shared: boolean, tag?: Address): void {
    this.#removeStale(mm, start, end);
    this.#add(mm, start, end, shared, tag);
  }

  // What each call does.

  #takeEffect(task: Task, mm: Mm, call: CompletedCall): void {
    const { effect } = call.name;
    if (effect === "none" || effect === "fork") return;
    if (call.value === NOT_A_NUMBER) {
      if (effect === "madvise" && call.outOfMemory) this.#advise(mm, call, true);
      return;
    }
    switch (effect) {
      case "mmap":
        this.#map(mm, call);
        break;
      case "munmap":
        this.#munmap(mm, call);
        break;
      case "mremap":
        this.#remap(mm, call);
        break;
      case "mprotect":
        this.#protect(mm, call);
        break;
      case "madvise":
        this.#advise(mm, call, false);
        break;
      case "brk":
        this.#moveBreak(mm, call);
        break;
      case "shmget":
        this.#makeSegment(call);
        break;
      case "shmat":
        this.#attach(mm, call);
        break;
      case "shmdt":
        this.#detach(mm, call);
        break;
      case "remap_file_pages":
        this.#remapFilePages(mm, call);
        break;
      case "process_mrelease":
        this.#reap(call);
        break;
      case "exec":
        this.#leave(task);
        this.#bind(task, this.#create(task, mm, "exec"));
        break;
    }
  }

  #map(mm: Mm, call: CompletedCall): void {
    const start = call.value;
    const length = call.number(1);
    const flags = call.flags(3);
    if (length === NOT_A_NUMBER || length === 0 || flags === undefined) return;
    const end = add(start, pageUp(length));
    const type = flags.bits & MAP_TYPE;
    const shared = type === MAP_SHARED || type === MAP_SHARED_VALIDATE;
    if ((flags.bits & (MAP_FIXED | MAP_FIXED_NOREPLACE)) === MAP_FIXED) {
      this.#unmapIfMapped(mm, start, end);
    }
    this.#addOverStale(mm, start, end, shared);
  }

  #munmap(mm: Mm, call: CompletedCall): void {
    const start = call.number(0);
    const length = call.number(1);
    if (start === NOT_A_NUMBER || length === NOT_A_NUMBER || length === 0) return;
    this.#unmap(mm, start, pageUp(add(start, length)));
  }

  #remap(mm: Mm, call: CompletedCall): void {
    const from = call.number(0);
    const oldBytes = call.number(1);
    const newBytes = call.number(2);
    const flags = call.flags(3);
    if (from === NOT_A_NUMBER || oldBytes === NOT_A_NUMBER || newBytes === NOT_A_NUMBER) return;
    if (flags === undefined) return;
    const to = call.value;
    const oldLength = pageUp(oldBytes);
    const newLength = pageUp(newBytes);
    const shared = mm.list.overlapping(from, add(from, 1))[0]?.shared ?? false;
    if ((flags.bits & MREMAP_FIXED) !== 0) this.#unmapIfMapped(mm, to, add(to, newLength));
    let length = oldLength;
    if (oldLength > newLength) {
      this.#unmap(mm, add(from, newLength), add(from, oldLength));
      length = newLength;
    }
    if (to === from) {
      if (newLength > length) {
        this.#addOverStale(mm, add(from, length), add(from, newLength), shared);
      }
      return;
    }
    if (length > 0) {
      const end = add(from, length);
      // Once while the page tables move; once more when the old range goes.
      this.#emitRange(mm, "UNMAP", from, end);
      if ((flags.bits & MREMAP_DONTUNMAP) === 0) this.#unmap(mm, from, end);
    }
    this.#addOverStale(mm, to, add(to, newLength), shared);
  }

  #protect(mm: Mm, call: CompletedCall): void {
    const start = call.number(0);
    const length = call.number(1);
    if (start === NOT_A_NUMBER || length === NOT_A_NUMBER || length === 0) return;
    this.#emitRange(mm, "PROTECTION_VMA", start, add(start, pageUp(length)));
  }

  /** The kernel skips holes, does the rest, and reports ENOMEM at the end. */
  #advise(mm: Mm, call: CompletedCall, holes: boolean): void {
    const start = call.number(0);
    const length = call.number(1);
    const advice = call.flags(2);
    if (start === NOT_A_NUMBER || length === NOT_A_NUMBER || length === 0) return;
    if (advice === undefined || !clears(advice)) return;
    const end = add(start, pageUp(length));
    if (holes && mm.list.overlapping(start, end).length === 0) return;
    this.#emitRange(mm, "CLEAR", start, end);
  }

  #moveBreak(mm: Mm, call: CompletedCall): void {
    const wanted = call.number(0);
    if (wanted === NOT_A_NUMBER) return;
    const before = mm.programBreak;
    if (before === undefined) {
      mm.programBreak = call.value;
      return;
    }
    if (wanted === 0 || wanted !== call.value) return;
    mm.programBreak = wanted;
    const from = pageUp(before);
    const to = pageUp(wanted);
    if (to > from) this.#addOverStale(mm, from, to, false);
    else if (to < from) this.#unmap(mm, to, from);
  }

  #makeSegment(call: CompletedCall): void {
    const size = call.number(1);
    if (size > 0) this.#shmSizes.set(call.value, size);
  }

  #attach(mm: Mm, call: CompletedCall): void {
    const segment = call.number(0);
    const flags = call.flags(2);
    if (segment === NOT_A_NUMBER || flags === undefined) return;
    const start = call.value;
    const end = add(start, pageUp(this.#shmSizes.get(segment) ?? PAGE_BYTES));
    if ((flags.bits & SHM_REMAP) !== 0) this.#unmapIfMapped(mm, start, end);
    this.#addOverStale(mm, start, end, true, start);
    mm.attachEnds ??= new Map();
    const known = mm.attachEnds.get(start);
    if (known === undefined || known < end) mm.attachEnds.set(start, end);
  }

  #detach(mm: Mm, call: CompletedCall): void {
    const at = call.number(0);
    if (at === NOT_A_NUMBER) return;
    const last = mm.attachEnds?.get(at);
    const attached = last === undefined ? [] : mm.list.overlapping(at, last);
    const tagged = attached.filter((piece) => piece.tag === at);
    for (const { start, end } of tagged) this.#unmap(mm, start, end);
    if (tagged.length === 0) this.#unmap(mm, at, add(at, PAGE_BYTES));
  }

  #remapFilePages(mm: Mm, call: CompletedCall): void {
    const address = call.number(0);
    const size = call.number(1);
    if (address === NOT_A_NUMBER || size === NOT_A_NUMBER) return;
    const length = pageDown(size);
    if (length === 0) return;
    const start = pageDown(address);
    const end = add(start, length);
    this.#unmap(mm, start, end);
    this.#add(mm, start, end, true, undefined);
  }

  #reap(call: CompletedCall): void {
    const pid = call.pidOfDescriptor();
    const target = pid === NOT_A_NUMBER ? undefined : this.#reader.task(pid).mm;
    if (target === undefined) this.#mreleaseUnresolved += 1;
    else {
      for (const piece of target.list.toArray()) {
        if (!piece.shared) this.#emitPiece(target, piece, false);
      }
    }
  }
}

/** The sum of the lengths that these pieces, which all intersect `[start, end)`, have in it. */
function commonBytes(pieces: readonly TaggedPiece[], start: Address, end: Address): Address {
  let bytes: Address = 0;
  for (const piece of pieces) {
    const from = piece.start < start ? start : piece.start;
    const to = piece.end > end ? end : piece.end;
    bytes = add(bytes, subtract(to, from));
  }
  return bytes;
}

function clears(advice: FlagWord): boolean {
  return !advice.high && CLEARING_ADVICE.has(advice.bits);
}

/** brk never fails: it answers with the old break. */
function brkRefused(call: CompletedCall): boolean {
  if (call.failed || call.value === NOT_A_NUMBER) return false;
  const wanted = call.number(0);
  return wanted > 0 && wanted !== call.value;
}

/** Follows the whole log. */
export async function follow(source: LogSource, observer: ModelObserver): Promise<Model> {
  const model = new Model(await lookAhead(source), observer);
  await feed(source, model.reader);
  return model;
}
