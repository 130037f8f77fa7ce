// The summary once more, written straight from src/trace/README.md and deliberately naive: the whole
// log in memory, strings, regular expressions, BigInt, no state that is kept instead of searched.
// It shares no code with src/trace and is what the reader is compared with.

import { createHash } from "node:crypto";

type Kind = "call" | "unfinished" | "resumed" | "signal" | "exit" | "other";

interface Result {
  token: string;
  text: string;
  args: string;
}

interface Line {
  pidToken: bigint | null;
  pid: bigint;
  kind: Kind;
  detached: boolean;
  body: string;
  name: string;
  /** unfinished: argument text; resumed: tail; call: everything after `NAME(`. */
  text: string;
}

interface Call {
  name: string;
  pid: bigint;
  args: string;
  token: string;
  value: bigint | null;
  errno: string;
  injected: boolean;
  applied: boolean;
}

interface OraclePiece {
  start: bigint;
  end: bigint;
  shared: boolean;
  tag: bigint | null;
}

interface Mm {
  id: string;
  parent: string | null;
  origin: string;
  released: boolean;
  calls: Map<string, number>;
  failed: Map<string, number>;
  events: Map<string, number>;
  nonblockable: number;
  bytes: bigint;
  overlaps: number;
  overlapBytes: bigint;
  peak: number;
  text: string[];
  pieces: OraclePiece[];
  brk: bigint | null;
}

const NAME = "[a-z_][A-Za-z0-9_]*";
const FORKS = ["clone", "clone3", "fork", "vfork"];
const EARLY = ["munmap", "process_mrelease"];
const PAGE = 4096n;

const FLAGS: [string, bigint][] = [
  ["MAP_SHARED", 1n],
  ["MAP_PRIVATE", 2n],
  ["MAP_SHARED_VALIDATE", 3n],
  ["MAP_FIXED", 0x10n],
  ["MAP_FIXED_NOREPLACE", 0x100000n],
  ["MREMAP_MAYMOVE", 1n],
  ["MREMAP_FIXED", 2n],
  ["MREMAP_DONTUNMAP", 4n],
  ["SHM_REMAP", 0o40000n],
  ["CLONE_VM", 0x100n],
  ["MADV_DONTNEED", 4n],
  ["MADV_FREE", 8n],
  ["MADV_REMOVE", 9n],
  ["MADV_DONTNEED_LOCKED", 24n],
];

const up = (x: bigint): bigint => ((x + PAGE - 1n) / PAGE) * PAGE;
const down = (x: bigint): bigint => (x / PAGE) * PAGE;

function physicalLines(log: Uint8Array): string[] {
  const lines = Buffer.from(log).toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function logicalLines(physical: string[]): string[] {
  const logical: string[] = [];
  let i = 0;
  while (i < physical.length) {
    let line = physical[i++]!;
    for (;;) {
      const notice =
        /strace: Process \d+(<[^>]*>)? (attached in \d+ bit mode|attached|detached)$/.exec(line);
      if (notice === null || notice.index === 0 || i === physical.length) break;
      line = line.slice(0, notice.index) + physical[i++]!;
    }
    logical.push(line);
  }
  return logical;
}

function parseLine(logical: string): Line {
  let rest = logical;
  let pidToken: bigint | null = null;
  const pid = /^\[pid +(\d+)(?:<[^>]*>)?\] +/.exec(rest) ?? /^(\d{1,7})(?:<[^>]*>)? +/.exec(rest);
  if (pid !== null) {
    pidToken = BigInt(pid[1]!);
    rest = rest.slice(pid[0].length);
  }
  for (;;) {
    rest = rest.replace(/^ +/, "");
    const item =
      /^\d\d:\d\d:\d\d(\.\d+)? +/.exec(rest) ??
      /^\d+\.\d+ +/.exec(rest) ??
      /^\d{8,} +/.exec(rest) ??
      /^\(\+ *\d+(\.\d+)?\) +/.exec(rest) ??
      /^\[([0-9a-f]{8}|[0-9a-f]{16}|\?+)\] /.exec(rest) ??
      /^\[ *(\d+|0x[0-9a-fA-F]+)\] /.exec(rest);
    if (item === null) break;
    rest = rest.slice(item[0].length);
  }
  const line: Line = {
    pidToken,
    pid: 0n,
    kind: "other",
    detached: false,
    body: rest,
    name: "",
    text: "",
  };
  const resumed = new RegExp(`^<\\.\\.\\. (${NAME}) resumed>`).exec(rest);
  const begun = new RegExp(`^(${NAME})\\(`).exec(rest);
  const after = begun === null ? "" : rest.slice(begun[0].length);
  if (rest.startsWith("--- ")) line.kind = "signal";
  else if (rest.startsWith("+++ ")) line.kind = "exit";
  else if (resumed !== null) {
    line.kind = "resumed";
    line.name = resumed[1]!;
    line.text = rest.slice(resumed[0].length);
  } else if (begun !== null && / *<unfinished \.\.\.> *$/.test(after)) {
    line.kind = "unfinished";
    line.name = begun[1]!;
    line.text = after.replace(/<unfinished \.\.\.> *$/, "").replace(/ +$/, "");
  } else if (begun !== null && after.endsWith("<detached ...>")) line.detached = true;
  else if (begun !== null && splitResult(after) !== null) {
    line.kind = "call";
    line.name = begun[1]!;
    line.text = after;
  }
  return line;
}

function splitResult(text: string): Result | null {
  const match = /^(.*)\) += (.*)$/s.exec(text);
  if (match === null) return null;
  return { args: match[1]!, text: match[2]!, token: /^[^ <]*/.exec(match[2]!)![0] };
}

function resultValue(token: string): bigint | null {
  return /^(\d+|0x[0-9a-fA-F]+)$/.test(token) ? BigInt(token) : null;
}

function completed(name: string, pid: bigint, text: string): Call | null {
  const result = splitResult(text);
  if (result === null) return null;
  return {
    name,
    pid,
    args: result.args,
    token: result.token,
    value: resultValue(result.token),
    errno: result.text.split(" ").filter((word) => word !== "")[1] ?? "",
    injected: result.text.includes("(INJECTED)"),
    applied: false,
  };
}

function number(text: string | undefined): bigint | null {
  return text === undefined ? null : bareNumber(text.replace(/\/\*.*?\*\//gs, ""));
}

function bareNumber(text: string): bigint | null {
  const digits = text.replace(/^ +| +$/g, "");
  if (digits === "NULL") return 0n;
  if (/^0x[0-9a-fA-F]+$/.test(digits)) return BigInt(digits);
  if (/^0[0-7]+$/.test(digits)) return BigInt(`0o${digits}`);
  if (/^(0|[1-9][0-9]*)$/.test(digits)) return BigInt(digits);
  return null;
}

function flagWord(text: string | undefined): bigint | null {
  if (text === undefined) return null;
  let word = 0n;
  for (const part of text.replace(/\/\*.*?\*\//gs, "").split("|")) {
    const name = part.replace(/^ +| +$/g, "");
    word |= bareNumber(part) ?? FLAGS.find(([known]) => known === name)?.[1] ?? 0n;
  }
  return word;
}

function sharesMemory(call: Call): boolean {
  if (call.name === "vfork") return true;
  if (call.name === "fork") return false;
  const at = call.args.indexOf("flags=");
  if (at >= 0) {
    const word = flagWord(/^[^,}]*/.exec(call.args.slice(at + "flags=".length))![0])!;
    return (word & 0x100n) !== 0n;
  }
  if (call.name === "clone3") return true;
  const first = number(call.args.split(", ")[0]);
  return first !== null && (first & 0x100n) !== 0n;
}

function forkResult(line: Line): bigint | null {
  if (line.kind !== "call" && line.kind !== "resumed") return null;
  if (!FORKS.includes(line.name)) return null;
  const value = resultValue(splitResult(line.text)?.token ?? "?");
  return value !== null && value > 0n ? value : null;
}

const superseded = (line: Line): bigint | null => {
  const match = /^\+\+\+ superseded by execve in pid (\d+)/.exec(line.body);
  return line.kind === "exit" && match !== null ? BigInt(match[1]!) : null;
};
const gone = (line: Line): boolean =>
  line.kind === "exit" && /^\+\+\+ (exited|killed)/.test(line.body);
const counts = (line: Line): boolean => line.kind !== "other" || line.detached;

function assignPids(lines: Line[]): void {
  const children = new Set(lines.map(forkResult));
  const first =
    lines.find((line) => line.pidToken !== null && !children.has(line.pidToken))?.pidToken ?? 0n;
  let live: bigint[] = [];
  for (const line of lines) {
    if (!counts(line)) continue;
    line.pid = line.pidToken ?? (live.length === 1 ? live[0]! : first);
    if (!live.includes(line.pid)) live.push(line.pid);
    if (line.detached || gone(line)) live = live.filter((pid) => pid !== line.pid);
    const thread = superseded(line);
    if (thread !== null && thread !== line.pid) live = live.filter((pid) => pid !== thread);
    const child = forkResult(line);
    if (child !== null && !live.includes(child)) live.push(child);
  }
}

/** What the pairing of halves says about each line: calls that take effect there, in order. */
interface Paired {
  at: Call[][];
  forks: Call[];
  lost: number;
  orphans: number;
}

function pairCalls(lines: Line[]): Paired {
  const at: Call[][] = lines.map(() => []);
  const forks: Call[] = [];
  const open = new Map<bigint, { name: string; text: string; line: number; pid: bigint }>();
  let lost = 0;
  let orphans = 0;
  const drop = (pid: bigint): void => {
    if (open.delete(pid)) lost += 1;
  };
  const complete = (call: Call, line: number): void => {
    at[line]!.push(call);
    if (FORKS.includes(call.name) && !call.injected && (call.value ?? 0n) > 0n) forks.push(call);
  };
  for (const [i, line] of lines.entries()) {
    if (line.kind === "call") {
      drop(line.pid);
      complete(completed(line.name, line.pid, line.text)!, i);
    } else if (line.kind === "unfinished") {
      drop(line.pid);
      open.set(line.pid, { name: line.name, text: line.text, line: i, pid: line.pid });
    } else if (line.kind === "resumed") {
      const half = open.get(line.pid);
      if (half?.name !== line.name) {
        orphans += 1;
        drop(line.pid);
        continue;
      }
      open.delete(line.pid);
      const early = EARLY.includes(line.name);
      const call = completed(line.name, early ? half.pid : line.pid, half.text + line.text);
      if (call !== null) complete(call, early ? half.line : i);
    } else if (line.kind === "exit") {
      drop(line.pid);
      const thread = superseded(line);
      const moved = thread === null ? undefined : open.get(thread);
      if (moved !== undefined) {
        open.delete(thread!);
        open.set(line.pid, moved);
      }
    }
  }
  return { at, forks, lost: lost + open.size, orphans };
}

export interface OracleOutput {
  summary: unknown;
  /** The event texts, joined. */
  events: string;
}

export function summarizeNaively(log: Uint8Array): OracleOutput {
  const physical = physicalLines(log);
  const lines = logicalLines(physical).map(parseLine);
  assignPids(lines);
  const { at, forks, lost, orphans } = pairCalls(lines);

  const kinds = { call: 0, unfinished: 0, resumed: 0, signal: 0, exit: 0, other: 0 };
  const total = newMm("", null, "");
  const mms: Mm[] = [];
  const bound = new Map<bigint, Mm>();
  const created = new Map<bigint, number>();
  const shmSizes = new Map<bigint, bigint>();
  let tasks = 0;
  let injected = 0;
  let stale = 0;
  let unresolved = 0;

  function newMm(id: string, parent: string | null, origin: string): Mm {
    return {
      id,
      parent,
      origin,
      released: false,
      calls: new Map(),
      failed: new Map(),
      events: new Map(),
      nonblockable: 0,
      bytes: 0n,
      overlaps: 0,
      overlapBytes: 0n,
      peak: 0,
      text: [],
      pieces: [],
      brk: null,
    };
  }

  function createMm(pid: bigint, parent: string | null, origin: string): Mm {
    const k = created.get(pid) ?? 0;
    created.set(pid, k + 1);
    const mm = newMm(`${pid}.${k}`, parent, origin);
    mms.push(mm);
    return mm;
  }

  function inRange(mm: Mm, a: bigint, b: bigint): OraclePiece[] {
    return mm.pieces.filter((piece) => piece.start < b && a < piece.end);
  }

  function emit(mm: Mm, type: string, a: bigint, b: bigint, blockable = true): void {
    const release = type === "RELEASE";
    const hit = release ? mm.pieces : inRange(mm, a, b);
    let common = 0n;
    for (const piece of hit) {
      const start = release || piece.start > a ? piece.start : a;
      const end = release || piece.end < b ? piece.end : b;
      common += end - start;
    }
    const text = `${mm.id} ${type} ${blockable ? "B" : "N"} ${a.toString(16)} ${b.toString(16)} ${hit.length}\n`;
    for (const sums of [mm, total]) {
      sums.events.set(type, (sums.events.get(type) ?? 0) + 1);
      if (!blockable) sums.nonblockable += 1;
      sums.bytes += release ? common : b - a;
      sums.overlaps += hit.length;
      sums.overlapBytes += common;
      sums.text.push(text);
    }
  }

  function remove(mm: Mm, a: bigint, b: bigint): void {
    const left: OraclePiece[] = [];
    for (const piece of mm.pieces) {
      if (!(piece.start < b && a < piece.end)) left.push(piece);
      else {
        if (piece.start < a) left.push({ ...piece, end: a });
        if (b < piece.end) left.push({ ...piece, start: b });
      }
    }
    mm.pieces = left;
  }

  function staleRemove(mm: Mm, a: bigint, b: bigint): void {
    stale += inRange(mm, a, b).length;
    remove(mm, a, b);
  }

  function add(mm: Mm, piece: OraclePiece): void {
    if (piece.start === piece.end) return;
    mm.pieces.push(piece);
    mm.pieces.sort((x, y) => (x.start < y.start ? -1 : 1));
  }

  function settled(mm: Mm): void {
    mm.peak = Math.max(mm.peak, mm.pieces.length);
    let all = 0;
    for (const one of mms) all += one.pieces.length;
    total.peak = Math.max(total.peak, all);
  }

  function leave(pid: bigint): void {
    const mm = bound.get(pid)!;
    bound.delete(pid);
    for (const other of bound.values()) if (other === mm) return;
    emit(mm, "RELEASE", 0n, 0n);
    mm.pieces = [];
    mm.released = true;
  }

  function bindFirst(pid: bigint): void {
    const call = forks.find((fork) => !fork.applied && fork.value === pid);
    if (call !== undefined) applyFork(call);
    else {
      tasks += 1;
      bound.set(pid, createMm(pid, null, "unseen"));
    }
  }

  function applyFork(call: Call): void {
    call.applied = true;
    tasks += 1;
    const child = call.value!;
    if (!bound.has(call.pid)) bindFirst(call.pid);
    const parent = bound.get(call.pid)!;
    if (bound.has(child)) leave(child);
    if (sharesMemory(call)) {
      bound.set(child, parent);
      return;
    }
    for (const piece of parent.pieces) {
      if (!piece.shared) emit(parent, "PROTECTION_PAGE", piece.start, piece.end);
    }
    const mm = createMm(child, parent.id, "fork");
    mm.pieces = parent.pieces.map((piece) => ({ ...piece }));
    mm.brk = parent.brk;
    bound.set(child, mm);
    settled(mm);
  }

  function takeEffect(call: Call, mm: Mm): void {
    const args = call.args.split(", ");
    const failed = call.token === "-1";
    const r = call.value;
    const bump = (map: Map<string, number>): void => {
      map.set(call.name, (map.get(call.name) ?? 0) + 1);
    };
    const x = number(args[0]);
    const refused = call.name === "brk" && r !== null && x !== null && x !== 0n && r !== x;
    for (const sums of [mm, total]) {
      bump(sums.calls);
      if (failed || refused) bump(sums.failed);
    }
    if (call.injected) {
      injected += 1;
      return;
    }
    if (call.name === "madvise" && failed && call.errno === "ENOMEM") {
      advise(mm, args, true);
      return;
    }
    if (r === null) return;
    switch (call.name) {
      case "mmap":
      case "mmap2":
      case "old_mmap": {
        const len = number(args[1]);
        const flags = flagWord(args[3]);
        if (len === null || len === 0n || flags === null) break;
        const end = r + up(len);
        if ((flags & 0x10n) !== 0n && (flags & 0x100000n) === 0n) {
          if (inRange(mm, r, end).length > 0) emit(mm, "UNMAP", r, end);
          remove(mm, r, end);
        } else staleRemove(mm, r, end);
        add(mm, { start: r, end, shared: [1n, 3n].includes(flags & 15n), tag: null });
        break;
      }
      case "munmap": {
        const len = number(args[1]);
        if (x === null || len === null || len === 0n) break;
        emit(mm, "UNMAP", x, up(x + len));
        remove(mm, x, up(x + len));
        break;
      }
      case "mremap":
        remap(mm, args, r);
        break;
      case "mprotect":
      case "pkey_mprotect": {
        const len = number(args[1]);
        if (x === null || len === null || len === 0n) break;
        emit(mm, "PROTECTION_VMA", x, x + up(len));
        break;
      }
      case "madvise":
        advise(mm, args, false);
        break;
      case "brk": {
        if (x === null) break;
        if (mm.brk === null) mm.brk = r;
        else if (x !== 0n && r === x) {
          const o = up(mm.brk);
          const n = up(x);
          mm.brk = x;
          if (n > o) {
            staleRemove(mm, o, n);
            add(mm, { start: o, end: n, shared: false, tag: null });
          } else if (n < o) {
            emit(mm, "UNMAP", n, o);
            remove(mm, n, o);
          }
        }
        break;
      }
      case "shmget": {
        const size = number(args[1]);
        if (size !== null && size > 0n) shmSizes.set(r, size);
        break;
      }
      case "shmat": {
        const flags = flagWord(args[2]);
        if (x === null || flags === null) break;
        const end = r + up(shmSizes.get(x) ?? PAGE);
        if ((flags & 0o40000n) !== 0n) {
          if (inRange(mm, r, end).length > 0) emit(mm, "UNMAP", r, end);
          remove(mm, r, end);
        } else staleRemove(mm, r, end);
        add(mm, { start: r, end, shared: true, tag: r });
        break;
      }
      case "shmdt": {
        if (x === null) break;
        const tagged = mm.pieces.filter((piece) => piece.tag === x);
        for (const piece of tagged) {
          emit(mm, "UNMAP", piece.start, piece.end);
          remove(mm, piece.start, piece.end);
        }
        if (tagged.length === 0) {
          emit(mm, "UNMAP", x, x + PAGE);
          remove(mm, x, x + PAGE);
        }
        break;
      }
      case "remap_file_pages": {
        const size = number(args[1]);
        if (x === null || size === null || down(size) === 0n) break;
        const start = down(x);
        const end = start + down(size);
        emit(mm, "UNMAP", start, end);
        remove(mm, start, end);
        add(mm, { start, end, shared: true, tag: null });
        break;
      }
      case "process_mrelease": {
        const target = /^\d+<pid:(\d+)/.exec(args[0]!);
        const victim = target === null ? undefined : bound.get(BigInt(target[1]!));
        if (victim === undefined) unresolved += 1;
        else {
          for (const piece of victim.pieces) {
            if (!piece.shared) emit(victim, "UNMAP", piece.start, piece.end, false);
          }
        }
        break;
      }
    }
  }

  function advise(mm: Mm, args: string[], onlyIfHit: boolean): void {
    const a = number(args[0]);
    const len = number(args[1]);
    const advice = flagWord(args[2]);
    if (a === null || len === null || advice === null || len === 0n) return;
    if (![4n, 8n, 9n, 24n].includes(advice)) return;
    if (onlyIfHit && inRange(mm, a, a + up(len)).length === 0) return;
    emit(mm, "CLEAR", a, a + up(len));
  }

  function remap(mm: Mm, args: string[], r: bigint): void {
    const old = number(args[0]);
    const oldLength = number(args[1]);
    const newLength = number(args[2]);
    const flags = flagWord(args[3]);
    if (old === null || oldLength === null || newLength === null || flags === null) return;
    let olen = up(oldLength);
    const nlen = up(newLength);
    const holder = mm.pieces.find((piece) => piece.start <= old && old < piece.end);
    const shared = holder?.shared ?? false;
    if ((flags & 2n) !== 0n && nlen > 0n) {
      if (inRange(mm, r, r + nlen).length > 0) emit(mm, "UNMAP", r, r + nlen);
      remove(mm, r, r + nlen);
    }
    if (olen > nlen) {
      emit(mm, "UNMAP", old + nlen, old + olen);
      remove(mm, old + nlen, old + olen);
      olen = nlen;
    }
    if (r === old) {
      if (nlen > olen) {
        staleRemove(mm, old + olen, old + nlen);
        add(mm, { start: old + olen, end: old + nlen, shared, tag: null });
      }
      return;
    }
    if (olen > 0n) {
      emit(mm, "UNMAP", old, old + olen);
      if ((flags & 4n) === 0n) {
        emit(mm, "UNMAP", old, old + olen);
        remove(mm, old, old + olen);
      }
    }
    if (nlen > 0n) {
      staleRemove(mm, r, r + nlen);
      add(mm, { start: r, end: r + nlen, shared, tag: null });
    }
  }

  for (const [i, line] of lines.entries()) {
    kinds[line.kind] += 1;
    if (!counts(line)) continue;
    if (!bound.has(line.pid)) bindFirst(line.pid);
    for (const call of at[i]!) {
      const mm = bound.get(line.pid)!;
      takeEffect(call, mm);
      settled(mm);
      const succeeded = call.value !== null && !call.injected;
      if (["execve", "execveat"].includes(call.name) && succeeded) {
        leave(line.pid);
        bound.set(line.pid, createMm(line.pid, mm.id, "exec"));
      }
      if (forks.includes(call) && !call.applied) applyFork(call);
    }
    if (gone(line)) leave(line.pid);
    const thread = superseded(line);
    if (thread !== null && thread !== line.pid && bound.has(thread)) leave(thread);
  }

  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const counted = (sums: Mm) => ({
    calls: Object.fromEntries(sums.calls),
    failed: Object.fromEntries(sums.failed),
    events: Object.fromEntries(sums.events),
    nonblockable: sums.nonblockable,
    bytes: String(sums.bytes),
    overlaps: sums.overlaps,
    overlap_bytes: String(sums.overlapBytes),
    peak_vmas: sums.peak,
    events_sha256: sha256(sums.text.join("")),
  });
  const finalText = mms.flatMap((mm) =>
    mm.pieces.map(
      (piece) =>
        `${mm.id} ${piece.start.toString(16)} ${piece.end.toString(16)} ${piece.shared ? "S" : "P"}\n`,
    ),
  );
  return {
    events: total.text.join(""),
    summary: {
      format: "mmu-trace-summary-1",
      lines: physical.length,
      kinds,
      ...counted(total),
      injected,
      unfinished_lost: lost,
      orphan_resumed: orphans,
      tasks,
      mms: mms.length,
      final_vmas: finalText.length,
      stale_pieces: stale,
      mrelease_unresolved: unresolved,
      final_sha256: sha256(finalText.join("")),
      per_mm: mms.map((mm) => ({
        id: mm.id,
        parent: mm.parent,
        origin: mm.origin,
        released: mm.released,
        ...counted(mm),
        final_vmas: mm.pieces.length,
      })),
    },
  };
}
