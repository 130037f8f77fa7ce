import type { Sleepable } from "../../blocking/suspension.ts";
import { readUser, writeUser } from "../../sim/cpu/access.ts";
import type { CpuMm } from "../../sim/cpu/cpu-mm.ts";
import { makeDeviceExclusive } from "../../sim/cpu/exclusive.ts";
import { FileMapping } from "../../sim/cpu/file-mapping.ts";
import { splitHugePmd } from "../../sim/cpu/huge.ts";
import { tryToUnmap } from "../../sim/cpu/reclaim.ts";
import {
  fork,
  insertBarePage,
  madviseDontneed,
  mmap,
  mprotect,
  munmap,
} from "../../sim/cpu/syscalls.ts";
import { downRead, unlock, upRead } from "../../sim/cpu/told-locks.ts";
import { PAGE_SIZE } from "../../sim/cpu/units.ts";
import { unmapPageRange } from "../../sim/cpu/zap.ts";
import type { VmaKind } from "../../sim/vma.ts";
import { pagesOf } from "../actors/actor.ts";
import type { Compiler } from "../compiler.ts";
import { nameOf } from "../declared.ts";
import { VMA_KINDS } from "../names.ts";
import type { Arguments, Operation, Value } from "../program.ts";
import { addressOf } from "../quantities.ts";
import type { World } from "../world.ts";
import { type OperationKind, type OperationKinds, option } from "./operation-kind.ts";

const PROTECTIONS: Readonly<Record<string, { readonly read: boolean; readonly write: boolean }>> = {
  none: { read: false, write: false },
  read: { read: true, write: false },
  write: { read: true, write: true },
};

const FLAGS = ["mlocked", "io", "mixedmap", "hugepages"] as const;

/** What a process, and the kernel for it, does with its memory. */
export const PROCESS: OperationKinds = {
  mmap: {
    argument: "required",
    options: ["kind", "to", "data", "mm", ...FLAGS],
    compile(given, compiler) {
      const { start, end, pages } = pagesOf(compiler.bounds(given.argument));
      const kind = option(given, "kind", (item) => nameOf(item, VMA_KINDS, "kind of VMA"));
      const protection = option(given, "to", protectionOf) ?? PROTECTIONS.write;
      const flags = Object.fromEntries(
        FLAGS.map((flag) => [flag, option(given, flag, (item) => item.boolean) ?? false]),
      );
      const data = option(given, "data", (item) => item.items.map((one) => one.count)) ?? [];
      const vma = { kind: (kind ?? "anonymous") as VmaKind, start, end, ...protection, ...flags };
      return onProcess(given, compiler, function* (process) {
        const { memory } = process;
        const file = vma.kind.endsWith("-file") ? new FileMapping({ memory, pages }) : undefined;
        yield* mmap(process, file === undefined ? vma : { ...vma, file });
        return yield* writeAll(process, start, data);
      });
    },
  },
  munmap: onRange((process, { start, end }) => munmap(process, start, end)),
  /** What `madvise(MADV_DONTNEED)` does. */
  madvise: onRange((process, { start, end }) => madviseDontneed(process, start, end)),
  mprotect: {
    argument: "required",
    options: ["to", "mm"],
    compile(given, compiler) {
      const { start, end } = pagesOf(compiler.bounds(given.argument));
      const to = option(given, "to", protectionOf) ?? given.argument.fail("to is missing");
      return onProcess(given, compiler, (process) => mprotect(process, start, end, to));
    },
  },
  fork: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const child = nameOf(given.argument, compiler.declared.mms, "mm");
      return onProcess(given, compiler, function* (process, world) {
        if (world.hasProcess(child)) throw new Error(`${child} has memory of its own already`);
        world.adopt(child, yield* fork(process, world.mm(child)));
        return 0;
      });
    },
  },
  /** The last user of the memory goes, and so does all of it. */
  mmput: {
    argument: "optional",
    compile({ argument }, compiler) {
      const mm = compiler.mmArgument(argument);
      return function* ({ world }) {
        yield* world.process(mm).mmput();
        return 0;
      };
    },
  },
  cpu_read: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const { argument } = given;
      const isRange = argument.isList || compiler.declared.ranges.has(String(argument.scalar));
      const start = isRange ? compiler.bounds(argument).start : addressOf(argument);
      const end = isRange ? compiler.bounds(argument).end : start + 1n;
      return onProcess(given, compiler, function* (process) {
        const data: number[] = [];
        for (let at = Number(start); at < Number(end); at += PAGE_SIZE) {
          const access = yield* readUser(process, at);
          if (!access.ok) return access.signal;
          data.push(access.data);
        }
        return data.length === 1 ? data[0] : data.join(", ");
      });
    },
  },
  cpu_write: {
    argument: "required",
    options: ["data", "mm"],
    compile(given, compiler) {
      const address = Number(addressOf(given.argument));
      const data = option(given, "data", (item) => item.items.map((one) => one.count)) ?? [];
      if (data.length === 0) given.argument.fail("data is missing: a number for each page");
      return onProcess(given, compiler, (process) => writeAll(process, address, data));
    },
  },
  /** Reclaim takes a page: true if there was one to take. */
  reclaim: onAddress((process, address) => tryToUnmap(process, address)),
  /** A huge mapping becomes one of ordinary pages. */
  split: onAddress(function* (process, address) {
    yield* splitHugePmd(process, address);
    return 0;
  }),
  /** A frame without a page, in a mixedmap or a pfnmap. */
  bare_page: onAddress((process, address) => insertBare(process, address)),
  /** Drops the entries of a range without a word to anybody. */
  zap: onRange(function* (process, { start, end }) {
    yield* process.pageTableLock.lock();
    unmapPageRange(process, start, end);
    process.pageTableLock.unlock();
    return 0;
  }),
  /** Takes pages for a device alone, and maps nothing: how many there were. */
  make_exclusive: {
    argument: "required",
    options: ["owner", "mm"],
    compile(given, compiler) {
      const { start, end } = pagesOf(compiler.bounds(given.argument));
      const owner = option(given, "owner", (item) => item.text);
      return onProcess(given, compiler, function* (process) {
        const { mmapLock } = process.space;
        yield* downRead(mmapLock, process.tell);
        const pages = yield* makeDeviceExclusive(process, start, end, owner);
        upRead(mmapLock, process.tell);
        const found = pages.filter((page) => page !== undefined);
        for (const page of found) {
          unlock(page.lock, process.tell);
          page.put();
        }
        return found.length;
      });
    },
  },
};

type Act<T> = (process: CpuMm, argument: T, world: World) => Sleepable<Value>;

function onRange(act: Act<ReturnType<typeof pagesOf>>): OperationKind {
  return {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const pages = pagesOf(compiler.bounds(given.argument));
      return onProcess(given, compiler, (process, world) => act(process, pages, world));
    },
  };
}

function onAddress(act: Act<number>): OperationKind {
  return {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const address = Number(addressOf(given.argument));
      return onProcess(given, compiler, (process, world) => act(process, address, world));
    },
  };
}

function onProcess(
  given: Arguments,
  compiler: Compiler,
  act: (process: CpuMm, world: World) => Sleepable<Value>,
): Operation {
  const mm = compiler.mm(given);
  return ({ world }) => act(world.process(mm), world);
}

function protectionOf(item: Parameters<typeof nameOf>[0]) {
  return PROTECTIONS[nameOf(item, Object.keys(PROTECTIONS), "protection")];
}

/** Consecutive pages, one number each. */
function* writeAll(process: CpuMm, start: number, data: readonly number[]): Sleepable<Value> {
  for (const [page, value] of data.entries()) {
    const access = yield* writeUser(process, start + page * PAGE_SIZE, value);
    if (!access.ok) return access.signal;
  }
  return 0;
}

// biome-ignore lint/correctness/useYield: it has the shape of those that sleep
function* insertBare(process: CpuMm, address: number): Sleepable<Value> {
  const vma = process.vmas.lookup(address);
  if (vma === undefined) throw new Error("nothing is mapped there");
  insertBarePage(process, vma, address);
  return 0;
}
