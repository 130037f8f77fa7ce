import { propertyText } from "./actors/actor.ts";
import { textOfPfn } from "./range-fault.ts";
import type { World } from "./world.ts";

/** One thing that can be read of an address space or a subscriber, as text. */
export type Property = (world: World, name: string) => string;

export const MM_PROPERTIES: Readonly<Record<string, Property>> = {
  seq: (world, name) => String(world.mm(name).sequence),
  active: (world, name) => {
    const mm = world.mm(name);
    // The kernel does not count before there is a tree.
    return String(mm.hasIntervalTree ? mm.activeInvalidations : 0);
  },
  users: (world, name) => String(world.mm(name).users),
  count: (world, name) => String(world.mm(name).count),
  block: (world, name) => String(world.mm(name).hasSubscriptions),
  has_itree: (world, name) => String(world.mm(name).hasIntervalTree),
  list: (world, name) => joined(world.mm(name).listNotifiers.map((notifier) => notifier.name)),
  tree: (world, name) => joined(treeOf(world, name)),
  deferred: (world, name) => joined(deferredOf(world, name)),
  unstable: (world, name) => String(world.victim(name).unstable),
  oom_skip: (world, name) => String(world.victim(name).oomSkip),
  faults: (world, name) => String(world.process(name).faults),
  pages: (world) => String(world.memory.pagesInUse),
  uses_after_free: (world) => String(world.memory.usesAfterFree.length),
  mmap_lock(world, name) {
    const { mmapLock } = world.mm(name);
    if (mmapLock.writing) return "write";
    return mmapLock.readers > 0 ? "read" : "free";
  },
};

/** What can be read of a list notifier. */
export const LIST_PROPERTIES: Readonly<Record<string, Property>> = {
  users: (world, name) => String(world.subscriber(name).list?.users ?? "none"),
  linked: (world, name) => String(world.subscriber(name).list?.linked ?? false),
};

/** What can be read of an interval notifier or a passive mirror. */
export const INTERVAL_PROPERTIES: Readonly<Record<string, Property>> = {
  seq(world, name) {
    const { interval, mirror, declaration } = world.subscriber(name);
    const mm = world.mm(declaration.mm);
    if (interval !== undefined) {
      const isInserted = interval.inTree || mm.deferred.includes(interval);
      return isInserted ? String(interval.sequence) : "none";
    }
    return mirror !== undefined && mm.mirrors.has(mirror)
      ? String(mm.mirrors.sequenceOf(mirror))
      : "none";
  },
  in_tree: (world, name) =>
    String(treeOf(world, world.subscriber(name).declaration.mm).includes(name)),
  deferred: (world, name) =>
    String(deferredOf(world, world.subscriber(name).declaration.mm).includes(name)),
  last(world, name) {
    const { interval, mirror, declaration } = world.subscriber(name);
    if (interval !== undefined) return String(interval.last);
    return mirror === undefined
      ? "none"
      : String(world.mm(declaration.mm).mirrors.endOf(mirror) - 1n);
  },
  /** What `range_fault` found last, page by page. */
  pfns: (world, name) => propertyText([...(world.lookups.get(name) ?? [])].map(textOfPfn)),
  /** The lock bit of a passive mirror. */
  locked(world, name) {
    const { mirror, declaration } = world.subscriber(name);
    return String(mirror !== undefined && world.mm(declaration.mm).mirrors.isLocked(mirror));
  },
};

/** What can be read of an interval notifier that a driver has inserted in its own name. */
export const DRIVER_NOTIFIER_PROPERTIES: Readonly<Record<string, Property>> = {
  seq: (world, name) => {
    const found = world.mms.flatMap((mm) => mm.intervalNotifiers).find((one) => one.name === name);
    return String(found?.sequence ?? "none");
  },
};

/** What can be read of a lock. */
export const LOCK_PROPERTIES: Readonly<Record<string, Property>> = {
  locked: (world, name) => String(world.lock(name).holders.length > 0),
  holders: (world, name) => joined(world.lock(name).holders),
};

function joined(names: readonly string[]): string {
  return names.join(", ") || "none";
}

/** Everybody whom invalidations see, passive mirrors too, in the order of the tree. */
function treeOf(world: World, mmName: string): string[] {
  const mm = world.mm(mmName);
  const found: { name: string; start: bigint; insertion: number }[] = mm.intervalNotifiers.map(
    ({ name, start, insertion }) => ({ name, start: BigInt(start), insertion }),
  );
  for (const { name, mirror, declaration } of world.subscribers.values()) {
    if (mirror === undefined || declaration.mm !== mmName || !mm.mirrors.has(mirror)) continue;
    if (!mm.mirrors.tree.has(mirror)) continue;
    const start = mm.mirrors.startOf(mirror);
    found.push({ name, start, insertion: mm.mirrors.insertionOf(mirror) });
  }
  return found
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.insertion - b.insertion))
    .map(({ name }) => name);
}

/** The head of the list first. */
function deferredOf(world: World, mmName: string): string[] {
  return world.mm(mmName).deferred.map((one) => {
    if (typeof one !== "number") return one.name;
    const mirror = [...world.subscribers.values()].find(({ mirror }) => mirror === one);
    return mirror?.name ?? `mirror ${one}`;
  });
}
