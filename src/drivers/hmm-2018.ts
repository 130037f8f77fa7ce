import type { Sleepable } from "../blocking/suspension.ts";
import { Hmm2018 } from "../hmm/hmm-2018.ts";
import { Mirror2018 } from "../hmm/mirror-2018.ts";
import { ERRNO } from "../notifier/errno.ts";
import { mmap, munmap } from "../sim/cpu/syscalls.ts";
import { PAGE_SIZE } from "../sim/cpu/units.ts";
import type { AddressRange } from "../sim/drivers/address-range.ts";
import type { DriverContext } from "../sim/drivers/context.ts";
import type { Driver, DriverModel, DriverOptions } from "../sim/drivers/driver-model.ts";
import { NamedLock } from "../sim/named-lock.ts";

/**
 * A driver that uses HMM, `mm/hmm.c` of v4.19: `src/hmm` has it, in this and other versions, with its faults.
 *
 *     start   sequence += 1                             any mode, any range: never refuses, and tells nobody
 *     end     lock { ranges in it are no longer valid }; mirrors_sem for reading { each mirror drops its entries }
 *     fault   look a range up; user lock { again if it is no longer valid; map }
 *
 * End sleeps in any mode; and from start to end what has been looked up says that it is valid. All drivers of
 * a context share one list notifier, which has a name of its own.
 */
export const hmm2018: DriverModel<HmmDriver2018, never> = {
  name: "hmm-2018",
  era: "v4.19",
  kind: "list",
  personalities: {},
  asMerged: [],
  attach: (context, options) => new HmmDriver2018(context, options).register(),
};

const HMMS = new WeakMap<DriverContext, Hmm2018>();

/** A device that mirrors a process by HMM. */
export class HmmDriver2018 implements Driver {
  readonly name: string;
  readonly workqueues = {};
  readonly operations = {};
  readonly #context: DriverContext;
  readonly #hmm: Hmm2018;
  readonly #mirror: Mirror2018;

  constructor(context: DriverContext, options: DriverOptions<never> = {}) {
    this.name = options.name ?? hmm2018.name;
    this.#context = context;
    this.#hmm = HMMS.get(context) ?? new Hmm2018();
    HMMS.set(context, this.#hmm);
    this.#mirror = new Mirror2018(this.#hmm, context.cpuMm, { name: this.name });
  }

  /** It is there as long as somebody mirrors. */
  get locks(): Readonly<Record<string, NamedLock>> {
    const hmm = this.#hmm.hmmOf(this.#context.cpuMm);
    if (hmm === undefined) return {};
    const { mirrorsSem } = hmm;
    return { mirrorsSem: new NamedLock(mirrorsSem.name, mirrorsSem, this.#context) };
  }

  get entries(): readonly AddressRange[] {
    const ranges: { start: number; end: number }[] = [];
    for (const address of [...this.#mirror.entries.keys()].sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last?.end === address) last.end += PAGE_SIZE;
      else ranges.push({ start: address, end: address + PAGE_SIZE });
    }
    return ranges;
  }

  /** `sequence` counts starts, `ranges` those that are being looked up. */
  get state(): { readonly sequence: number; readonly ranges: number } {
    const hmm = this.#hmm.hmmOf(this.#context.cpuMm);
    return { sequence: hmm?.sequence ?? 0, ranges: hmm?.ranges.size ?? 0 };
  }

  /** `hmm_mirror_register` */
  *register(): Sleepable<this> {
    yield* this.#mirror.register();
    return this;
  }

  /** Anonymous memory, unless something is mapped there: the device can use whatever the process has. */
  *mirror(range: AddressRange): Sleepable<number> {
    const { start, end } = boundsOf(range);
    const { cpuMm } = this.#context;
    if (this.#context.mm.users === 0) return -ERRNO.EINVAL;
    if (cpuMm.vmas.overlapping(start, end).length > 0) return -ERRNO.EINVAL;
    yield* mmap(cpuMm, { kind: "anonymous", start, end });
    return 0;
  }

  /** The device faults: `hmm_vma_fault`, and what a driver does with it. */
  *access(range: AddressRange): Sleepable<number> {
    const { start, end } = boundsOf(range);
    return yield* this.#mirror.populate(start, (end - start) / PAGE_SIZE);
  }

  /** `munmap` */
  *unmirror(range: AddressRange): Sleepable<number> {
    const { start, end } = boundsOf(range);
    const { cpuMm } = this.#context;
    if (cpuMm.vmas.overlapping(start, end).length === 0) return -ERRNO.EINVAL;
    return yield* munmap(cpuMm, start, end);
  }

  /** `hmm_mirror_unregister` */
  *detach(): Sleepable<undefined> {
    yield* this.#mirror.unregister();
  }
}

/** Page tables here end far below 2^53. */
function boundsOf({ start, end }: AddressRange): { readonly start: number; readonly end: number } {
  return { start: Number(start), end: Number(end) };
}
