import { ExactSum, subtract } from "./arithmetic.ts";
import { EventText, hex } from "./event-text.ts";
import type { Mm } from "./mm.ts";
import { follow, type MeasuredEvent } from "./model.ts";
import type { LogSource, MmOrigin, TracedMm, TraceEventType } from "./observer.ts";

/** A running SHA-256. `node:crypto`'s hash objects fit. */
export interface Sha256 {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export interface SummaryOptions {
  createSha256: () => Sha256;
}

/** The counts that exist for the whole log and for each address space. */
interface EventTotals {
  events: { [type in TraceEventType]?: number };
  nonblockable: number;
  /** Sum of the events' lengths, decimal. */
  bytes: string;
  overlaps: number;
  /** Sum of the lengths of all intersections of events with pieces, decimal. */
  overlap_bytes: string;
  peak_vmas: number;
  final_vmas: number;
  events_sha256: string;
}

export interface MmSummary extends EventTotals {
  id: string;
  parent: string | null;
  origin: MmOrigin;
  released: boolean;
  calls: Record<string, number>;
  failed: Record<string, number>;
}

/** The summary of one log; README.md in this folder defines every field. */
export interface TraceSummary extends EventTotals {
  format: "mmu-trace-summary-1";
  lines: number;
  kinds: Record<"call" | "unfinished" | "resumed" | "signal" | "exit" | "other", number>;
  calls: Record<string, number>;
  failed: Record<string, number>;
  injected: number;
  unfinished_lost: number;
  orphan_resumed: number;
  tasks: number;
  mms: number;
  stale_pieces: number;
  mrelease_unresolved: number;
  final_sha256: string;
  per_mm: MmSummary[];
}

/** Hashing in small portions costs more than collecting them. */
const LOG_BATCH_BYTES = 1 << 16;
const MM_BATCH_BYTES = 1 << 11;

/**
 * Summarises a log. The source is opened two or three times and never held in memory: what grows is
 * the number of processes and of mapped pieces, not the log. Any bytes are a log.
 */
export async function summarize(source: LogSource, options: SummaryOptions): Promise<TraceSummary> {
  const total = new Totals(options.createSha256(), LOG_BATCH_BYTES, "");
  const byMm = new Map<TracedMm, Totals>();
  const text = new EventText();
  let current: TracedMm | undefined;
  let own: Totals = total;
  const model = await follow(source, {
    mmCreated(mm) {
      byMm.set(mm, new Totals(options.createSha256(), MM_BATCH_BYTES, mm.id));
    },
    event(event) {
      if (event.mm !== current) {
        current = event.mm;
        own = byMm.get(current)!;
      }
      text.write(event, own.idBytes);
      total.add(event, text);
      own.add(event, text);
    },
    mmReleased(mm) {
      byMm.get(mm)!.release();
    },
  });
  const facts = model.facts();
  return {
    format: "mmu-trace-summary-1",
    lines: facts.lines,
    kinds: { ...facts.kinds },
    calls: Object.fromEntries(facts.calls),
    failed: Object.fromEntries(facts.failed),
    injected: facts.injected,
    unfinished_lost: facts.unfinishedLost,
    orphan_resumed: facts.orphanResumed,
    tasks: facts.tasks,
    mms: facts.mms,
    ...total.result(facts.peakVmas, facts.finalVmas),
    stale_pieces: facts.stalePieces,
    mrelease_unresolved: facts.mreleaseUnresolved,
    final_sha256: hashOfPieces(model.mms, options.createSha256()),
    per_mm: model.mms.map((mm) => ({
      id: mm.id,
      parent: mm.parent,
      origin: mm.origin,
      released: mm.released,
      calls: Object.fromEntries(mm.calls.sorted()),
      failed: Object.fromEntries(mm.failed.sorted()),
      ...byMm.get(mm)!.result(mm.peakPieces, mm.list.size),
    })),
  };
}

const encoder = new TextEncoder();

/** What is summed up over events. */
class Totals {
  readonly idBytes: Uint8Array;
  readonly #sha: Sha256;
  readonly #batchBytes: number;
  #batch: Uint8Array | undefined;
  #batchLength = 0;
  readonly #events: { [type in TraceEventType]?: number } = {};
  #nonblockable = 0;
  #overlaps = 0;
  readonly #bytes = new ExactSum();
  readonly #overlapBytes = new ExactSum();

  constructor(sha: Sha256, batchBytes: number, id: string) {
    this.#sha = sha;
    this.#batchBytes = batchBytes;
    this.idBytes = encoder.encode(id);
  }

  add(event: MeasuredEvent, text: EventText): void {
    const { type, overlapBytes } = event;
    this.#events[type] = (this.#events[type] ?? 0) + 1;
    if (!event.blockable) this.#nonblockable += 1;
    this.#overlaps += event.overlaps;
    this.#bytes.add(type === "RELEASE" ? overlapBytes : subtract(event.end, event.start));
    this.#overlapBytes.add(overlapBytes);
    this.#hash(text);
  }

  #hash(text: EventText): void {
    const { bytes, length } = text;
    if (this.#batchLength + length > this.#batchBytes) this.#flush();
    if (length > this.#batchBytes) {
      this.#sha.update(bytes.subarray(0, length));
      return;
    }
    this.#batch ??= new Uint8Array(this.#batchBytes);
    const batch = this.#batch;
    let to = this.#batchLength;
    for (let i = 0; i < length; i++) batch[to++] = bytes[i]!;
    this.#batchLength = to;
  }

  #flush(): void {
    if (this.#batchLength > 0) this.#sha.update(this.#batch!.subarray(0, this.#batchLength));
    this.#batchLength = 0;
  }

  /** Gives memory back where no more is to come. */
  release(): void {
    this.#flush();
    this.#batch = undefined;
  }

  result(peakVmas: number, finalVmas: number): EventTotals {
    this.release();
    const events = Object.entries(this.#events).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      events: Object.fromEntries(events),
      nonblockable: this.#nonblockable,
      bytes: String(this.#bytes),
      overlaps: this.#overlaps,
      overlap_bytes: String(this.#overlapBytes),
      peak_vmas: peakVmas,
      final_vmas: finalVmas,
      events_sha256: hexOf(this.#sha.digest()),
    };
  }
}

function hashOfPieces(mms: readonly Mm[], sha: Sha256): string {
  for (const { id, list } of mms) {
    for (const { start, end, shared } of list) {
      sha.update(encoder.encode(`${id} ${hex(start)} ${hex(end)} ${shared ? "S" : "P"}\n`));
    }
  }
  return hexOf(sha.digest());
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
