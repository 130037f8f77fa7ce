// hmm_range_fault against a description that knows nothing but an array of pages.

import { describe, expect, it } from "vitest";
import {
  type CpuMm,
  DmirrorDevice,
  FileMapping,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmmPfnFlagsOrder,
  hmmPfnToPfn,
  hmmRangeFault,
  insertBarePage,
  mmap,
  type Pte,
} from "../../src/hmm/index.ts";
import { SwapSlot } from "../../src/sim/cpu/pte.ts";
import { Random } from "../../src/sim/random.ts";
import { PAGE, run, World, watch } from "./support.ts";

const PAGES = 12;
/** So many pages belong to the first table, the others to the next one. */
const IN_FIRST_TABLE = 5;
const START = (512 - IN_FIRST_TABLE) * PAGE;
const END = START + PAGES * PAGE;
const FLAGS = 0xffn << 56n;
const READ_WRITE = HMM_PFN_VALID | HMM_PFN_WRITE;

type State =
  | "empty"
  | "zero"
  /** Nobody else has the page. */
  | "own"
  /** Somebody else has it too, so that a write has to copy. */
  | "shared"
  | "file"
  | "special"
  | "swap"
  | "device 1"
  | "device 2"
  | "exclusive"
  | "huge";

interface PageModel {
  state: State;
  writable: boolean;
}

interface Mapping {
  readonly kind: "hole" | "anonymous" | "file" | "mixed" | "pfnmap" | "io" | "huge";
  readonly from: number;
  readonly to: number;
  readonly read: boolean;
  readonly write: boolean;
  /** How many of its pages the file has. */
  readonly filePages: number;
}

interface Case {
  readonly mappings: readonly Mapping[];
  readonly pages: readonly PageModel[];
  readonly inputs: readonly bigint[];
  readonly defaultFlags: bigint;
  readonly pfnFlagsMask: bigint;
}

const REQUESTS = [0n, HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE, READ_WRITE] as const;
const STATES = {
  hole: ["empty"],
  anonymous: [
    "empty",
    "empty",
    "zero",
    "own",
    "own",
    "shared",
    "swap",
    "device 1",
    "device 2",
    "exclusive",
  ],
  file: ["empty", "file", "own"],
  mixed: ["empty", "file", "special", "special"],
  pfnmap: ["special"],
  io: ["empty"],
  huge: ["huge"],
} as const satisfies Record<Mapping["kind"], readonly State[]>;

function makeCase(random: Random): Case {
  const one = <T>(choices: readonly T[]): T => choices[random.below(choices.length)];
  const mappings: Mapping[] = [];
  const pages: PageModel[] = [];
  const isSparse = random.chance(1, 4);
  while (pages.length < PAGES) {
    const from = pages.length;
    const kinds = [
      "hole",
      "anonymous",
      "anonymous",
      "anonymous",
      "file",
      "mixed",
      "pfnmap",
      "io",
    ] as const;
    const kind = from === 0 && random.chance(1, 5) ? "huge" : one(kinds);
    const length = kind === "huge" ? IN_FIRST_TABLE : 1 + random.below(PAGES - from);
    const to = from + length;
    const read = !random.chance(1, 10);
    const write = read && !random.chance(1, 3);
    mappings.push({ kind, from, to, read, write, filePages: random.below(length + 2) });
    const wasWritable = write && random.chance(1, 2);
    for (let page = from; page < to; page += 1) {
      const state = isSparse && kind === "anonymous" ? "empty" : one(STATES[kind]);
      const keepsBit = state === "own" || state === "special" || state.startsWith("device");
      const writable =
        state === "huge"
          ? wasWritable
          : state === "exclusive" || (keepsBit && write && random.chance(1, 2));
      pages.push({ state, writable: kind === "pfnmap" ? write : writable });
    }
  }
  return {
    mappings,
    pages,
    inputs: pages.map(() => one(REQUESTS)),
    defaultFlags: random.chance(1, 2) ? 0n : one(REQUESTS),
    pfnFlagsMask: one(REQUESTS),
  };
}

/** The process that a case describes. */
function build(world: World, { mappings, pages }: Case): CpuMm {
  const mm = world.process();
  const { memory } = world;
  const devices = {
    "device 1": new DmirrorDevice("device 1", memory),
    "device 2": new DmirrorDevice("device 2", memory),
  };
  for (const { kind, from, to, read, write, filePages } of mappings) {
    if (kind === "hole") continue;
    const file = new FileMapping({ memory, pages: filePages });
    const start = kind === "huge" ? 0 : START + from * PAGE;
    const options = { start, end: START + to * PAGE, read, write };
    const vma = run(
      kind === "file" || kind === "mixed"
        ? mmap(mm, { ...options, kind: "private-file", file, mixedmap: kind === "mixed" })
        : mmap(mm, { ...options, kind: kind === "pfnmap" ? kind : "anonymous", io: kind === "io" }),
    );
    if (kind === "huge") {
      mm.pageTable.setHuge(0, memory.allocateHuge(), pages[from].writable);
      continue;
    }
    for (let at = from; at < to && kind !== "pfnmap"; at += 1) {
      const address = START + at * PAGE;
      const { state, writable } = pages[at];
      if (state === "special") insertBarePage(mm, vma, address);
      const pte = entryFor(state);
      if (pte !== undefined)
        mm.pageTable.set(address, "writable" in pte ? { ...pte, writable } : pte);
    }
  }
  return mm;

  function entryFor(state: State): Pte | undefined {
    const writable = false;
    switch (state) {
      case "zero":
        memory.zeroPage.get();
        return { kind: "present", page: memory.zeroPage, writable };
      case "own":
        return { kind: "present", page: memory.allocate(1), writable };
      case "shared": {
        const page = memory.allocate(1);
        page.get();
        return { kind: "present", page, writable };
      }
      case "file": {
        const page = new FileMapping({ memory, pages: 1 }).page(0);
        if (page === undefined) throw new Error("an empty file");
        page.get();
        return { kind: "present", page, writable };
      }
      case "special":
        return { kind: "special", pfn: 2 ** 40, writable };
      case "swap":
        return { kind: "swap", slot: new SwapSlot(0, 1) };
      case "device 1":
      case "device 2": {
        const page = memory.allocateDevicePage(devices[state], 1);
        page.lock.unlock();
        return { kind: "device-private", page, writable };
      }
      case "exclusive":
        return { kind: "device-exclusive", page: memory.allocate(1), writable, owner: "device 1" };
      default:
        return undefined;
    }
  }
}

/** What the kernel's rules say, page by page. */
class Oracle {
  readonly outputs: bigint[];
  readonly pages: PageModel[];
  faults = 0;
  #collided = false;
  readonly #case: Case;
  readonly #tables: readonly [boolean, boolean];

  constructor(one: Case, pages: readonly PageModel[]) {
    this.#case = one;
    this.pages = pages.map((page) => ({ ...page }));
    this.outputs = [...one.inputs];
    const filled = (from: number, to: number): boolean =>
      this.pages.slice(from, to).some(({ state }) => state !== "empty" && state !== "huge");
    this.#tables = [filled(0, IN_FIRST_TABLE), filled(IN_FIRST_TABLE, PAGES)];
  }

  /** The result; outputs and pages are what they are then. */
  walk(): number {
    let at = 0;
    while (at < PAGES) {
      const mapping = this.#mappingOf(at);
      const { from, to } = mapping;
      if (
        mapping.kind === "hole" ||
        mapping.kind === "io" ||
        mapping.kind === "pfnmap" ||
        !mapping.read
      ) {
        for (let page = Math.max(from, at); page < to; page += 1) {
          if (this.#need(page, 0n) !== "nothing") return -14;
        }
        for (; at < to; at += 1) this.outputs[at] = HMM_PFN_ERROR;
        continue;
      }
      const tableEnd = Math.min(to, at < IN_FIRST_TABLE ? IN_FIRST_TABLE : PAGES);
      const result = this.#walkTable(mapping, at, tableEnd);
      if (typeof result === "number") return result;
      at = result.next;
      if (at !== tableEnd && this.#collided) return -16;
    }
    return 0;
  }

  /** An error, or where to go on: behind the table, or where a fault was. */
  #walkTable(mapping: Mapping, from: number, to: number): number | { next: number } {
    const hasTable = this.#tables[from < IN_FIRST_TABLE ? 0 : 1];
    for (let at = from; at < to; at += 1) {
      const page = this.pages[at];
      const isHuge = page.state === "huge";
      let need = "nothing";
      if (isHuge || !hasTable) {
        // One look for all of it.
        const flags = isHuge ? this.#flags(page) : 0n;
        const needs = this.pages.slice(at, to).map((_, offset) => this.#need(at + offset, flags));
        if (needs.includes("write")) need = "write";
        else if (needs.includes("read")) need = "read";
      } else if (page.state !== "device 1") {
        need = this.#need(at, this.#flags(page));
      }
      if (need !== "nothing") {
        if (need === "write" && !mapping.write) return -1;
        for (let next = at; next < to; next += 1) {
          if (!this.#fault(mapping, next, need === "write")) return -14;
        }
        (this.#tables as [boolean, boolean])[from < IN_FIRST_TABLE ? 0 : 1] ||= !isHuge;
        return this.#collided ? -16 : { next: at };
      }
      if (page.state === "special" && this.#need(at, 0n) !== "nothing") return -14;
      this.outputs[at] = page.state === "special" ? HMM_PFN_ERROR : this.#flags(page);
    }
    return { next: to };
  }

  /** What the CPU's entry allows the device that asks. */
  #flags({ state, writable }: PageModel): bigint {
    const flags = writable ? READ_WRITE : HMM_PFN_VALID;
    switch (state) {
      case "empty":
      case "swap":
      case "device 2":
      case "exclusive":
        return 0n;
      case "huge":
        return flags | hmmPfnFlagsOrder(9);
      default:
        return flags;
    }
  }

  #need(at: number, flags: bigint): "nothing" | "read" | "write" {
    const { inputs, defaultFlags, pfnFlagsMask } = this.#case;
    const request = (inputs[at] & pfnFlagsMask) | defaultFlags;
    if ((request & HMM_PFN_REQ_FAULT) === 0n) return "nothing";
    if ((request & HMM_PFN_REQ_WRITE) !== 0n && (flags & HMM_PFN_WRITE) === 0n) return "write";
    return (flags & HMM_PFN_VALID) === 0n ? "read" : "nothing";
  }

  /** False: SIGBUS. */
  #fault({ kind, from, filePages }: Mapping, at: number, write: boolean): boolean {
    this.faults += 1;
    const page = this.pages[at];
    switch (page.state) {
      case "empty":
        if (kind === "mixed" || (kind === "file" && at - from >= filePages)) return false;
        if (write) page.state = "own";
        else page.state = kind === "file" ? "file" : "zero";
        page.writable = write;
        return true;
      case "zero":
      case "shared":
      case "file":
        if (!write) return true;
        this.#collided = true;
        page.state = "own";
        page.writable = true;
        return true;
      case "own":
        page.writable ||= write;
        return true;
      case "huge":
        if (write)
          for (const other of this.pages) if (other.state === "huge") other.writable = true;
        return true;
      case "special":
        return !write || page.writable;
      case "swap":
        page.state = "own";
        page.writable = write;
        return true;
      default:
        // It comes back as it was; a write that needs more is the next fault's.
        this.#collided = true;
        page.state = "own";
        return true;
    }
  }

  /** Holes beside each other are one. */
  #mappingOf(at: number): Mapping {
    const { mappings } = this.#case;
    const index = mappings.findIndex(({ from, to }) => from <= at && at < to);
    let mapping = mappings[index];
    for (
      let next = index + 1;
      mapping.kind === "hole" && mappings[next]?.kind === "hole";
      next += 1
    ) {
      mapping = { ...mapping, to: mappings[next].to };
    }
    return mapping;
  }
}

function describeCase(one: Case): string {
  return JSON.stringify(one, (_key, value) =>
    typeof value === "bigint" ? `0x${value.toString(16)}` : value,
  );
}

function checkSeed(seed: number): { errnos: number[]; rounds: number } {
  const one = makeCase(new Random(seed));
  const world = new World();
  const mm = build(world, one);
  const { notifier } = watch(mm.space);
  let { pages } = one;
  const errnos: number[] = [];
  for (;;) {
    const oracle = new Oracle(one, pages);
    const expected = oracle.walk();
    const pfns = BigUint64Array.from(one.inputs);
    const faultsBefore = mm.faults;
    run(mm.space.mmapLock.read());
    const errno = run(
      hmmRangeFault(mm, {
        notifier,
        notifierSequence: notifier.readBegin(),
        start: START,
        end: END,
        pfns,
        defaultFlags: one.defaultFlags,
        pfnFlagsMask: one.pfnFlagsMask,
        devPrivateOwner: "device 1",
      }),
    );
    mm.space.mmapLock.endRead();
    const actual = {
      errno,
      faults: mm.faults - faultsBefore,
      flags: [...pfns].map((pfn) => pfn & FLAGS),
    };
    const wanted = { errno: expected, faults: oracle.faults, flags: oracle.outputs };
    expect(actual, `seed ${seed}, round ${errnos.length}: ${describeCase(one)}`).toEqual(wanted);
    errnos.push(errno);
    ({ pages } = oracle);
    if (errno !== -16) {
      if (errno === 0) expect(staleEntries(mm, pfns), `seed ${seed}`).toEqual([]);
      break;
    }
    if (errnos.length > PAGES) throw new Error(`seed ${seed}: never settles`);
  }
  expect(world.memory.usesAfterFree).toEqual([]);
  mm.space[Symbol.dispose]();
  return { errnos, rounds: errnos.length };
}

/** Valid entries that do not name the page which the CPU maps. */
function staleEntries(mm: CpuMm, pfns: BigUint64Array): number[] {
  return [...pfns.keys()].filter((at) => {
    if ((pfns[at] & HMM_PFN_VALID) === 0n) return false;
    const pte = mm.pageTable.pteOf(START + at * PAGE);
    const isMapped = pte?.kind === "present" || pte?.kind === "device-private";
    return !isMapped || pte.page.pfn !== hmmPfnToPfn(pfns[at]);
  });
}

describe("hmm_range_fault is what its rules say, page by page", () => {
  it("on 2000 random address spaces", () => {
    const results = new Map<number, number>();
    let repeated = 0;
    for (let seed = 1; seed <= 2000; seed += 1) {
      const { errnos, rounds } = checkSeed(seed);
      const last = errnos[rounds - 1];
      results.set(last, (results.get(last) ?? 0) + 1);
      if (rounds > 1) repeated += 1;
    }
    // Every outcome comes up often enough to mean something.
    expect([...results.keys()].sort((a, b) => a - b)).toEqual([-14, -1, 0]);
    expect(Math.min(...results.values(), repeated)).toBeGreaterThan(50);
  });
});
