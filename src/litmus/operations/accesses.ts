import { hmmRangeFault } from "../../hmm/range-fault.ts";
import { downRead, upRead } from "../../sim/cpu/told-locks.ts";
import { pagesOf } from "../actors/actor.ts";
import type { Compiler } from "../compiler.ts";
import type { Arguments, Operation } from "../program.ts";
import { plain } from "../program.ts";
import { addressOf } from "../quantities.ts";
import { pfnFlagsOf } from "../range-fault.ts";
import type { World } from "../world.ts";
import { type OperationKinds, option } from "./operation-kind.ts";

/** The read side of interval notifiers, and the questions about who has used a page. */
export const ACCESSES: OperationKinds = {
  read_begin: {
    argument: "required",
    compile({ argument }, compiler) {
      const name = compiler.subscriber(argument, ["interval", "passive"]);
      return function* ({ world, task }) {
        const { interval, mirror, mm } = inserted(world, name);
        const sequence =
          interval === undefined
            ? yield* mm.mirrors.readBeginSleepable(mirror)
            : yield* interval.readBeginSleepable();
        world.reads.set(`${task} ${name}`, sequence);
        return sequence;
      };
    },
  },
  read_retry: { argument: "required", options: ["seq"], compile: compileRetry(true) },
  check_retry: { argument: "required", options: ["seq"], compile: compileRetry(false) },
  /** `hmm_range_fault`, under the mmap lock, with the sequence of this task's `read_begin`. */
  range_fault: {
    argument: "required",
    options: ["range", "default", "mask", "pfns", "owner"],
    compile(given, compiler) {
      const name = compiler.subscriber(given.argument, ["interval"]);
      const bounds = compiler.bounds(given.options.get("range") ?? given.argument);
      const { start, end, pages } = pagesOf(bounds);
      const defaultFlags = option(given, "default", pfnFlagsOf) ?? 0n;
      const pfnFlagsMask = option(given, "mask", pfnFlagsOf) ?? 0n;
      const devPrivateOwner = option(given, "owner", (item) => item.text);
      const requests = option(given, "pfns", (item) => item.entries) ?? [];
      const asked = requests.map(([page, item]): [number, bigint] => [
        Number(page),
        pfnFlagsOf(item),
      ]);
      return function* ({ world, task }) {
        const { interval, mm } = inserted(world, name);
        if (interval === undefined) throw new Error(`${name} was never inserted`);
        const notifierSequence = world.reads.get(`${task} ${name}`) ?? interval.sequence;
        const pfns = new BigUint64Array(pages);
        for (const [page, flags] of asked) pfns[page] = flags;
        world.lookups.set(name, pfns);
        const process = world.process(mm.name);
        yield* downRead(mm.mmapLock, process.tell);
        const errno = yield* hmmRangeFault(process, {
          notifier: interval,
          notifierSequence,
          start,
          end,
          pfns,
          defaultFlags,
          pfnFlagsMask,
          devPrivateOwner,
        });
        upRead(mm.mmapLock, process.tell);
        return errno;
      };
    },
  },
  clear_flush_young: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const { start, end } = compiler.bounds(given.argument);
      const mm = compiler.mm(given);
      return plain(({ world }) => world.mm(mm).clearFlushYoung(start, end));
    },
  },
  clear_young: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const { start, end } = compiler.bounds(given.argument);
      const mm = compiler.mm(given);
      return plain(({ world }) => world.mm(mm).clearYoung(start, end));
    },
  },
  test_young: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const address = addressOf(given.argument);
      const mm = compiler.mm(given);
      return plain(({ world }) => world.mm(mm).testYoung(address));
    },
  },
  secondary_tlb: {
    argument: "required",
    options: ["mm"],
    compile(given, compiler) {
      const { start, end } = compiler.bounds(given.argument);
      const mm = compiler.mm(given);
      return plain(({ world }) => {
        world.mm(mm).archInvalidateSecondaryTlbs(start, end);
        return 0;
      });
    },
  },
};

/** @param counts whether it is the test that counts, under the user lock, or the hint */
function compileRetry(counts: boolean): (given: Arguments, compiler: Compiler) => Operation {
  return (given, compiler) => {
    const name = compiler.subscriber(given.argument, ["interval", "passive"]);
    const seq = option(given, "seq", (item) => item.count);
    return plain(({ world, task }) => {
      const { interval, mirror, mm } = inserted(world, name);
      const sequence = seq ?? world.reads.get(`${task} ${name}`);
      if (sequence === undefined) {
        throw new Error(`${task} has no sequence from read_begin of ${name}: give one with "seq"`);
      }
      if (interval === undefined) return mm.mirrors.readRetry(mirror, sequence);
      return counts ? interval.readRetry(sequence) : interval.checkRetry(sequence);
    });
  };
}

function inserted(world: World, name: string) {
  const { declaration, interval, mirror } = world.subscriber(name);
  if (interval === undefined && mirror === undefined) throw new Error(`${name} was never inserted`);
  return { interval, mirror: mirror ?? 0, mm: world.mm(declaration.mm) };
}
