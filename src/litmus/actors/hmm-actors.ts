import type { Sleepable } from "../../blocking/suspension.ts";
import { type Hmm, HmmMirror, type HmmUpdate } from "../../hmm/hmm.ts";
import { Hmm2018 } from "../../hmm/hmm-2018.ts";
import type { HmmVariantName } from "../../hmm/hmm-variants.ts";
import { Mirror2018 } from "../../hmm/mirror-2018.ts";
import { PFN_2018, SnapshotRange } from "../../hmm/snapshot-range.ts";
import { EAGAIN } from "../../notifier/errno.ts";
import { downRead, downWrite, upRead, upWrite } from "../../sim/cpu/told-locks.ts";
import type { NamedLock } from "../../sim/named-lock.ts";
import { Compiler } from "../compiler.ts";
import { Answer, type Operation, runOperations, type Value } from "../program.ts";
import { type Bounds, boundsOf } from "../quantities.ts";
import type { World } from "../world.ts";
import {
  type Actor,
  type ActorKind,
  NOTHING,
  type PropertyValue,
  pagesOf,
  RANGE,
  rangesOfPages,
} from "./actor.ts";

const WRITABLE = { range: true, options: ["write"] } as const;

/** HMM as it was in one of its versions. A file has one at most, of its first address space. */
export function hmmKind(variant: HmmVariantName): ActorKind {
  return {
    options: ["dropsMirrorsSem"],
    orders: { waitUntilValid: NOTHING },
    properties: ["notifiers", "sequence", "ranges", "mirrors", "dead"],
    calls: [],
    read({ fields }) {
      const dropsMirrorsSem = fields.get("dropsMirrorsSem")?.boolean ?? true;
      return (world, mm) => new HmmActor(world, mm, { variant, dropsMirrorsSem });
    },
  };
}

export class HmmActor implements Actor {
  readonly hmm: Hmm2018;
  readonly #world: World;
  readonly #mm: string;
  readonly orders: Actor["orders"] = { waitUntilValid: () => this.#wait() };

  constructor(
    world: World,
    mm: string,
    options: { readonly variant: HmmVariantName; readonly dropsMirrorsSem: boolean },
  ) {
    this.#world = world;
    this.#mm = mm;
    this.hmm = new Hmm2018(options);
  }

  // biome-ignore lint/correctness/useYield: what registers with it comes later
  *attach(): Sleepable<Value> {
    return 0;
  }

  get state(): Readonly<Record<string, PropertyValue>> {
    const found = this.#found;
    return {
      notifiers: found?.notifiers ?? null,
      sequence: found?.sequence ?? null,
      ranges: found?.ranges.size ?? null,
      mirrors: found?.mirrors.map(({ name }) => name) ?? [],
      dead: found?.dead ?? null,
    };
  }

  get locks(): readonly NamedLock[] {
    const found = this.#found;
    if (found === undefined) return [];
    return [found.lock, found.mirrorsSem].map((lock) => this.#world.named(lock.name, lock));
  }

  get #found(): Hmm | undefined {
    return this.hmm.hmmOf(this.#world.process(this.#mm));
  }

  *#wait(): Sleepable<Value> {
    yield* this.hmm.rangeWaitUntilValid(this.#world.process(this.#mm));
    return 0;
  }
}

/** A mirror whose callbacks the file says. */
export const HMM_MIRROR: ActorKind = {
  options: ["sync", "release"],
  orders: { unregister: NOTHING },
  properties: [],
  calls: [".sync", ".release"],
  read({ name, fields, declared }) {
    const compile = (key: string): readonly Operation[] => {
      const item = fields.get(key);
      return item === undefined ? [] : new Compiler(declared, "list").compile(item);
    };
    const callbacks = { sync: compile("sync"), release: compile("release") };
    return (world, mm) => new MirrorActor(world, name, mm, callbacks);
  },
};

interface MirrorCallbacks {
  readonly sync: readonly Operation[];
  readonly release: readonly Operation[];
}

class MirrorActor implements Actor {
  readonly #world: World;
  readonly #mm: string;
  readonly #mirror: HmmMirror;
  #calls = 0;
  readonly state = {};
  readonly orders: Actor["orders"] = { unregister: () => this.#unregister() };

  constructor(world: World, name: string, mm: string, { sync, release }: MirrorCallbacks) {
    this.#world = world;
    this.#mm = mm;
    this.#mirror = new HmmMirror(name, {
      syncCpuDevicePagetables: (_mirror, update) => this.#call("sync", sync, update),
      release: () => this.#released(release),
    });
  }

  *attach(): Sleepable<Value> {
    const process = this.#world.process(this.#mm);
    yield* downWrite(process.space.mmapLock, process.tell);
    const errno = yield* this.#world.hmm.mirrorRegister(this.#mirror, process);
    upWrite(process.space.mmapLock, process.tell);
    return errno;
  }

  *#unregister(): Sleepable<Value> {
    yield* this.#world.hmm.mirrorUnregister(this.#mirror);
    return 0;
  }

  *#released(operations: readonly Operation[]): Sleepable<undefined> {
    yield* this.#call("release", operations, undefined);
  }

  *#call(
    callback: string,
    operations: readonly Operation[],
    update: HmmUpdate | undefined,
  ): Sleepable<number> {
    const world = this.#world;
    const { name } = this.#mirror;
    const range = update && { ...update, mm: world.mm(this.#mm), owner: undefined };
    this.#calls += 1;
    world.tellCall(`${name}.${callback}`);
    yield { kind: "point", label: `in ${name}.${callback}` };
    const call = {
      notifier: name,
      name: `${name}.${callback}`,
      number: this.#calls,
      range,
      interval: undefined,
      sequence: null,
    };
    const run = { world, task: world.currentTask, call, last: null };
    const answer = yield* runOperations(operations, run);
    if (!(answer instanceof Answer)) return 0;
    return typeof answer.value === "number" ? answer.value : answer.value ? 0 : EAGAIN;
  }
}

/** A driver that follows the documentation of v4.19. */
export const HMM_DRIVER: ActorKind = {
  options: [],
  orders: { populate: WRITABLE, read: RANGE, unregister: NOTHING },
  properties: ["entries", "data"],
  calls: [],
  read:
    ({ name }) =>
    (world, mm) =>
      new HmmDriverActor(world, name, mm),
};

class HmmDriverActor implements Actor {
  readonly #world: World;
  readonly #driver: Mirror2018;
  #data: readonly number[] = [];
  readonly orders: Actor["orders"] = {
    populate: ({ range, write }) => {
      const { start, pages } = pagesOf(range);
      return this.#driver.populate(start, pages, write);
    },
    read: ({ range }) => this.#read(range),
    unregister: () => this.#unregister(),
  };

  constructor(world: World, name: string, mm: string) {
    this.#world = world;
    this.#driver = new Mirror2018(world.hmm, world.process(mm), { name });
  }

  attach(): Sleepable<Value> {
    return this.#driver.register();
  }

  get state(): Readonly<Record<string, PropertyValue>> {
    return { entries: rangesOfPages(this.#driver.entries.keys()), data: this.#data };
  }

  get locks(): readonly NamedLock[] {
    const { mutex } = this.#driver;
    return [this.#world.named(mutex.name, mutex)];
  }

  *#read(range: Bounds): Sleepable<Value> {
    const { start, pages } = pagesOf(range);
    this.#data = yield* this.#driver.read(start, pages);
    return 0;
  }

  *#unregister(): Sleepable<Value> {
    yield* this.#driver.unregister();
    return 0;
  }
}

/** A range that somebody looks up: a snapshot that invalidations void. */
export const HMM_LOOKUP: ActorKind = {
  options: ["range"],
  orders: {
    getPfns: NOTHING,
    fault: { range: false, options: ["write"] },
    rangeDone: NOTHING,
  },
  properties: ["pfns", "valid"],
  calls: [],
  read({ name, item, fields, declared }) {
    const range = fields.get("range") ?? item.fail(`${name} has no range`);
    const bounds = boundsOf(range, declared.ranges);
    return (world, mm) => new LookupActor(world, mm, bounds);
  },
};

class LookupActor implements Actor {
  readonly #world: World;
  readonly #mm: string;
  readonly #bounds: Bounds;
  #range: SnapshotRange | undefined;
  readonly orders: Actor["orders"] = {
    getPfns: () => this.#lookUp(0n),
    fault: ({ write }) => this.#lookUp(write ? PFN_2018.VALID | PFN_2018.WRITE : PFN_2018.VALID),
    rangeDone: () => this.#world.hmm.vmaRangeDone(this.#begun),
  };

  constructor(world: World, mm: string, bounds: Bounds) {
    this.#world = world;
    this.#mm = mm;
    this.#bounds = bounds;
  }

  // biome-ignore lint/correctness/useYield: it is looked up when the file says so
  *attach(): Sleepable<Value> {
    return 0;
  }

  get state(): Readonly<Record<string, PropertyValue>> {
    return { pfns: [...this.#begun.pfns].map(textOfPfn2018), valid: this.#begun.valid };
  }

  get #begun(): SnapshotRange {
    if (this.#range === undefined) throw new Error("nothing has been looked up");
    return this.#range;
  }

  *#lookUp(request: bigint): Sleepable<Value> {
    const { hmm } = this.#world;
    const process = this.#world.process(this.#mm);
    const { mmapLock } = process.space;
    const { start, end } = pagesOf(this.#bounds);
    yield* downRead(mmapLock, process.tell);
    const vma = process.vmas.lookup(start);
    if (vma === undefined) throw new Error("nothing is mapped there");
    const range = new SnapshotRange(process, vma, start, end);
    this.#range = range;
    range.fill(request);
    const lookup = request === 0n ? hmm.vmaGetPfns(range) : hmm.vmaFault(range, true);
    const errno = yield* lookup;
    // A fault may have dropped the lock: -EBUSY says so.
    if (errno !== -16) upRead(mmapLock, process.tell);
    return errno;
  }
}

function textOfPfn2018(pfn: bigint): string {
  if (pfn === PFN_2018.ERROR) return "error";
  if (pfn === PFN_2018.SPECIAL) return "special";
  if ((pfn & PFN_2018.VALID) === 0n) return "none";
  const where = (pfn & PFN_2018.DEVICE_PRIVATE) === 0n ? "" : "device ";
  return `${where}${(pfn & PFN_2018.WRITE) === 0n ? "read" : "write"}`;
}
